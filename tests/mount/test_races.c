// SPDX-License-Identifier: MIT
/* Names that change while they are used, on the mount and behind its back. */
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>

#include "mounted.h"

enum { MILLISECONDS = 1500, MOST_ERRNOS = 140 };

/* In memory that the racing processes share. */
struct arena {
	pthread_barrier_t barrier;
	_Atomic unsigned won;
	_Atomic bool over;
	_Atomic unsigned done;
	_Atomic unsigned count[MOST_ERRNOS]; /* of outcomes: 0 or an errno */
	_Atomic unsigned wrong;              /* content that is not the file's own */
	const char *path, *direct, *other;
};

static struct arena *new_arena(struct mounted *m, unsigned processes)
{
	struct arena *a =
		mmap(NULL, sizeof(*a), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pthread_barrierattr_t attr;

	assert_ptr_not_equal(a, MAP_FAILED);
	pthread_barrierattr_init(&attr);
	pthread_barrierattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_barrier_init(&a->barrier, &attr, processes);
	a->path = m->path;
	a->direct = m->direct;
	a->other = in_shm(m, fixture_ref(m->f, SEG_POSIX));
	return a;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_outcomes(const struct arena *a)
{
	for (int i = 0; i < MOST_ERRNOS; i++)
		if (a->count[i])
			print_message("  %u times %s\n", a->count[i],
				      i ? strerrorname_np(i) : "fine");
}

/* -- exactly one wins ---------------------------------------------------------------- */

enum { CONTENDERS = 6, ROUNDS = 150 };

static int contend(void *arg)
{
	struct arena *a = arg;
	int fd;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&a->barrier);
		fd = open(a->path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
		a->count[fd < 0 ? errno : 0]++;
		pthread_barrier_wait(&a->barrier); /* all have tried */
		if (fd < 0)
			continue;
		a->won += ftruncate(fd, 4096) == 0;
		close(fd);
		if (unlink(a->path) < 0)
			return 1;
	}
	return 0;
}

static void one_of_many_exclusive_creators_wins(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, CONTENDERS);
	struct peer *peers[CONTENDERS];

	for (int i = 0; i < CONTENDERS; i++)
		peers[i] = peer_spawn(m->f, contend, a);
	for (int i = 0; i < CONTENDERS; i++)
		assert_ok(peer_join(peers[i]));
	assert_int_equal(a->won, ROUNDS);
	assert_int_equal(a->count[0], ROUNDS);
	assert_int_equal(a->count[EEXIST], ROUNDS * (CONTENDERS - 1));
}

/* -- what goes on behind the mount's back ---------------------------------------------- */

static ino_t create_telling_ino(const char *path)
{
	int fd = open(path, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	struct stat st = { 0 };

	if (fd < 0 || fstat(fd, &st) < 0 || write(fd, &st.st_ino, sizeof(st.st_ino)) < 0)
		_exit(1);
	close(fd);
	return st.st_ino;
}

static int swap_names(void *arg)
{
	struct arena *a = arg;

	while (!a->over)
		if (renameat2(AT_FDCWD, a->direct, AT_FDCWD, a->other, RENAME_EXCHANGE) < 0)
			return 1;
	return 0;
}

/* The name always leads somewhere: a new file is renamed over the old one. */
static int replace_file(void *arg)
{
	struct arena *a = arg;

	while (!a->over) {
		create_telling_ino(a->other);
		if (rename(a->other, a->direct) < 0)
			return 1;
	}
	return 0;
}

static int remove_and_create(void *arg)
{
	struct arena *a = arg;

	while (!a->over) {
		unlink(a->direct);
		if (access(a->direct, F_OK) < 0)
			close(open(a->direct, O_CREAT | O_RDWR, 0600));
	}
	return 0;
}

static int remove_and_create_telling(void *arg)
{
	struct arena *a = arg;

	while (!a->over) {
		unlink(a->direct);
		create_telling_ino(a->direct);
	}
	return 0;
}

/* One open, looked at from all sides: is what is read the file's that fstat() tells of? */
static int look(struct arena *a)
{
	struct stat before, after;
	ino_t told = 0;
	ssize_t n;
	int fd = open(a->path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return errno;
	n = fstat(fd, &before) < 0 ? -1 : pread(fd, &told, sizeof(told), 0);
	if (n < 0 || fstat(fd, &after) < 0) {
		close(fd);
		return errno;
	}
	a->wrong += before.st_ino != after.st_ino || (n == sizeof(told) && told != before.st_ino);
	close(fd);
	return 0;
}

static int look_on(void *arg)
{
	struct arena *a = arg;

	while (!a->over)
		a->count[look(a)]++;
	return 0;
}

/* Runs against it for a while, in two processes of our own. */
static void race(struct mounted *m, struct arena *a, child_fn *against, child_fn *fn)
{
	const int64_t end = now_ms() + MILLISECONDS;
	struct peer *racer = peer_spawn(m->f, against, a), *two = peer_spawn(m->f, fn, a);

	while (now_ms() < end)
		stat_path(m->posix); /* and the daemon goes on answering others */
	a->over = true;
	assert_ok(peer_join(two));
	assert_ok(peer_join(racer));
	print_outcomes(a);
}

/* ESTALE: the kernel looks a name up again, once; both times it was another file's by
 * the time it was opened. */
static void assert_only(struct arena *a, int err1, int err2)
{
	assert_int_equal(a->wrong, 0);
	assert_true(a->count[0] > 0);
	for (int i = 1; i < MOST_ERRNOS; i++)
		if (i != err1 && i != err2 && a->count[i])
			fail_msg("%u times %s", a->count[i], strerrorname_np(i));
}

static void two_names_that_swap_never_show_the_wrong_content(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 2);

	create_telling_ino(m->direct);
	create_telling_ino(a->other);
	race(m, a, swap_names, look_on);
	assert_only(a, ESTALE, 0);
}

static void a_file_that_is_replaced_never_shows_the_wrong_content(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 2);

	create_telling_ino(m->direct);
	race(m, a, replace_file, look_on);
	assert_only(a, ESTALE, 0);
}

