/* SPDX-License-Identifier: MIT */
/*
 * Code that has to run in another process: as another user, in other namespaces,
 * or because it is meant to die.
 *
 * What runs in a child must not use cmocka's assertions: a failed one would go on
 * with the next test, in the child. It returns a number and the test asserts that.
 */
#ifndef SEGFS_TEST_CHILD_H
#define SEGFS_TEST_CHILD_H

#include <sys/types.h>

/* A user that owns nothing: the tests run as root or as a person. */
#define SOMEBODY 54321

/* How a child differs from the process that makes it. */
struct child_setting {
	uid_t uid;   /* and gid, without capabilities; 0: the same user */
	int unshare; /* CLONE_NEW*: namespaces of its own; a new user namespace maps uid to 0 */
};

typedef int child_fn(void *arg);

/* fork(). In the child: the setting entered, dead when its parent is, and with the
 * default action for every signal. Ends the child with 125 where that fails. */
pid_t child_fork(const struct child_setting *setting);

/* Waits for the end of a child: its wait status. */
int child_wait(pid_t pid);

/* What fn returned in a child; @setting may be NULL. */
int child_run(const struct child_setting *setting, child_fn *fn, void *arg);

/* The signal that ended a child which runs fn, or 0. */
int child_signal(child_fn *fn, void *arg);

#endif
