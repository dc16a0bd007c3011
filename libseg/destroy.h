/* SPDX-License-Identifier: MIT */
#ifndef SEG_DESTROY_H
#define SEG_DESTROY_H

#include "backend.h"

/* Does the name lead to this file? */
bool destroy_is_named(int dirfd, const char *name, int fd);

/**
 * destroy_if_unused() - take a file's name away, if nobody uses the file.
 * @path_fd: O_PATH: the file that is meant
 *
 * Return: 0, or -EBUSY, -EPERM, -EOPNOTSUPP (see seg_in_use()), -ENOENT (the name is
 * gone, or another file's now), or what unlink(2) says.
 */
int destroy_if_unused(int dirfd, const char *name, int path_fd);

#endif
