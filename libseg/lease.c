// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "lease.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sys/syscall.h>

/* For this thread alone, or for the process as a whole? sigpending() tells of both; what
 * is the process's must not be taken, for some other thread may be waiting for it. */
static bool is_pending_for_thread(void)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	uint64_t pending = UINT64_MAX; /* without /proc */
	sigset_t either;
	size_t size = 0;

	if (sigpending(&either) < 0 || !sigismember(&either, SIGIO))
		return false;
	f = fopen("/proc/thread-self/status", "re");
	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "SigPnd: %" SCNx64, &pending) == 1)
			break;
	return pending >> (SIGIO - 1) & 1;
}

/* Whoever opens the file meanwhile has the kernel send us SIGIO, whose default action
 * kills. It is led to this thread, where it is blocked, and taken from the queue: the
 * program around us never sees it, whatever it does with signals. */
static void guard_signals(struct lease *lease)
{
	struct f_owner_ex self = { .type = F_OWNER_TID, .pid = gettid() };
	sigset_t sigio;

	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	pthread_sigmask(SIG_BLOCK, &sigio, &lease->signals);
	lease->had_signal = is_pending_for_thread();
	if (fcntl(lease->fd, F_GETOWN_EX, &lease->owner) < 0)
		lease->owner = (struct f_owner_ex){ 0 };
	lease->signal = fcntl(lease->fd, F_GETSIG);
	fcntl(lease->fd, F_SETOWN_EX, &self);
	/* Named, and not by default: then the signal tells its descriptor. */
	fcntl(lease->fd, F_SETSIG, SIGIO);
}

/* Where one was pending before, the kernel has added none. One that came to this thread
 * meanwhile and is the program's own goes back. */
static void take_signal(const struct lease *lease)
{
	static const struct timespec now = { 0 };
	siginfo_t info;
	sigset_t sigio;

	if (lease->had_signal || !is_pending_for_thread())
		return;
	sigemptyset(&sigio);
	sigaddset(&sigio, SIGIO);
	if (sigtimedwait(&sigio, &info, &now) == SIGIO &&
	    !(info.si_code > 0 && info.si_fd == lease->fd))
		syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGIO, &info);
}

static void unguard_signals(const struct lease *lease)
{
	take_signal(lease);
	fcntl(lease->fd, F_SETSIG, lease->signal);
	fcntl(lease->fd, F_SETOWN_EX, &lease->owner);
	pthread_sigmask(SIG_SETMASK, &lease->signals, NULL);
}

int lease_take(int fd, struct lease *ret)
{
	struct lease lease = { .fd = fd };
	int err;

	guard_signals(&lease);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) == 0) {
		*ret = lease;
		return 0;
	}
	err = errno;
	unguard_signals(&lease);
	switch (err) {
	case EAGAIN:
		return -EBUSY;
	case EACCES:
		return -EPERM;
	case EINVAL:
		return -EOPNOTSUPP;
	default:
		return -err;
	}
}

void lease_drop(struct lease *lease)
{
	if (lease->fd < 0)
		return;
	fcntl(lease->fd, F_SETLEASE, F_UNLCK);
	unguard_signals(lease);
	lease->fd = -1;
}
