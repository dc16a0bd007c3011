// SPDX-License-Identifier: MIT
/* Windows onto a segment: which there are, what they show, what they never do. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "fixture.h"
#include "peer.h"

static void a_window_shows_the_bytes_at_its_offset(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 5 * PAGE, 0);
	unsigned char *whole = map_seg(seg, 0, 0, 0), *window;

	for (size_t page = 0; page < 5; page++)
		whole[page * PAGE] = (unsigned char)('0' + page);
	for (size_t first = 0; first < 5; first++) {
		for (size_t count = 1; first + count <= 5; count++) {
			window = map_seg(seg, first * PAGE, count * PAGE, 0);
			for (size_t i = 0; i < count; i++)
				assert_int_equal(window[i * PAGE], '0' + first + i);
			window[count * PAGE - 1] = 'w';
			assert_int_equal(whole[(first + count) * PAGE - 1], 'w');
			assert_ok(seg_unmap(window, count * PAGE));
		}
	}
	assert_ok(seg_unmap(whole, 5 * PAGE));
	seg_close(seg);
}

static void a_length_of_0_is_all_from_the_offset_on(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 3 * PAGE + 100, 0);
	unsigned char *end = map_seg(seg, 3 * PAGE, 0, 0), *tail = map_seg(seg, PAGE, 0, 0);

	end[99] = 'e';
	assert_int_equal(tail[2 * PAGE + 99], 'e');
	assert_ok(seg_unmap(end, 100));
	assert_ok(seg_unmap(tail, 2 * PAGE + 100));
	seg_close(seg);
}

static void any_length_is_taken_and_the_mapping_is_whole_pages(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 1, 0);
	unsigned char *addr = map_seg(seg, 0, 1, 0);

	assert_int_equal((uintptr_t)addr % PAGE, 0);
	addr[PAGE - 1] = 'x';
	assert_int_equal(addr[PAGE - 1], 'x');
	assert_ok(seg_unmap(addr, 1));
	seg_close(seg);
}

static void each_mapping_of_a_sysv_segment_is_one_attach(void **state)
{
	static const size_t windows[][2] = { { 0, 5 }, { 0, 1 }, { 0, 3 },
					     { 2, 1 }, { 4, 1 }, { 3, 2 } };
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 4 * PAGE + 1, 0);
	void *addr[6];

	for (unsigned i = 0; i < 6; i++) {
		size_t offset = windows[i][0] * PAGE, length = windows[i][1] * PAGE;

		if (offset + length > 4 * PAGE)
			length = 0;
		addr[i] = map_seg(seg, offset, length, i & 1 ? SEG_READ_ONLY : 0);
		assert_int_equal(stat_seg(f->ref).nattch, i + 1);
	}
	for (unsigned i = 0; i < 6; i++) {
		assert_ok(seg_unmap(addr[i], windows[i][1] * PAGE));
		assert_int_equal(stat_seg(f->ref).nattch, 5 - i);
	}
	seg_close(seg);
}

static void a_range_beyond_the_segment_is_einval(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 3 * PAGE + 1, 0);
	const struct {
		uint64_t offset;
		size_t length;
	} ranges[] = {
		{ 0, 3 * PAGE + 2 },    { 0, SIZE_MAX },
		{ PAGE, 2 * PAGE + 2 }, { PAGE, SIZE_MAX - PAGE + 1 },
		{ 3 * PAGE, 2 },        { 4 * PAGE, 0 },
		{ 4 * PAGE, 1 },        { 1, 1 },
		{ PAGE - 1, 1 },        { PAGE + 1, 0 },
		{ UINT64_MAX, 1 },      { UINT64_MAX - PAGE + 1, PAGE },
		{ INT64_MAX, 0 },       { (uint64_t)1 << 63, PAGE },
	};
	void *addr = NULL;

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		assert_int_equal(seg_map(seg, ranges[i].offset, ranges[i].length, 0, &addr),
				 -EINVAL);
	assert_null(addr);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
	seg_close(seg);
}

static void an_empty_segment_has_nothing_to_map(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 0, 0);
	void *addr = NULL;

	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -EINVAL);
	assert_int_equal(seg_map(seg, 0, 1, 0, &addr), -EINVAL);
	assert_null(addr);
	seg_close(seg);
}

static void the_range_is_checked_against_the_size_of_now(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 4 * PAGE, 0), *other = open_seg(f->ref, 0);
	void *addr = NULL;

	assert_ok(seg_resize(other, PAGE, 0));
	assert_int_equal(seg_map(seg, 0, 4 * PAGE, 0, &addr), -EINVAL);
	assert_ok(seg_resize(other, 6 * PAGE, 0));
	addr = map_seg(seg, 5 * PAGE, PAGE, 0);
	assert_ok(seg_unmap(addr, PAGE));
	seg_close(seg);
	seg_close(other);
}

static void a_handle_tells_the_size_of_now(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 100, 0), *other = open_seg(f->ref, SEG_READ_ONLY);
	uint64_t size = 0;

	assert_ok(seg_size(other, &size));
	assert_int_equal(size, 100);
	if (f->kind != SEG_SYSV) {
		assert_ok(seg_resize(seg, 2 * PAGE, 0));
		assert_ok(seg_size(other, &size));
		assert_int_equal(size, 2 * PAGE);
	}
	seg_close(seg);
	seg_close(other);
}

static void six_gibibytes_can_be_mapped_near_the_end(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = (uint64_t)6 << 30;
	struct seg *seg = create_seg(f->ref, size, 0);
	unsigned char *end, *whole;

	assert_int_equal(stat_seg(f->ref).size, size);
	end = map_seg(seg, size - 2 * PAGE, 2 * PAGE, 0);
	end[2 * PAGE - 1] = 'e';
	whole = map_seg(seg, 0, 0, SEG_READ_ONLY);
	assert_int_equal(whole[size - 1], 'e');
	assert_ok(seg_unmap(end, 2 * PAGE));
	assert_ok(seg_unmap(whole, size));
	assert_true(stat_seg(f->ref).allocated < 1 << 20);
	seg_close(seg);
}

static int write_a_byte(void *arg)
{
	*(volatile unsigned char *)arg = 'x';
	return 0;
}

static void a_write_to_a_read_only_mapping_is_fatal(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 2 * PAGE, 0),
		   *reader = open_seg(f->ref, SEG_READ_ONLY);
	unsigned char *a = map_seg(seg, 0, 0, SEG_READ_ONLY), *b = map_seg(reader, PAGE, 0, 0);
	unsigned char *writable = map_seg(seg, 0, 0, 0);

	assert_int_equal(child_signal(write_a_byte, writable), 0);
	assert_int_equal(a[0], 'x');
	assert_int_equal(child_signal(write_a_byte, a), SIGSEGV);
	assert_int_equal(child_signal(write_a_byte, b), SIGSEGV);
	assert_int_equal(b[0], 0);
	assert_ok(seg_unmap(a, 2 * PAGE));
	assert_ok(seg_unmap(b, PAGE));
	assert_ok(seg_unmap(writable, 2 * PAGE));
	seg_close(seg);
	seg_close(reader);
}

static void a_mapping_outlives_its_handle_and_the_name(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	seg_close(seg);
	assert_ok(seg_destroy(f->ref, 0));
	addr[0] = 'a';
	assert_int_equal(peer_read(peer, 0), 'a');
	peer_write(peer, 1, 'b');
	assert_int_equal(addr[1], 'b');
	assert_ok(seg_unmap(addr, PAGE));
	assert_int_equal(peer_read(peer, 0), 'a');
}

static void the_attach_of_a_killed_peer_is_gone(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);

	seg_close(create_seg(f->ref, 3 * PAGE, 0));
	assert_ok(peer_open(peer, f->ref, 0));
	assert_ok(peer_map(peer, PAGE, PAGE, 0));
	assert_int_equal(stat_seg(f->ref).nattch, 1);
	peer_kill(peer);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
}

/* The pages of a mapping that are present, of the first 64. */
static unsigned count_present(void *addr, size_t length)
{
	unsigned char pages[64] = { 0 };
	unsigned count = 0;

	assert_ok(mincore(addr, length, pages));
	for (size_t i = 0; i < 64; i++)
		count += pages[i] & 1;
	return count;
}

