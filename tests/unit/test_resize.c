// SPDX-License-Identifier: MIT
/* Setting the length of a segment. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fixture.h"
#include "peer.h"

static void growing_adds_zeros(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 100, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	addr[99] = 'x';
	assert_ok(seg_unmap(addr, 100));
	assert_ok(seg_resize(seg, 3 * PAGE, 0));
	assert_int_equal(stat_seg(f->ref).size, 3 * PAGE);
	addr = map_seg(seg, 0, 0, 0);
	assert_int_equal(addr[99], 'x');
	for (size_t i = 100; i < 3 * PAGE; i++)
		assert_int_equal(addr[i], 0);
	assert_ok(seg_unmap(addr, 3 * PAGE));
	seg_close(seg);
}

static void shrinking_frees_and_growing_again_gives_zeros(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 10 * PAGE, SEG_PREALLOCATE);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	addr[50] = addr[150] = 'x';
	assert_ok(seg_unmap(addr, 10 * PAGE));
	assert_ok(seg_resize(seg, 100, 0));
	assert_int_equal(stat_seg(f->ref).size, 100);
	assert_int_equal(stat_seg(f->ref).allocated, PAGE);
	assert_ok(seg_resize(seg, 2 * PAGE, 0));
	addr = map_seg(seg, 0, 0, 0);
	assert_int_equal(addr[50], 'x');
	assert_int_equal(addr[150], 0);
	assert_ok(seg_unmap(addr, 2 * PAGE));
	assert_ok(seg_resize(seg, 0, 0));
	assert_int_equal(stat_seg(f->ref).size, 0);
	seg_close(seg);
}

static void a_path_handle_resizes_too(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, SEG_PATH);

	assert_ok(seg_resize(seg, 5 * PAGE, 0));
	assert_int_equal(stat_seg(f->ref).size, 5 * PAGE);
	assert_ok(seg_resize(seg, 1, 0));
	assert_int_equal(stat_seg(f->ref).size, 1);
	seg_close(seg);
}

static void a_peer_that_has_it_mapped_sees_the_growth(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	unsigned char *addr;

	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(seg_resize(seg, 2 * PAGE, 0));
	assert_ok(peer_map(peer, PAGE, PAGE, 0));
	addr = map_seg(seg, PAGE, PAGE, 0);
	peer_write(peer, 7, 'x');
	assert_int_equal(addr[7], 'x');
	assert_ok(seg_unmap(addr, PAGE));
	seg_close(seg);
}

static void sysv_is_fixed_at_creation(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);

	assert_int_equal(seg_resize(seg, 2 * PAGE, 0), -EOPNOTSUPP);
	assert_int_equal(seg_resize(seg, 1, 0), -EOPNOTSUPP);
	assert_int_equal(seg_resize(seg, PAGE, 0), -EOPNOTSUPP);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
	seg_close(seg);
}

static void a_read_only_handle_does_not_resize(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	int r;

	seg_close(create_seg(f->ref, PAGE, 0));
	seg = open_seg(f->ref, SEG_READ_ONLY);
	r = seg_resize(seg, 1, 0);
	assert_true(r == -EBADF || r == -EINVAL);
	seg_close(seg);
	seg = open_seg(f->ref, SEG_READ_ONLY | SEG_PATH);
	r = seg_resize(seg, 1, 0);
	assert_true(r == -EBADF || r == -EINVAL);
	seg_close(seg);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
}

static void a_size_that_no_file_has_is_efbig(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);

	assert_int_equal(seg_resize(seg, (uint64_t)INT64_MAX + 1, 0), -EFBIG);
	assert_int_equal(seg_resize(seg, UINT64_MAX, 0), -EFBIG);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
	seg_close(seg);
}

static void a_sealed_file_is_eperm(void **state)
{
	int fd = memfd_create("segfs-test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	struct seg *seg;
	char path[64];

	(void)state;
	assert_return_code(fd, errno);
	assert_return_code(ftruncate(fd, (off_t)PAGE), errno);
	assert_return_code(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), errno);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	seg = open_seg(path, 0);
	assert_int_equal(seg_resize(seg, 2 * PAGE, 0), -EPERM);
	assert_int_equal(seg_resize(seg, 1, 0), -EPERM);
	seg_close(seg);
	close(fd);
}

/* -- shrinking under somebody's mapping ----------------------------------------- */

