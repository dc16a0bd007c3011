// SPDX-License-Identifier: MIT
/* Waiting at a word of shared memory: futex(2), never FUTEX_PRIVATE_FLAG. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seg.h"

/* How often a kernel without futex_waitv() looks at the word that stops a wait. */
#define LOOK_NS 100000000L

#define NS_PER_S 1000000000L

static bool is_word(const void *addr)
{
	return (uintptr_t)addr % sizeof(uint32_t) == 0;
}

static bool is_stopped(const uint32_t *stop)
{
	return __atomic_load_n(stop, __ATOMIC_ACQUIRE) != 0;
}

static bool is_before(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec < b->tv_sec || (a->tv_sec == b->tv_sec && a->tv_nsec < b->tv_nsec);
}

int seg_wait(void *addr, uint32_t expected, const struct timespec *timeout)
{
	if (!is_word(addr))
		return -EINVAL;
	if (syscall(SYS_futex, addr, FUTEX_WAIT, expected, timeout, NULL, 0) < 0)
		return -errno;
	return 0;
}

/* What is to be added to now; so far away that it does not matter where that overflows. */
static int deadline_of(const struct timespec *timeout, struct timespec *ret)
{
	struct timespec now;

	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= NS_PER_S)
		return -EINVAL;
	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_nsec += timeout->tv_nsec;
	now.tv_sec += now.tv_nsec / NS_PER_S;
	now.tv_nsec %= NS_PER_S;
	if (__builtin_add_overflow(now.tv_sec, timeout->tv_sec, &now.tv_sec))
		now.tv_sec = INT64_MAX;
	*ret = now;
	return 0;
}

/* The kernel tells the last word of the two that was woken: if it was both, the one that
 * somebody else has woken us at. */
static int wait_for_both(void *addr, uint32_t expected, const struct timespec *deadline,
			 uint32_t *stop)
{
	struct futex_waitv words[] = {
		{ .val = 0, .uaddr = (uintptr_t)stop, .flags = FUTEX_32 },
		{ .val = expected, .uaddr = (uintptr_t)addr, .flags = FUTEX_32 },
	};
	long r = syscall(SYS_futex_waitv, words, 2, 0, deadline, CLOCK_MONOTONIC);

	if (r < 0)
		return errno == EAGAIN && is_stopped(stop) ? -ECANCELED : -errno;
	return r == 0 ? -ECANCELED : 0;
}

/* False where nothing is left. */
static bool time_left(const struct timespec *deadline, struct timespec *ret)
{
	struct timespec now, left;

	*ret = (struct timespec){ .tv_nsec = LOOK_NS };
	if (!deadline)
		return true;
	clock_gettime(CLOCK_MONOTONIC, &now);
	if (!is_before(&now, deadline))
		return false;
	left = (struct timespec){ deadline->tv_sec - now.tv_sec, deadline->tv_nsec - now.tv_nsec };
	if (left.tv_nsec < 0)
		left = (struct timespec){ left.tv_sec - 1, left.tv_nsec + NS_PER_S };
	if (is_before(&left, ret))
		*ret = left;
	return true;
}

static int wait_in_steps(void *addr, uint32_t expected, const struct timespec *deadline,
			 const uint32_t *stop)
{
	struct timespec step;
	int r;

	while (!is_stopped(stop)) {
		if (!time_left(deadline, &step))
			return -ETIMEDOUT;
		r = seg_wait(addr, expected, &step);
		if (r != -ETIMEDOUT)
			return r;
	}
	return -ECANCELED;
}

int seg_wait_unless(void *addr, uint32_t expected, const struct timespec *timeout, uint32_t *stop)
{
	struct timespec deadline, *until = NULL;
	int r;

	if (!is_word(addr) || !is_word(stop))
		return -EINVAL;
	if (timeout) {
		r = deadline_of(timeout, &deadline);
		if (r < 0)
			return r;
		until = &deadline;
	}
	r = wait_for_both(addr, expected, until, stop);
	if (r == -ENOSYS || r == -EPERM) /* before Linux 5.16, or filtered by a container */
		r = wait_in_steps(addr, expected, until, stop);
	return r;
}

int seg_wake(void *addr, int count)
{
	long r;

	if (!is_word(addr) || count < 0)
		return -EINVAL;
	if (count == 0) /* which the kernel takes for 1 */
		return 0;
	r = syscall(SYS_futex, addr, FUTEX_WAKE, count, NULL, NULL, 0);
	return r < 0 ? -errno : (int)r;
}
