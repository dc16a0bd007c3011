// SPDX-License-Identifier: MIT
/* References, dispatch to the backends, and the life of handles and stores. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "backend.h"

static const struct seg_backend *backend_of(enum seg_kind kind)
{
	switch (kind) {
	case SEG_POSIX:
		return &seg_posix;
	case SEG_SYSV:
		return &seg_sysv;
	case SEG_FILE:
		return &seg_file;
	}
	return NULL;
}

int seg_new(const struct seg_backend *backend, unsigned flags, struct seg **ret)
{
	struct seg *seg = calloc(1, sizeof(*seg));

	if (!seg)
		return -ENOMEM;
	seg->backend = backend;
	seg->flags = flags & (SEG_READ_ONLY | SEG_PATH);
	seg->fd = -1;
	seg->shmid = -1;
	*ret = seg;
	return 0;
}

struct seg *seg_close(struct seg *seg)
{
	if (!seg)
		return NULL;
	if (seg->fd >= 0)
		close(seg->fd);
	free(seg->ref);
	free(seg);
	return NULL;
}

/* -- stores ------------------------------------------------------------- */

static int store_init(struct seg_store *store, const char *path)
{
	_cleanup_close_ int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	*store = (struct seg_store){ .dirfd = steal_fd(&fd), .dev = st.st_dev };
	return 0;
}

static void store_fini(struct seg_store *store)
{
	if (store->dirfd >= 0)
		close(store->dirfd);
	seg_sysv_usage_free(store->usage);
}

#define _cleanup_store_ _cleanup_(store_fini)

/* The store that a call works on: the caller's, or one for this call alone. SysV
 * and files need none, so a machine without /dev/shm serves them all the same. */
static int store_for(enum seg_kind kind, struct seg_store **store, struct seg_store *own)
{
	int r;

	if (*store || kind != SEG_POSIX)
		return 0;
	r = store_init(own, "/dev/shm");
	if (r < 0)
		return r;
	*store = own;
	return 0;
}

int seg_store_open(const char *path, struct seg_store **ret)
{
	_cleanup_free_ struct seg_store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	r = store_init(store, path ? path : "/dev/shm");
	if (r < 0)
		return r;
	*ret = steal_ptr(store);
	return 0;
}

struct seg_store *seg_store_close(struct seg_store *store)
{
	if (store)
		store_fini(store);
	free(store);
	return NULL;
}

void seg_store_add_mount(struct seg_store *store, dev_t dev)
{
	struct seg_mounts *mounts = &store->mounts;

	if (mounts->n == SEG_MOUNTS_MAX)
		memmove(mounts->dev, mounts->dev + 1, --mounts->n * sizeof(dev));
	mounts->dev[mounts->n++] = dev;
}

int seg_store_fd(const struct seg_store *store)
{
	return store->dirfd;
}

int seg_store_fstat(const struct seg_store *store, struct seg_stat *ret)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct stat st;
	int r;

	if (!store) {
		r = store_init(&own, "/dev/shm");
		if (r < 0)
			return r;
		store = &own;
	}
	if (fstat(store->dirfd, &st) < 0)
		return -errno;
	seg_stat_from(&st, SEG_POSIX, ret);
	return 0;
}

/* A reference from outside, and where it leads. */
static int resolve(const char *ref, struct seg_name *name, struct seg_store **store,
		   struct seg_store *own)
{
	int r;

	r = seg_name_parse(ref, name);
	return r < 0 ? r : store_for(name->kind, store, own);
}

/* -- by reference ------------------------------------------------------- */

/* The canonical reference of what was just opened. */
static int set_ref(struct seg *seg, const struct seg_name *name)
{
	char ref[SEG_REF_SIZE];

	switch (name->kind) {
	case SEG_POSIX:
		seg_name_format_posix(name->path, ref);
		break;
	case SEG_SYSV:
		seg_name_format_sysv(seg->last.key, seg->shmid, ref);
		break;
	case SEG_FILE:
		seg->ref = strdup(name->path);
		return seg->ref ? 0 : -ENOMEM;
	}
	seg->ref = strdup(ref);
	return seg->ref ? 0 : -ENOMEM;
}

