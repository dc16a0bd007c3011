// SPDX-License-Identifier: MIT
/* Opening what exists: by each kind of reference, with each kind of handle. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static void nothing_there_is_enoent(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;
	struct seg_stat stat;

	assert_int_equal(seg_open(f->ref, 0, &seg), -ENOENT);
	assert_int_equal(seg_open(f->ref, SEG_READ_ONLY, &seg), -ENOENT);
	assert_int_equal(seg_open(f->ref, SEG_PATH, &seg), -ENOENT);
	assert_int_equal(seg_stat(f->ref, &stat), -ENOENT);
	assert_int_equal(seg_destroy(f->ref, 0), -ENOENT);
	assert_null(seg);
}

static void a_segment_can_be_opened_while_it_has_its_name(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	seg_close(create_seg(f->ref, PAGE, 0));
	seg = open_seg(f->ref, 0);
	assert_int_equal(seg_kind(seg), f->kind);
	assert_string_equal(seg_ref(seg), f->ref);
	seg = seg_close(seg);
	assert_null(seg);
	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(seg_open(f->ref, 0, &seg), -ENOENT);
}

static void two_processes_meet_in_one_segment(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = create_seg(f->ref, 2 * PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	addr[PAGE] = 'a';
	assert_int_equal(peer_read(peer, PAGE), 'a');
	peer_write(peer, 2 * PAGE - 1, 'z');
	assert_int_equal(addr[2 * PAGE - 1], 'z');
	assert_ok(seg_unmap(addr, 2 * PAGE));
	seg_close(seg);
}

static void two_processes_meet_across_namespaces(void **state)
{
	static const int namespaces[] = { CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER,
					  CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUSER };
	struct fixture *f = *state;
	struct seg *seg;
	unsigned char *addr;

	need_mounts();
	seg = create_seg(f->ref, PAGE, 0);
	addr = map_seg(seg, 0, 0, 0);
	for (size_t i = 0; i < sizeof(namespaces) / sizeof(namespaces[0]); i++) {
		const struct child_setting apart = { .unshare = namespaces[i] };
		struct peer *peer = peer_start(f, &apart);

		assert_ok(peer_open(peer, f->ref, 0));
		assert_ok(peer_map(peer, 0, 0, 0));
		addr[0] = (unsigned char)i;
		assert_int_equal(peer_read(peer, 0), i);
		peer_write(peer, 1, (unsigned char)~i);
		assert_int_equal(addr[1], (unsigned char)~i);
		peer_stop(peer);
	}
	assert_ok(seg_unmap(addr, PAGE));
	seg_close(seg);
}

static void an_ipc_namespace_has_its_own_sysv_segments(void **state)
{
	struct fixture *f = *state;
	const struct child_setting apart = { .unshare = CLONE_NEWIPC };
	const char *posix = fixture_ref(f, SEG_POSIX);
	struct peer *peer;

	need_mounts();
	peer = peer_start(f, &apart);
	seg_close(create_seg(f->ref, PAGE, 0));
	seg_close(create_seg(posix, PAGE, 0));
	assert_int_equal(peer_open(peer, f->ref, 0), -ENOENT);
	assert_ok(peer_open(peer, posix, 0));
}

static void the_size_is_what_the_kernel_says_now(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	struct seg_stat stat;
	char path[PATH_MAX];

	fixture_path(f->ref, path);
	assert_return_code(truncate(path, 5 * (off_t)PAGE), errno);
	assert_ok(seg_fstat(seg, &stat));
	assert_int_equal(stat.size, 5 * PAGE);
	seg_close(seg);
}

static void a_sysv_segment_is_opened_by_key_or_by_id(void **state)
{
	struct fixture *f = *state;
	struct seg *by_key = create_seg(f->ref, PAGE, 0), *by_id;
	struct seg_stat stat, same;
	char id[32];

	assert_ok(seg_fstat(by_key, &stat));
	snprintf(id, sizeof(id), "sysv:id:%d", stat.shmid);
	by_id = open_seg(id, 0);
	assert_ok(seg_fstat(by_id, &same));
	assert_int_equal(same.shmid, stat.shmid);
	assert_string_equal(seg_ref(by_id), f->ref);
	seg_close(by_key);
	seg_close(by_id);
}

static void a_removed_sysv_segment_is_found_by_its_id_while_attached(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0), *by_id;
	unsigned char *addr = map_seg(seg, 0, 0, 0);
	char id[32];

	snprintf(id, sizeof(id), "sysv:id:%d", stat_seg(f->ref).shmid);
	assert_ok(seg_destroy(f->ref, 0));
	by_id = open_seg(id, 0);
	assert_int_equal(stat_seg(id).flags, SEG_STAT_REMOVED);
	assert_int_equal(stat_seg(id).nlink, 0);
	assert_string_equal(seg_ref(by_id), id);
	seg_close(by_id);
	assert_ok(seg_unmap(addr, PAGE));
	assert_int_equal(seg_open(id, 0, &by_id), -ENOENT);
	seg_close(seg);
}

static void ipc_private_is_no_segment_to_open(void **state)
{
	struct seg *seg = NULL;
	struct seg_stat stat;

	(void)state;
	assert_int_equal(seg_open("sysv:0", 0, &seg), -ENOENT);
	assert_int_equal(seg_stat("sysv:0", &stat), -ENOENT);
	assert_int_equal(seg_destroy("sysv:0", 0), -ENOENT);
	assert_null(seg);
}

static void descriptors_are_close_on_exec(void **state)
{
	struct fixture *f = *state;
	struct seg *seg, *path;
	int fd;

	if (f->kind == SEG_SYSV)
		need_root();
	seg = create_seg(f->ref, PAGE, 0);
	path = open_seg(f->ref, SEG_PATH);
	fd = seg_reopen(path, O_RDONLY);
	assert_return_code(fd, errno);
	if (f->kind != SEG_SYSV)
		assert_true(fcntl(seg_fd(seg), F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(seg_fd(path), F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	seg_close(seg);
	seg_close(path);
}

static void a_reopened_descriptor_reads_and_writes_the_segment(void **state)
{
	struct fixture *f = *state;
	struct seg *seg, *path;
	unsigned char *addr;
	char buf[6] = "";
	int fd;

	if (f->kind == SEG_SYSV)
		need_root();
	seg = create_seg(f->ref, 2 * PAGE, 0);
	addr = map_seg(seg, 0, 0, 0);
	path = open_seg(f->ref, SEG_PATH);
	fd = seg_reopen(path, O_RDWR);
	assert_return_code(fd, errno);
	memcpy(addr + PAGE, "hello", 5);
	assert_int_equal(pread(fd, buf, 5, (off_t)PAGE), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(pwrite(fd, "world", 5, 3), 5);
	assert_memory_equal(addr + 3, "world", 5);
	close(fd);
	assert_ok(seg_unmap(addr, 2 * PAGE));
	seg_close(path);
	seg_close(seg);
}

static void a_descriptor_can_be_reopened_for_less(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	int fd = seg_reopen(seg, O_RDONLY);

	assert_return_code(fd, errno);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	close(fd);
	assert_int_equal(seg_reopen(seg, O_RDWR | O_TRUNC), -EINVAL);
	assert_int_equal(seg_reopen(seg, O_RDWR | O_CREAT), -EINVAL);
	seg_close(seg);
}

static void a_link_is_followed_in_a_path_and_not_in_the_store(void **state)
{
	struct fixture *f = *state;
	const char *link = fixture_ref(f, f->kind);
	char target[PATH_MAX], path[PATH_MAX];
	struct seg *seg = NULL;

	seg_close(create_seg(f->ref, 55, 0));
	fixture_path(f->ref, target);
	fixture_path(link, path);
	assert_return_code(symlink(target, path), errno);
	if (f->kind == SEG_FILE) {
		seg = open_seg(link, 0);
		assert_int_equal(stat_seg(link).ino, stat_seg(f->ref).ino);
		seg_close(seg);
	} else {
		assert_int_equal(seg_open(link, 0, &seg), -ENOENT);
		assert_int_equal(seg_open(link, SEG_PATH, &seg), -ENOENT);
		assert_null(seg);
	}
}

static void a_path_to_anything_but_a_regular_file_is_einval(void **state)
{
	struct fixture *f = *state;
	struct seg_stat stat;
	struct seg *seg = NULL;

	assert_return_code(mkfifo(f->ref, 0600), errno);
	assert_int_equal(seg_open(f->ref, 0, &seg), -EINVAL);
	assert_int_equal(seg_stat(f->ref, &stat), -EINVAL);
	assert_int_equal(seg_destroy(f->ref, 0), -EINVAL);
	assert_int_equal(seg_open("/dev/null", 0, &seg), -EINVAL);
	assert_int_equal(seg_open(f->dir, 0, &seg), -EINVAL);
	assert_int_equal(seg_destroy(f->dir, 0), -EINVAL);
	assert_null(seg);
}

static int come_and_go(void *arg)
{
	for (;;) {
		struct seg *seg = NULL;

		seg_create(arg, PAGE, 0600, 0, &seg);
		seg_close(seg);
		seg_destroy(arg, 0);
	}
	return 0;
}

/* 0 or the first error of one use from end to end. */
static int use_once(const char *ref, unsigned flags)
{
	struct seg *seg = NULL;
	struct seg_stat stat;
	void *addr;
	int r = seg_open(ref, flags, &seg);

	if (r == 0)
		r = seg_fstat(seg, &stat);
	if (r == 0 && !(flags & SEG_PATH)) {
		r = seg_map(seg, 0, PAGE, 0, &addr);
		if (r == 0)
			seg_unmap(addr, PAGE);
	}
	seg_close(seg);
	return r;
}

