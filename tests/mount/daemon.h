/* SPDX-License-Identifier: MIT */
/* A segfs daemon of a test's own: started, waited for, ended, and looked at. */
#ifndef SEGFS_TEST_DAEMON_H
#define SEGFS_TEST_DAEMON_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

struct daemon {
	pid_t pid; /* 0: it has ended, or never began */
	char point[PATH_MAX];
	char log[PATH_MAX + 8]; /* its standard error; POINT.log */
	int lifeline;           /* closed when the test dies, which ends the daemon */
};

/**
 * daemon_start() - `PROGRAM -f [-o OPTIONS] host POINT`, until the mount answers.
 * @point: a directory; it is made where it is missing
 * @options: may be NULL
 *
 * Return: 0, or -1: it ended instead (what it said is in the log), or hangs.
 */
int daemon_start(struct daemon *daemon, const char *program, const char *point,
		 const char *options);

/* The same for any namespace. @until: a path that is on a file system of its own when
 * the daemon is ready. */
int daemon_start_ns(struct daemon *daemon, const char *program, const char *ns, const char *point,
		    const char *options, const char *until);

/* The process that serves a private namespace: the daemon's child. 0: there is none. */
pid_t daemon_worker(const struct daemon *daemon);

/* Waits until path is on another file system than its mount point's directory, or
 * until the daemon has ended. Return: true in the first case. */
bool daemon_wait_for(const struct daemon *daemon, const char *path);

/**
 * daemon_end() - send a signal (0: none) and wait for the end.
 *
 * One that does not end within 20 seconds is killed.
 *
 * Return: its wait status.
 */
int daemon_end(struct daemon *daemon, int sig);

/* What it said, for assertions and messages; valid until the next call. */
const char *daemon_said(const struct daemon *daemon);

/**
 * daemon_run() - run a segfs that is expected to end by itself, with these arguments.
 * @said: what it wrote to standard error
 *
 * Return: its exit status, or -1: it was still there after 20 seconds, or killed.
 */
int daemon_run(const char *const argv[], char *said, size_t size);

/* Open descriptors of a process. */
int daemon_fds(pid_t pid);

#endif
