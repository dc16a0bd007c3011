// SPDX-License-Identifier: MIT
/* What a new segment is, and what becomes of one that is there already. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static void a_new_segment_is_what_was_asked_for(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;
	struct seg_stat stat;

	assert_ok(seg_create(f->ref, 12345, 0640, SEG_EXCLUSIVE, &seg));
	assert_int_equal(seg_kind(seg), f->kind);
	assert_string_equal(seg_ref(seg), f->ref);
	seg_close(seg);
	stat = stat_seg(f->ref);
	assert_int_equal(stat.kind, f->kind);
	assert_int_equal(stat.size, 12345);
	assert_int_equal(stat.mode, 0640);
	assert_int_equal(stat.nlink, 1);
	assert_int_equal(stat.uid, geteuid());
	assert_int_equal(stat.gid, getegid());
	assert_int_equal(stat.flags, 0);
}

static void a_new_segment_is_zero_and_allocates_nothing(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 3 * PAGE + 1, 0);
	unsigned char *addr;

	assert_int_equal(stat_seg(f->ref).allocated, 0);
	addr = map_seg(seg, 0, 0, 0);
	for (size_t i = 0; i < 3 * PAGE + 1; i++)
		assert_int_equal(addr[i], 0);
	assert_ok(seg_unmap(addr, 3 * PAGE + 1));
	seg_close(seg);
}

static void the_umask_applies(void **state)
{
	struct fixture *f = *state;
	mode_t old = umask(027);
	struct seg *seg = NULL;
	int r = seg_create(f->ref, 1, 0666, 0, &seg);

	umask(old);
	assert_ok(r);
	assert_int_equal(stat_seg(f->ref).mode, 0640);
	seg_close(seg);
}

static void an_exclusive_creation_refuses_an_existing_segment(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(seg_create(f->ref, PAGE, 0600, SEG_EXCLUSIVE, &seg), -EEXIST);
	assert_null(seg);
}

static void an_existing_segment_stays_as_it_is(void **state)
{
	struct fixture *f = *state;
	struct seg *first = create_seg(f->ref, 3 * PAGE, 0), *again = NULL;
	unsigned char *addr = map_seg(first, 0, 0, 0);

	addr[PAGE] = 'x';
	assert_ok(seg_create(f->ref, PAGE, 0666, 0, &again));
	assert_int_equal(stat_seg(f->ref).size, 3 * PAGE);
	assert_int_equal(stat_seg(f->ref).mode, 0600);
	assert_ok(seg_unmap(addr, 3 * PAGE));
	addr = map_seg(again, 0, 0, 0);
	assert_int_equal(addr[PAGE], 'x');
	assert_ok(seg_unmap(addr, 3 * PAGE));
	seg_close(first);
	seg_close(again);
}

static void an_existing_segment_that_is_too_small_is_refused(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(seg_create(f->ref, PAGE + 1, 0600, 0, &seg), -EINVAL);
	assert_int_equal(seg_create(f->ref, PAGE + 1, 0600, SEG_PREALLOCATE, &seg), -EINVAL);
	assert_null(seg);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
}

static void an_empty_segment_can_be_made_and_is_given_the_size(void **state)
{
	struct fixture *f = *state;

	seg_close(create_seg(f->ref, 0, SEG_EXCLUSIVE));
	assert_int_equal(stat_seg(f->ref).size, 0);
	seg_close(create_seg(f->ref, 0, 0));
	assert_int_equal(stat_seg(f->ref).size, 0);
	seg_close(create_seg(f->ref, 2 * PAGE + 1, 0));
	assert_int_equal(stat_seg(f->ref).size, 2 * PAGE + 1);
}

static void an_empty_sysv_segment_is_refused(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(f->ref, 0, 0600, 0, &seg), -EINVAL);
	seg_close(create_seg(f->ref, 1, 0));
	assert_int_equal(seg_create(f->ref, 0, 0600, 0, &seg), -EINVAL);
	assert_null(seg);
}

static void preallocation_allocates_every_page(void **state)
{
	struct fixture *f = *state;
	const uint64_t size = 300 * PAGE + 1;

	seg_close(create_seg(f->ref, size, SEG_EXCLUSIVE | SEG_PREALLOCATE));
	assert_true(stat_seg(f->ref).allocated >= size);
	assert_int_equal(stat_seg(f->ref).size, size);
}

static void preallocation_works_on_an_existing_segment(void **state)
{
	struct fixture *f = *state;
	struct seg *first = create_seg(f->ref, 20 * PAGE, 0);
	unsigned char *addr = map_seg(first, 0, 0, 0);

	addr[5] = 'x';
	seg_close(create_seg(f->ref, 20 * PAGE, SEG_PREALLOCATE));
	assert_true(stat_seg(f->ref).allocated >= 20 * PAGE);
	assert_int_equal(addr[5], 'x');
	assert_ok(seg_unmap(addr, 20 * PAGE));
	seg_close(first);
}

static void illegal_modes_and_flags_create_nothing(void **state)
{
	struct fixture *f = *state;
	struct seg_stat stat;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(f->ref, 1, 01600, 0, &seg), -EINVAL);
	assert_int_equal(seg_create(f->ref, 1, S_IFREG | 0600, 0, &seg), -EINVAL);
	assert_int_equal(seg_create(f->ref, 1, 0600, SEG_READ_ONLY, &seg), -EINVAL);
	assert_int_equal(seg_create(f->ref, 1, 0600, 1u << 31, &seg), -EINVAL);
	assert_null(seg);
	assert_int_equal(seg_stat(f->ref, &stat), -ENOENT);
}

static void references_become_canonical(void **state)
{
	struct fixture *f = *state;
	const char *posix = fixture_ref(f, SEG_POSIX), *sysv = fixture_ref(f, SEG_SYSV);
	char decimal[32];
	struct seg *seg;

	seg = create_seg(posix + 1, 1, 0);
	assert_string_equal(seg_ref(seg), posix);
	seg_close(seg);
	snprintf(decimal, sizeof(decimal), "sysv:%lu", strtoul(sysv + 5, NULL, 16));
	seg = create_seg(decimal, 1, 0);
	assert_string_equal(seg_ref(seg), sysv);
	seg_close(seg);
}

static void a_relative_path_is_taken_from_the_working_directory(void **state)
{
	struct fixture *f = *state;
	char name[PATH_MAX];
	struct seg *seg;
	int r = chdir(f->dir);

	assert_ok(r);
	snprintf(name, sizeof(name), ".%s", strrchr(f->ref, '/'));
	seg = create_seg(name, 77, 0);
	r = chdir("/");
	assert_ok(r);
	assert_string_equal(seg_ref(seg), name);
	assert_int_equal(stat_seg(f->ref).size, 77);
	seg_close(seg);
}

static void ipc_private_makes_another_segment_each_time(void **state)
{
	struct fixture *f = *state;
	struct seg *a = create_seg("sysv:0", PAGE, 0),
		   *b = create_seg("sysv:0x0", PAGE, SEG_EXCLUSIVE);
	struct seg_stat stat;

	fixture_adopt(f, seg_ref(a));
	fixture_adopt(f, seg_ref(b));
	assert_string_not_equal(seg_ref(a), seg_ref(b));
	assert_memory_equal(seg_ref(a), "sysv:id:", 8);
	assert_ok(seg_fstat(a, &stat));
	assert_int_equal(stat.key, 0);
	assert_int_equal(stat.shmid, stat_seg(seg_ref(a)).shmid);
	seg_close(a);
	seg_close(b);
}

static void an_id_is_the_kernels_to_give(void **state)
{
	struct seg *seg = NULL;

	(void)state;
	assert_int_equal(seg_create("sysv:id:1", PAGE, 0600, 0, &seg), -EINVAL);
	assert_null(seg);
}

static void something_else_that_has_the_name_is_eexist(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;
	char path[PATH_MAX];

	fixture_path(f->ref, path);
	assert_return_code(symlink("nowhere", path), errno);
	assert_int_equal(seg_create(f->ref, 1, 0600, 0, &seg), -EEXIST);
	assert_int_equal(seg_create(f->ref, 1, 0600, SEG_EXCLUSIVE, &seg), -EEXIST);
	assert_null(seg);
	assert_int_equal(access(path, F_OK), -1);
}

static void a_path_handle_can_be_had_at_once(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	void *addr;

	if (f->kind == SEG_SYSV)
		need_root();
	seg = create_seg(f->ref, PAGE, SEG_EXCLUSIVE | SEG_PATH);
	assert_true(fcntl(seg_fd(seg), F_GETFL) & O_PATH);
	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -EBADF);
	seg_close(seg);
}

/* -- races ------------------------------------------------------------------ */