static void fill(struct fixture *f, uint64_t size)
{
	struct seg *seg = create_seg(f->ref, size, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	memset(addr, 'x', size);
	assert_ok(seg_unmap(addr, size));
	seg_close(seg);
}

static struct peer *peer_that_maps(struct fixture *f, const struct child_setting *setting,
				   unsigned flags)
{
	struct peer *peer = peer_start(f, setting);

	assert_ok(peer_open(peer, f->ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

/* By each sort of handle: nothing is cut, and the mapper finds its bytes. */
static void assert_not_cut(struct fixture *f, struct peer *peer)
{
	static const unsigned flags[] = { 0, SEG_PATH };

	for (size_t i = 0; i < 2; i++) {
		struct seg *seg = open_seg(f->ref, flags[i]);

		assert_int_equal(seg_resize(seg, PAGE, 0), -EBUSY);
		assert_int_equal(seg_resize(seg, 0, 0), -EBUSY);
		seg_close(seg);
	}
	assert_int_equal(stat_seg(f->ref).size, 3 * PAGE);
	assert_int_equal(peer_read(peer, 3 * PAGE - 1), 'x');
}

static void shrink_all(struct fixture *f)
{
	struct seg *seg = open_seg(f->ref, 0);

	assert_ok(seg_resize(seg, PAGE, 0));
	assert_int_equal(stat_seg(f->ref).size, PAGE);
	seg_close(seg);
}

static void a_mapped_segment_is_not_cut(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, NULL, 0);
	assert_not_cut(f, peer);
	assert_ok(peer_unmap(peer));
	shrink_all(f);
}

static void a_segment_mapped_for_reading_is_not_cut(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;

	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, NULL, SEG_READ_ONLY);
	assert_not_cut(f, peer);
	peer_kill(peer);
	shrink_all(f);
}

static void a_segment_mapped_in_a_container_is_not_cut(void **state)
{
	const struct child_setting container = { .unshare = CLONE_NEWNS | CLONE_NEWPID |
							    CLONE_NEWUSER | CLONE_NEWIPC };
	struct fixture *f = *state;
	struct peer *peer;

	need_mounts();
	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, &container, 0);
	assert_not_cut(f, peer);
	peer_kill(peer);
	shrink_all(f);
}

static int do_adopt(struct peer_self *self, const struct peer_args *args)
{
	self->addr = (unsigned char *)args->offset;
	self->length = args->length;
	return 0;
}

/* What it shares with the handle is one open file: the kernel sees but one user. */
static void what_a_child_has_inherited_is_not_cut(void **state)
{
	struct fixture *f = *state;
	struct peer_args args = { .length = 3 * PAGE };
	unsigned char *addr;
	struct peer *child;
	struct seg *seg;

	fill(f, 3 * PAGE);
	seg = open_seg(f->ref, 0);
	addr = map_seg(seg, 0, 0, 0);
	child = peer_start(f, NULL);
	args.offset = (uintptr_t)addr;
	assert_ok(peer_do(child, do_adopt, &args));
	assert_ok(seg_unmap(addr, 3 * PAGE));
	assert_int_equal(seg_resize(seg, PAGE, 0), -EBUSY);
	assert_not_cut(f, child);
	peer_stop(child);
	assert_ok(seg_resize(seg, PAGE, 0));
	seg_close(seg);
}

static void force_cuts(void **state)
{
	static const unsigned flags[] = { 0, SEG_PATH };
	struct fixture *f = *state;
	struct peer *peer;

	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, NULL, 0);
	for (size_t i = 0; i < 2; i++) {
		struct seg *seg = open_seg(f->ref, flags[i]);

		assert_ok(seg_resize(seg, (2 - i) * PAGE, SEG_FORCE));
		assert_int_equal(stat_seg(f->ref).size, (2 - i) * PAGE);
		seg_close(seg);
	}
	assert_int_equal(peer_read(peer, 0), 'x');
}

