// SPDX-License-Identifier: MIT
/* Opening, asking, destroying and collecting at the same time. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>

#include "fixture.h"
#include "peer.h"

#define ROUNDS    10000
#define CREATIONS 500 /* of SysV segments, which are waited for: a tenth */
#define LOOPS     2

/* What the processes of one race share. */
struct race {
	enum seg_kind kind;
	char ref[PATH_MAX];
	struct seg_gc_filter filter;
	struct {
		bool over;
		unsigned begun[LOOPS]; /* collections, by each who collects */
	} volatile *shared;
};

static void race_init(struct fixture *f, struct race *race)
{
	*race = (struct race){ .kind = f->kind, .filter = { .kind = f->kind, .uid = (uid_t)-1 } };
	if (f->kind == SEG_SYSV)
		need_root();
	snprintf(race->ref, sizeof(race->ref), "%s", f->ref);
	race->shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(race->shared, MAP_FAILED);
}

static void race_end(struct race *race, struct peer **peers, size_t count)
{
	race->shared->over = true;
	for (size_t i = 0; i < count; i++)
		assert_int_equal(peer_join(peers[i]), 0);
	munmap((void *)race->shared, PAGE);
}

/* -- open against destroy ------------------------------------------------------------ */

/* 0, or what was wrong. */
static int open_and_look(const struct race *race)
{
	struct seg_stat stat;
	struct seg *seg;
	int r;

	r = seg_open(race->ref, 0, &seg);
	if (r < 0)
		return r == -ENOENT ? 0 : r == -EAGAIN ? 1 : 2;
	r = seg_fstat(seg, &stat);
	seg_close(seg);
	return r < 0 ? 3 : stat.nlink == 1 ? 0 : 4;
}

static int keep_opening(void *arg)
{
	const struct race *race = arg;
	int r = 0;

	while (r == 0 && !race->shared->over)
		r = open_and_look(race);
	return r;
}

static void an_opener_gets_what_has_its_name_or_enoent(void **state)
{
	struct fixture *f = *state;
	struct peer *opener;
	struct race race;
	int r;

	race_init(f, &race);
	opener = peer_spawn(f, keep_opening, &race);
	for (int i = 0; i < ROUNDS; i++) {
		seg_close(create_seg(f->ref, PAGE, SEG_EXCLUSIVE));
		do {
			r = seg_destroy(f->ref, SEG_IF_UNUSED);
		} while (r == -EBUSY);
		assert_int_equal(r, 0);
	}
	race_end(&race, &opener, 1);
}

/* -- asking ---------------------------------------------------------------------------- */

static int keep_mapping(void *arg)
{
	const struct race *race = arg;

	while (!race->shared->over) {
		struct seg *seg;
		void *addr;
		int r = seg_open(race->ref, 0, &seg);

		if (r == 0)
			r = seg_map(seg, 0, 0, 0, &addr);
		if (r < 0)
			return 1;
		seg_close(seg);
		seg_unmap(addr, PAGE);
	}
	return 0;
}

static int keep_asking(void *arg)
{
	const struct race *race = arg;
	int r = 1;

	while (r == 1 && !race->shared->over) {
		struct seg *seg;

		r = seg_open(race->ref, SEG_PATH, &seg);
		if (r < 0)
			return 2;
		r = seg_in_use(seg);
		seg_close(seg);
	}
	return r == 1 ? 0 : 3;
}

static void what_is_mapped_all_the_time_is_never_said_to_be_unused(void **state)
{
	struct fixture *f = *state;
	struct peer *user = peer_start(f, NULL), *others[2];
	struct race race;
	struct seg *seg;

	race_init(f, &race);
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_ok(peer_open(user, f->ref, SEG_READ_ONLY));
	assert_ok(peer_map(user, 0, 0, 0));
	assert_ok(peer_close(user));
	others[0] = peer_spawn(f, keep_mapping, &race);
	others[1] = peer_spawn(f, keep_asking, &race);
	seg = open_seg(f->ref, SEG_PATH);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(seg_in_use(seg), 1);
		assert_int_equal(seg_destroy(f->ref, SEG_IF_UNUSED), -EBUSY);
	}
	assert_int_equal(stat_seg(f->ref).nlink, 1);
	seg_close(seg);
	race_end(&race, others, 2);
}