#define RACERS 4
#define ROUNDS 1000

struct race {
	pthread_barrier_t barrier;
	unsigned flags;
	atomic_int joined;
	char ref[PATH_MAX];
	struct result {
		int r;
		uint64_t ino, size;
	} results[RACERS];
};

static struct race *race_new(const struct fixture *f, unsigned flags)
{
	struct race *race = mmap(NULL, sizeof(*race), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	assert_ptr_not_equal(race, MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&race->barrier, &attr, RACERS);
	race->flags = flags;
	strcpy(race->ref, f->ref);
	return race;
}

static void race_once(struct race *race, int self)
{
	struct result *result = &race->results[self];
	struct seg_stat stat = { 0 };
	struct seg *seg = NULL;

	pthread_barrier_wait(&race->barrier);
	result->r = seg_create(race->ref, 3 * PAGE, 0600, race->flags, &seg);
	if (result->r == 0)
		result->r = seg_fstat(seg, &stat);
	result->ino = stat.ino;
	result->size = stat.size;
	seg_close(seg);
	pthread_barrier_wait(&race->barrier);
}

static int race_all(void *arg)
{
	struct race *race = arg;
	int self = atomic_fetch_add(&race->joined, 1);

	for (int round = 0; round < ROUNDS; round++)
		race_once(race, self);
	return 0;
}

/* Racer 0 is the test itself. */
static void race_start(struct fixture *f, struct race *race)
{
	race->joined = 1;
	for (int i = 1; i < RACERS; i++)
		peer_spawn(f, race_all, race);
}

static void race_end(struct fixture *f, struct race *race)
{
	for (size_t i = 0; i < f->peer_count; i++)
		assert_ok(peer_join(&f->peers[i]));
	munmap(race, sizeof(*race));
}

static void creators_of_one_name_all_get_the_same_whole_segment(void **state)
{
	struct fixture *f = *state;
	struct race *race = race_new(f, 0);

	race_start(f, race);
	for (int round = 0; round < ROUNDS; round++) {
		race_once(race, 0);
		for (int i = 0; i < RACERS; i++) {
			assert_ok(race->results[i].r);
			assert_int_equal(race->results[i].ino, race->results[0].ino);
			assert_int_equal(race->results[i].size, 3 * PAGE);
		}
		assert_ok(seg_destroy(f->ref, 0));
	}
	race_end(f, race);
}

static void exactly_one_exclusive_creator_wins(void **state)
{
	struct fixture *f = *state;
	struct race *race = race_new(f, SEG_EXCLUSIVE);

	race_start(f, race);
	for (int round = 0; round < ROUNDS; round++) {
		int winners = 0;

		race_once(race, 0);
		for (int i = 0; i < RACERS; i++) {
			if (race->results[i].r == 0)
				winners++;
			else
				assert_int_equal(race->results[i].r, -EEXIST);
		}
		assert_int_equal(winners, 1);
		assert_ok(seg_destroy(f->ref, 0));
	}
	race_end(f, race);
}

static int destroy_for_ever(void *arg)
{
	for (;;)
		seg_destroy(arg, 0);
	return 0;
}

/* -EAGAIN: the destroyer was faster a hundred times in a row. */
static void a_creation_is_not_confused_by_who_destroys(void **state)
{
	struct fixture *f = *state;
	int successes = 0;

	peer_spawn(f, destroy_for_ever, f->ref);
	for (int round = 0; round < 5 * ROUNDS; round++) {
		unsigned flags = round & 1 ? SEG_EXCLUSIVE : 0;
		struct seg *seg = NULL;
		int r = seg_create(f->ref, PAGE, 0600, flags, &seg);

		seg_close(seg);
		if (r == 0)
			successes++;
		else if (r != -EAGAIN && !(r == -EEXIST && flags))
			fail_msg("round %d: %s", round, strerror(-r));
	}
	assert_true(successes > ROUNDS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(a_new_segment_is_what_was_asked_for),
		TEST_EACH_KIND(a_new_segment_is_zero_and_allocates_nothing),
		TEST_EACH_KIND(the_umask_applies),
		TEST_EACH_KIND(an_exclusive_creation_refuses_an_existing_segment),
		TEST_EACH_KIND(an_existing_segment_stays_as_it_is),
		TEST_EACH_KIND(an_existing_segment_that_is_too_small_is_refused),
		TEST_FILES(an_empty_segment_can_be_made_and_is_given_the_size),
		TEST_SYSV(an_empty_sysv_segment_is_refused),
		TEST_EACH_KIND(preallocation_allocates_every_page),
		TEST_EACH_KIND(preallocation_works_on_an_existing_segment),
		TEST_EACH_KIND(illegal_modes_and_flags_create_nothing),
		TEST_POSIX(references_become_canonical),
		TEST_FILE(a_relative_path_is_taken_from_the_working_directory),
		TEST_SYSV(ipc_private_makes_another_segment_each_time),
		TEST_SYSV(an_id_is_the_kernels_to_give),
		TEST_FILES(something_else_that_has_the_name_is_eexist),
		TEST_EACH_KIND(a_path_handle_can_be_had_at_once),
		TEST_EACH_KIND(creators_of_one_name_all_get_the_same_whole_segment),
		TEST_EACH_KIND(exactly_one_exclusive_creator_wins),
		TEST_EACH_KIND(a_creation_is_not_confused_by_who_destroys),
	};

	return RUN_TESTS(tests);
}
