// SPDX-License-Identifier: MIT
#include "node.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "../libseg/cleanup.h"
#include "backing.h"
#include "creds.h"
#include "warm.h"

uint64_t node_id(const struct seg_stat *st)
{
	if (st->kind == SEG_SYSV)
		return NODE_SYSV | (uint32_t)st->shmid;
	return st->ino > NODE_ROOT && st->ino < NODE_OWN ? st->ino : 0;
}

struct node *node_find(struct nodes *nodes, uint64_t ino)
{
	struct node *node;

	HASH_FIND(hh, nodes->by_ino, &ino, sizeof(ino), node);
	return node;
}

static void node_free(struct nodes *nodes, struct node *node)
{
	HASH_DEL(nodes->by_ino, node);
	warm_forget(nodes, node);
	if (node->unborn)
		DL_DELETE(nodes->unborn, node);
	if (node->backing_id > 0)
		backing_close(nodes->fuse_fd, node->backing_id);
	seg_close(node->seg);
	free(node->unborn);
	free(node->ref);
	free(node);
}

static int node_add(struct nodes *nodes, uint64_t ino, enum seg_kind kind, struct node **ret)
{
	struct node *node = calloc(1, sizeof(*node));

	if (!node)
		return -ENOMEM;
	node->ino = ino;
	node->kind = kind;
	HASH_ADD(hh, nodes->by_ino, ino, sizeof(node->ino), node);
	*ret = node;
	return 0;
}

static int set_ref(struct node *node, const char *ref)
{
	char *copy;

	if (node->ref && strcmp(node->ref, ref) == 0)
		return 0;
	copy = strdup(ref);
	if (!copy)
		return -ENOMEM;
	free(node->ref);
	node->ref = copy;
	return 0;
}

static void free_if_unused(struct nodes *nodes, struct node *node)
{
	if (node->lookups == 0 && node->opens == 0)
		node_free(nodes, node);
}

int node_get(struct nodes *nodes, const char *ref, const struct seg_stat *st, struct node **ret)
{
	uint64_t ino = node_id(st);
	struct node *node;
	int r;

	if (ino == 0)
		return -EOVERFLOW;
	node = node_find(nodes, ino);
	if (!node) {
		r = node_add(nodes, ino, st->kind, &node);
		if (r < 0)
			return r;
	}
	r = set_ref(node, ref);
	if (r < 0) {
		free_if_unused(nodes, node);
		return r;
	}
	node->lookups++;
	*ret = node;
	return 0;
}

/* Nobody has it open any more: then it never was. */
static bool is_dead_unborn(const struct node *node)
{
	return node->unborn && node->opens == 0;
}

struct node *node_find_unborn(struct nodes *nodes, const char *ref)
{
	struct node *node;

	DL_FOREACH(nodes->unborn, node)
	if (!is_dead_unborn(node) && strcmp(node->ref, ref) == 0)
		return node;
	return NULL;
}

int node_get_unborn(struct nodes *nodes, const char *ref, const struct unborn *unborn,
		    struct node **ret)
{
	struct node *node;
	int r;

	r = node_add(nodes, NODE_UNBORN | nodes->next_unborn, SEG_SYSV, &node);
	if (r < 0)
		return r;
	nodes->next_unborn++;
	r = set_ref(node, ref);
	if (r < 0) {
		node_free(nodes, node);
		return r;
	}
	node->unborn = malloc(sizeof(*unborn));
	if (!node->unborn) {
		node_free(nodes, node);
		return -ENOMEM;
	}
	*node->unborn = *unborn;
	DL_APPEND(nodes->unborn, node);
	node->lookups++;
	*ret = node;
	return 0;
}

void node_forget(struct nodes *nodes, uint64_t ino, uint64_t lookups)
{
	struct node *node = node_find(nodes, ino);

	if (!node)
		return;
	node->lookups -= lookups < node->lookups ? lookups : node->lookups;
	free_if_unused(nodes, node);
}

void node_renamed(struct nodes *nodes, const char *ref, const struct seg_stat *st)
{
	struct node *node = node_find(nodes, node_id(st));

	/* Without memory the old name stays, and the next use of it says ESTALE. */
	if (node)
		set_ref(node, ref);
}

