/* SPDX-License-Identifier: MIT */
/* Passthrough: handing the kernel the file that stands behind an inode. */
#ifndef SEGFS_BACKING_H
#define SEGFS_BACKING_H

/**
 * backing_open() - register a backing file with a FUSE connection.
 * @fuse_fd: fuse_session_fd()
 * @fd: the file; O_PATH is enough (Linux 6.12)
 *
 * Return: its id, positive, or
 *   -EPERM   no CAP_SYS_ADMIN in the initial user namespace, or passthrough is off
 *   -ELOOP   a file system that can't stand behind another (hugetlbfs, overlayfs)
 *   -ENOTTY  a kernel before 6.9
 */
int backing_open(int fuse_fd, int fd);
void backing_close(int fuse_fd, int id);

/* backing_open() of a throw-away file: 0 if passthrough works. */
int backing_probe(int fuse_fd);

#endif
