// SPDX-License-Identifier: MIT
/*
 * POSIX segments, and files named by their path: both are regular files, and
 * differ in where the name is looked up and whether a symbolic link is followed.
 *
 * /dev/shm is world-writable: what has a name may be anything, and may be another
 * thing the next moment. So a name is opened O_PATH first, which has no effect on
 * what it names, and what was found is looked at before it is opened for good, by
 * way of its descriptor and not of its name.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "destroy.h"
#include "usage.h"
#include "users.h"

/* The steps in which storage is allocated: a signal makes tmpfs undo the step it is in. */
#define ALLOCATE_STEP ((uint64_t)64 << 20)

/* For how long an open waits for somebody's lease to end. */
#define LEASE_PATIENCE_MS 1000

static int dir_of(const struct seg_store *store, const struct seg_name *name)
{
	return name->kind == SEG_POSIX ? store->dirfd : AT_FDCWD;
}

void seg_stat_from(const struct stat *st, enum seg_kind kind, struct seg_stat *ret)
{
	*ret = (struct seg_stat){
		.kind = kind,
		.dev = st->st_dev,
		.ino = st->st_ino,
		.size = (uint64_t)st->st_size,
		.allocated = (uint64_t)st->st_blocks * 512,
		.mode = st->st_mode & 07777,
		.nlink = (uint32_t)st->st_nlink,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.atime = st->st_atim,
		.mtime = st->st_mtim,
		.ctime = st->st_ctim,
		.shmid = -1,
	};
}

/* Is this a segment of the store, and not a directory, a device or another file
 * system's file mounted over it? */
static bool is_object(const struct seg_store *store, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_dev == store->dev;
}

static int check_kind(const struct seg_store *store, const struct seg_name *name,
		      const struct stat *st)
{
	if (name->kind == SEG_POSIX)
		return is_object(store, st) ? 0 : -ENOENT;
	return S_ISREG(st->st_mode) ? 0 : -EINVAL;
}

static int posix_stat(struct seg_store *store, const struct seg_name *name, struct seg_stat *ret)
{
	int nofollow = name->kind == SEG_POSIX ? AT_SYMLINK_NOFOLLOW : 0;
	struct stat st;
	int r;

	if (fstatat(dir_of(store, name), name->path, &st, nofollow) < 0)
		return -errno;
	r = check_kind(store, name, &st);
	if (r < 0)
		return r;
	seg_stat_from(&st, name->kind, ret);
	return 0;
}

static int open_path(struct seg_store *store, const struct seg_name *name)
{
	int nofollow = name->kind == SEG_POSIX ? O_NOFOLLOW : 0;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	fd = openat(dir_of(store, name), name->path, O_PATH | O_CLOEXEC | nofollow);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	r = check_kind(store, name, &st);
	if (r < 0)
		return r;
	return steal_fd(&fd);
}

static const struct seg_backend *backend_of(const struct seg_name *name)
{
	return name->kind == SEG_POSIX ? &seg_posix : &seg_file;
}

/* Whoever asks "in use?" or destroys holds a lease, for microseconds. */
static int open_patiently(int path_fd, int oflags)
{
	static const struct timespec ms = { .tv_nsec = 1000000 };
	int fd = seg_reopen_fd(path_fd, oflags);

	for (int i = 0; i < LEASE_PATIENCE_MS && fd == -EAGAIN; i++) {
		nanosleep(&ms, NULL);
		fd = seg_reopen_fd(path_fd, oflags);
	}
	return fd;
}

/* A destroyer may have come between the look-up and the open. A memfd, by way of /proc,
 * never had a link, and its path leads to it all the same. */
static int check_linked(struct seg_store *store, const struct seg_name *name, int fd)
{
	struct stat st, named;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_nlink > 0)
		return 0;
	if (name->kind == SEG_FILE && fstatat(dir_of(store, name), name->path, &named, 0) == 0 &&
	    named.st_dev == st.st_dev && named.st_ino == st.st_ino)
		return 0;
	return -ENOENT;
}

static int open_once(struct seg_store *store, const struct seg_name *name, struct seg *seg)
{
	_cleanup_close_ int path_fd = open_path(store, name);

	if (path_fd < 0)
		return path_fd;
	if (seg->flags & SEG_PATH)
		seg->fd = steal_fd(&path_fd);
	else
		seg->fd = open_patiently(path_fd, seg->flags & SEG_READ_ONLY ? O_RDONLY : O_RDWR);
	if (seg->fd < 0)
		return seg->fd;
	return check_linked(store, name, seg->fd);
}

