// SPDX-License-Identifier: MIT
/* Collecting what nobody uses: which it takes, what it tells, and what it leaves. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

#define MOST 16

/* What seg_gc() told, in order of the reference. */
struct told {
	size_t count;
	struct {
		char ref[64];
		int result;
	} of[MOST];
};

static int take_down(const char *ref, const struct seg_stat *stat, int result, void *arg)
{
	struct told *told = arg;

	(void)stat;
	if (told->count == MOST)
		return -E2BIG;
	snprintf(told->of[told->count].ref, sizeof(told->of[0].ref), "%s", ref);
	told->of[told->count++].result = result;
	return 0;
}

static int by_ref(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int collect(const struct seg_gc_filter *filter, struct told *told)
{
	int r;

	*told = (struct told){ 0 };
	r = seg_gc(filter, take_down, told);
	qsort(told->of, told->count, sizeof(told->of[0]), by_ref);
	return r;
}

/* Nothing but this test's: it may run without a /dev/shm of its own. */
static struct seg_gc_filter own(enum seg_kind kind)
{
	static char posix[64], sysv[64];

	snprintf(posix, sizeof(posix), "/segfs-test-%d-*", getpid());
	snprintf(sysv, sizeof(sysv), "sysv:0x%06x??", (0x40000000u | (unsigned)getpid() << 8) >> 8);
	return (struct seg_gc_filter){
		.kind = kind,
		.pattern = kind == SEG_SYSV ? sysv : posix,
		.uid = (uid_t)-1,
	};
}

static void make(struct fixture *f, const char *refs[], size_t count)
{
	if (f->kind == SEG_SYSV)
		need_root();
	for (size_t i = 0; i < count; i++) {
		refs[i] = fixture_ref(f, f->kind);
		seg_close(create_seg(refs[i], PAGE, 0));
	}
}

static bool exists(const char *ref)
{
	struct seg_stat stat;

	return seg_stat(ref, &stat) == 0;
}

/* -- what is taken -------------------------------------------------------------- */

static void it_takes_what_nobody_uses_and_tells(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *refs[3];
	struct told told;

	make(f, refs, 3);
	assert_int_equal(collect(&filter, &told), 3);
	assert_int_equal(told.count, 3);
	for (int i = 0; i < 3; i++) {
		assert_string_equal(told.of[i].ref, refs[i]);
		assert_int_equal(told.of[i].result, 0);
		assert_false(exists(refs[i]));
	}
	assert_int_equal(collect(&filter, &told), 0);
	assert_int_equal(told.count, 0);
	assert_int_equal(seg_gc(&filter, NULL, NULL), 0);
}

static void it_never_takes_what_somebody_uses(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	struct peer *peers[2];
	const char *refs[3];
	struct told told;

	make(f, refs, 3);
	for (int i = 0; i < 2; i++) {
		peers[i] = peer_start(f, NULL);
		assert_ok(peer_open(peers[i], refs[i], i ? SEG_READ_ONLY : 0));
		assert_ok(peer_map(peers[i], 0, 0, 0));
		assert_ok(peer_close(peers[i]));
	}
	assert_int_equal(collect(&filter, &told), 1);
	assert_int_equal(told.count, 1);
	assert_string_equal(told.of[0].ref, refs[2]);
	assert_int_equal(peer_read(peers[0], 0), 0);
	peer_kill(peers[0]);
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, refs[0]);
	peer_stop(peers[1]);
	assert_int_equal(collect(&filter, &told), 1);
}

/* Only the dry run is content with the attaches. */
static void it_takes_no_sysv_segment_that_is_open_as_a_file(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *ref;
	struct told told;
	struct seg *seg;
	int fd;

	make(f, &ref, 1);
	seg = open_seg(ref, SEG_PATH);
	fd = seg_reopen(seg, O_RDONLY);
	assert_return_code(fd, errno);
	assert_int_equal(collect(&filter, &told), 0);
	assert_int_equal(told.count, 0);
	assert_true(exists(ref));
	close(fd);
	seg_close(seg);
	assert_int_equal(collect(&filter, &told), 1);
}

