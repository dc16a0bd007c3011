/* SPDX-License-Identifier: MIT */
/*
 * The namespace: names and what they lead to. /posix and /sysv are directories of
 * its own; everything in them is a segment that libseg knows by a reference.
 *
 * All functions return 0 or a negative errno.
 */
#ifndef SEGFS_NS_H
#define SEGFS_NS_H

#include <fuse_lowlevel.h>

#include "jobs.h"
#include "node.h"
#include "private.h"

struct dir;

struct ns {
	struct nodes nodes; /* and with it the store */
	struct dir *dirs;   /* that are open */
	struct jobs jobs;
	struct timespec started;
	bool passthrough;         /* as asked for; nodes.passthrough: as it is */
	bool flat;                /* private: the root holds the segments itself */
	bool preallocate;         /* what grows gets its memory at once */
	bool rm_if_unused;        /* unlink says EBUSY of what is in use */
	struct private_root root; /* of a flat one */
};

/* Whose directory this is: the root of a flat one holds POSIX segments. */
fuse_ino_t ns_dir(const struct ns *ns, fuse_ino_t ino);

int ns_lookup(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      struct fuse_entry_param *e);
int ns_create(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      mode_t mode, struct fuse_entry_param *e, struct fuse_file_info *fi);
int ns_mknod(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	     mode_t mode, struct fuse_entry_param *e);
int ns_unlink(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name);

/* Takes the name away that the node was last looked up by, with the caller's rights. */
int ns_destroy_if_unused(struct ns *ns, const struct fuse_ctx *caller, struct node *node);

int ns_rename(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      fuse_ino_t new_parent, const char *new_name, unsigned flags);
int ns_link(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, fuse_ino_t new_parent,
	    const char *new_name, struct fuse_entry_param *e);
int ns_statfs(struct ns *ns, fuse_ino_t ino, struct statvfs *ret);

/* The longest name of a segment in a directory, with its end. */
#define NS_NAME_SIZE 256

/* The name under which a segment is shown in its directory. */
void ns_name_of(const char *ref, char name[static NS_NAME_SIZE]);

#endif
