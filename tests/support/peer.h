/* SPDX-License-Identifier: MIT */
/*
 * A second process, for where two processes meet. It does what it is told, one
 * thing at a time, and each call here returns when that is done: no test sleeps.
 */
#ifndef SEGFS_TEST_PEER_H
#define SEGFS_TEST_PEER_H

#include <limits.h>
#include <stdint.h>

#include "child.h"
#include "fixture.h"

struct peer;

/* A peer that is ended with the fixture, if not before. @setting may be NULL. */
struct peer *peer_start(struct fixture *f, const struct child_setting *setting);

/* A peer that runs fn at once and takes no requests: for what has no end, or its own. */
struct peer *peer_spawn(struct fixture *f, child_fn *fn, void *arg);
/* Waits until fn has returned: what it returned, 0 to 124. */
int peer_join(struct peer *peer);

/* Ends it and waits for the end: by itself, or by SIGKILL. */
void peer_stop(struct peer *peer);
void peer_kill(struct peer *peer);

/* As in seg.h, and with the same results. A peer has one handle and one mapping. */
int peer_open(struct peer *peer, const char *ref, unsigned flags);
int peer_map(struct peer *peer, uint64_t offset, size_t length, unsigned flags);
int peer_close(struct peer *peer); /* the handle: the mapping stays */
int peer_unmap(struct peer *peer);

/* A byte of its mapping. */
int peer_read(struct peer *peer, size_t at);
void peer_write(struct peer *peer, size_t at, unsigned char byte);

/* A lease (F_RDLCK, F_WRLCK, F_UNLCK) on a file. */
int peer_lease(struct peer *peer, const char *path, int type);

/* Anything else: @fn runs in the peer, on what the peer has, and must not assert. */
struct peer_self {
	struct seg *seg;
	unsigned char *addr;
	size_t length;
	int fd;
};

struct peer_args {
	char text[PATH_MAX];
	uint64_t offset;
	size_t length;
	unsigned flags;
	int value;
};

typedef int peer_fn(struct peer_self *self, const struct peer_args *args);
int peer_do(struct peer *peer, peer_fn *fn, const struct peer_args *args);

#endif
