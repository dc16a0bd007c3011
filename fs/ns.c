// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../libseg/cleanup.h"
#include "attr.h"
#include "creds.h"
#include "warm.h"

#define REF_SIZE (NS_NAME_SIZE + 8)

/* How often somebody may create and remove a name under our hands. */
#define CREATE_TRIES 100

fuse_ino_t ns_dir(const struct ns *ns, fuse_ino_t ino)
{
	return ns->flat && ino == NODE_ROOT ? NODE_POSIX_DIR : ino;
}

/* sysv/0x00000400, sysv/id-65538: exactly as shown, so that a name is a segment's
 * only one. */
static int sysv_ref(const char *name, char ref[static REF_SIZE])
{
	bool by_key = strlen(name) == 10 && strncmp(name, "0x", 2) == 0 &&
		      strspn(name + 2, "0123456789abcdef") == 8;
	bool by_id = strncmp(name, "id-", 3) == 0 && name[3] != '\0' &&
		     (name[3] != '0' || name[4] == '\0') &&
		     strspn(name + 3, "0123456789") == strlen(name + 3);

	if (by_key && strcmp(name, "0x00000000") != 0)
		snprintf(ref, REF_SIZE, "sysv:%s", name);
	else if (by_id && strlen(name) < 16 && strtoull(name + 3, NULL, 10) <= INT_MAX)
		snprintf(ref, REF_SIZE, "sysv:id:%s", name + 3);
	else
		return -ENOENT;
	return 0;
}

/* The reference of a name in a directory; ENOENT for what can't be one there. */
static int ref_of(fuse_ino_t parent, const char *name, char ref[static REF_SIZE])
{
	if (strlen(name) >= NS_NAME_SIZE)
		return -ENAMETOOLONG;
	if (parent == NODE_SYSV_DIR)
		return sysv_ref(name, ref);
	if (parent != NODE_POSIX_DIR)
		return -ENOENT;
	snprintf(ref, REF_SIZE, "/%s", name);
	return 0;
}

void ns_name_of(const char *ref, char name[static NS_NAME_SIZE])
{
	if (strncmp(ref, "sysv:id:", 8) == 0)
		snprintf(name, NS_NAME_SIZE, "id-%s", ref + 8);
	else
		snprintf(name, NS_NAME_SIZE, "%s", ref + (*ref == '/' ? 1 : strlen("sysv:")));
}

/* A removed SysV segment has lost its name; one with a key is not shown by its id. */
static bool is_shown(const char *ref, const struct seg_stat *st)
{
	bool by_id = strncmp(ref, "sysv:id:", 8) == 0;

	return !(st->flags & SEG_STAT_REMOVED) && !(by_id && st->key != 0);
}

/* Timeouts of 0: what happens to a segment behind our back shows at once. */
static void fill_entry(const struct node *node, const struct seg_stat *st,
		       struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){ .ino = node->ino };
	attr_fill(node->ino, st, &e->attr);
}

static int lookup_dir(struct ns *ns, const char *name, struct fuse_entry_param *e)
{
	fuse_ino_t ino;

	if (strcmp(name, "posix") == 0)
		ino = NODE_POSIX_DIR;
	else if (strcmp(name, "sysv") == 0)
		ino = NODE_SYSV_DIR;
	else
		return -ENOENT;
	*e = (struct fuse_entry_param){ .ino = ino };
	return attr_dir(ns, ino, &e->attr);
}

static int lookup_unborn(struct ns *ns, const char *ref, struct fuse_entry_param *e)
{
	struct node *node = node_find_unborn(&ns->nodes, ref);
	struct seg_stat st;
	int r;

	if (!node)
		return -ENOENT;
	r = node_stat(&ns->nodes, node, &st);
	if (r < 0)
		return r;
	node->lookups++;
	fill_entry(node, &st, e);
	return 0;
}