static int posix_open(struct seg_store *store, const struct seg_name *name, unsigned flags,
		      struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	int r;

	r = seg_new(backend_of(name), flags, &seg);
	if (r < 0)
		return r;
	if (name->kind == SEG_POSIX)
		seg->mounts = store->mounts;
	r = open_once(store, name, seg);
	/* It has lost its name while it was opened: to nobody, or to a successor. */
	for (int i = 0; i < SEG_CREATE_TRIES && r == -ENOENT && seg->fd >= 0; i++) {
		close(steal_fd(&seg->fd));
		r = open_once(store, name, seg);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(seg);
	return 0;
}

/* Asked first: else all the memory that is left would be taken before it turns out to be
 * too little, and the machine begins to kill. */
static bool has_room(int fd, uint64_t size)
{
	struct statvfs fs;
	struct stat st;
	uint64_t room;

	if (fstatvfs(fd, &fs) < 0 || fstat(fd, &st) < 0 || fs.f_blocks == 0)
		return true;
	room = (uint64_t)fs.f_bfree * fs.f_frsize + (uint64_t)st.st_blocks * 512;
	return size <= room;
}

static int allocate(int fd, uint64_t size)
{
	if (!has_room(fd, size))
		return -ENOSPC;
	for (uint64_t done = 0; done < size;) {
		uint64_t step = size - done < ALLOCATE_STEP ? size - done : ALLOCATE_STEP;

		if (fallocate(fd, 0, (off_t)done, (off_t)step) == 0)
			done += step;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int set_size(int fd, uint64_t size, unsigned flags)
{
	if (size > 0 && ftruncate(fd, (off_t)size) < 0)
		return -errno;
	return flags & SEG_PREALLOCATE ? allocate(fd, size) : 0;
}

/* Whoever may write a file may give it attributes, but only its owner a mode. The sticky
 * bit means nothing for a file on Linux. */
static int mark_ephemeral(int fd)
{
	struct stat st;

	if (fsetxattr(fd, SEG_EPHEMERAL_XATTR, "1", 1, 0) < 0 || fstat(fd, &st) < 0 ||
	    fchmod(fd, (st.st_mode & 07777) | S_ISVTX) < 0)
		return -errno;
	return 0;
}

/* Whatever can fail is done before the file gets its name for good: the size, the pages,
 * the mark, and the descriptor of the handle. */
static int complete(int *fd, uint64_t size, unsigned flags)
{
	int path_fd, r;

	r = set_size(*fd, size, flags);
	if (r < 0)
		return r;
	r = flags & SEG_EPHEMERAL ? mark_ephemeral(*fd) : 0;
	if (r < 0)
		return r;
	if (!(flags & SEG_PATH))
		return 0;
	path_fd = seg_reopen_fd(*fd, O_PATH);
	if (path_fd < 0)
		return path_fd;
	close(*fd);
	*fd = path_fd;
	return 0;
}

/* An open file goes by the name that it was opened by, and this one by none: when it is
 * closed, a watcher of the directory would be told of "#1234". Where that matters it is
 * opened once more. Without success it stays as it is: some later sweep will find it. */
static void open_by_name(int dirfd, const char *name, int *fd)
{
	_cleanup_close_ int path_fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat named, own;
	int named_fd;

	if (path_fd < 0 || fstat(path_fd, &named) < 0 || fstat(*fd, &own) < 0 ||
	    named.st_dev != own.st_dev || named.st_ino != own.st_ino)
		return;
	named_fd = seg_reopen_fd(path_fd, O_RDWR);
	if (named_fd < 0)
		return;
	close(*fd);
	*fd = named_fd;
}

/* The file has no name before it is complete. */
static int create_unnamed(int dirfd, const char *name, uint64_t size, mode_t mode, unsigned flags)
{
	_cleanup_close_ int fd = -1;
	char path[FD_PATH_SIZE];
	int r;

	fd = openat(dirfd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = complete(&fd, size, flags);
	if (r < 0)
		return r;
	if (linkat(AT_FDCWD, seg_fd_path(fd, path), dirfd, name, AT_SYMLINK_FOLLOW) < 0)
		return errno == ENOENT ? -ENOSYS : -errno; /* as in seg_reopen_fd() */
	if (flags & SEG_EPHEMERAL && !(flags & SEG_PATH))
		open_by_name(dirfd, name, &fd);
	return steal_fd(&fd);
}

/* On a mount, the descriptor that made a System V segment is older than the segment and
 * can't map it. What was opened by the name of what it made can. */
static int reopen_on_mount(int dirfd, const char *name, unsigned flags, int *fd)
{
	int oflags = flags & SEG_PATH ? O_PATH : O_RDWR | O_NONBLOCK | O_NOCTTY;
	_cleanup_close_ int again = -1;

	if (!usage_on_mount(*fd))
		return 0;
	again = openat(dirfd, name, oflags | O_NOFOLLOW | O_CLOEXEC);
	if (again < 0)
		return -errno;
	if (!destroy_is_named(dirfd, name, *fd)) /* another one's by now */
		return -ENOENT;
	close(*fd);
	*fd = steal_fd(&again);
	return 0;
}

/* For file systems without O_TMPFILE, such as a segfs mount. */
static int create_in_place(int dirfd, const char *name, uint64_t size, mode_t mode, unsigned flags)
{
	_cleanup_close_ int fd = -1;
	int r;

	fd = openat(dirfd, name, O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW | O_CLOEXEC, mode);
	if (fd < 0)
		return -errno;
	r = complete(&fd, size, flags);
	if (r == 0)
		r = reopen_on_mount(dirfd, name, flags, &fd);
	if (r < 0) {
		unlinkat(dirfd, name, 0);
		return r;
	}
	return steal_fd(&fd);
}

static int create_new(struct seg_store *store, const struct seg_name *name, uint64_t size,
		      mode_t mode, unsigned flags, struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	_cleanup_close_ int fd = -1;
	int dirfd = dir_of(store, name);
	int r;

	r = seg_new(backend_of(name), flags, &seg);
	if (r < 0)
		return r;
	if (name->kind == SEG_POSIX)
		seg->mounts = store->mounts;
	fd = name->kind == SEG_POSIX ? create_unnamed(dirfd, name->path, size, mode, flags)
				     : -EOPNOTSUPP;
	if (fd == -EOPNOTSUPP || fd == -EISDIR) /* both mean: no O_TMPFILE here */
		fd = create_in_place(dirfd, name->path, size, mode, flags);
	if (fd < 0)
		return fd;
	seg->fd = steal_fd(&fd);
	*ret = steal_ptr(seg);
	return 0;
}

/* Growing by fallocate() and not ftruncate(): when another process sizes the
 * segment at the same time, nothing that it gave is cut off again. */
static int grow_empty(int fd, uint64_t size)
{
	return fallocate(fd, 0, (off_t)size - 1, 1) < 0 ? -errno : 0;
}

static int open_existing(struct seg_store *store, const struct seg_name *name, uint64_t size,
			 unsigned flags, struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	int r;

	r = posix_open(store, name, flags & SEG_PATH, &seg);
	if (r < 0)
		return r;
	fd = seg_reopen_fd(seg->fd, O_RDWR);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (st.st_size == 0 && size > 0)
		r = grow_empty(fd, size);
	else if ((uint64_t)st.st_size < size)
		r = -EINVAL;
	if (r == 0 && flags & SEG_PREALLOCATE)
		r = allocate(fd, size);
	if (r < 0)
		return r;
	*ret = steal_ptr(seg);
	return 0;
}

static int posix_create(struct seg_store *store, const struct seg_name *name, uint64_t size,
			mode_t mode, unsigned flags, struct seg **ret)
{
	for (int i = 0; i < SEG_CREATE_TRIES; i++) {
		struct stat st;
		int r;

		if (!(flags & SEG_EXCLUSIVE)) {
			r = open_existing(store, name, size, flags, ret);
			if (r != -ENOENT)
				return r;
		}
		r = create_new(store, name, size, mode, flags, ret);
		if (r != -EEXIST || flags & SEG_EXCLUSIVE)
			return r;
		/* Another creator was first: open what it made, if that is a segment. */
		if (fstatat(dir_of(store, name), name->path, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		    check_kind(store, name, &st) < 0)
			return -EEXIST;
	}
	return -EAGAIN;
}

static int posix_destroy(struct seg_store *store, const struct seg_name *name, bool if_unused)
{
	_cleanup_close_ int path_fd = -1;
	int dirfd = dir_of(store, name);
	struct stat st;
	int r;

	if (if_unused) {
		path_fd = open_path(store, name);
		return path_fd < 0 ? path_fd : destroy_if_unused(dirfd, name->path, path_fd);
	}
	if (fstatat(dirfd, name->path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	r = check_kind(store, name, &st);
	if (r < 0)
		return r;
	return unlinkat(dirfd, name->path, 0) < 0 ? -errno : 0;
}

static int posix_unlink(struct seg_store *store, const struct seg_name *name, struct seg *seg,
			bool if_unused)
{
	int dirfd = dir_of(store, name);

	if (if_unused)
		return destroy_if_unused(dirfd, name->path, seg->fd);
	if (!destroy_is_named(dirfd, name->path, seg->fd))
		return -ENOENT;
	return unlinkat(dirfd, name->path, 0) < 0 ? -errno : 0;
}

/* The file systems that hold segments give the type; a stat is for those that don't. */
static int list_one(struct seg_store *store, const struct dirent *entry, unsigned flags,
		    seg_list_fn *fn, void *arg)
{
	const struct seg_name name = { .kind = SEG_POSIX, .path = entry->d_name };
	char ref[SEG_REF_SIZE];
	struct seg_stat st;
	int r;

	if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN)
		return 0;
	seg_name_format_posix(entry->d_name, ref);
	if (flags & SEG_LIST_NAMES && entry->d_type == DT_REG) {
		st = (struct seg_stat){ .kind = SEG_POSIX, .ino = entry->d_ino, .shmid = -1 };
		return fn(ref, &st, arg);
	}
	r = posix_stat(store, &name, &st);
	if (r == -ENOENT)
		return 0; /* gone meanwhile, or no segment */
	if (r < 0)
		return r;
	return fn(ref, &st, arg);
}

static int posix_list(struct seg_store *store, unsigned flags, seg_list_fn *fn, void *arg)
{
	_cleanup_close_ int fd = openat(store->dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	int r;

	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir)
		return -errno;
	steal_fd(&fd);
	while (errno = 0, entry = readdir(dir)) {
		r = list_one(store, entry, flags, fn, arg);
		if (r)
			return r;
	}
	return -errno;
}

static int posix_statvfs(struct seg_store *store, struct statvfs *ret)
{
	struct statvfs st;

	if (fstatvfs(store->dirfd, &st) < 0)
		return -errno;
	*ret = st;
	return 0;
}

static int posix_map(struct seg *seg, uint64_t offset, size_t *length, unsigned flags, void **ret)
{
	int prot = flags & SEG_READ_ONLY ? PROT_READ : PROT_READ | PROT_WRITE;
	struct stat st;
	void *addr;
	int r;

	if (fstat(seg->fd, &st) < 0)
		return -errno;
	r = seg_check_range((uint64_t)st.st_size, offset, length);
	if (r < 0)
		return r;
	addr = mmap(NULL, *length, prot, flags & SEG_PRIVATE ? MAP_PRIVATE : MAP_SHARED, seg->fd,
		    (off_t)offset);
	if (addr == MAP_FAILED)
		return -errno;
	*ret = addr;
	return 0;
}

static int cut(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) < 0 ? -errno : 0;
}

/*
 * A lease on a descriptor of its own says that nobody else has the file open, and keeps
 * it so. The lease of a handle that maps says less: a child of a fork shares its open
 * file, and where somebody else has it open that need not mean a mapping. So /proc is
 * asked. It can't keep anybody who has the file open from mapping it a moment later.
 */
static int shrink(struct seg *seg, int fd, uint64_t size, pid_t pid)
{
	_cleanup_lease_ struct lease lease = LEASE_NONE;
	bool sole;
	int r;

	if (usage_on_mount(fd)) /* the daemon will do all this */
		return cut(fd, size);
	sole = lease_take(fd, &lease) == 0;
	if (sole && fd != seg->fd)
		return cut(fd, size);
	r = users_map_beside(seg, pid);
	return r == 0 || (r == -EPERM && sole) ? cut(fd, size) : -EBUSY;
}

static int grow(int fd, uint64_t old_size, uint64_t size, unsigned flags)
{
	int r;

	r = flags & SEG_PREALLOCATE ? allocate(fd, size) : cut(fd, size);
	if (r < 0)
		cut(fd, old_size);
	return r;
}

/* truncate(2) by path would wait for leases; opened without waiting it does not. */
static int posix_resize(struct seg *seg, uint64_t size, unsigned flags, pid_t pid)
{
	_cleanup_close_ int own = -1;
	struct stat st;
	int fd = seg->fd;

	if (seg->flags & SEG_PATH) {
		if (seg->flags & SEG_READ_ONLY)
			return -EBADF;
		fd = own = seg_reopen_fd(seg->fd, O_WRONLY);
		if (fd < 0)
			return fd;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (size >= (uint64_t)st.st_size)
		return grow(fd, (uint64_t)st.st_size, size, flags);
	return flags & SEG_FORCE ? cut(fd, size) : shrink(seg, fd, size, pid);
}

static int posix_size(struct seg *seg, uint64_t *ret)
{
	struct stat st;

	if (fstat(seg->fd, &st) < 0)
		return -errno;
	*ret = (uint64_t)st.st_size;
	return 0;
}

static int posix_fstat(struct seg *seg, struct seg_stat *ret)
{
	struct stat st;

	if (fstat(seg->fd, &st) < 0)
		return -errno;
	seg_stat_from(&st, seg->backend->kind, ret);
	return 0;
}

/* fchmod() does not take O_PATH descriptors, and fchmodat2() is Linux 6.6. */
static int posix_chmod(struct seg *seg, mode_t mode)
{
	char path[FD_PATH_SIZE];

	if (mode & ~07777u)
		return -EINVAL;
	return chmod(seg_fd_path(seg->fd, path), mode) < 0 ? -errno : 0;
}

static int posix_chown(struct seg *seg, uid_t uid, gid_t gid)
{
	return fchownat(seg->fd, "", uid, gid, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

static int posix_utimens(struct seg *seg, const struct timespec times[2])
{
	return utimensat(seg->fd, "", times, AT_EMPTY_PATH) < 0 ? -errno : 0;
}

/* What is there and is not a segment can't be seen here, so it must not be lost here. */
static int check_not_hidden(struct seg_store *store, const char *name)
{
	struct stat st;

	if (fstatat(store->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return is_object(store, &st) ? 0 : -EEXIST;
}

int seg_posix_rename(struct seg_store *store, const char *from, const char *to, unsigned flags)
{
	int r;

	r = check_not_hidden(store, from);
	if (r < 0)
		return r == -EEXIST ? -ENOENT : r;
	r = check_not_hidden(store, to);
	if (r < 0 && r != -ENOENT)
		return r;
	if (renameat2(store->dirfd, from, store->dirfd, to, flags) < 0)
		return -errno;
	return 0;
}

int seg_posix_link(struct seg_store *store, struct seg *seg, const char *name)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", seg->fd);
	if (linkat(AT_FDCWD, path, store->dirfd, name, AT_SYMLINK_FOLLOW) < 0)
		return -errno;
	return 0;
}

const struct seg_backend seg_posix = {
	.kind = SEG_POSIX,
	.create = posix_create,
	.open = posix_open,
	.stat = posix_stat,
	.destroy = posix_destroy,
	.unlink = posix_unlink,
	.list = posix_list,
	.statvfs = posix_statvfs,
	.map = posix_map,
	.resize = posix_resize,
	.in_use = usage_of_file,
	.size = posix_size,
	.fstat = posix_fstat,
	.chmod = posix_chmod,
	.chown = posix_chown,
	.utimens = posix_utimens,
};

const struct seg_backend seg_file = {
	.kind = SEG_FILE,
	.create = posix_create,
	.open = posix_open,
	.stat = posix_stat,
	.destroy = posix_destroy,
	.unlink = posix_unlink,
	.map = posix_map,
	.resize = posix_resize,
	.in_use = usage_of_file,
	.size = posix_size,
	.fstat = posix_fstat,
	.chmod = posix_chmod,
	.chown = posix_chown,
	.utimens = posix_utimens,
};
