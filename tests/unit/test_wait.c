// SPDX-License-Identifier: MIT
/* Waiting at a word, and waking those who do: in two processes. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "fixture.h"
#include "peer.h"

#define MS 1000000L

/* What a peer does: the results are its exit status, so without their sign. */
static int wait_at(void *word)
{
	return -seg_wait(word, 0, NULL);
}

static uint32_t *map_words(const char *ref)
{
	struct seg *seg = NULL;
	void *addr;

	assert_ok(seg_create(ref, PAGE, 0600, 0, &seg));
	addr = map_seg(seg, 0, 0, 0);
	seg_close(seg);
	return addr;
}

/* A waiter is asleep when there is somebody to wake. */
static void wake_until(uint32_t *word, int count)
{
	while (count > 0) {
		int r = seg_wake(word, 1);

		assert_in_range(r, 0, 1);
		count -= r;
		sched_yield();
	}
}

static void a_wake_ends_the_wait_of_another_process(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);
	struct peer *peer = peer_spawn(f, wait_at, &words[7]);

	wake_until(&words[7], 1);
	assert_int_equal(peer_join(peer), 0);
	assert_ok(seg_unmap(words, PAGE));
}

static void each_wake_is_for_as_many_as_it_says(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);
	struct peer *peers[3];
	int woken = 0;

	for (size_t i = 0; i < 3; i++)
		peers[i] = peer_spawn(f, wait_at, words);
	wake_until(words, 1);
	while (woken < 2) {
		int r = seg_wake(words, INT_MAX);

		assert_in_range(r, 0, 2);
		woken += r;
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(peer_join(peers[i]), 0);
	assert_int_equal(seg_wake(words, INT_MAX), 0);
	assert_int_equal(seg_wake(words, 0), 0);
	assert_ok(seg_unmap(words, PAGE));
}

static int wait_at_the_path(void *arg)
{
	const char *ref = arg;
	char path[PATH_MAX];
	struct seg *seg;
	void *addr;

	fixture_path(ref, path);
	if (seg_open(path, SEG_READ_ONLY, &seg) < 0 || seg_map(seg, 0, 0, 0, &addr) < 0)
		return 99;
	return -seg_wait(addr, 0, NULL);
}

static void a_word_is_one_word_in_every_mapping(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);
	struct peer *peer = peer_spawn(f, wait_at_the_path, f->ref);

	wake_until(words, 1);
	assert_int_equal(peer_join(peer), 0);
	assert_ok(seg_unmap(words, PAGE));
}

static void another_value_is_eagain(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref), go = 0;

	words[1] = 5;
	assert_int_equal(seg_wait(&words[1], 4, NULL), -EAGAIN);
	assert_int_equal(seg_wait_unless(&words[1], 4, NULL, &go), -EAGAIN);
	assert_ok(seg_unmap(words, PAGE));
}

static void a_wait_ends_with_its_timeout(void **state)
{
	static const struct timespec timeouts[] = { { 0, 0 }, { 0, 1 }, { 0, 3 * MS } };
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref), go = 0;
	struct timespec before, after;

	for (size_t i = 0; i < 3; i++) {
		clock_gettime(CLOCK_MONOTONIC, &before);
		assert_int_equal(seg_wait(words, 0, &timeouts[i]), -ETIMEDOUT);
		assert_int_equal(seg_wait_unless(words, 0, &timeouts[i], &go), -ETIMEDOUT);
		clock_gettime(CLOCK_MONOTONIC, &after);
		assert_true((after.tv_sec - before.tv_sec) * 1000 * MS + after.tv_nsec -
				    before.tv_nsec >=
			    2 * timeouts[i].tv_nsec);
	}
	assert_ok(seg_unmap(words, PAGE));
}

static void note(int sig)
{
	(void)sig;
}

static int wait_for_a_signal(void *arg)
{
	const struct sigaction action = { .sa_handler = note };
	uint32_t *words = arg;

	sigaction(SIGUSR1, &action, NULL);
	__atomic_store_n(&words[1], 1, __ATOMIC_RELEASE);
	return -seg_wait(words, 0, NULL);
}

static void a_signal_is_eintr(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);
	struct peer *peer = peer_spawn(f, wait_for_a_signal, words);
	siginfo_t end = { 0 };

	while (!__atomic_load_n(&words[1], __ATOMIC_ACQUIRE))
		sched_yield();
	do { /* the first may come before the wait */
		kill(peer->pid, SIGUSR1);
		sched_yield();
		assert_ok(waitid(P_PID, (id_t)peer->pid, &end, WEXITED | WNOHANG | WNOWAIT));
	} while (end.si_pid == 0);
	assert_int_equal(peer_join(peer), EINTR);
	assert_ok(seg_unmap(words, PAGE));
}