static int lookup_sysv(struct ns *ns, const char *ref, struct fuse_entry_param *e)
{
	struct seg_stat st;
	struct node *node;
	int r;

	r = seg_statat(ns->nodes.store, ref, &st);
	if (r == -ENOENT || (r == 0 && !is_shown(ref, &st)))
		return lookup_unborn(ns, ref, e);
	if (r < 0)
		return r;
	r = node_get(&ns->nodes, ref, &st, &node);
	if (r < 0)
		return r;
	fill_entry(node, &st, e);
	return 0;
}

static int lookup_posix(struct ns *ns, const struct fuse_ctx *caller, const char *ref,
			struct fuse_entry_param *e)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	struct node *node;
	int r;

	r = seg_openat(ns->nodes.store, ref, SEG_PATH, &seg);
	if (r == 0)
		r = seg_fstat(seg, &st);
	else if (r == -EMFILE || r == -ENFILE) /* then it is a look and no more */
		r = seg_statat(ns->nodes.store, ref, &st);
	if (r < 0)
		return r;
	r = node_get(&ns->nodes, ref, &st, &node);
	if (r < 0)
		return r;
	if (seg)
		warm_keep(&ns->nodes, node, &seg, caller->pid);
	fill_entry(node, &st, e);
	return 0;
}

int ns_lookup(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      struct fuse_entry_param *e)
{
	char ref[REF_SIZE];
	int r;

	parent = ns_dir(ns, parent);
	if (parent == NODE_ROOT)
		return lookup_dir(ns, name, e);
	r = ref_of(parent, name, ref);
	if (r < 0)
		return r;
	if (parent == NODE_SYSV_DIR)
		return lookup_sysv(ns, ref, e);
	return lookup_posix(ns, caller, ref, e);
}

/* -- making names ---------------------------------------------------------- */

/* Something has the name that the kernel just looked up in vain. A segment, made a
 * moment ago: ESTALE has the kernel look again, and open that. Anything else can't
 * be seen here and stays what it is. */
static int explain_exists(struct ns *ns, const char *ref, int oflags)
{
	struct seg_stat st;

	if (oflags & O_EXCL || seg_statat(ns->nodes.store, ref, &st) < 0)
		return -EEXIST;
	return -ESTALE;
}

static int make_posix(struct ns *ns, const struct fuse_ctx *caller, const char *ref, mode_t mode,
		      struct seg **ret)
{
	_cleanup_creds_ struct creds saved = { 0 };
	int r;

	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0)
		return r;
	/* DONT_MASK: the kernel leaves the umask to us, for default ACLs override it. */
	umask(caller->umask);
	r = seg_createat(ns->nodes.store, ref, 0, mode & 0777, SEG_EXCLUSIVE | SEG_PATH, ret);
	umask(0);
	return r;
}

static int get_made(struct ns *ns, const char *ref, struct seg *seg, struct fuse_entry_param *e)
{
	struct seg_stat st;
	struct node *node;
	int r;

	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	r = node_get(&ns->nodes, ref, &st, &node);
	if (r < 0)
		return r;
	fill_entry(node, &st, e);
	return 0;
}

/* Where the name was taken and is free again when we ask by whom, we try again. */
static int make_or_explain(struct ns *ns, const struct fuse_ctx *caller, const char *ref,
			   mode_t mode, int oflags, struct seg **ret)
{
	int r = -EEXIST;

	for (int i = 0; i < CREATE_TRIES && r == -EEXIST; i++) {
		r = make_posix(ns, caller, ref, mode, ret);
		if (r == -EEXIST)
			r = explain_exists(ns, ref, oflags);
		if (oflags & O_EXCL)
			break;
	}
	return r;
}

static int create_posix(struct ns *ns, const struct fuse_ctx *caller, const char *ref, mode_t mode,
			struct fuse_entry_param *e, int oflags)
{
	_cleanup_seg_ struct seg *seg = NULL;
	int r;