static void a_segment_that_goes_meanwhile_is_enoent_and_nothing_else(void **state)
{
	struct fixture *f = *state;
	unsigned path = f->kind != SEG_SYSV || geteuid() == 0 ? SEG_PATH : 0;
	int successes = 0;

	peer_spawn(f, come_and_go, f->ref);
	for (int round = 0; round < 3000 || successes == 0; round++) {
		int r = use_once(f->ref, round & 1 ? path : 0);

		if (r == 0)
			successes++;
		else if (r != -ENOENT)
			fail_msg("round %d: %s", round, strerror(-r));
	}
}

static void unknown_flags_are_einval(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(seg_open(f->ref, SEG_EXCLUSIVE, &seg), -EINVAL);
	assert_int_equal(seg_open(f->ref, SEG_PREALLOCATE, &seg), -EINVAL);
	assert_int_equal(seg_open(f->ref, 1u << 31, &seg), -EINVAL);
	assert_int_equal(seg_destroy(f->ref, 1u << 31), -EINVAL);
	assert_null(seg);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(nothing_there_is_enoent),
		TEST_EACH_KIND(a_segment_can_be_opened_while_it_has_its_name),
		TEST_EACH_KIND(two_processes_meet_in_one_segment),
		TEST_EACH_KIND(two_processes_meet_across_namespaces),
		TEST_SYSV(an_ipc_namespace_has_its_own_sysv_segments),
		TEST_FILES(the_size_is_what_the_kernel_says_now),
		TEST_SYSV(a_sysv_segment_is_opened_by_key_or_by_id),
		TEST_SYSV(a_removed_sysv_segment_is_found_by_its_id_while_attached),
		TEST_SYSV(ipc_private_is_no_segment_to_open),
		TEST_EACH_KIND(descriptors_are_close_on_exec),
		TEST_EACH_KIND(a_reopened_descriptor_reads_and_writes_the_segment),
		TEST_FILES(a_descriptor_can_be_reopened_for_less),
		TEST_FILES(a_link_is_followed_in_a_path_and_not_in_the_store),
		TEST_FILE(a_path_to_anything_but_a_regular_file_is_einval),
		TEST_POSIX(a_segment_that_goes_meanwhile_is_enoent_and_nothing_else),
		TEST_SYSV(a_segment_that_goes_meanwhile_is_enoent_and_nothing_else),
		TEST_EACH_KIND(unknown_flags_are_einval),
	};

	return RUN_TESTS(tests);
}
