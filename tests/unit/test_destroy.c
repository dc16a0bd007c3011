// SPDX-License-Identifier: MIT
/* Taking names away: only where nobody uses the segment, and by handle. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static void make_segment(struct fixture *f)
{
	if (f->kind == SEG_SYSV)
		need_root();
	seg_close(create_seg(f->ref, PAGE, 0));
}

static void assert_gone(const char *ref)
{
	struct seg_stat stat;

	assert_int_equal(seg_stat(ref, &stat), -ENOENT);
}

static struct peer *peer_that_maps(struct fixture *f, unsigned flags)
{
	struct peer *peer = peer_start(f, NULL);

	assert_ok(peer_open(peer, f->ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

/* -- if unused ------------------------------------------------------------------- */

static void what_nobody_uses_goes(void **state)
{
	struct fixture *f = *state;
	int fds = count_fds();

	make_segment(f);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
	assert_gone(f->ref);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -ENOENT);
	assert_int_equal(count_fds(), fds);
}

static void what_a_peer_maps_is_ebusy_and_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct seg_stat before, after;
	struct peer *peer;

	make_segment(f);
	peer = peer_that_maps(f, 0);
	peer_write(peer, 7, 'x');
	before = stat_seg(f->ref);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	after = stat_seg(f->ref);
	assert_memory_equal(&before, &after, sizeof(after));
	assert_int_equal(peer_read(peer, 7), 'x');
	peer_stop(peer);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
	assert_gone(f->ref);
}

static void what_a_peer_reads_is_ebusy(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	make_segment(f);
	peer = peer_that_maps(f, SEG_READ_ONLY);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	peer_kill(peer);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
}

static void what_the_caller_has_open_is_ebusy(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, 0);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_IF_UNUSED), -EBUSY);
	seg_close(seg);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
}

static void a_path_handle_is_no_hindrance(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
	assert_gone(f->ref);
	seg_close(seg);
}

/* No attach, but the file of the segment is mapped, as through a mount. */
static void a_sysv_segment_that_is_mapped_as_a_file_is_ebusy(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	void *addr;
	int fd;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	fd = seg_reopen(seg, O_RDONLY);
	assert_return_code(fd, errno);
	addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	close(fd);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	assert_int_equal(stat_seg(f->ref).nlink, 1);
	munmap(addr, PAGE);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
	seg_close(seg);
}

static void what_is_under_a_lease_is_ebusy(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	char path[PATH_MAX];

	make_segment(f);
	fixture_path(f->ref, path);
	assert_ok(peer_lease(peer, path, F_WRLCK));
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	peer_kill(peer);
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
}

static void another_name_of_it_stays(void **state)
{
	struct fixture *f = *state;
	const char *other = fixture_ref(f, SEG_POSIX);
	struct seg *seg = create_seg(f->ref, PAGE, SEG_PATH);

	assert_ok(seg_linkat(NULL, seg, other));
	assert_ok(seg_destroy(f->ref, SEG_IF_UNUSED));
	assert_gone(f->ref);
	assert_int_equal(stat_seg(other).nlink, 1);
	seg_close(seg);
}

static void an_unknown_flag_is_einval(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);

	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED << 1), -EINVAL);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_EXCLUSIVE), -EINVAL);
	stat_seg(f->ref);
	seg_close(seg);
}

static void what_is_no_segment_is_not_destroyed(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	fixture_path(f->ref, path);
	assert_return_code(symlink("/etc/passwd", path), errno);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -ENOENT);
	assert_return_code(unlink(path), errno);
	assert_return_code(mkfifo(path, 0600), errno);
	assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -ENOENT);
	assert_int_equal(access(path, F_OK), 0);
}

/* -- whose it is ------------------------------------------------------------------- */

struct attempt {
	const char *ref;
	unsigned flags;
};

static int try_destroy(void *arg)
{
	const struct attempt *attempt = arg;

	return seg_destroy(attempt->ref, attempt->flags);
}

static void somebody_elses_is_eperm(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref, .flags = SEG_IF_UNUSED };
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, 0);
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EPERM);
	assert_ok(seg_chmod(seg, 0666));
	seg_close(seg);
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EPERM);
	attempt.flags = 0; /* /dev/shm is sticky */
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EPERM);
	assert_int_equal(stat_seg(f->ref).nlink, 1);
}