int seg_createat(struct seg_store *store, const char *ref, uint64_t size, mode_t mode,
		 unsigned flags, struct seg **ret)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_name name;
	int r;

	if (flags & ~(SEG_EXCLUSIVE | SEG_PREALLOCATE | SEG_PATH | SEG_EPHEMERAL) || mode & ~0777u)
		return -EINVAL;
	if (size > INT64_MAX)
		return -EFBIG;
	r = resolve(ref, &name, &store, &own);
	if (r < 0)
		return r;
	r = backend_of(name.kind)->create(store, &name, size, mode, flags, &seg);
	if (r < 0)
		return r;
	r = set_ref(seg, &name);
	if (r < 0)
		return r;
	*ret = steal_ptr(seg);
	return 0;
}

int seg_openat(struct seg_store *store, const char *ref, unsigned flags, struct seg **ret)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_name name;
	int r;

	if (flags & ~(SEG_READ_ONLY | SEG_PATH))
		return -EINVAL;
	r = resolve(ref, &name, &store, &own);
	if (r < 0)
		return r;
	r = backend_of(name.kind)->open(store, &name, flags, &seg);
	if (r < 0)
		return r;
	r = set_ref(seg, &name);
	if (r < 0)
		return r;
	*ret = steal_ptr(seg);
	return 0;
}

int seg_statat(struct seg_store *store, const char *ref, struct seg_stat *ret)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct seg_name name;
	int r;

	r = resolve(ref, &name, &store, &own);
	if (r < 0)
		return r;
	return backend_of(name.kind)->stat(store, &name, ret);
}

int seg_destroyat(struct seg_store *store, const char *ref, unsigned flags)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct seg_name name;
	int r;

	if (flags & ~SEG_IF_UNUSED)
		return -EINVAL;
	r = resolve(ref, &name, &store, &own);
	if (r < 0)
		return r;
	return backend_of(name.kind)->destroy(store, &name, flags & SEG_IF_UNUSED);
}

int seg_listat(struct seg_store *store, enum seg_kind kind, unsigned flags, seg_list_fn *fn,
	       void *arg)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	int r;

	if (flags & ~SEG_LIST_NAMES || (kind != SEG_POSIX && kind != SEG_SYSV))
		return -EINVAL;
	r = store_for(kind, &store, &own);
	if (r < 0)
		return r;
	return backend_of(kind)->list(store, flags, fn, arg);
}

int seg_statvfs(struct seg_store *store, enum seg_kind kind, struct statvfs *ret)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	int r;

	if (kind != SEG_POSIX && kind != SEG_SYSV)
		return -EINVAL;
	r = store_for(kind, &store, &own);
	if (r < 0)
		return r;
	return backend_of(kind)->statvfs(store, ret);
}

int seg_renameat(struct seg_store *store, const char *from, const char *to, unsigned flags)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct seg_name source, target;
	int r;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	r = seg_name_parse(from, &source);
	if (r < 0)
		return r;
	r = seg_name_parse(to, &target);
	if (r < 0)
		return r;
	if (source.kind != SEG_POSIX || target.kind != SEG_POSIX)
		return -EOPNOTSUPP;
	r = store_for(SEG_POSIX, &store, &own);
	if (r < 0)
		return r;
	return seg_posix_rename(store, source.path, target.path, flags);
}

int seg_linkat(struct seg_store *store, struct seg *seg, const char *ref)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct seg_name name;
	int r;

	r = seg_name_parse(ref, &name);
	if (r < 0)
		return r;
	if (name.kind != SEG_POSIX || seg->backend != &seg_posix)
		return -EOPNOTSUPP;
	r = store_for(SEG_POSIX, &store, &own);
	if (r < 0)
		return r;
	return seg_posix_link(store, seg, name.path);
}

