/* SPDX-License-Identifier: MIT */
/*
 * Requests that take long.
 *
 * There is one thread for requests, which is the fastest for all that is asked of a
 * namespace but one thing: to allocate gigabytes takes seconds, in which nobody else
 * would be answered.
 */
#ifndef SEGFS_JOBS_H
#define SEGFS_JOBS_H

#include <pthread.h>
#include <stdint.h>

/* What is allocated in less is not worth a thread, bytes. */
#define JOBS_WORTH ((uint64_t)64 << 20)

struct jobs {
	pthread_mutex_t lock;
	pthread_cond_t ended;
	unsigned running;
};

void jobs_init(struct jobs *jobs);

/**
 * jobs_start() - have it done by a thread, with the daemon's own rights.
 * @run: does it, replies, and frees @arg; may touch nothing that the request loop has
 *
 * Return: 0; or -EAGAIN: nothing has been done, and it is the caller's to do.
 */
int jobs_start(struct jobs *jobs, void (*run)(void *arg), void *arg);

/** jobs_end() - wait until all are done. Nobody starts any more. */
void jobs_end(struct jobs *jobs);

#endif
