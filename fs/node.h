/* SPDX-License-Identifier: MIT */
/*
 * Nodes: what the kernel knows of a segment, from its first LOOKUP to the last
 * FORGET, and what is held while it is open.
 *
 * A node id is the segment's own inode number. It means the same to every daemon
 * that serves the mount, now or after a restart.
 */
#ifndef SEGFS_NODE_H
#define SEGFS_NODE_H

#include <seg.h>
#include <segfs.h>
#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

/* tmpfs counts inodes from 1, its root; ids of our own start far above. */
#define NODE_ROOT      1ULL
#define NODE_OWN       (1ULL << 60)
#define NODE_UNBORN    (1ULL << 60)   /* + a counter: SysV, created and not yet sized */
#define NODE_SYSV      SEGFS_INO_SYSV /* + shmid */
#define NODE_DIR       (1ULL << 62)
#define NODE_POSIX_DIR (NODE_DIR | 1)
#define NODE_SYSV_DIR  (NODE_DIR | 2)

/* A SysV segment has to be given its size when it is made, and open(O_CREAT) has
 * none to give: until the first truncate this is all there is of it. */
struct unborn {
	mode_t mode;
	uid_t uid;
	gid_t gid;
	struct timespec since;
};

struct node {
	uint64_t ino;     /* node id */
	uint64_t lookups; /* the kernel's references */
	char *ref;        /* as last looked up: names change behind our back */
	enum seg_kind kind;
	unsigned opens;  /* OPEN and CREATE replies without their RELEASE */
	struct seg *seg; /* SEG_PATH, while open or warm: never counted as a user */
	int backing_id;  /* while open with passthrough: one for all openers, else 0 */
	struct unborn *unborn;
	struct node *prev, *next; /* in nodes.unborn */
	UT_hash_handle hh;
};

#define WARM_MAX 32

/* See warm.h. */
struct warm {
	struct node *node;
	pid_t pid;   /* who looked it up */
	bool shared; /* so did others */
	int64_t until_ms;
};

/* The table. The daemon is single-threaded: no lock. */
struct nodes {
	struct node *by_ino;
	struct node *unborn;
	uint32_t next_unborn;
	struct warm warm[WARM_MAX];
	unsigned next_warm;
	struct seg_store *store;
	int fuse_fd;
	bool passthrough;
};

/* The node id of a segment, or 0 where its inode number can't be one. */
uint64_t node_id(const struct seg_stat *st);

struct node *node_find(struct nodes *nodes, uint64_t ino);

/**
 * node_get() - the node of a segment that was just looked up, with one more lookup
 * counted, for node_forget().
 * @ref: where it was found
 *
 * Return: 0, -ENOMEM, or -EOVERFLOW (see node_id()).
 */
int node_get(struct nodes *nodes, const char *ref, const struct seg_stat *st, struct node **ret);
int node_get_unborn(struct nodes *nodes, const char *ref, const struct unborn *unborn,
		    struct node **ret);

/* The one that has this name, if somebody has it open. */
struct node *node_find_unborn(struct nodes *nodes, const char *ref);

void node_forget(struct nodes *nodes, uint64_t ino, uint64_t lookups);

/* The segment has another name now. */
void node_renamed(struct nodes *nodes, const char *ref, const struct seg_stat *st);

/**
 * node_handle() - a SEG_PATH handle on the node's segment.
 * @tmp: holds it, for the caller to clean up, where the node is not open
 *
 * Return: 0, or -ESTALE where the name has become another segment's.
 */
int node_handle(struct nodes *nodes, struct node *node, struct seg **tmp, struct seg **ret);

/* A handle of one's own; -ESTALE where the name leads to it no more. */
int node_own_handle(struct nodes *nodes, const struct node *node, struct seg **ret);

int node_stat(struct nodes *nodes, struct node *node, struct seg_stat *ret);

/**
 * node_open() - one more opener; the first opens and registers the segment.
 * @backing_id: for the reply; 0 where there is no passthrough
 *
 * Return: 0, or -ESTALE, -EOPNOTSUPP (huge pages can't be passed through), or what
 * seg_openat() and backing_open() say.
 */
int node_open(struct nodes *nodes, struct node *node, int *backing_id);

/* The opposite; also where the reply to an open did not reach the kernel. The last
 * one lets go of everything: the daemon keeps no segment alive. */
void node_release(struct nodes *nodes, struct node *node);

/* The first truncate of an unborn one: now it has a size. */
int node_bear(struct nodes *nodes, struct node *node, uint64_t size);

void nodes_free(struct nodes *nodes);

#endif
