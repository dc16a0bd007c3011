/* SPDX-License-Identifier: MIT */
/* Attributes: stat, chmod, chown, truncate, times, extended attributes. */
#ifndef SEGFS_ATTR_H
#define SEGFS_ATTR_H

#include "ns.h"

void attr_fill(uint64_t ino, const struct seg_stat *st, struct stat *ret);
int attr_dir(struct ns *ns, fuse_ino_t ino, struct stat *ret);

int attr_get(struct ns *ns, fuse_ino_t ino, struct stat *ret);
int attr_set(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, const struct stat *attr,
	     int to_set, struct stat *ret);

/* The same by a handle, and nothing else: not only for the request loop. */
int attr_set_segment(const struct ns *ns, const struct fuse_ctx *caller, struct seg *seg,
		     const struct stat *attr, int to_set);

/* Cuts nothing under a process other than the caller's that maps it: EBUSY. */
int attr_resize(struct ns *ns, const struct fuse_ctx *caller, struct node *node, uint64_t size);

ssize_t attr_getxattr(struct ns *ns, fuse_ino_t ino, const char *name, void *value, size_t size);
ssize_t attr_listxattr(struct ns *ns, fuse_ino_t ino, char *list, size_t size);
int attr_setxattr(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, const char *name,
		  const void *value, size_t size, int flags);
int attr_removexattr(struct ns *ns, fuse_ino_t ino, const char *name);

#endif