static void populate_gives_each_page_its_memory(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 64 * PAGE, 0);
	void *addr = map_seg(seg, 0, 0, 0);

	assert_int_equal(count_present(addr, 64 * PAGE), 0);
	assert_ok(seg_unmap(addr, 64 * PAGE));
	addr = map_seg(seg, 0, 0, SEG_POPULATE | SEG_HUGE);
	assert_int_equal(count_present(addr, 64 * PAGE), 64);
	assert_ok(seg_unmap(addr, 64 * PAGE));
	addr = map_seg(seg, PAGE, 3 * PAGE, SEG_POPULATE | SEG_READ_ONLY);
	assert_ok(seg_unmap(addr, 3 * PAGE));
	seg_close(seg);
}

static void populate_of_a_full_store_is_enospc(void **state)
{
	struct fixture *f = *state;
	char ref[PATH_MAX];
	struct seg *seg;
	void *addr = NULL;

	snprintf(ref, sizeof(ref), "%s/x", fixture_tmpfs(f, "size=64k"));
	seg = create_seg(ref, 64 * PAGE, 0);
	assert_int_equal(seg_map(seg, 0, 0, SEG_POPULATE, &addr), -ENOSPC);
	assert_null(addr);
	seg_close(seg);
}

static void a_private_mapping_keeps_its_writes_to_itself(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 2 * PAGE, 0),
		   *reader = open_seg(f->ref, SEG_READ_ONLY);
	unsigned char *shared = map_seg(seg, 0, 0, 0);
	unsigned char *copies[] = { map_seg(seg, 0, 0, SEG_PRIVATE),
				    map_seg(reader, 0, 0, SEG_PRIVATE | SEG_POPULATE) };

	shared[1] = 's';
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(copies[i][1], 's');
		copies[i][0] = 'p';
		assert_int_equal(shared[0], 0);
		assert_ok(seg_unmap(copies[i], 2 * PAGE));
	}
	assert_ok(seg_unmap(shared, 2 * PAGE));
	seg_close(seg);
	seg_close(reader);
}

