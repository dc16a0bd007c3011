// SPDX-License-Identifier: MIT
/*
 * Whoever opens a file while libseg asks about it has the kernel send SIGIO, whose
 * default action kills. The program around libseg must not notice, whatever it does
 * with that signal. Here a second process opens the segment as fast as it can.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

#include "fixture.h"
#include "peer.h"

#define BREAKS_WANTED 50
#define PATIENCE_S    20

/* Shared by the one who asks and the one who opens. */
struct contest {
	char path[PATH_MAX];
	char ref[PATH_MAX];
	volatile unsigned *breaks; /* opens that met a lease */
};

static int open_and_close(void *arg)
{
	const struct contest *contest = arg;

	for (;;) {
		int fd = open(contest->path, O_RDWR | O_CLOEXEC | O_NONBLOCK);

		if (fd < 0 && errno == EAGAIN)
			__atomic_add_fetch(contest->breaks, 1, __ATOMIC_RELAXED);
		else
			close(fd);
	}
	return 0;
}

static bool is_over(const struct contest *contest, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return *contest->breaks >= BREAKS_WANTED || now.tv_sec - start->tv_sec > PATIENCE_S;
}

/* Asks both ways until the lease was broken often enough. */
static int ask_all_the_time(const struct contest *contest)
{
	struct timespec start;
	struct seg *seg;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &start);
	for (r = 0; r >= 0 && !is_over(contest, &start);) {
		r = seg_open(contest->ref, SEG_PATH, &seg);
		if (r == 0)
			r = seg_in_use(seg);
		if (r >= 0)
			seg_close(seg);
	}
	return r < 0 ? r : *contest->breaks > 0 ? 0 : 1;
}

static void run_contest(struct fixture *f, child_fn *fn)
{
	struct contest contest;
	void *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(shared, MAP_FAILED);
	contest.breaks = shared;
	snprintf(contest.ref, sizeof(contest.ref), "%s", f->ref);
	fixture_path(f->ref, contest.path);
	seg_close(create_seg(f->ref, PAGE, 0));
	peer_spawn(f, open_and_close, &contest);
	assert_int_equal(child_run(NULL, fn, &contest), 0);
	munmap(shared, PAGE);
}

static int with_the_default_action(void *arg)
{
	signal(SIGIO, SIG_DFL);
	return ask_all_the_time(arg);
}

static void the_default_action_does_not_kill(void **state)
{
	run_contest(*state, with_the_default_action);
}

static volatile sig_atomic_t delivered;

static void count_signal(int sig)
{
	(void)sig;
	delivered = delivered + 1;
}

static int with_a_handler(void *arg)
{
	int r;

	signal(SIGIO, count_signal);
	r = ask_all_the_time(arg);
	if (r == 0 && delivered != 0)
		return 2;
	raise(SIGIO); /* which still arrives */
	return r ? r : delivered == 1 ? 0 : 3;
}

static void a_handler_is_not_called(void **state)
{
	run_contest(*state, with_a_handler);
}

static sigset_t only_sigio(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGIO);
	return set;
}

static bool is_pending(void)
{
	sigset_t pending;

	sigpending(&pending);
	return sigismember(&pending, SIGIO);
}

static int with_it_blocked(void *arg)
{
	sigset_t set = only_sigio(), now;
	int r;

	sigprocmask(SIG_BLOCK, &set, NULL);
	r = ask_all_the_time(arg);
	sigprocmask(SIG_BLOCK, NULL, &now);
	if (r == 0 && is_pending())
		return 2;
	return r ? r : sigismember(&now, SIGIO) ? 0 : 3;
}

static void nothing_is_pending_where_it_is_blocked(void **state)
{
	run_contest(*state, with_it_blocked);
}

/* A signal to this thread, or to the process, that is there from the start. */
static int with_one_pending(struct contest *contest, bool of_thread)
{
	static const struct timespec now = { 0 };
	sigset_t set = only_sigio();
	siginfo_t info = { 0 };
	int r;

	sigprocmask(SIG_BLOCK, &set, NULL);
	if (of_thread)
		syscall(SYS_tgkill, getpid(), gettid(), SIGIO);
	else
		kill(getpid(), SIGIO);
	r = ask_all_the_time(contest);
	if (r)
		return r;
	if (sigtimedwait(&set, &info, &now) != SIGIO || info.si_pid != getpid())
		return 2;
	return is_pending() ? 3 : 0;
}

static int with_one_pending_for_the_thread(void *arg)
{
	return with_one_pending(arg, true);
}

static int with_one_pending_for_the_process(void *arg)
{
	return with_one_pending(arg, false);
}

static void a_pending_one_of_the_thread_stays_pending(void **state)
{
	run_contest(*state, with_one_pending_for_the_thread);
}

static void a_pending_one_of_the_process_stays_pending(void **state)
{
	run_contest(*state, with_one_pending_for_the_process);
}

static void *ask_in_a_thread(void *arg)
{
	return (void *)(intptr_t)ask_all_the_time(arg);
}

/* What is the process's is not to become the one thread's that asks. */
static int with_a_thread_that_asks(void *arg)
{
	static const struct timespec now = { 0 };
	sigset_t set = only_sigio();
	pthread_t thread;
	void *r;

	sigprocmask(SIG_BLOCK, &set, NULL);
	kill(getpid(), SIGIO);
	if (pthread_create(&thread, NULL, ask_in_a_thread, arg) || pthread_join(thread, &r))
		return 5;
	if (r)
		return (int)(intptr_t)r;
	return sigtimedwait(&set, NULL, &now) == SIGIO ? 0 : 2;
}

static void a_pending_one_of_the_process_stays_every_threads(void **state)
{
	run_contest(*state, with_a_thread_that_asks);
}

/* A descriptor that the program has asked signals for still gives them. */
static void owner_and_signal_of_the_descriptor_stay(void **state)
{
	struct f_owner_ex owner = { F_OWNER_PID, getpid() }, after;
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	int fd = seg_fd(seg);

	assert_ok(fcntl(fd, F_SETOWN_EX, &owner));
	assert_ok(fcntl(fd, F_SETSIG, SIGUSR1));
	assert_int_equal(seg_in_use(seg), 0);
	assert_ok(fcntl(fd, F_GETOWN_EX, &after));
	assert_int_equal(after.type, F_OWNER_PID);
	assert_int_equal(after.pid, getpid());
	assert_int_equal(fcntl(fd, F_GETSIG), SIGUSR1);
	assert_int_equal(fcntl(fd, F_GETLEASE), F_UNLCK);
	seg_close(seg);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILES(the_default_action_does_not_kill),
		TEST_FILES(a_handler_is_not_called),
		TEST_FILES(nothing_is_pending_where_it_is_blocked),
		TEST_FILES(a_pending_one_of_the_thread_stays_pending),
		TEST_FILES(a_pending_one_of_the_process_stays_pending),
		TEST_FILES(a_pending_one_of_the_process_stays_every_threads),
		TEST_FILES(owner_and_signal_of_the_descriptor_stay),
	};

	return RUN_TESTS(tests);
}