static void a_file_that_comes_and_goes_never_shows_the_wrong_content(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 2);

	race(m, a, remove_and_create_telling, look_on);
	assert_only(a, ESTALE, ENOENT);
}

static void a_file_that_swaps_with_a_symlink_is_there_or_not(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 2);

	create_telling_ino(m->direct);
	assert_ok(symlink("/etc/shadow", a->other));
	race(m, a, swap_names, look_on);
	assert_only(a, ESTALE, ENOENT);
}

/* -- open without O_EXCL always gets a file ---------------------------------------------- */

static int open_or_create(void *arg)
{
	struct arena *a = arg;

	while (!a->over) {
		int fd = open(a->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);

		a->count[fd < 0 ? errno : 0]++;
		close(fd);
	}
	return 0;
}

static int create_once(void *arg)
{
	struct arena *a = arg;

	for (int i = 0; i < ROUNDS; i++) {
		pthread_barrier_wait(&a->barrier);
		close(open(a->direct, O_CREAT | O_RDWR | O_CLOEXEC, 0600));
		pthread_barrier_wait(&a->barrier);
		unlink(a->direct);
	}
	return 0;
}

static int open_or_create_once(void *arg)
{
	struct arena *a = arg;

	for (int i = 0; i < ROUNDS; i++) {
		int fd;

		pthread_barrier_wait(&a->barrier);
		fd = open(a->path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
		a->count[fd < 0 ? errno : 0]++;
		close(fd);
		pthread_barrier_wait(&a->barrier);
	}
	return 0;
}

/* As two programs do that start at once and share a segment. */
static void who_creates_first_does_not_matter(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 4);
	struct peer *peers[4];

	for (int i = 0; i < 4; i++)
		peers[i] = peer_spawn(m->f, i ? open_or_create_once : create_once, a);
	for (int i = 0; i < 4; i++)
		assert_ok(peer_join(peers[i]));
	print_outcomes(a);
	assert_only(a, 0, 0);
	assert_int_equal(a->count[0], 3 * ROUNDS);
}

static void a_creator_meets_one_that_removes_and_creates_directly(void **state)
{
	struct mounted *m = *state;
	struct arena *a = new_arena(m, 2);

	race(m, a, remove_and_create, open_or_create);
	assert_only(a, ESTALE, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(one_of_many_exclusive_creators_wins),
		MOUNTED_POSIX(two_names_that_swap_never_show_the_wrong_content),
		MOUNTED_POSIX(a_file_that_is_replaced_never_shows_the_wrong_content),
		MOUNTED_POSIX(a_file_that_comes_and_goes_never_shows_the_wrong_content),
		MOUNTED_POSIX(a_file_that_swaps_with_a_symlink_is_there_or_not),
		MOUNTED_POSIX(who_creates_first_does_not_matter),
		MOUNTED_POSIX(a_creator_meets_one_that_removes_and_creates_directly),
	};

	return RUN_MOUNTED(tests);
}