/* -- collecting ------------------------------------------------------------------------- */

static int keep_collecting(const struct race *race, int which)
{
	int r = 0;

	while (r >= 0 && !race->shared->over) {
		race->shared->begun[which]++;
		r = seg_gc(&race->filter, NULL, NULL);
	}
	return r < 0;
}

static int collect_first(void *arg)
{
	return keep_collecting(arg, 0);
}

static int collect_second(void *arg)
{
	return keep_collecting(arg, 1);
}

/* An attach can't be made to wait for one who destroys: until every collection that had
 * begun before it is over, a SysV segment may lose its name (see seg_destroy()). */
static void wait_for_those_who_collect(const struct race *race)
{
	for (int i = 0; i < LOOPS; i++) {
		unsigned begun = race->shared->begun[i];

		while (race->shared->begun[i] == begun && !race->shared->over)
			sched_yield();
	}
}

static bool has_name(const char *ref, uint64_t ino)
{
	struct seg_stat stat;

	return seg_stat(ref, &stat) == 0 && stat.ino == ino && stat.nlink == 1;
}

/* 0, or what was wrong: it is not found by its name any more, or has other bytes. */
static int use_for_a_while(const struct race *race, unsigned char *addr, uint64_t ino,
			   unsigned char byte)
{
	addr[0] = addr[PAGE - 1] = byte;
	if (race->kind == SEG_SYSV) {
		wait_for_those_who_collect(race);
		if (!has_name(race->ref, ino))
			return 0;
	}
	for (int i = 0; i < 5; i++) {
		if (!has_name(race->ref, ino))
			return 2;
		sched_yield();
	}
	return addr[0] == byte && addr[PAGE - 1] == byte ? 0 : 3;
}

static int create_and_use(const struct race *race, unsigned char byte)
{
	struct seg_stat stat;
	struct seg *seg;
	void *addr;
	int r;

	r = seg_create(race->ref, PAGE, 0600, 0, &seg);
	if (r < 0)
		return 1;
	r = seg_fstat(seg, &stat);
	if (r == 0)
		r = seg_map(seg, 0, 0, 0, &addr);
	if (r == 0) {
		r = use_for_a_while(race, addr, stat.ino, byte);
		seg_unmap(addr, PAGE);
	} else if (race->kind == SEG_SYSV && r == -ENOENT) {
		r = 0; /* collected before it was attached */
	}
	seg_close(seg);
	return r < 0 ? 4 : r;
}

static int keep_creating(void *arg)
{
	const struct race *race = arg;
	int count = race->kind == SEG_SYSV ? CREATIONS / 10 : CREATIONS, r = 0;

	for (int i = 0; r == 0 && i < count; i++)
		r = create_and_use(race, (unsigned char)i);
	return r;
}

static void what_is_in_use_is_never_collected(void **state)
{
	struct fixture *f = *state;
	struct peer *creators[2], *collectors[LOOPS];
	struct race race;

	need_root(); /* for a /dev/shm and an IPC namespace of its own */
	race_init(f, &race);
	collectors[0] = peer_spawn(f, collect_first, &race);
	collectors[1] = peer_spawn(f, collect_second, &race);
	for (int i = 0; i < 2; i++) {
		snprintf(race.ref, sizeof(race.ref), "%s", fixture_ref(f, f->kind));
		creators[i] = peer_spawn(f, keep_creating, &race);
	}
	for (int i = 0; i < 2; i++)
		assert_int_equal(peer_join(creators[i]), 0);
	race_end(&race, collectors, LOOPS);
	assert_return_code(seg_gc(&race.filter, NULL, NULL), 0);
	race.filter.flags = SEG_GC_DRY_RUN;
	assert_int_equal(seg_gc(&race.filter, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILES(an_opener_gets_what_has_its_name_or_enoent),
		TEST_EACH_KIND(what_is_mapped_all_the_time_is_never_said_to_be_unused),
		TEST_POSIX(what_is_in_use_is_never_collected),
		TEST_SYSV(what_is_in_use_is_never_collected),
	};

	return RUN_TESTS(tests);
}