static void a_dry_run_says_the_same_and_does_nothing(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	struct peer *peer = peer_start(f, NULL);
	struct told dry, wet;
	const char *refs[4];
	struct seg_stat before[4], after;

	make(f, refs, 4);
	assert_ok(peer_open(peer, refs[1], 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	for (int i = 0; i < 4; i++)
		before[i] = stat_seg(refs[i]);
	filter.flags = SEG_GC_DRY_RUN;
	assert_int_equal(collect(&filter, &dry), 3);
	for (int i = 0; i < 4; i++) {
		after = stat_seg(refs[i]);
		assert_memory_equal(&before[i], &after, sizeof(after));
	}
	filter.flags = 0;
	assert_int_equal(collect(&filter, &wet), 3);
	assert_memory_equal(&dry, &wet, sizeof(wet));
	assert_true(exists(refs[1]));
}

/* -- filters ---------------------------------------------------------------------- */

static void by_kind(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(SEG_POSIX);
	const char *posix = f->ref, *sysv = fixture_ref(f, SEG_SYSV);
	struct told told;

	need_root(); /* and so nothing else is there */
	seg_close(create_seg(posix, PAGE, 0));
	seg_close(create_seg(sysv, PAGE, 0));
	filter.pattern = NULL;
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, posix);
	filter.kind = SEG_SYSV;
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, sysv);
	seg_close(create_seg(posix, PAGE, 0));
	seg_close(create_seg(sysv, PAGE, 0));
	filter.kind = 0;
	assert_int_equal(collect(&filter, &told), 2);
}

static void by_pattern(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *refs[3];
	struct told told;

	make(f, refs, 3);
	filter.pattern = refs[1];
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, refs[1]);
	filter.pattern = "/segfs-test-no-such-*";
	assert_int_equal(collect(&filter, &told), 0);
	assert_true(exists(refs[0]));
	assert_true(exists(refs[2]));
}

static void by_owner(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *refs[2];
	struct told told;
	struct seg *seg;

	need_root();
	make(f, refs, 2);
	seg = open_seg(refs[1], 0);
	assert_ok(seg_chown(seg, SOMEBODY, SOMEBODY));
	seg_close(seg);
	filter.uid = SOMEBODY;
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, refs[1]);
	filter.uid = 0;
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, refs[0]);
}

static void by_how_long_it_was_unused(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *ref;
	struct told told;
	time_t made;

	make(f, &ref, 1);
	made = stat_seg(ref).ctime.tv_sec;
	filter.unused_for = 1000000;
	assert_int_equal(collect(&filter, &told), 0);
	filter.flags = SEG_GC_DRY_RUN;
	assert_int_equal(collect(&filter, &told), 0);
	filter = own(f->kind);
	filter.unused_for = 1;
	while (collect(&filter, &told) == 0)
		assert_true(time(NULL) < made + 20);
	assert_false(exists(ref));
}

static void only_ephemeral_ones(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(SEG_POSIX);
	const char *sysv = fixture_ref(f, SEG_SYSV), *other = fixture_ref(f, SEG_POSIX);
	struct told told;

	seg_close(create_seg(f->ref, PAGE, SEG_EPHEMERAL));
	seg_close(create_seg(other, PAGE, 0));
	seg_close(create_seg(sysv, PAGE, 0));
	filter.kind = 0;
	filter.flags = SEG_GC_EPHEMERAL | SEG_GC_DRY_RUN;
	assert_int_equal(collect(&filter, &told), 1);
	filter.flags = SEG_GC_EPHEMERAL;
	assert_int_equal(collect(&filter, &told), 1);
	assert_string_equal(told.of[0].ref, f->ref);
	assert_true(exists(other));
	assert_true(exists(sysv));
}

static void an_ephemeral_one_in_use_stays(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(SEG_POSIX);
	struct seg *seg = create_seg(f->ref, PAGE, SEG_EPHEMERAL);
	struct told told;

	filter.flags = SEG_GC_EPHEMERAL;
	assert_int_equal(collect(&filter, &told), 0);
	assert_true(exists(f->ref));
	seg_close(seg);
	assert_int_equal(collect(&filter, &told), 1);
}