static void ones_own_goes_without_any_privilege(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref, .flags = SEG_IF_UNUSED };
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, SEG_PATH);
	assert_ok(seg_chown(seg, SOMEBODY, SOMEBODY));
	assert_ok(child_run(&somebody, try_destroy, &attempt));
	assert_gone(f->ref);
	seg_close(seg);
}

/* The name could be taken by the directory's owner; the question is not theirs to ask. */
static void a_directorys_owner_removes_and_does_not_ask(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref, .flags = SEG_IF_UNUSED };

	need_root();
	assert_return_code(chown(f->dir, SOMEBODY, SOMEBODY), errno);
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EPERM);
	attempt.flags = 0;
	assert_ok(child_run(&somebody, try_destroy, &attempt));
	assert_gone(f->ref);
}

/* -- by handle ---------------------------------------------------------------------- */

static void a_handle_takes_its_name_away(void **state)
{
	static const unsigned flags[] = { 0, SEG_IF_UNUSED };
	struct fixture *f = *state;
	struct seg *seg;

	for (size_t i = 0; i < 2; i++) {
		make_segment(f);
		seg = open_seg(f->ref, SEG_PATH);
		assert_ok(seg_unlinkat(NULL, seg, flags[i]));
		assert_gone(f->ref);
		assert_int_equal(seg_unlinkat(NULL, seg, flags[i]), -ENOENT);
		seg_close(seg);
	}
}

static void a_handle_does_not_remove_what_others_use(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	peer = peer_that_maps(f, 0);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_IF_UNUSED), -EBUSY);
	assert_int_equal(stat_seg(f->ref).nlink, 1);
	assert_ok(seg_unlinkat(NULL, seg, 0));
	assert_gone(f->ref);
	peer_write(peer, 0, 'x');
	assert_int_equal(peer_read(peer, 0), 'x');
	seg_close(seg);
}

static void a_handle_leaves_a_successor_to_its_name_alone(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	uint64_t ino;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(seg_destroy(f->ref, 0));
	make_segment(f);
	ino = stat_seg(f->ref).ino;
	assert_int_equal(seg_unlinkat(NULL, seg, 0), -ENOENT);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_IF_UNUSED), -ENOENT);
	assert_int_equal(stat_seg(f->ref).ino, ino);
	seg_close(seg);
}

static void a_handle_knows_no_other_name(void **state)
{
	struct fixture *f = *state;
	const char *other = fixture_ref(f, SEG_POSIX);
	struct seg *seg;

	make_segment(f);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(seg_renameat(NULL, f->ref, other, 0));
	assert_int_equal(seg_unlinkat(NULL, seg, 0), -ENOENT);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_IF_UNUSED), -ENOENT);
	assert_int_equal(stat_seg(other).nlink, 1);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(what_nobody_uses_goes),
		TEST_EACH_KIND(what_a_peer_maps_is_ebusy_and_as_it_was),
		TEST_EACH_KIND(what_a_peer_reads_is_ebusy),
		TEST_FILES(what_the_caller_has_open_is_ebusy),
		TEST_EACH_KIND(a_path_handle_is_no_hindrance),
		TEST_SYSV(a_sysv_segment_that_is_mapped_as_a_file_is_ebusy),
		TEST_FILES(what_is_under_a_lease_is_ebusy),
		TEST_POSIX(another_name_of_it_stays),
		TEST_EACH_KIND(an_unknown_flag_is_einval),
		TEST_POSIX(what_is_no_segment_is_not_destroyed),
		TEST_POSIX(somebody_elses_is_eperm),
		TEST_SYSV(somebody_elses_is_eperm),
		TEST_POSIX(ones_own_goes_without_any_privilege),
		TEST_FILE(a_directorys_owner_removes_and_does_not_ask),
		TEST_EACH_KIND(a_handle_takes_its_name_away),
		TEST_EACH_KIND(a_handle_does_not_remove_what_others_use),
		TEST_EACH_KIND(a_handle_leaves_a_successor_to_its_name_alone),
		TEST_POSIX(a_handle_knows_no_other_name),
	};

	return RUN_TESTS(tests);
}
