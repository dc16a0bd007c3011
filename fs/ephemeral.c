// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "ephemeral.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "../libseg/cleanup.h"

/* What was closed: still there, made to be ephemeral, and nobody's any more? All asked
 * of one handle, so that a successor to the name is never taken for it. */
static void consider(struct ephemeral *watcher, const char *name)
{
	_cleanup_seg_ struct seg *seg = NULL;
	char ref[NAME_MAX + 2];
	struct seg_stat st;

	snprintf(ref, sizeof(ref), "/%s", name);
	if (seg_openat(watcher->store, ref, SEG_PATH, &seg) < 0 || seg_fstat(seg, &st) < 0)
		return;
	if (st.flags & SEG_STAT_EPHEMERAL)
		seg_unlinkat(watcher->store, seg, SEG_IF_UNUSED);
}

/* Those whose end nobody saw: before the start, or when events were lost. */
static void sweep(struct ephemeral *watcher)
{
	const struct seg_gc_filter filter = { .kind = SEG_POSIX,
					      .uid = (uid_t)-1,
					      .flags = SEG_GC_EPHEMERAL };

	seg_gcat(watcher->store, &filter, NULL, NULL);
}

static void read_events(struct ephemeral *watcher)
{
	char buf[64 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n = read(watcher->inotify, buf, sizeof(buf));

	for (char *p = buf; p < buf + n;) {
		const struct inotify_event *event = (const struct inotify_event *)(void *)p;

		if (event->mask & IN_Q_OVERFLOW)
			sweep(watcher);
		else if (event->len > 0)
			consider(watcher, event->name);
		p += sizeof(*event) + event->len;
	}
}

static void *watch(void *arg)
{
	struct ephemeral *watcher = arg;
	struct pollfd fds[] = {
		{ .fd = watcher->stop, .events = POLLIN },
		{ .fd = watcher->inotify, .events = POLLIN },
	};

	sweep(watcher);
	for (;;) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		if (fds[1].revents)
			read_events(watcher);
	}
}

static int open_inotify(const struct seg_store *store)
{
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char path[64];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", seg_store_fd(store));
	if (inotify_add_watch(fd, path, IN_CLOSE | IN_ONLYDIR) < 0)
		return -errno;
	return steal_fd(&fd);
}

int ephemeral_open(struct ephemeral *ret)
{
	int r;

	*ret = (struct ephemeral){ .inotify = -1, .stop = -1 };
	r = seg_store_open(NULL, &ret->store);
	if (r == 0)
		r = ret->inotify = open_inotify(ret->store);
	if (r >= 0)
		r = ret->stop = eventfd(0, EFD_CLOEXEC);
	return r < 0 ? r : 0;
}

int ephemeral_start(struct ephemeral *watcher)
{
	sigset_t all, old;
	int r;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&watcher->thread, NULL, watch, watcher);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	watcher->running = r == 0;
	return -r;
}

void ephemeral_close(struct ephemeral *watcher)
{
	if (watcher->running) {
		eventfd_write(watcher->stop, 1);
		pthread_join(watcher->thread, NULL);
	}
	if (watcher->inotify >= 0)
		close(watcher->inotify);
	if (watcher->stop >= 0)
		close(watcher->stop);
	watcher->store = seg_store_close(watcher->store);
}