	r = make_or_explain(ns, caller, ref, mode, oflags, &seg);
	if (r < 0)
		return r;
	r = get_made(ns, ref, seg, e);
	if (r < 0) /* nobody has seen it, and nobody will ask for it again */
		seg_destroyat(ns->nodes.store, ref, 0);
	return r;
}

static int create_sysv(struct ns *ns, const struct fuse_ctx *caller, const char *ref, mode_t mode,
		       struct fuse_entry_param *e, int oflags)
{
	struct unborn unborn = { .uid = caller->uid, .gid = caller->gid };
	struct seg_stat st;
	struct node *node;
	int r;

	if (strncmp(ref, "sysv:id:", 8) == 0) /* ids are the kernel's to give */
		return -EINVAL;
	if (seg_statat(ns->nodes.store, ref, &st) == 0 || node_find_unborn(&ns->nodes, ref))
		return explain_exists(ns, ref, oflags);
	unborn.mode = mode & 0777 & ~caller->umask;
	clock_gettime(CLOCK_REALTIME_COARSE, &unborn.since);
	r = node_get_unborn(&ns->nodes, ref, &unborn, &node);
	if (r < 0)
		return r;
	r = node_stat(&ns->nodes, node, &st);
	if (r < 0)
		return r;
	fill_entry(node, &st, e);
	return 0;
}

static int ref_to_make(fuse_ino_t parent, const char *name, char ref[static REF_SIZE])
{
	int r;

	if (parent == NODE_ROOT)
		return -EPERM;
	r = ref_of(parent, name, ref);
	return r == -ENOENT ? -EINVAL : r;
}

int ns_create(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      mode_t mode, struct fuse_entry_param *e, struct fuse_file_info *fi)
{
	char ref[REF_SIZE];
	int r;

	parent = ns_dir(ns, parent);
	r = ref_to_make(parent, name, ref);
	if (r < 0)
		return r;
	if (parent == NODE_SYSV_DIR)
		return create_sysv(ns, caller, ref, mode, e, fi->flags);
	return create_posix(ns, caller, ref, mode, e, fi->flags);
}

int ns_mknod(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	     mode_t mode, struct fuse_entry_param *e)
{
	char ref[REF_SIZE];
	int r;

	parent = ns_dir(ns, parent);
	if (!S_ISREG(mode) || parent != NODE_POSIX_DIR)
		return -EPERM;
	r = ref_to_make(parent, name, ref);
	if (r < 0)
		return r;
	return create_posix(ns, caller, ref, mode, e, O_EXCL);
}

/* -- taking names away, changing them -------------------------------------- */

static int unlink_posix(struct ns *ns, const struct fuse_ctx *caller, const char *ref,
			unsigned flags)
{
	_cleanup_creds_ struct creds saved = { 0 };
	int r;

	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0)
		return r;
	r = seg_destroyat(ns->nodes.store, ref, flags);
	if (r == 0)
		warm_unlinked(&ns->nodes, ref, caller->pid);
	return r;
}

static bool may_remove_sysv(const struct fuse_ctx *caller, const struct seg_stat *st)
{
	return caller->uid == 0 || caller->uid == st->uid || caller->uid == st->cuid;
}

/* By the id that was checked: its key may belong to another segment by now. */
static int unlink_sysv(struct ns *ns, const struct fuse_ctx *caller, const char *ref,
		       unsigned flags)
{
	struct seg_stat st;
	char by_id[32];
	int r;

	if (node_find_unborn(&ns->nodes, ref))
		return -EBUSY;
	r = seg_statat(ns->nodes.store, ref, &st);
	if (r < 0)
		return r;
	if (!is_shown(ref, &st))
		return -ENOENT;
	if (!may_remove_sysv(caller, &st))
		return -EPERM;
	snprintf(by_id, sizeof(by_id), "sysv:id:%d", st.shmid);
	return seg_destroyat(ns->nodes.store, by_id, flags);
}

static int unlink_node_as(struct ns *ns, const struct fuse_ctx *caller, struct seg *seg)
{
	_cleanup_creds_ struct creds saved = { 0 };
	int r;

	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0)
		return r;
	return seg_unlinkat(ns->nodes.store, seg, SEG_IF_UNUSED);
}

