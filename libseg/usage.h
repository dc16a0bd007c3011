/* SPDX-License-Identifier: MIT */
/* "In use?", and what may only be done where the answer is no. */
#ifndef SEG_USAGE_H
#define SEG_USAGE_H

#include "backend.h"
#include "lease.h"

struct segfs_info;

/* Is the file behind this descriptor on a segfs mount? There a lease would tell of
 * the mount's own openers and no others: the daemon is to be asked. */
bool usage_on_mount(int fd);

/* Asks it. @path_fd: O_PATH; anything else would be counted as a user. */
int usage_ask_mount(int path_fd, struct segfs_info *ret);
int usage_destroy_on_mount(int path_fd);

/**
 * usage_lock_file() - take the lease of a file that is open as O_PATH, by way of a
 * descriptor of its own in @fd.
 *
 * Return: 0, or as lease_take(); -EACCES where it can't be opened at all.
 */
int usage_lock_file(int path_fd, int *fd, struct lease *lease);

int usage_of_file(struct seg *seg);
int usage_of_sysv(struct seg *seg);

#endif
