/* SPDX-License-Identifier: MIT */
/*
 * What containers find around the mount of a private namespace: a read-only view of it
 * in ../ro/NAME, and a parent directory whose mounts reach them also when they are made
 * later.
 */
#ifndef SEGFS_PUBLISH_H
#define SEGFS_PUBLISH_H

#include <stdbool.h>

/* Does the mount that a directory is in pass new mounts on? */
bool publish_is_shared(const char *path);

struct publication {
	char *parent; /* NULL: nothing is published */
	char *ro;
	bool published; /* @ro is there, and ours */
};

/**
 * publish_prepare() - before the mount: make its parent a shared mount.
 *
 * Only where the mount point is called like the namespace, as in /run/segfs/teamA: any
 * other place is somebody else's to arrange.
 *
 * Return: 0, or a negative errno.
 */
int publish_prepare(const char *mountpoint, const char *name, struct publication *ret);

/* After the mount, and after each new one: a read-only bind of it. */
int publish_read_only(struct publication *pub, const char *mountpoint);

/* Takes the view away. */
void publish_withdraw(struct publication *pub);

/* The same, and releases; also what publish_prepare() failed on. */
void publish_end(struct publication *pub);

#endif
