/* SPDX-License-Identifier: MIT */
/*
 * Ephemeral segments: destroyed when their last user is gone.
 *
 * The last close of an open file, which is the last munmap where its descriptor was
 * closed before, and the exit where its process was killed, is a fanotify event on
 * /dev/shm. A thread of its own waits for them; it shares nothing with the others.
 */
#ifndef SEGFS_EPHEMERAL_H
#define SEGFS_EPHEMERAL_H

#include <pthread.h>
#include <seg.h>
#include <stdbool.h>

struct ephemeral {
	pthread_t thread;
	bool running;
	struct seg_store *store;
	int events;        /* fanotify */
	int stop;          /* eventfd */
	struct busy *busy; /* those to be looked at again, by name */
};

/* @path: of the store, as in seg_store_open(). Before the mount, which may hide /dev/shm
 * from then on. Return: 0, or a negative errno (-EPERM: no CAP_SYS_ADMIN): then ephemeral
 * segments stay until seg_gc(). */
int ephemeral_open(struct ephemeral *ret, const char *path);

/* In the process that serves, for threads don't survive a fork. After a failed
 * ephemeral_open() there is nothing to start. Return: as above. */
int ephemeral_start(struct ephemeral *watcher);

/* Ends the thread, if it was started, and releases all; also of a failed open. */
void ephemeral_close(struct ephemeral *watcher);

#endif
