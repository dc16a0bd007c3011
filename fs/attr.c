// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "attr.h"

#include <errno.h>
#include <segfs.h>
#include <string.h>
#include <sys/stat.h>

#include "../libseg/cleanup.h"

/* A SysV segment that was never attached has no time of that. */
static struct timespec time_or_ctime(const struct timespec *time, const struct seg_stat *st)
{
	return st->kind == SEG_SYSV && time->tv_sec == 0 ? st->ctime : *time;
}

void attr_fill(uint64_t ino, const struct seg_stat *st, struct stat *ret)
{
	*ret = (struct stat){
		.st_ino = ino,
		.st_mode = S_IFREG | st->mode,
		.st_nlink = st->nlink,
		.st_uid = st->uid,
		.st_gid = st->gid,
		.st_size = (off_t)st->size,
		.st_blksize = 4096,
		.st_blocks = (blkcnt_t)((st->allocated + 511) / 512),
		.st_atim = time_or_ctime(&st->atime, st),
		.st_mtim = time_or_ctime(&st->mtime, st),
		.st_ctim = st->ctime,
	};
}

/* posix/ is as open to everybody, or not, as /dev/shm itself. */
static int fill_posix_dir(struct ns *ns, struct stat *ret)
{
	struct seg_stat st;
	int r;

	r = seg_store_fstat(ns->nodes.store, &st);
	if (r < 0)
		return r;
	attr_fill(NODE_POSIX_DIR, &st, ret);
	ret->st_mode = S_IFDIR | st.mode;
	ret->st_nlink = 2;
	return 0;
}

/* Who may is said at the mount; see private.c. */
static int fill_flat_root(struct ns *ns, struct stat *ret)
{
	int r;

	r = fill_posix_dir(ns, ret);
	if (r < 0)
		return r;
	ret->st_ino = NODE_ROOT;
	ret->st_mode = S_IFDIR | ns->root.mode;
	ret->st_uid = ns->root.uid;
	ret->st_gid = ns->root.gid;
	return 0;
}

int attr_dir(struct ns *ns, fuse_ino_t ino, struct stat *ret)
{
	if (ns->flat)
		return fill_flat_root(ns, ret);
	if (ino == NODE_POSIX_DIR)
		return fill_posix_dir(ns, ret);
	*ret = (struct stat){
		.st_ino = ino,
		.st_mode = S_IFDIR | (ino == NODE_ROOT ? 0755 : 01777),
		.st_nlink = ino == NODE_ROOT ? 4 : 2,
		.st_blksize = 4096,
		.st_atim = ns->started,
		.st_mtim = ns->started,
		.st_ctim = ns->started,
	};
	return 0;
}

static bool is_dir(fuse_ino_t ino)
{
	return ino == NODE_ROOT || ino & NODE_DIR;
}

int attr_get(struct ns *ns, fuse_ino_t ino, struct stat *ret)
{
	struct seg_stat st;
	struct node *node;
	int r;

	if (is_dir(ino))
		return attr_dir(ns, ino, ret);
	node = node_find(&ns->nodes, ino);
	if (!node)
		return -ESTALE;
	r = node_stat(&ns->nodes, node, &st);
	if (r < 0)
		return r;
	/* of what was unborn when it was opened: what it is now */
	attr_fill(node->unborn ? ino : node_id(&st), &st, ret);
	return 0;
}

/* Only its creator has an unborn one, and only until its size is set. */
static int set_unborn(struct ns *ns, struct node *node, const struct stat *attr, int to_set)
{
	if (to_set & FUSE_SET_ATTR_MODE)
		node->unborn->mode = attr->st_mode & 0777;
	if (to_set & FUSE_SET_ATTR_UID || to_set & FUSE_SET_ATTR_GID)
		return -EOPNOTSUPP;
	if (to_set & FUSE_SET_ATTR_SIZE)
		return node_bear(&ns->nodes, node, (uint64_t)attr->st_size);
	return 0;
}

static int set_owner(struct seg *seg, const struct stat *attr, int to_set)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;

	return seg_chown(seg, uid, gid);
}

