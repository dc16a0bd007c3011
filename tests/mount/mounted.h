/* SPDX-License-Identifier: MIT */
/*
 * What a test of the mount starts from: the fixture of tests/support, and a daemon
 * of its own on a mount point of its own. When the test ends, failed or not, the
 * daemon has to end with status 0 and without a word.
 */
#ifndef SEGFS_TEST_MOUNTED_H
#define SEGFS_TEST_MOUNTED_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "daemon.h"
#include "fixture.h"
#include "peer.h"

struct mounted {
	struct fixture *f;
	struct daemon daemon;
	const char *point;  /* the mount point */
	const char *posix;  /* POINT/posix */
	const char *sysv;   /* POINT/sysv */
	const char *ro;     /* of a private namespace: the read-only view */
	const char *ref;    /* a segment of the test's kind; nothing has this name yet, */
	const char *path;   /* which is this on the mount, */
	const char *direct; /* and this in /dev/shm (POSIX) */
	bool expect_noise;  /* the daemon may fail, and complain */

	char at[4][PATH_MAX];
	size_t path_count;
	char paths[64][PATH_MAX + 300];
};

/* *state: the kind. With mount options: mounted_setup_with() in a setup of one's own. */
int mounted_setup(void **state);
int mounted_setup_with(void **state, const char *options);
/* A private namespace, which is flat: posix is point, and there is no sysv or direct. */
#define PRIVATE_NAME "team"
int mounted_setup_private(void **state, const char *options);
int mounted_start_private(struct mounted *m, const char *options); /* again */
int mounted_teardown(void **state);

#define TEST_WITH(setup, test, name, kind)                                                   \
	{                                                                                    \
#test " (" name ")", test, setup, mounted_teardown, (void *)(intptr_t)(kind) \
	}
#define MOUNTED_POSIX(test) TEST_WITH(mounted_setup, test, "posix", SEG_POSIX)
#define MOUNTED_SYSV(test)  TEST_WITH(mounted_setup, test, "sysv", SEG_SYSV)
#define MOUNTED_BOTH(test)  MOUNTED_POSIX(test), MOUNTED_SYSV(test)

/* A whole program: it is skipped where nothing can be mounted. */
#define RUN_MOUNTED(tests) (mounted_possible() ? RUN_TESTS(tests) : 77)
bool mounted_possible(void);

/* printf() into a path that is valid as long as the fixture. */
__attribute__((format(printf, 2, 3))) const char *path_of(struct mounted *m, const char *format,
							  ...);
/* Where a segment is on the mount, and a POSIX one in /dev/shm. */
const char *on_mount(struct mounted *m, const char *ref);
const char *in_shm(struct mounted *m, const char *ref);

/* Ends the daemon as a test wants it, and starts one on the same mount point again. */
void mounted_restart(struct mounted *m, int sig);

/* -- system calls that can't fail in the test at hand ---------------------- */

int open_file(const char *path, int oflags);
int create_file(const char *path, mode_t mode);
void write_file(const char *path, const char *text); /* made where it is missing */
void assert_content(const char *path, const char *text);
unsigned char *map_file(const char *path, size_t length, int prot);
struct stat stat_path(const char *path);

/* That can: 0, or -errno. */
int try_open(const char *path, int oflags, mode_t mode);
#define try(call) ((call) < 0 ? -errno : 0)

/* Is there any user of a file? By the kernel's own account: a write lease. */
bool has_users(const char *direct);

/* A machine word that two processes see; the other's is at another address. */
typedef volatile unsigned shared_word;

/* How many descriptors the daemon has when it has nothing to do: the least that were seen
 * in a while, for what was looked up before may still be held. */
int settled_fds(struct mounted *m);

/* Waits until the daemon has so many descriptors: what was just looked up it lets go of a
 * moment later, and RELEASE is sent when nobody waits for it, twelve of them at a time. */
void assert_daemon_has(struct mounted *m, int fds);

#endif