int ns_destroy_if_unused(struct ns *ns, const struct fuse_ctx *caller, struct node *node)
{
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg *seg;
	int r;

	if (node->unborn)
		return -EBUSY;
	if (node->kind == SEG_SYSV)
		return unlink_sysv(ns, caller, node->ref, SEG_IF_UNUSED);
	r = node_handle(&ns->nodes, node, &tmp, &seg);
	return r < 0 ? r : unlink_node_as(ns, caller, seg);
}

int ns_unlink(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name)
{
	unsigned flags = ns->rm_if_unused ? SEG_IF_UNUSED : 0;
	char ref[REF_SIZE];
	int r;

	parent = ns_dir(ns, parent);
	if (parent == NODE_ROOT)
		return -EPERM;
	r = ref_of(parent, name, ref);
	if (r < 0)
		return r;
	return parent == NODE_SYSV_DIR ? unlink_sysv(ns, caller, ref, flags)
				       : unlink_posix(ns, caller, ref, flags);
}

static int rename_as(struct ns *ns, const struct fuse_ctx *caller, const char *from, const char *to,
		     unsigned flags)
{
	_cleanup_creds_ struct creds saved = { 0 };
	int r;

	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0)
		return r;
	return seg_renameat(ns->nodes.store, from, to, flags);
}

static void refresh_name(struct ns *ns, const char *ref)
{
	struct seg_stat st;

	if (seg_statat(ns->nodes.store, ref, &st) == 0)
		node_renamed(&ns->nodes, ref, &st);
}

int ns_rename(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t parent, const char *name,
	      fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	char from[REF_SIZE], to[REF_SIZE];
	int r;

	parent = ns_dir(ns, parent);
	new_parent = ns_dir(ns, new_parent);
	if (parent != new_parent)
		return -EXDEV;
	if (parent == NODE_ROOT)
		return -EPERM;
	if (parent == NODE_SYSV_DIR) /* a key is for ever */
		return -EOPNOTSUPP;
	r = ref_of(parent, name, from);
	if (r < 0)
		return r;
	r = ref_of(parent, new_name, to);
	if (r < 0)
		return r;
	r = rename_as(ns, caller, from, to, flags);
	if (r < 0)
		return r;
	warm_unlinked(&ns->nodes, to, caller->pid); /* what had the name */
	refresh_name(ns, from);                     /* of an exchange */
	refresh_name(ns, to);
	return 0;
}

static int link_as(struct ns *ns, const struct fuse_ctx *caller, struct seg *seg, const char *ref)
{
	_cleanup_creds_ struct creds saved = { 0 };
	int r;

	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0)
		return r;
	return seg_linkat(ns->nodes.store, seg, ref);
}

int ns_link(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, fuse_ino_t new_parent,
	    const char *new_name, struct fuse_entry_param *e)
{
	struct node *node = node_find(&ns->nodes, ino);
	_cleanup_seg_ struct seg *tmp = NULL;
	char ref[REF_SIZE];
	struct seg *seg;
	int r;

	if (!node || node->kind != SEG_POSIX || ns_dir(ns, new_parent) != NODE_POSIX_DIR)
		return -EPERM;
	r = ref_of(NODE_POSIX_DIR, new_name, ref);
	if (r < 0)
		return r;
	r = node_handle(&ns->nodes, node, &tmp, &seg);
	if (r < 0)
		return r;
	r = link_as(ns, caller, seg, ref);
	if (r < 0)
		return r;
	return get_made(ns, ref, seg, e);
}

int ns_statfs(struct ns *ns, fuse_ino_t ino, struct statvfs *ret)
{
	bool sysv = ino == NODE_SYSV_DIR || (ino & NODE_SYSV && !(ino & NODE_DIR));

	return seg_statvfs(ns->nodes.store, sysv ? SEG_SYSV : SEG_POSIX, ret);
}