static int set_size(const struct ns *ns, const struct fuse_ctx *caller, struct seg *seg,
		    uint64_t size)
{
	struct seg_stat st;
	int r;

	/* A program that opens and sizes a segment, as if it had made it, is right
	 * about a SysV one too when the size is the same. */
	if (seg_kind(seg) == SEG_SYSV) {
		r = seg_fstat(seg, &st);
		return r < 0 ? r : st.size == size ? 0 : -EOPNOTSUPP;
	}
	return seg_resize_for(seg, size, ns->preallocate ? SEG_PREALLOCATE : 0, caller->pid);
}

int attr_resize(struct ns *ns, const struct fuse_ctx *caller, struct node *node, uint64_t size)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (node->unborn)
		return node_bear(&ns->nodes, node, size);
	r = node_handle(&ns->nodes, node, &tmp, &seg);
	return r < 0 ? r : set_size(ns, caller, seg, size);
}

static struct timespec wanted_time(const struct timespec *time, bool set, bool now)
{
	if (now)
		return (struct timespec){ .tv_nsec = UTIME_NOW };
	return set ? *time : (struct timespec){ .tv_nsec = UTIME_OMIT };
}

/* SysV keeps its own times; `touch` and `cp -p` need not fail over that. */
static int set_times(struct seg *seg, const struct stat *attr, int to_set)
{
	const struct timespec times[2] = {
		wanted_time(&attr->st_atim, to_set & FUSE_SET_ATTR_ATIME,
			    to_set & FUSE_SET_ATTR_ATIME_NOW),
		wanted_time(&attr->st_mtim, to_set & FUSE_SET_ATTR_MTIME,
			    to_set & FUSE_SET_ATTR_MTIME_NOW),
	};

	return seg_kind(seg) == SEG_SYSV ? 0 : seg_utimens(seg, times);
}

/* With HANDLE_KILLPRIV_V2 it is on us to drop setuid and setgid where the kernel
 * says so: the daemon's own rights would keep them. The kernel says it of both in one
 * bit, FATTR_KILL_SUIDGID, for which libfuse (3.18) knows half the name. */
static int kill_privileges(struct seg *seg, int to_set)
{
	struct seg_stat st;
	mode_t mode;
	int r;

	if (!(to_set & FUSE_SET_ATTR_KILL_SUID))
		return 0;
	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	mode = st.mode & ~(mode_t)S_ISUID;
	if (st.mode & S_IXGRP) /* without it setgid is no privilege */
		mode &= ~(mode_t)S_ISGID;
	return mode == st.mode ? 0 : seg_chmod(seg, mode);
}

static int set_mode(struct seg *seg, mode_t mode)
{
	/* SysV has the nine bits only. */
	return seg_chmod(seg, mode & (seg_kind(seg) == SEG_SYSV ? 0777 : 07777));
}

int attr_set_segment(const struct ns *ns, const struct fuse_ctx *caller, struct seg *seg,
		     const struct stat *attr, int to_set)
{
	int r = 0;

	if (to_set & FUSE_SET_ATTR_MODE)
		r = set_mode(seg, attr->st_mode);
	if (r == 0 && to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		r = set_owner(seg, attr, to_set);
	if (r == 0 && to_set & FUSE_SET_ATTR_SIZE)
		r = set_size(ns, caller, seg, (uint64_t)attr->st_size);
	if (r == 0)
		r = kill_privileges(seg, to_set);
	if (r == 0 && to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_ATIME_NOW |
				FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_MTIME_NOW))
		r = set_times(seg, attr, to_set);
	return r;
}

/* The root of a private namespace is whose its owner says. Elsewhere directories are
 * /dev/shm, or nobody's. That it may be done the kernel has checked. */
