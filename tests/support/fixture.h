/* SPDX-License-Identifier: MIT */
/*
 * What a test starts from, and what is taken away when it ends, failed or not.
 *
 * As root, a test binary runs with an IPC namespace and a /dev/shm of its own, so
 * nothing can be left behind and nobody else's segments are met. Otherwise the
 * names alone keep tests apart: they carry the pid, as do the SysV keys.
 */
#ifndef SEGFS_TEST_FIXTURE_H
#define SEGFS_TEST_FIXTURE_H

#include <errno.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <unistd.h>

#include <cmocka.h>

#include "seg.h"

#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* See peer.h. */
struct peer {
	pid_t pid; /* 0: it has ended */
	int sock;
};

struct fixture {
	enum seg_kind kind; /* that the test is run for */
	char ref[PATH_MAX]; /* of this kind; nothing has this name yet */
	char dir[64];       /* a directory of this test alone, mode 0755 */

	size_t ref_count, mount_count, peer_count;
	char refs[64][PATH_MAX];
	char mounts[8][PATH_MAX];
	struct peer peers[8];
};

int fixture_setup(void **state);
int fixture_teardown(void **state);

/* One line of a table of tests. Most are run for each kind. */
#define TEST_OF(test, name, kind)                                                                  \
	{                                                                                          \
#test " (" name ")", test, fixture_setup, fixture_teardown, (void *)(intptr_t)kind \
	}
#define TEST_POSIX(test)     TEST_OF(test, "posix", SEG_POSIX)
#define TEST_SYSV(test)      TEST_OF(test, "sysv", SEG_SYSV)
#define TEST_FILE(test)      TEST_OF(test, "file", SEG_FILE)
/* POSIX objects and files named by a path: both have descriptors and can be resized. */
#define TEST_FILES(test)     TEST_POSIX(test), TEST_FILE(test)
#define TEST_EACH_KIND(test) TEST_FILES(test), TEST_SYSV(test)

#define RUN_TESTS(tests) cmocka_run_group_tests(tests, fixture_isolate, NULL)
int fixture_isolate(void **state);

/* Another reference to nothing yet. Valid as long as the fixture. */
const char *fixture_ref(struct fixture *f, enum seg_kind kind);
/* To be destroyed with the fixture: for what got its name from the kernel. */
void fixture_adopt(struct fixture *f, const char *ref);
/* A tmpfs of its own, with mount options such as "size=1m": where it is mounted. */
const char *fixture_tmpfs(struct fixture *f, const char *options);
/* To be unmounted with the fixture. */
void fixture_mounted(struct fixture *f, const char *path);
struct peer *fixture_new_peer(struct fixture *f);

/* Where the segment of a POSIX or file reference is, as a file. */
void fixture_path(const char *ref, char path[static PATH_MAX]);

noreturn void skip_because(const char *reason);
void need_root(void);
void need_mounts(void);

/* Open descriptors of this process. */
int count_fds(void);

/* What can't fail in the test at hand. */
struct seg *create_seg(const char *ref, uint64_t size, unsigned flags);
struct seg *open_seg(const char *ref, unsigned flags);
unsigned char *map_seg(struct seg *seg, uint64_t offset, size_t length, unsigned flags);
struct seg_stat stat_seg(const char *ref);

#define assert_ok(expression) assert_int_equal(expression, 0)

#endif