/* -- the rest ----------------------------------------------------------------------- */

static int stop_at_once(const char *ref, const struct seg_stat *stat, int result, void *arg)
{
	unsigned *calls = arg;

	(void)ref, (void)stat, (void)result;
	return ++*calls == 2 ? 77 : 0;
}

static void the_callback_ends_it(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	unsigned calls = 0, left = 0;
	const char *refs[5];

	make(f, refs, 5);
	assert_int_equal(seg_gc(&filter, stop_at_once, &calls), 77);
	assert_int_equal(calls, 2);
	for (int i = 0; i < 5; i++)
		left += exists(refs[i]);
	assert_int_equal(left, 3);
}

static int collect_as_somebody(void *arg)
{
	const struct seg_gc_filter *filter = arg;
	struct told told;
	int r = collect(filter, &told);

	if (r != 0)
		return r < 0 ? r : -EINVAL;
	return told.count == 1 ? told.of[0].result : -E2BIG;
}

static void somebody_elses_is_told_as_eperm(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *ref;

	need_root();
	make(f, &ref, 1);
	filter.pattern = ref;
	assert_int_equal(child_run(&somebody, collect_as_somebody, &filter), -EPERM);
	assert_true(exists(ref));
}

static void in_a_store_of_its_own(void **state)
{
	struct fixture *f = *state;
	const char *dir = fixture_tmpfs(f, "size=1m");
	const struct seg_gc_filter all = { .kind = SEG_POSIX, .uid = (uid_t)-1 };
	struct seg_store *store;
	struct told told = { 0 };
	struct seg *seg;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_ok(seg_store_open(dir, &store));
	assert_ok(seg_createat(store, "/x", PAGE, 0600, 0, &seg));
	assert_int_equal(seg_gcat(store, &all, take_down, &told), 0);
	seg_close(seg);
	assert_int_equal(seg_gcat(store, &all, take_down, &told), 1);
	assert_string_equal(told.of[0].ref, "/x");
	assert_true(exists(f->ref));
	seg_store_close(store);
}

static void what_is_no_segment_is_left_alone(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(SEG_POSIX);
	char path[PATH_MAX];
	struct told told;

	fixture_path(f->ref, path);
	assert_return_code(mkdir(path, 0700), errno);
	assert_int_equal(collect(&filter, &told), 0);
	assert_return_code(rmdir(path), errno);
	assert_return_code(mkfifo(path, 0600), errno);
	assert_int_equal(collect(&filter, &told), 0);
	assert_int_equal(told.count, 0);
	assert_return_code(unlink(path), errno);
}

static void an_unknown_flag_is_einval(void **state)
{
	struct fixture *f = *state;
	struct seg_gc_filter filter = own(f->kind);
	const char *ref;

	make(f, &ref, 1);
	filter.flags = 1u << 31;
	assert_int_equal(seg_gc(&filter, NULL, NULL), -EINVAL);
	assert_true(exists(ref));
}

#define TEST_BOTH(test) TEST_POSIX(test), TEST_SYSV(test)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_BOTH(it_takes_what_nobody_uses_and_tells),
		TEST_BOTH(it_never_takes_what_somebody_uses),
		TEST_SYSV(it_takes_no_sysv_segment_that_is_open_as_a_file),
		TEST_BOTH(a_dry_run_says_the_same_and_does_nothing),
		TEST_POSIX(by_kind),
		TEST_BOTH(by_pattern),
		TEST_BOTH(by_owner),
		TEST_BOTH(by_how_long_it_was_unused),
		TEST_POSIX(only_ephemeral_ones),
		TEST_POSIX(an_ephemeral_one_in_use_stays),
		TEST_BOTH(the_callback_ends_it),
		TEST_BOTH(somebody_elses_is_told_as_eperm),
		TEST_POSIX(in_a_store_of_its_own),
		TEST_POSIX(what_is_no_segment_is_left_alone),
		TEST_BOTH(an_unknown_flag_is_einval),
	};

	return RUN_TESTS(tests);
}
