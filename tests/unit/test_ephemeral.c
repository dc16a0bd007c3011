// SPDX-License-Identifier: MIT
/* The mark of SEG_EPHEMERAL. What a daemon makes of it is tested on the mount. */
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static bool is_marked(const char *ref)
{
	struct seg *seg = open_seg(ref, SEG_PATH);
	int marked = seg_is_ephemeral(seg);

	assert_in_range(marked, 0, 1);
	seg_close(seg);
	return marked;
}

static void the_mark_is_on_the_segment(void **state)
{
	struct fixture *f = *state;
	const char *plain = fixture_ref(f, f->kind);
	struct seg *seg = create_seg(f->ref, PAGE, SEG_EPHEMERAL);
	char value;

	assert_int_equal(seg_is_ephemeral(seg), 1);
	assert_int_equal(seg_getxattr(seg, "user.segfs.ephemeral", &value, 1), 1);
	seg_close(seg);
	assert_true(is_marked(f->ref));
	seg_close(create_seg(plain, PAGE, 0));
	assert_false(is_marked(plain));
}

static void every_way_of_creating_takes_the_mark(void **state)
{
	static const unsigned flags[] = { SEG_EXCLUSIVE, SEG_PREALLOCATE, SEG_PATH };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		const char *ref = fixture_ref(f, f->kind);

		seg_close(create_seg(ref, PAGE, SEG_EPHEMERAL | flags[i]));
		assert_true(is_marked(ref));
	}
}

static void without_a_daemon_it_stays_until_it_is_collected(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	seg_close(create_seg(f->ref, PAGE, SEG_EPHEMERAL));
	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_kill(peer);
	assert_int_equal(stat_seg(f->ref).nlink, 1);
}

static void an_existing_segment_is_not_marked(void **state)
{
	struct fixture *f = *state;

	seg_close(create_seg(f->ref, PAGE, 0));
	seg_close(create_seg(f->ref, PAGE, SEG_EPHEMERAL));
	assert_false(is_marked(f->ref));
}

static void sysv_is_eopnotsupp(void **state)
{
	struct fixture *f = *state;
	struct seg_stat stat;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(f->ref, PAGE, 0600, SEG_EPHEMERAL, &seg), -EOPNOTSUPP);
	assert_null(seg);
	assert_int_equal(seg_stat(f->ref, &stat), -ENOENT);
}

static const char *ramfs(struct fixture *f)
{
	need_mounts();
	assert_return_code(mount("ramfs", f->dir, "ramfs", 0, NULL), errno);
	fixture_mounted(f, f->dir);
	return f->dir;
}

static void without_user_attributes_it_is_eopnotsupp(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = NULL;
	struct seg *seg = NULL;
	char path[PATH_MAX];
	struct stat st;

	snprintf(path, sizeof(path), "%s/file", ramfs(f));
	assert_int_equal(seg_create(path, PAGE, 0600, SEG_EPHEMERAL, &seg), -EOPNOTSUPP);
	assert_int_equal(stat(path, &st), -1);
	assert_ok(seg_store_open(f->dir, &store));
	assert_int_equal(seg_createat(store, "/file", PAGE, 0600, SEG_EPHEMERAL, &seg),
			 -EOPNOTSUPP);
	assert_int_equal(stat(path, &st), -1);
	assert_null(seg);
	seg_store_close(store);
}

/* The event that a watcher waits for has to tell the name. */
static void its_close_is_told_by_name(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, SEG_EPHEMERAL);
	union {
		struct inotify_event event;
		char space[sizeof(struct inotify_event) + NAME_MAX + 1];
	} buf;
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	assert_return_code(inotify_add_watch(fd, "/dev/shm", IN_CLOSE), errno);
	seg_close(seg);
	do {
		assert_return_code(read(fd, &buf, sizeof(buf)), errno);
	} while (strcmp(buf.event.name, f->ref + 1) != 0 && buf.event.name[0] != '#');
	assert_string_equal(buf.event.name, f->ref + 1);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_POSIX(the_mark_is_on_the_segment),
		TEST_POSIX(every_way_of_creating_takes_the_mark),
		TEST_POSIX(without_a_daemon_it_stays_until_it_is_collected),
		TEST_POSIX(an_existing_segment_is_not_marked),
		TEST_SYSV(sysv_is_eopnotsupp),
		TEST_FILE(without_user_attributes_it_is_eopnotsupp),
		TEST_POSIX(its_close_is_told_by_name),
	};

	return RUN_TESTS(tests);
}
