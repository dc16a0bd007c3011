/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_MOUNTPOINT_H
#define SEGFS_MOUNTPOINT_H

#include <stdbool.h>
#include <sys/types.h>

/* Is a segfs on top there, alive or dead? Asks the kernel's table and not the mount,
 * which may not answer. */
bool mountpoint_is_segfs(const char *path);

/* The device of the segfs that is on top there; 0: there is none. */
dev_t mountpoint_device(const char *path);

/**
 * mountpoint_claim() - make a directory ready for mounting.
 *
 * A segfs whose daemon died is unmounted first. Two starts at once on one mount
 * point take turns, so that the second finds the first one's mount.
 *
 * Return: a descriptor, to be closed when the mount is there; or -EBUSY (a living
 * segfs is mounted there), -ENOTDIR, -ENOENT, -EACCES, or what umount2(2) says.
 */
int mountpoint_claim(const char *path);

#endif