static int set_flat_root(struct ns *ns, const struct stat *attr, int to_set)
{
	struct private_root root = ns->root;
	int r;

	if (to_set & FUSE_SET_ATTR_UID)
		root.uid = attr->st_uid;
	if (to_set & FUSE_SET_ATTR_GID)
		root.gid = attr->st_gid;
	if (to_set & FUSE_SET_ATTR_MODE)
		root.mode = attr->st_mode & 07777;
	if (root.mode & ~(mode_t)01777)
		return -EOPNOTSUPP;
	r = private_root_set(seg_store_fd(ns->nodes.store), &root);
	if (r == 0)
		ns->root = root; /* the times are the store's own, and stay */
	return r;
}

static int set_dir(struct ns *ns, fuse_ino_t ino, const struct stat *attr, int to_set,
		   struct stat *ret)
{
	int r = ns->flat ? set_flat_root(ns, attr, to_set) : -EPERM;

	return r < 0 ? r : attr_dir(ns, ino, ret);
}

int attr_set(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, const struct stat *attr,
	     int to_set, struct stat *ret)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct node *node;
	struct seg *seg;
	int r;

	if (is_dir(ino))
		return set_dir(ns, ino, attr, to_set, ret);
	node = node_find(&ns->nodes, ino);
	if (!node)
		return -ESTALE;
	if (node->unborn) {
		r = set_unborn(ns, node, attr, to_set);
		return r < 0 ? r : attr_get(ns, ino, ret);
	}
	r = node_handle(&ns->nodes, node, &tmp, &seg);
	if (r < 0)
		return r;
	r = attr_set_segment(ns, caller, seg, attr, to_set);
	if (r < 0)
		return r;
	return attr_get(ns, ino, ret);
}

/* -- extended attributes -------------------------------------------------- */

/* ACLs, because they decide who may; user attributes, because tmpfs has them. */
static bool is_served(const char *name)
{
	return strcmp(name, "system.posix_acl_access") == 0 || strncmp(name, "user.", 5) == 0;
}

static int handle_of(struct ns *ns, fuse_ino_t ino, struct seg **tmp, struct seg **ret)
{
	struct node *node = node_find(&ns->nodes, ino);

	if (!node)
		return -ESTALE;
	if (node->unborn || node->kind != SEG_POSIX)
		return -EOPNOTSUPP;
	return node_handle(&ns->nodes, node, tmp, ret);
}

/* The kernel asks for the ACL of whatever it checks; "there is none" is an answer,
 * any other error would become the result of that check. */
ssize_t attr_getxattr(struct ns *ns, fuse_ino_t ino, const char *name, void *value, size_t size)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (is_dir(ino) || !is_served(name))
		return -ENODATA;
	r = handle_of(ns, ino, &tmp, &seg);
	if (r < 0)
		return r == -EOPNOTSUPP ? -ENODATA : r;
	return seg_getxattr(seg, name, value, size);
}

ssize_t attr_listxattr(struct ns *ns, fuse_ino_t ino, char *list, size_t size)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (is_dir(ino))
		return 0;
	r = handle_of(ns, ino, &tmp, &seg);
	if (r < 0)
		return r == -EOPNOTSUPP ? 0 : r;
	return seg_listxattr(seg, list, size);
}

/* See segfs.h. */
static int destroy_by_xattr(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino,
			    const void *value, size_t size)
{
	struct node *node = node_find(&ns->nodes, ino);

	if (size != strlen("if-unused") || memcmp(value, "if-unused", size) != 0)
		return -EINVAL;
	return node ? ns_destroy_if_unused(ns, caller, node) : -ESTALE;
}

int attr_setxattr(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, const char *name,
		  const void *value, size_t size, int flags)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (is_dir(ino) || !is_served(name))
		return -EOPNOTSUPP;
	if (strcmp(name, SEGFS_XATTR_DESTROY) == 0)
		return destroy_by_xattr(ns, caller, ino, value, size);
	r = handle_of(ns, ino, &tmp, &seg);
	if (r < 0)
		return r;
	return seg_setxattr(seg, name, value, size, flags);
}

int attr_removexattr(struct ns *ns, fuse_ino_t ino, const char *name)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (is_dir(ino) || !is_served(name))
		return -EOPNOTSUPP;
	r = handle_of(ns, ino, &tmp, &seg);
	if (r < 0)
		return r;
	return seg_removexattr(seg, name);
}