/* A name leads to whatever has it now; is that still the segment of this node? */
int node_own_handle(struct nodes *nodes, const struct node *node, struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	int r;

	r = seg_openat(nodes->store, node->ref, SEG_PATH, &seg);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	if (node_id(&st) != node->ino)
		return -ESTALE;
	*ret = steal_ptr(seg);
	return 0;
}

int node_handle(struct nodes *nodes, struct node *node, struct seg **tmp, struct seg **ret)
{
	int r;

	if (!node->seg) {
		r = node_own_handle(nodes, node, tmp);
		if (r < 0)
			return r;
	}
	*ret = node->seg ? node->seg : *tmp;
	return 0;
}

static void stat_unborn(const struct unborn *unborn, struct seg_stat *ret)
{
	*ret = (struct seg_stat){
		.kind = SEG_SYSV,
		.mode = unborn->mode,
		.nlink = 1,
		.uid = unborn->uid,
		.gid = unborn->gid,
		.atime = unborn->since,
		.mtime = unborn->since,
		.ctime = unborn->since,
		.shmid = -1,
	};
}

int node_stat(struct nodes *nodes, struct node *node, struct seg_stat *ret)
{
	struct seg_stat st;
	int r;

	if (node->unborn) {
		stat_unborn(node->unborn, ret);
		return 0;
	}
	if (node->seg)
		return seg_fstat(node->seg, ret);
	r = seg_statat(nodes->store, node->ref, &st);
	if (r < 0)
		return r == -ENOENT ? -ESTALE : r;
	if (node_id(&st) != node->ino)
		return -ESTALE;
	*ret = st;
	return 0;
}

static int register_backing(struct nodes *nodes, struct node *node)
{
	int fd = seg_fd(node->seg), id;

	if (fd < 0)
		return fd;
	id = backing_open(nodes->fuse_fd, fd);
	if (id < 0)
		return id == -ELOOP ? -EOPNOTSUPP : id;
	node->backing_id = id;
	return 0;
}

/* One backing id for an inode while anybody has it open: with a second one, or with
 * plain opens beside it, the kernel fails the later open with EIO. */
static int open_first(struct nodes *nodes, struct node *node)
{
	int r = 0;

	warm_forget(nodes, node);
	if (!node->seg)
		r = node_own_handle(nodes, node, &node->seg);
	if (r < 0)
		return r;
	if (!nodes->passthrough)
		return 0;
	r = register_backing(nodes, node);
	if (r < 0)
		node->seg = seg_close(node->seg);
	return r;
}

int node_open(struct nodes *nodes, struct node *node, int *backing_id)
{
	int r;

	if (node->opens == 0 && !node->unborn) {
		r = open_first(nodes, node);
		if (r < 0)
			return r;
	}
	node->opens++;
	*backing_id = node->backing_id;
	return 0;
}

void node_release(struct nodes *nodes, struct node *node)
{
	if (--node->opens > 0)
		return;
	if (node->backing_id > 0)
		backing_close(nodes->fuse_fd, node->backing_id);
	node->backing_id = 0;
	node->seg = seg_close(node->seg);
	free_if_unused(nodes, node);
}

/* The file descriptor behind it takes rights that its creator need not have. */
static int create_as(const struct node *node, uint64_t size, char ref[static 32])
{
	_cleanup_creds_ struct creds saved = { 0 };
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	int r;

	r = creds_become(node->unborn->uid, node->unborn->gid, &saved);
	if (r < 0)
		return r;
	r = seg_create(node->ref, size, node->unborn->mode, SEG_EXCLUSIVE, &seg);
	if (r < 0)
		return r;
	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	snprintf(ref, 32, "sysv:id:%d", st.shmid);
	return 0;
}

int node_bear(struct nodes *nodes, struct node *node, uint64_t size)
{
	char by_id[32];
	int r;

	if (size == 0)
		return 0;
	r = create_as(node, size, by_id);
	if (r < 0)
		return r;
	r = seg_openat(nodes->store, by_id, SEG_PATH, &node->seg);
	if (r < 0) {
		seg_destroy(by_id, 0);
		return r;
	}
	DL_DELETE(nodes->unborn, node);
	free(node->unborn);
	node->unborn = NULL;
	return 0;
}

void nodes_free(struct nodes *nodes)
{
	struct node *node, *tmp;

	HASH_ITER (hh, nodes->by_ino, node, tmp)
		node_free(nodes, node);
}
