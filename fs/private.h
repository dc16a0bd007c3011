/* SPDX-License-Identifier: MIT */
/*
 * The store of a private namespace: a tmpfs of its own that is attached nowhere. The
 * only way in is the mount, and the kernel enforces its size. It lives as long as
 * somebody has its descriptor.
 */
#ifndef SEGFS_PRIVATE_H
#define SEGFS_PRIVATE_H

#include "options.h"

/* Whose the directory of the mount is. */
struct private_root {
	uid_t uid;
	gid_t gid;
	mode_t mode; /* 01777 at most */
};

/* Return: a directory's descriptor, or a negative errno. */
int private_store_create(const char *name, const struct store_options *opts);

/**
 * private_root_set() - chown and chmod the directory, for this worker's successors, too.
 * @store: the store's directory; O_PATH will do
 *
 * Return: 0, or a negative errno.
 */
int private_root_set(int store, const struct private_root *root);

/* What private_root_set() was given last, by whichever worker. Return: 0, or -ENODATA. */
int private_root_get(int store, struct private_root *ret);

#endif
