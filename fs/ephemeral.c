// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "ephemeral.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/fanotify.h>
#include <time.h>
#include <uthash.h>

#include "../libseg/cleanup.h"
#include "thread.h"

/* A close is told before the kernel has done with it, and somebody else may be asking
 * just now: a segment that seems to be in use is looked at again, up to three times. */
static const int64_t delays_ms[] = { 1, 10, 100 };

/* For how long events are gathered, so that a busy store is no busy watcher. */
#define GATHER_MS 1

#define DELAYS (sizeof(delays_ms) / sizeof(delays_ms[0]))

struct busy {
	char name[NAME_MAX + 1];
	unsigned step;
	bool again; /* another event came meanwhile */
	int64_t due_ms;
	UT_hash_handle hh;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* What was closed: still there, made to be ephemeral, and nobody's any more? All asked
 * of one handle, so that a successor to the name is never taken for it. */
static int destroy_if_ephemeral(struct ephemeral *watcher, const char *name)
{
	_cleanup_seg_ struct seg *seg = NULL;
	char ref[NAME_MAX + 2];

	snprintf(ref, sizeof(ref), "/%s", name);
	if (seg_openat(watcher->store, ref, SEG_PATH, &seg) < 0 || seg_is_ephemeral(seg) != 1)
		return -ENOENT;
	return seg_unlinkat(watcher->store, seg, SEG_IF_UNUSED);
}

static void postpone(struct busy *busy, unsigned step)
{
	busy->step = step;
	busy->again = false;
	busy->due_ms = now_ms() + delays_ms[step] + 1;
}

static void add_busy(struct ephemeral *watcher, const char *name)
{
	struct busy *busy = calloc(1, sizeof(*busy));

	if (!busy)
		return;
	snprintf(busy->name, sizeof(busy->name), "%s", name);
	postpone(busy, 0);
	HASH_ADD_STR(watcher->busy, name, busy);
}

static void remove_busy(struct ephemeral *watcher, struct busy *busy)
{
	HASH_DEL(watcher->busy, busy);
	free(busy);
}

static void consider(struct ephemeral *watcher, const char *name)
{
	struct busy *busy;

	/* Not at once: the look of one daemon is an event for the next. */
	HASH_FIND_STR(watcher->busy, name, busy);
	if (busy)
		busy->again = true;
	else if (destroy_if_ephemeral(watcher, name) == -EBUSY)
		add_busy(watcher, name);
}

static void consider_again(struct ephemeral *watcher, struct busy *busy)
{
	if (destroy_if_ephemeral(watcher, busy->name) != -EBUSY)
		remove_busy(watcher, busy);
	else if (busy->step + 1 < DELAYS)
		postpone(busy, busy->step + 1);
	else if (busy->again)
		postpone(busy, busy->step);
	else
		remove_busy(watcher, busy);
}

/* Return: how long it is to the next one, for poll(2). */
static int consider_due(struct ephemeral *watcher)
{
	int64_t now = now_ms(), next = -1;
	struct busy *busy, *tmp;

	HASH_ITER (hh, watcher->busy, busy, tmp)
		if (busy->due_ms <= now)
			consider_again(watcher, busy);
	for (busy = watcher->busy; busy; busy = busy->hh.next)
		if (next < 0 || busy->due_ms < next)
			next = busy->due_ms;
	return next < 0 ? -1 : next > now ? (int)(next - now) : 0;
}

/* Those whose end nobody saw: before the start, or when events were lost. */
static void sweep(struct ephemeral *watcher)
{
	const struct seg_gc_filter filter = { .kind = SEG_POSIX,
					      .uid = (uid_t)-1,
					      .flags = SEG_GC_EPHEMERAL };

	seg_gcat(watcher->store, &filter, NULL, NULL);
}

/* What comes after the metadata of an event is aligned to 4 bytes, and so the next event. */
static const char *name_of(const char *event, const struct fanotify_event_metadata *meta)
{
	const struct fanotify_event_info_fid *info = (const void *)(event + meta->metadata_len);
	const struct file_handle *dir = (const void *)info->handle;

	if (meta->event_len <= meta->metadata_len ||
	    info->hdr.info_type != FAN_EVENT_INFO_TYPE_DFID_NAME)
		return NULL;
	return (const char *)dir->f_handle + dir->handle_bytes;
}

static void handle_event(struct ephemeral *watcher, const char *event,
			 const struct fanotify_event_metadata *meta)
{
	const char *name = name_of(event, meta);

	if (meta->mask & FAN_Q_OVERFLOW)
		sweep(watcher);
	/* To ask is to open and close it: that is no reason to ask again. */
	else if (name && meta->pid != gettid())
		consider(watcher, name);
}

static void read_events(struct ephemeral *watcher)
{
	char buf[64 * 1024] __attribute__((aligned(__alignof__(struct fanotify_event_metadata))));
	struct fanotify_event_metadata meta;
	ssize_t n = read(watcher->events, buf, sizeof(buf));

	for (const char *p = buf; p + sizeof(meta) <= buf + n; p += meta.event_len) {
		memcpy(&meta, p, sizeof(meta));
		handle_event(watcher, p, &meta);
	}
}

static void *watch(void *arg)
{
	struct ephemeral *watcher = arg;
	struct pollfd fds[] = {
		{ .fd = watcher->stop, .events = POLLIN },
		{ .fd = watcher->events, .events = POLLIN },
	};

	sweep(watcher);
	for (;;) {
		if (poll(fds, 2, consider_due(watcher)) < 0 && errno != EINTR)
			return NULL;
		if (fds[0].revents)
			return NULL;
		/* One close seldom comes alone: let them come together, and the kernel have
		 * done with them. */
		if (fds[1].revents && poll(fds, 1, GATHER_MS) == 0)
			read_events(watcher);
	}
}

/* Not inotify, which does not tell who closed a file: each look at a segment that is in
 * use would lead to the next one. */
static int open_events(const struct seg_store *store)
{
	_cleanup_close_ int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK |
						       FAN_REPORT_DFID_NAME | FAN_REPORT_TID,
					       O_RDONLY);
	char path[64];

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", seg_store_fd(store));
	if (fanotify_mark(fd, FAN_MARK_ADD | FAN_MARK_ONLYDIR, FAN_CLOSE | FAN_EVENT_ON_CHILD,
			  AT_FDCWD, path) < 0)
		return -errno;
	return steal_fd(&fd);
}

int ephemeral_open(struct ephemeral *ret, const char *path)
{
	int r;

	*ret = (struct ephemeral){ .events = -1, .stop = -1 };
	r = seg_store_open(path, &ret->store);
	if (r == 0)
		r = ret->events = open_events(ret->store);
	if (r >= 0)
		r = ret->stop = eventfd(0, EFD_CLOEXEC);
	return r < 0 ? r : 0;
}

int ephemeral_start(struct ephemeral *watcher)
{
	int r;

	if (watcher->stop < 0)
		return 0;
	r = thread_start(&watcher->thread, watch, watcher);
	watcher->running = r == 0;
	return r;
}

void ephemeral_close(struct ephemeral *watcher)
{
	struct busy *busy, *tmp;

	if (watcher->running) {
		eventfd_write(watcher->stop, 1);
		pthread_join(watcher->thread, NULL);
	}
	if (watcher->events >= 0)
		close(watcher->events);
	if (watcher->stop >= 0)
		close(watcher->stop);
	HASH_ITER (hh, watcher->busy, busy, tmp)
		remove_busy(watcher, busy);
	watcher->store = seg_store_close(watcher->store);
}
