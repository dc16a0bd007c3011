// SPDX-License-Identifier: MIT
/* What a handle holds: descriptors, memory, and whether it is a user of the segment. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static void closing_nothing_is_fine(void **state)
{
	(void)state;
	assert_null(seg_close(NULL));
	assert_null(seg_store_close(NULL));
}

/* Is somebody a user of it? The kernel knows. */
static int lease(const char *ref)
{
	char path[PATH_MAX];
	int fd, r;

	fixture_path(ref, path);
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_return_code(fd, errno);
	r = fcntl(fd, F_SETLEASE, F_WRLCK) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static void a_path_handle_is_no_user(void **state)
{
	struct fixture *f = *state;
	struct seg *made = create_seg(f->ref, PAGE, SEG_PATH), *opened = open_seg(f->ref, SEG_PATH);
	struct seg_stat stat;

	assert_ok(lease(f->ref));
	assert_ok(seg_resize(made, 2 * PAGE, 0));
	assert_ok(seg_chmod(opened, 0640));
	assert_ok(seg_fstat(opened, &stat));
	assert_ok(lease(f->ref));
	seg_close(made);
	seg_close(opened);
}

static void any_other_handle_and_any_mapping_is_a_user(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_ok(peer_open(peer, f->ref, SEG_READ_ONLY));
	assert_int_equal(lease(f->ref), -EAGAIN);
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	assert_int_equal(lease(f->ref), -EAGAIN);
	peer_kill(peer);
	assert_ok(lease(f->ref));
}

static void a_sysv_handle_is_no_user_before_it_maps(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0), *path = NULL;

	if (geteuid() == 0)
		path = open_seg(f->ref, SEG_PATH);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
	seg_close(path);
	seg_close(seg);
}

static void a_sysv_path_handle_outlives_the_segments_id(void **state)
{
	struct fixture *f = *state;
	char buf[2] = "";
	struct seg_stat stat;
	struct seg *seg;
	int fd;

	need_root();
	seg = create_seg(f->ref, 3 * PAGE, SEG_PATH);
	assert_ok(seg_chown(seg, 7, 8));
	assert_ok(seg_chmod(seg, 0640));
	assert_ok(seg_fstat(seg, &stat));
	assert_ok(seg_destroy(f->ref, 0));
	assert_ok(seg_fstat(seg, &stat));
	assert_int_equal(stat.flags, SEG_STAT_REMOVED);
	assert_int_equal(stat.nlink, 0);
	assert_int_equal(stat.mode, 0640);
	assert_int_equal(stat.uid, 7);
	assert_int_equal(stat.gid, 8);
	assert_int_equal(stat.size, 3 * PAGE);
	fd = seg_reopen(seg, O_RDWR);
	assert_return_code(fd, errno);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)PAGE), 1);
	assert_int_equal(pread(fd, buf, 1, (off_t)PAGE), 1);
	assert_string_equal(buf, "x");
	close(fd);
	seg_close(seg);
}

static void a_sysv_path_handle_knows_the_last_mode_it_saw(void **state)
{
	struct fixture *f = *state;
	struct seg_stat stat;
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, SEG_PATH);
	assert_ok(seg_destroy(f->ref, 0));
	assert_ok(seg_fstat(seg, &stat));
	assert_int_equal(stat.mode, 0600);
	assert_int_equal(stat.uid, geteuid());
	seg_close(seg);
}

static void a_handle_follows_its_segment_and_not_the_name(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	struct seg_stat before, after;

	assert_ok(seg_fstat(seg, &before));
	assert_ok(seg_destroy(f->ref, 0));
	seg_close(create_seg(f->ref, 2 * PAGE, SEG_EXCLUSIVE));
	assert_ok(seg_fstat(seg, &after));
	assert_int_equal(after.ino, before.ino);
	assert_int_equal(after.size, PAGE);
	assert_int_equal(after.nlink, 0);
	seg_close(seg);
}