static void growing_is_never_refused(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;
	struct seg *seg;

	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, NULL, 0);
	seg = open_seg(f->ref, 0);
	assert_ok(seg_resize(seg, 3 * PAGE, 0));
	assert_ok(seg_resize(seg, 4 * PAGE, 0));
	assert_int_equal(peer_read(peer, 0), 'x');
	seg_close(seg);
}

static void ones_own_mapping_is_ones_own_affair(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 3 * PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	assert_ok(seg_resize(seg, 2 * PAGE, 0));
	seg_close(seg);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(seg_resize(seg, PAGE, 0));
	assert_ok(seg_unmap(addr, 3 * PAGE));
	seg_close(seg);
}

static void what_is_open_and_not_mapped_is_cut_by_root(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	need_root();
	fill(f, 3 * PAGE);
	assert_ok(peer_open(peer, f->ref, 0));
	shrink_all(f);
}

static void a_mapping_of_the_one_it_is_done_for_is_no_reason(void **state)
{
	struct fixture *f = *state;
	struct peer *peer;
	struct seg *seg;

	need_root();
	fill(f, 3 * PAGE);
	peer = peer_that_maps(f, NULL, 0);
	seg = open_seg(f->ref, SEG_PATH);
	assert_int_equal(seg_resize_for(seg, PAGE, 0, getpid()), -EBUSY);
	assert_ok(seg_resize_for(seg, PAGE, 0, peer->pid));
	assert_int_equal(seg_resize_for(seg, PAGE, 0, -1), -EINVAL);
	assert_int_equal(seg_resize_for(seg, PAGE, SEG_PATH, 0), -EINVAL);
	seg_close(seg);
}

static int shrink_as_somebody(void *arg)
{
	struct seg *seg = NULL;
	void *addr;
	int r;

	r = seg_open(arg, 0, &seg);
	if (r == 0)
		r = seg_map(seg, 0, 0, 0, &addr);
	if (r == 0)
		r = seg_resize(seg, PAGE, 0);
	seg_close(seg);
	return r;
}

/* Who can't look at every process goes by who has it open. */
static void a_person_shrinks_what_nobody_else_has_open(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg;

	need_root();
	fill(f, 3 * PAGE);
	seg = open_seg(f->ref, SEG_PATH);
	assert_ok(seg_chown(seg, SOMEBODY, SOMEBODY));
	seg_close(seg);
	assert_ok(peer_open(peer, f->ref, SEG_READ_ONLY));
	assert_int_equal(child_run(&somebody, shrink_as_somebody, f->ref), -EBUSY);
	assert_int_equal(stat_seg(f->ref).size, 3 * PAGE);
	assert_ok(peer_close(peer));
	assert_ok(child_run(&somebody, shrink_as_somebody, f->ref));
	assert_int_equal(stat_seg(f->ref).size, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILES(growing_adds_zeros),
		TEST_FILES(shrinking_frees_and_growing_again_gives_zeros),
		TEST_FILES(a_path_handle_resizes_too),
		TEST_FILES(a_peer_that_has_it_mapped_sees_the_growth),
		TEST_SYSV(sysv_is_fixed_at_creation),
		TEST_FILES(a_read_only_handle_does_not_resize),
		TEST_FILES(a_size_that_no_file_has_is_efbig),
		TEST_FILE(a_sealed_file_is_eperm),
		TEST_FILES(a_mapped_segment_is_not_cut),
		TEST_FILES(a_segment_mapped_for_reading_is_not_cut),
		TEST_FILES(a_segment_mapped_in_a_container_is_not_cut),
		TEST_FILES(what_a_child_has_inherited_is_not_cut),
		TEST_FILES(force_cuts),
		TEST_FILES(growing_is_never_refused),
		TEST_FILES(ones_own_mapping_is_ones_own_affair),
		TEST_FILES(what_is_open_and_not_mapped_is_cut_by_root),
		TEST_FILES(a_mapping_of_the_one_it_is_done_for_is_no_reason),
		TEST_FILES(a_person_shrinks_what_nobody_else_has_open),
	};

	return RUN_TESTS(tests);
}
