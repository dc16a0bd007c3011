// SPDX-License-Identifier: MIT
/* Setting the length of a segment. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
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
	};

	return RUN_TESTS(tests);
}