struct wait_args {
	uint32_t *word;
	uint32_t stop;
	int result;
};

static void *wait_in_a_thread(void *arg)
{
	struct wait_args *args = arg;

	args->result = seg_wait_unless(args->word, 0, NULL, &args->stop);
	return NULL;
}

static void another_thread_can_stop_one_wait_alone(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);
	struct wait_args args[2] = { { .word = words, .result = 1 },
				     { .word = words, .result = 1 } };
	pthread_t threads[2];

	for (size_t i = 0; i < 2; i++)
		assert_ok(pthread_create(&threads[i], NULL, wait_in_a_thread, &args[i]));
	__atomic_store_n(&args[0].stop, 1, __ATOMIC_RELEASE);
	assert_in_range(seg_wake(&args[0].stop, 1), 0, 1);
	assert_ok(pthread_join(threads[0], NULL));
	assert_int_equal(args[0].result, -ECANCELED);
	wake_until(words, 1);
	assert_ok(pthread_join(threads[1], NULL));
	assert_int_equal(args[1].result, 0);
	assert_ok(seg_unmap(words, PAGE));
}

/* As a kernel before 5.16 answers, or a container's filter. */
static int forbid_waitv(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_waitv, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { .len = 4, .filter = filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

/* The number of the step that went wrong. */
static int wait_without_waitv(void *arg)
{
	static const struct timespec ms = { 0, MS }, longer = { 0, 150 * MS };
	struct wait_args args = { .word = arg, .result = 1 };
	pthread_t thread;

	if (forbid_waitv() < 0)
		return 1;
	if (seg_wait_unless(args.word, 0, &ms, &args.stop) != -ETIMEDOUT)
		return 2;
	if (seg_wait_unless(args.word, 0, &longer, &args.stop) != -ETIMEDOUT)
		return 3;
	if (seg_wait_unless(args.word, 1, NULL, &args.stop) != -EAGAIN)
		return 4;
	if (pthread_create(&thread, NULL, wait_in_a_thread, &args) != 0)
		return 5;
	while (seg_wake(args.word, 1) == 0)
		sched_yield();
	pthread_join(thread, NULL);
	if (args.result != 0 || pthread_create(&thread, NULL, wait_in_a_thread, &args) != 0)
		return 6;
	__atomic_store_n(&args.stop, 1, __ATOMIC_RELEASE);
	pthread_join(thread, NULL);
	return args.result == -ECANCELED ? 0 : 7;
}

static void without_futex_waitv_it_is_the_same(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref);

	assert_int_equal(child_run(NULL, wait_without_waitv, words), 0);
	assert_ok(seg_unmap(words, PAGE));
}

static void what_is_stopped_already_does_not_wait(void **state)
{
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref), stop = 1;

	assert_int_equal(seg_wait_unless(words, 0, NULL, &stop), -ECANCELED);
	assert_ok(seg_unmap(words, PAGE));
}

static void what_is_no_word_or_no_time_is_an_error(void **state)
{
	static const struct timespec wrong[] = { { -1, 0 }, { 0, -1 }, { 0, 1000 * MS } };
	static const struct timespec longest = { .tv_sec = INT64_MAX };
	struct fixture *f = *state;
	uint32_t *words = map_words(f->ref), go = 0;
	char *odd = (char *)words + 2;

	assert_int_equal(seg_wait(odd, 0, NULL), -EINVAL);
	assert_int_equal(seg_wait_unless(odd, 0, NULL, &go), -EINVAL);
	assert_int_equal(seg_wake(odd, 1), -EINVAL);
	assert_int_equal(seg_wake(words, -1), -EINVAL);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(seg_wait(words, 0, &wrong[i]), -EINVAL);
		assert_int_equal(seg_wait_unless(words, 0, &wrong[i], &go), -EINVAL);
	}
	assert_int_equal(seg_wait_unless(words, 1, &longest, &go), -EAGAIN);
	assert_ok(seg_unmap(words, PAGE));
	assert_int_equal(seg_wait(words, 0, NULL), -EFAULT);
	assert_int_equal(seg_wake(words, 1), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(a_wake_ends_the_wait_of_another_process),
		TEST_EACH_KIND(each_wake_is_for_as_many_as_it_says),
		TEST_FILES(a_word_is_one_word_in_every_mapping),
		TEST_EACH_KIND(another_value_is_eagain),
		TEST_EACH_KIND(a_wait_ends_with_its_timeout),
		TEST_EACH_KIND(a_signal_is_eintr),
		TEST_EACH_KIND(another_thread_can_stop_one_wait_alone),
		TEST_POSIX(without_futex_waitv_it_is_the_same),
		TEST_POSIX(what_is_stopped_already_does_not_wait),
		TEST_EACH_KIND(what_is_no_word_or_no_time_is_an_error),
	};

	return RUN_TESTS(tests);
}
