// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_log.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>

#include "../libseg/cleanup.h"
#include "mountpoint.h"
#include "notify.h"
#include "publish.h"
#include "serve.h"

/* A worker that dies faster than this, so many times in a row, will not get better. */
#define MIN_LIFE_S 2
#define MAX_TRIES  5

struct supervisor {
	struct options *opts;
	int store;
	pid_t worker;
	struct publication pub;
	int signal_fd, mounts_fd;
	sigset_t old_signals;
};

static void remember_mount(struct options *opts)
{
	memmove(opts->mounts + 1, opts->mounts, sizeof(opts->mounts) - sizeof(opts->mounts[0]));
	opts->mounts[0] = mountpoint_device(opts->mountpoint);
}

static int start_worker(struct supervisor *s)
{
	_cleanup_close_ int ready_read = -1, ready_write = -1;
	int fds[2], r;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail("pipe", errno), 1;
	ready_read = fds[0];
	ready_write = fds[1];
	s->worker = fork();
	if (s->worker < 0)
		return fail("fork", errno), 1;
	if (s->worker == 0) {
		sigprocmask(SIG_SETMASK, &s->old_signals, NULL);
		close(steal_fd(&ready_read));
		exit(serve(s->opts, s->store, ready_write));
	}
	close(steal_fd(&ready_write));
	r = await_ready(s->worker, ready_read);
	if (r)
		return r;
	remember_mount(s->opts);
	r = publish_read_only(&s->pub, s->opts->mountpoint);
	if (r < 0)
		fuse_log(FUSE_LOG_WARNING, "%s: no read-only view: %s\n", s->pub.ro, strerror(-r));
	return 0;
}

/* `umount` of the mount point leaves the file system mounted in the read-only view, and
 * the worker serving it. */
static void check_mount(struct supervisor *s)
{
	if (s->pub.ro && !mountpoint_is_segfs(s->opts->mountpoint))
		publish_withdraw(&s->pub);
}

/* Signals that end the worker are passed on. Return: true when it is gone. */
static bool handle_signal(const struct supervisor *s, int *status)
{
	struct signalfd_siginfo info;

	if (read(s->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo == SIGCHLD)
		return waitpid(s->worker, status, WNOHANG) == s->worker;
	kill(s->worker, (int)info.ssi_signo);
	return false;
}

/* The table of mounts signals its changes as "priority" events. */
static int wait_worker(struct supervisor *s)
{
	struct pollfd fds[] = {
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = s->mounts_fd, .events = POLLPRI },
	};
	int status;

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && handle_signal(s, &status))
			return status;
		if (fds[1].revents)
			check_mount(s);
	}
}

/* What a mount without a daemon leaves is of no use to anybody. */
static int give_up(const struct supervisor *s)
{
	umount2(s->opts->mountpoint, MNT_DETACH);
	return 1;
}

static int keep_alive(struct supervisor *s)
{
	int tries = 0;

	for (;;) {
		time_t started = time(NULL);
		int status = wait_worker(s);

		if (WIFEXITED(status))
			return WEXITSTATUS(status);
		tries = time(NULL) - started < MIN_LIFE_S ? tries + 1 : 0;
		fuse_log(FUSE_LOG_ERR, "%s: worker killed by signal %d%s\n", s->opts->mountpoint,
			 WTERMSIG(status), tries < MAX_TRIES ? ": starting another" : "");
		if (tries >= MAX_TRIES || start_worker(s) != 0)
			return give_up(s);
	}
}

static int start_and_watch(struct supervisor *s, int ready)
{
	int r;

	r = start_worker(s);
	if (r)
		return r;
	notify_ready();
	if (!s->opts->foreground && leave_terminal() < 0)
		return 1;
	if (ready >= 0 && write(ready, "", 1) != 1)
		return 1;
	return keep_alive(s);
}

static int open_events(struct supervisor *s)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, &s->old_signals);
	s->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	s->mounts_fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	return s->signal_fd < 0 || s->mounts_fd < 0 ? -errno : 0;
}

static void release(struct supervisor *s)
{
	publish_end(&s->pub);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
	if (s->mounts_fd >= 0)
		close(s->mounts_fd);
}

int supervise(struct options *opts, int store, int ready)
{
	_cleanup_(release) struct supervisor s = {
		.opts = opts, .store = store, .signal_fd = -1, .mounts_fd = -1
	};
	int r = 0;

	if (!opts->noro)
		r = publish_prepare(opts->mountpoint, opts->source, &s.pub);
	if (r < 0)
		return fail("preparing the parent of the mount point", -r), 1;
	r = open_events(&s);
	if (r < 0)
		return fail("watching the worker", -r), 1;
	return start_and_watch(&s, ready);
}