/* Everything once: what succeeds and what fails. */
static void use_everything(struct fixture *f, const char *missing)
{
	struct seg_store *store = NULL;
	struct seg_stat stat;
	struct statvfs vfs;
	struct seg *seg, *other = NULL;
	unsigned char *addr;

	assert_ok(seg_store_open(NULL, &store));
	assert_ok(seg_createat(store, f->ref, PAGE, 0600, SEG_PREALLOCATE, &seg));
	assert_int_equal(seg_create(f->ref, PAGE, 0600, SEG_EXCLUSIVE, &other), -EEXIST);
	assert_int_equal(seg_create(f->ref, PAGE + 1, 0600, 0, &other), -EINVAL);
	assert_int_equal(seg_open(missing, 0, &other), -ENOENT);
	assert_ok(seg_openat(store, f->ref, SEG_READ_ONLY, &other));
	addr = map_seg(other, 0, 0, 0);
	assert_ok(seg_statat(store, f->ref, &stat));
	assert_ok(seg_statat(store, f->ref, &stat));
	assert_ok(seg_fstat(seg, &stat));
	assert_ok(seg_chmod(seg, 0640));
	seg_resize(seg, 2 * PAGE, 0);
	if (f->kind != SEG_FILE)
		assert_ok(seg_statvfs(store, f->kind, &vfs));
	assert_ok(seg_destroyat(store, f->ref, 0));
	assert_int_equal(seg_destroy(missing, 0), -ENOENT);
	assert_ok(seg_unmap(addr, PAGE));
	seg_close(other);
	seg_close(seg);
	seg_store_close(store);
}

static void no_descriptor_is_left_open(void **state)
{
	struct fixture *f = *state;
	const char *missing = fixture_ref(f, f->kind);
	int before = count_fds();

	for (int i = 0; i < 10; i++)
		use_everything(f, missing);
	assert_int_equal(count_fds(), before);
}

static int end_at_once(const char *ref, const struct seg_stat *stat, void *arg)
{
	(void)ref, (void)stat, (void)arg;
	return 1;
}

static void no_descriptor_is_left_open_by_a_list_that_was_ended(void **state)
{
	struct fixture *f = *state;
	int before = count_fds();

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(seg_list(f->kind, end_at_once, NULL), 1);
	assert_int_equal(count_fds(), before);
}

/* -- threads --------------------------------------------------------------------- */

#define THREADS 4

struct work {
	struct fixture *f;
	const char *own;
	int r;
};

static int handle_once(struct work *work, const char *ref)
{
	struct seg *seg = NULL;
	struct seg_stat stat;
	void *addr;
	int r;

	r = seg_create(ref, PAGE, 0600, 0, &seg);
	if (r < 0)
		return r;
	r = seg_map(seg, 0, 0, 0, &addr);
	if (r == 0)
		r = seg_unmap(addr, PAGE);
	if (r == 0)
		r = seg_stat(ref, &stat);
	if (r == 0)
		r = seg_fstat(seg, &stat);
	seg_close(seg);
	if (r == 0 && ref == work->own)
		r = seg_destroy(ref, 0);
	return r;
}

static void *handle_often(void *arg)
{
	struct work *work = arg;

	for (int i = 0; i < 200 && work->r == 0; i++) {
		work->r = handle_once(work, work->own);
		if (work->r == 0)
			work->r = handle_once(work, work->f->ref);
	}
	return NULL;
}

static void threads_use_different_handles_at_once(void **state)
{
	struct fixture *f = *state;
	struct work work[THREADS];
	pthread_t threads[THREADS];

	for (int i = 0; i < THREADS; i++) {
		work[i] = (struct work){ .f = f, .own = fixture_ref(f, f->kind) };
		assert_ok(pthread_create(&threads[i], NULL, handle_often, &work[i]));
	}
	for (int i = 0; i < THREADS; i++)
		assert_ok(pthread_join(threads[i], NULL));
	for (int i = 0; i < THREADS; i++)
		assert_ok(work[i].r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_POSIX(closing_nothing_is_fine),
		TEST_FILES(a_path_handle_is_no_user),
		TEST_FILES(any_other_handle_and_any_mapping_is_a_user),
		TEST_SYSV(a_sysv_handle_is_no_user_before_it_maps),
		TEST_SYSV(a_sysv_path_handle_outlives_the_segments_id),
		TEST_SYSV(a_sysv_path_handle_knows_the_last_mode_it_saw),
		TEST_FILES(a_handle_follows_its_segment_and_not_the_name),
		TEST_EACH_KIND(no_descriptor_is_left_open),
		TEST_POSIX(no_descriptor_is_left_open_by_a_list_that_was_ended),
		TEST_SYSV(no_descriptor_is_left_open_by_a_list_that_was_ended),
		TEST_EACH_KIND(threads_use_different_handles_at_once),
	};

	return RUN_TESTS(tests);
}
