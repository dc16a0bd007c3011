/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_SERVE_H
#define SEGFS_SERVE_H

#include "options.h"

/* One line on stderr. Return: -1. */
int fail(const char *what, int err);

/**
 * serve() - mount, answer requests until the mount ends, unmount.
 * @store: descriptor of a private namespace's directory; -1: /dev/shm
 * @ready: gets a byte when the mount answers; -1: nobody waits
 *
 * Return: an exit status; what was wrong is on stderr.
 */
int serve(struct options *opts, int store, int ready);

/* Waits for the byte that serve() writes to the other end of @ready. Return: 0, or the exit
 * status, never 0, of the child that could not mount. */
int await_ready(pid_t child, int ready);

struct fuse_session;

/* The kernel's first request is INIT; what it can do is known after that. */
int session_receive_init(struct fuse_session *se);

/* Why there is no passthrough. @negotiated: the kernel offered it at INIT; @err: of
 * backing_probe(). */
const char *session_what_is_missing(bool negotiated, int err);

/* Gives up the terminal and logs to syslog from now on. Return: 0 or -1. */
int leave_terminal(void);

#endif
