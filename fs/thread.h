/* SPDX-License-Identifier: MIT */
/* Threads beside the request loop. */
#ifndef SEGFS_THREAD_H
#define SEGFS_THREAD_H

#include <pthread.h>

/**
 * thread_start() - signals are the request loop's: it gets none.
 *
 * Return: 0, or a negative errno.
 */
int thread_start(pthread_t *ret, void *(*run)(void *arg), void *arg);

#endif