int seg_unlinkat(struct seg_store *store, struct seg *seg, unsigned flags)
{
	_cleanup_store_ struct seg_store own = { .dirfd = -1 };
	struct seg_name name;
	int r;

	if (flags & ~SEG_IF_UNUSED)
		return -EINVAL;
	r = seg_name_parse(seg->ref, &name);
	if (r < 0)
		return r;
	r = store_for(name.kind, &store, &own);
	if (r < 0)
		return r;
	return seg->backend->unlink(store, &name, seg, flags & SEG_IF_UNUSED);
}

int seg_create(const char *ref, uint64_t size, mode_t mode, unsigned flags, struct seg **ret)
{
	return seg_createat(NULL, ref, size, mode, flags, ret);
}

int seg_open(const char *ref, unsigned flags, struct seg **ret)
{
	return seg_openat(NULL, ref, flags, ret);
}

int seg_stat(const char *ref, struct seg_stat *ret)
{
	return seg_statat(NULL, ref, ret);
}

int seg_destroy(const char *ref, unsigned flags)
{
	return seg_destroyat(NULL, ref, flags);
}

int seg_list(enum seg_kind kind, seg_list_fn *fn, void *arg)
{
	return seg_listat(NULL, kind, 0, fn, arg);
}

/* -- by handle ---------------------------------------------------------- */

int seg_check_range(uint64_t size, uint64_t offset, size_t *length)
{
	if (offset % (uint64_t)sysconf(_SC_PAGESIZE) || offset >= size)
		return -EINVAL;
	if (*length == 0 && size - offset <= SIZE_MAX)
		*length = (size_t)(size - offset);
	return *length > 0 && *length <= size - offset ? 0 : -EINVAL;
}

static int advise(void *addr, size_t length, unsigned flags)
{
	bool to_read = flags & (SEG_READ_ONLY | SEG_PRIVATE);

	if (flags & SEG_HUGE)
		(void)madvise(addr, length, MADV_HUGEPAGE); /* a wish */
	if (!(flags & SEG_POPULATE))
		return 0;
	/* Unlike MAP_POPULATE these say when it did not work. */
	if (madvise(addr, length, to_read ? MADV_POPULATE_READ : MADV_POPULATE_WRITE) == 0)
		return 0;
	switch (errno) {
	case EFAULT: /* touching a page would have been a SIGBUS */
		return -ENOSPC;
	case EINVAL:
		return -EOPNOTSUPP;
	}
	return -errno;
}

int seg_map(struct seg *seg, uint64_t offset, size_t length, unsigned flags, void **ret)
{
	void *addr;
	int r;

	if (flags & ~(SEG_READ_ONLY | SEG_PRIVATE | SEG_POPULATE | SEG_HUGE) ||
	    (flags & SEG_READ_ONLY && flags & SEG_PRIVATE))
		return -EINVAL;
	if (seg->flags & SEG_PATH)
		return -EBADF;
	if (!(flags & SEG_PRIVATE))
		flags |= seg->flags & SEG_READ_ONLY;
	r = seg->backend->map(seg, offset, &length, flags & (SEG_READ_ONLY | SEG_PRIVATE), &addr);
	if (r < 0)
		return r;
	r = advise(addr, length, flags);
	if (r < 0) {
		seg_unmap(addr, length);
		return r;
	}
	*ret = addr;
	return 0;
}

/* For SysV as well: the kernel counts an attach down when its pages are unmapped. */
int seg_unmap(void *addr, size_t length)
{
	return munmap(addr, length) < 0 ? -errno : 0;
}

int seg_resize(struct seg *seg, uint64_t size, unsigned flags)
{
	return seg_resize_for(seg, size, flags, 0);
}

int seg_resize_for(struct seg *seg, uint64_t size, unsigned flags, pid_t pid)
{
	if (flags & ~(SEG_FORCE | SEG_PREALLOCATE) || pid < 0)
		return -EINVAL;
	if (size > INT64_MAX)
		return -EFBIG;
	return seg->backend->resize(seg, size, flags, pid ? pid : getpid());
}