static void an_attach_is_never_private(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	void *addr = NULL;

	assert_int_equal(seg_map(seg, 0, 0, SEG_PRIVATE, &addr), -EOPNOTSUPP);
	assert_null(addr);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
	seg_close(seg);
}

static void huge_pages_come_where_the_file_system_gives_them(void **state)
{
	struct fixture *f = *state;
	const size_t huge = 2 << 20;
	char ref[PATH_MAX], line[256];
	unsigned long kib = 0, found;
	struct seg *seg;
	void *addr;
	FILE *smaps;

	snprintf(ref, sizeof(ref), "%s/x", fixture_tmpfs(f, "huge=advise"));
	seg = create_seg(ref, 4 * huge, 0);
	addr = map_seg(seg, 0, 0, SEG_HUGE | SEG_POPULATE);
	smaps = fopen("/proc/self/smaps", "re");
	assert_non_null(smaps);
	while (fgets(line, sizeof(line), smaps))
		if (sscanf(line, "ShmemPmdMapped: %lu kB", &found) == 1)
			kib += found;
	fclose(smaps);
	assert_ok(seg_unmap(addr, 4 * huge));
	seg_close(seg);
	if (kib == 0)
		skip_because("the kernel had no huge page to give");
	assert_true(kib >= huge / 1024);
}

static void illegal_arguments_are_einval(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	void *addr = NULL;
	char *mapped;

	assert_int_equal(seg_map(seg, 0, 0, SEG_EXCLUSIVE, &addr), -EINVAL);
	assert_int_equal(seg_map(seg, 0, 0, SEG_PATH, &addr), -EINVAL);
	assert_int_equal(seg_map(seg, 0, 0, 1u << 31, &addr), -EINVAL);
	assert_int_equal(seg_map(seg, 0, 0, SEG_PRIVATE | SEG_READ_ONLY, &addr), -EINVAL);
	assert_null(addr);
	mapped = (char *)map_seg(seg, 0, 0, 0);
	assert_int_equal(seg_unmap(mapped + 1, PAGE), -EINVAL);
	assert_int_equal(seg_unmap(mapped, 0), -EINVAL);
	assert_ok(seg_unmap(mapped, PAGE));
	seg_close(seg);
}

static void a_segment_that_is_gone_is_enoent(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	void *addr = NULL;

	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -ENOENT);
	assert_null(addr);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(a_window_shows_the_bytes_at_its_offset),
		TEST_EACH_KIND(a_length_of_0_is_all_from_the_offset_on),
		TEST_EACH_KIND(any_length_is_taken_and_the_mapping_is_whole_pages),
		TEST_SYSV(each_mapping_of_a_sysv_segment_is_one_attach),
		TEST_EACH_KIND(a_range_beyond_the_segment_is_einval),
		TEST_FILES(an_empty_segment_has_nothing_to_map),
		TEST_FILES(the_range_is_checked_against_the_size_of_now),
		TEST_EACH_KIND(a_handle_tells_the_size_of_now),
		TEST_EACH_KIND(six_gibibytes_can_be_mapped_near_the_end),
		TEST_EACH_KIND(a_write_to_a_read_only_mapping_is_fatal),
		TEST_EACH_KIND(a_mapping_outlives_its_handle_and_the_name),
		TEST_SYSV(the_attach_of_a_killed_peer_is_gone),
		TEST_EACH_KIND(populate_gives_each_page_its_memory),
		TEST_FILE(populate_of_a_full_store_is_enospc),
		TEST_FILES(a_private_mapping_keeps_its_writes_to_itself),
		TEST_SYSV(an_attach_is_never_private),
		TEST_FILE(huge_pages_come_where_the_file_system_gives_them),
		TEST_EACH_KIND(illegal_arguments_are_einval),
		TEST_SYSV(a_segment_that_is_gone_is_enoent),
	};

	return RUN_TESTS(tests);
}
