// SPDX-License-Identifier: MIT
/* The policies of destruction. */
#define _GNU_SOURCE
#include "destroy.h"

#include <errno.h>
#include <fnmatch.h>
#include <string.h>
#include <sys/stat.h>

#include "last_use.h"
#include "usage.h"

bool destroy_is_named(int dirfd, const char *name, int fd)
{
	struct stat named, own;

	return fstatat(dirfd, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &own) == 0 &&
	       named.st_dev == own.st_dev && named.st_ino == own.st_ino;
}

/*
 * Under one lease: the question, the look at the name, and the unlink. No open can
 * slip in between: it waits, and then has a file without a name, which seg_open()
 * notices. A rename over the name is not kept out, and it takes the owner of both
 * files to do it in these microseconds.
 */
int destroy_if_unused(int dirfd, const char *name, int path_fd)
{
	_cleanup_close_ int fd = -1;
	_cleanup_lease_ struct lease lease = LEASE_NONE;
	int r;

	if (usage_on_mount(path_fd))
		return usage_destroy_on_mount(path_fd);
	r = usage_lock_file(path_fd, &fd, &lease);
	if (r < 0)
		return r;
	if (!destroy_is_named(dirfd, name, path_fd))
		return -ENOENT;
	return unlinkat(dirfd, name, 0) < 0 ? -errno : 0;
}

/* -- gc ------------------------------------------------------------------- */

struct gc {
	struct seg_store *store;
	const struct seg_gc_filter *filter;
	seg_gc_fn *fn;
	void *arg;
	time_t now;
	int count;
};

static bool fits(const struct gc *gc, const char *ref, const struct seg_stat *st)
{
	const struct seg_gc_filter *filter = gc->filter;

	if (st->flags & SEG_STAT_REMOVED)
		return false;
	if (filter->pattern && fnmatch(filter->pattern, ref, 0) != 0)
		return false;
	if (filter->uid != (uid_t)-1 && filter->uid != st->uid)
		return false;
	return !filter->unused_for ||
	       (gc->now > seg_last_use(st) &&
		(uint64_t)(gc->now - seg_last_use(st)) >= filter->unused_for);
}

/* What has the name now may not be what was listed; the handle says what it is. */
static int collect_posix(struct gc *gc, const char *ref)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	int r;

	r = seg_openat(gc->store, ref, SEG_PATH, &seg);
	if (r < 0)
		return r;
	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	if (!fits(gc, ref, &st) ||
	    (gc->filter->flags & SEG_GC_EPHEMERAL && seg_is_ephemeral(seg) != 1))
		return -ENOENT;
	if (!(gc->filter->flags & SEG_GC_DRY_RUN))
		return seg_unlinkat(gc->store, seg, SEG_IF_UNUSED);
	r = seg_in_use(seg);
	return r == 1 ? -EBUSY : r;
}

/* By its id: that is this one's for ever. A dry run goes by the attaches alone. To see
 * mappings through a mount the segment has to be attached for a moment, which would
 * renew the very times that @unused_for looks at. */
static int collect_sysv(const struct gc *gc, const struct seg_stat *st)
{
	char by_id[SEG_REF_SIZE];

	if (st->nattch > 0)
		return -EBUSY;
	if (gc->filter->flags & SEG_GC_DRY_RUN)
		return 0;
	seg_name_format_sysv(0, st->shmid, by_id);
	return seg_destroy(by_id, SEG_IF_UNUSED);
}

static int consider(const char *ref, const struct seg_stat *st, void *arg)
{
	struct gc *gc = arg;
	int r;

	if (!fits(gc, ref, st))
		return 0;
	r = st->kind == SEG_SYSV ? collect_sysv(gc, st) : collect_posix(gc, ref);
	if (r == -EBUSY || r == -ENOENT || r == -EAGAIN)
		return 0; /* in use, or somebody was faster */
	if (r == 0)
		gc->count++;
	return gc->fn ? gc->fn(ref, st, r, gc->arg) : 0;
}

int seg_gcat(struct seg_store *store, const struct seg_gc_filter *filter, seg_gc_fn *fn, void *arg)
{
	struct gc gc = {
		.store = store, .filter = filter, .fn = fn, .arg = arg, .now = time(NULL)
	};
	int r = 0;

	if (filter->flags & ~(SEG_GC_DRY_RUN | SEG_GC_EPHEMERAL))
		return -EINVAL;
	if (filter->kind == 0 || filter->kind == SEG_POSIX)
		r = seg_listat(store, SEG_POSIX, 0, consider, &gc);
	if (r == 0 && (filter->kind == 0 || filter->kind == SEG_SYSV) &&
	    !(filter->flags & SEG_GC_EPHEMERAL))
		r = seg_listat(store, SEG_SYSV, 0, consider, &gc);
	return r ? r : gc.count;
}

int seg_gc(const struct seg_gc_filter *filter, seg_gc_fn *fn, void *arg)
{
	return seg_gcat(NULL, filter, fn, arg);
}