int seg_in_use(struct seg *seg)
{
	return seg->backend->in_use(seg);
}

int seg_size(struct seg *seg, uint64_t *ret)
{
	return seg->backend->size(seg, ret);
}

int seg_fstat(struct seg *seg, struct seg_stat *ret)
{
	return seg->backend->fstat(seg, ret);
}

int seg_fd(const struct seg *seg)
{
	return seg->fd >= 0 ? seg->fd : -EOPNOTSUPP;
}

enum seg_kind seg_kind(const struct seg *seg)
{
	return seg->backend->kind;
}

const char *seg_ref(const struct seg *seg)
{
	return seg->ref;
}

const char *seg_fd_path(int fd, char path[static FD_PATH_SIZE])
{
	snprintf(path, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return path;
}

int seg_reopen_fd(int fd, int oflags)
{
	char path[FD_PATH_SIZE];
	int r;

	/* Without O_NONBLOCK anybody's lease would stop the caller for 45 s. */
	r = open(seg_fd_path(fd, path), oflags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (r < 0) /* the link always leads somewhere: it is /proc itself that is missing */
		return errno == ENOENT ? -ENOSYS : -errno;
	return r;
}

int seg_reopen(const struct seg *seg, int oflags)
{
	if (oflags & ~O_ACCMODE)
		return -EINVAL;
	if (seg->fd < 0)
		return -EOPNOTSUPP;
	return seg_reopen_fd(seg->fd, oflags);
}

int seg_chmod(struct seg *seg, mode_t mode)
{
	return seg->backend->chmod(seg, mode);
}

int seg_chown(struct seg *seg, uid_t uid, gid_t gid)
{
	return seg->backend->chown(seg, uid, gid);
}

int seg_utimens(struct seg *seg, const struct timespec times[2])
{
	return seg->backend->utimens(seg, times);
}

/* The calls that take a descriptor refuse O_PATH ones. An attach has none at all, and
 * the kernel-internal file of a SysV segment has no attributes that mean anything. */
static const char *xattr_path(const struct seg *seg, char path[static FD_PATH_SIZE])
{
	return seg->backend->kind == SEG_SYSV ? NULL : seg_fd_path(seg->fd, path);
}

ssize_t seg_getxattr(const struct seg *seg, const char *name, void *value, size_t size)
{
	char buf[FD_PATH_SIZE];
	const char *path = xattr_path(seg, buf);
	ssize_t r;

	if (!path)
		return -EOPNOTSUPP;
	r = getxattr(path, name, value, size);
	return r < 0 ? -errno : r;
}

int seg_is_ephemeral(const struct seg *seg)
{
	ssize_t r = seg_getxattr(seg, SEG_EPHEMERAL_XATTR, NULL, 0);
	struct stat st;

	if (r < 0)
		return r == -ENODATA || r == -EOPNOTSUPP ? 0 : (int)r;
	if (fstat(seg->fd, &st) < 0)
		return -errno;
	return st.st_mode & S_ISVTX ? 1 : 0;
}

int seg_setxattr(struct seg *seg, const char *name, const void *value, size_t size, int flags)
{
	char buf[FD_PATH_SIZE];
	const char *path = xattr_path(seg, buf);

	if (!path)
		return -EOPNOTSUPP;
	return setxattr(path, name, value, size, flags) < 0 ? -errno : 0;
}

int seg_removexattr(struct seg *seg, const char *name)
{
	char buf[FD_PATH_SIZE];
	const char *path = xattr_path(seg, buf);

	if (!path)
		return -EOPNOTSUPP;
	return removexattr(path, name) < 0 ? -errno : 0;
}

ssize_t seg_listxattr(const struct seg *seg, char *list, size_t size)
{
	char buf[FD_PATH_SIZE];
	const char *path = xattr_path(seg, buf);
	ssize_t r;

	if (!path)
		return -EOPNOTSUPP;
	r = listxattr(path, list, size);
	return r < 0 ? -errno : r;
}
