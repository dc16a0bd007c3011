// SPDX-License-Identifier: MIT
/* Directories by path: their segments are told by references that hold anywhere. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "mounts.h"

struct directory {
	const char *path;
	int length; /* without the slashes at its end */
	seg_list_fn *list_fn;
	seg_gc_fn *gc_fn;
	void *arg;
};

static void cleanup_store(struct seg_store **store)
{
	seg_store_close(*store);
}

#define _cleanup_store_ _cleanup_(cleanup_store)

static int directory_open(const char *path, struct directory *dir, struct seg_store **ret)
{
	size_t length;

	if (!path || !*path)
		return -EINVAL;
	length = strlen(path);
	if (length >= PATH_MAX)
		return -ENAMETOOLONG;
	while (length > 1 && path[length - 1] == '/') /* "//name" is a path, "/name" is not */
		length--;
	dir->path = path;
	dir->length = (int)length;
	return seg_store_open(path, ret);
}

/* What a store tells of @ref, a slash and the name, as it is told of a path. */
static char *by_path(const struct directory *dir, const char *ref, const struct seg_stat *st,
		     struct seg_stat *ret)
{
	char *path;

	*ret = *st;
	ret->kind = SEG_FILE;
	return asprintf(&path, "%.*s%s", dir->length, dir->path, ref) < 0 ? NULL : path;
}

static int list_one(const char *ref, const struct seg_stat *st, void *arg)
{
	const struct directory *dir = arg;
	struct seg_stat file;
	_cleanup_free_ char *path = by_path(dir, ref, st, &file);

	return path ? dir->list_fn(path, &file, dir->arg) : -ENOMEM;
}

int seg_list_directory(const char *path, seg_list_fn *fn, void *arg)
{
	struct directory dir = { .list_fn = fn, .arg = arg };
	_cleanup_store_ struct seg_store *store = NULL;
	int r;

	r = directory_open(path, &dir, &store);
	return r < 0 ? r : seg_listat(store, SEG_POSIX, 0, list_one, &dir);
}

static int gc_one(const char *ref, const struct seg_stat *st, int result, void *arg)
{
	const struct directory *dir = arg;
	struct seg_stat file;
	_cleanup_free_ char *path = by_path(dir, ref, st, &file);

	return path ? dir->gc_fn(path, &file, result, dir->arg) : -ENOMEM;
}

/* Anywhere else a file that nobody has open is somebody's document. */
static int check_is_of_segments(const struct seg_store *store)
{
	struct stat own, shm;
	bool host;

	if (mounts_is_segfs(store->dev, &host))
		return 0;
	if (fstat(store->dirfd, &own) < 0 || stat("/dev/shm", &shm) < 0)
		return -errno;
	return shm.st_dev == own.st_dev && shm.st_ino == own.st_ino ? 0 : -EOPNOTSUPP;
}

int seg_gc_directory(const char *path, const struct seg_gc_filter *filter, seg_gc_fn *fn, void *arg)
{
	struct directory dir = { .gc_fn = fn, .arg = arg };
	_cleanup_store_ struct seg_store *store = NULL;
	struct seg_gc_filter files = *filter;
	int r;

	if (filter->kind && filter->kind != SEG_FILE)
		return -EINVAL;
	files.kind = SEG_POSIX; /* as which a store lists them */
	r = directory_open(path, &dir, &store);
	if (r == 0)
		r = check_is_of_segments(store);
	return r < 0 ? r : seg_gcat(store, &files, fn ? gc_one : NULL, &dir);
}
