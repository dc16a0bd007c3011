/* SPDX-License-Identifier: MIT */
/*
 * The store of a private namespace: a tmpfs of its own that is attached nowhere. The
 * only way in is the mount, and the kernel enforces its size. It lives as long as
 * somebody has its descriptor.
 */
#ifndef SEGFS_PRIVATE_H
#define SEGFS_PRIVATE_H

#include "options.h"

/* Return: a directory's descriptor, or a negative errno. */
int private_store_create(const char *name, const struct store_options *opts);

#endif
