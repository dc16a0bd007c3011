// SPDX-License-Identifier: MIT
/*
 * System V segments.
 *
 * SHM_STAT_ANY (Linux 4.17) asks for one segment without needing permission on
 * it, but takes its index in the kernel's table instead of its id. Memory really
 * in use is only in /proc/sysvipc/shm, which is read as a whole.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#include "backend.h"
#include "usage.h"

#ifndef SHM_STAT_ANY
#define SHM_STAT_ANY 15
#endif

/* ipc/util.h: an id is index + sequence << shift; the second with ipcmni_extend. */
static const int index_shifts[] = { 15, 24 };

#define USAGE_MAX_AGE_NS 10000000

static void fill_stat(int id, const struct shmid_ds *ds, struct seg_stat *ret)
{
	bool removed = ds->shm_perm.mode & SHM_DEST;

	*ret = (struct seg_stat){
		.kind = SEG_SYSV,
		.flags = removed ? SEG_STAT_REMOVED : 0,
		.ino = (uint64_t)id,
		.size = ds->shm_segsz,
		.mode = ds->shm_perm.mode & 0777,
		.nlink = removed ? 0 : 1,
		.uid = ds->shm_perm.uid,
		.gid = ds->shm_perm.gid,
		.atime.tv_sec = ds->shm_atime,
		.mtime.tv_sec = ds->shm_dtime,
		.ctime.tv_sec = ds->shm_ctime,
		.shmid = id,
		.key = ds->shm_perm.__key,
		.nattch = (uint32_t)ds->shm_nattch,
		.cuid = ds->shm_perm.cuid,
		.cgid = ds->shm_perm.cgid,
		.cpid = ds->shm_cpid,
		.lpid = ds->shm_lpid,
	};
}

static int get_ds(int id, struct shmid_ds *ret)
{
	for (size_t i = 0; i < sizeof(index_shifts) / sizeof(index_shifts[0]); i++)
		if (shmctl(id & ((1 << index_shifts[i]) - 1), SHM_STAT_ANY, ret) == id)
			return 0;
	return -ENOENT;
}

/* The shmid, or a negative errno. With no permission bits asked for, none are checked. */
static int get_id(const struct seg_name *name)
{
	int id;

	if (name->by_id)
		return name->shmid;
	if (name->key == IPC_PRIVATE)
		return -ENOENT;
	id = shmget(name->key, 0, 0);
	return id < 0 ? -errno : id;
}

/* -- memory in use, from /proc/sysvipc/shm -------------------------------- */

struct sysv_usage {
	struct timespec read_at;
	size_t count;
	struct usage_entry {
		int shmid;
		uint64_t allocated;
	} entry[];
};

/* A line of the table; the header line and a truncated line are -EINVAL. */
static int parse_line(const char *line, struct seg_stat *ret)
{
	unsigned mode, uid, gid, cuid, cgid;
	long long atime, dtime, ctime;
	uint64_t size, rss, swap, nattch;
	int key, id, cpid, lpid;

	if (sscanf(line,
		   "%d %d %o %" SCNu64 " %d %d %" SCNu64 " %u %u %u %u %lld %lld %lld %" SCNu64
		   " %" SCNu64,
		   &key, &id, &mode, &size, &cpid, &lpid, &nattch, &uid, &gid, &cuid, &cgid, &atime,
		   &dtime, &ctime, &rss, &swap) != 16)
		return -EINVAL;
	*ret = (struct seg_stat){
		.kind = SEG_SYSV,
		.flags = mode & SHM_DEST ? SEG_STAT_REMOVED : 0,
		.ino = (uint64_t)id,
		.size = size,
		.allocated = rss + swap,
		.mode = mode & 0777,
		.nlink = mode & SHM_DEST ? 0 : 1,
		.uid = uid,
		.gid = gid,
		.atime.tv_sec = atime,
		.mtime.tv_sec = dtime,
		.ctime.tv_sec = ctime,
		.shmid = id,
		.key = key,
		.nattch = (uint32_t)nattch,
		.cuid = cuid,
		.cgid = cgid,
		.cpid = cpid,
		.lpid = lpid,
	};
	return 0;
}

typedef int usage_fn(const struct seg_stat *stat, void *arg);

static int for_each_segment(usage_fn *fn, void *arg)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/sysvipc/shm", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	int r;

	if (!f)
		return -errno;
	while (getline(&line, &size, f) > 0) {
		struct seg_stat stat;

		if (parse_line(line, &stat) < 0)
			continue;
		r = fn(&stat, arg);
		if (r)
			return r;
	}
	return ferror(f) ? -EIO : 0;
}

static int add_usage(const struct seg_stat *stat, void *arg)
{
	struct sysv_usage **usage = arg;
	size_t count = (*usage)->count;

	if ((count & (count - 1)) == 0) { /* full at each power of two */
		size_t room = count ? 2 * count : 1;
		struct sysv_usage *grown =
			realloc(*usage, sizeof(**usage) + room * sizeof((*usage)->entry[0]));

		if (!grown)
			return -ENOMEM;
		*usage = grown;
	}
	(*usage)->entry[(*usage)->count++] =
		(struct usage_entry){ .shmid = stat->shmid, .allocated = stat->allocated };
	return 0;
}

void seg_sysv_usage_free(struct sysv_usage *usage)
{
	free(usage);
}

static bool is_fresh(const struct sysv_usage *usage, const struct timespec *now)
{
	int64_t age = (int64_t)(now->tv_sec - usage->read_at.tv_sec) * 1000000000 + now->tv_nsec -
		      usage->read_at.tv_nsec;

	return age < USAGE_MAX_AGE_NS;
}

/* Reading the table costs 0.8 us a segment (6.18), so `ls -l` of thousands must not
 * read it for each of them: a store keeps it for a moment. */
static int refresh_usage(struct seg_store *store)
{
	struct sysv_usage *usage;
	struct timespec now;
	int r;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (store->usage && is_fresh(store->usage, &now))
		return 0;
	usage = calloc(1, sizeof(*usage));
	if (!usage)
		return -ENOMEM;
	usage->read_at = now;
	r = for_each_segment(add_usage, &usage);
	if (r < 0) {
		free(usage);
		return r;
	}
	free(store->usage);
	store->usage = usage;
	return 0;
}

static int find_usage(const struct seg_stat *stat, void *arg)
{
	struct seg_stat *wanted = arg;

	if (stat->shmid != wanted->shmid)
		return 0;
	wanted->allocated = stat->allocated;
	return 1;
}

/* Not knowing how much is allocated is no reason not to know the rest. */
static void fill_allocated(struct seg_store *store, struct seg_stat *stat)
{
	if (!store) {
		for_each_segment(find_usage, stat);
		return;
	}
	if (refresh_usage(store) < 0)
		return;
	for (size_t i = 0; i < store->usage->count; i++)
		if (store->usage->entry[i].shmid == stat->shmid)
			stat->allocated = store->usage->entry[i].allocated;
}

/* ------------------------------------------------------------------------- */

static int sysv_stat(struct seg_store *store, const struct seg_name *name, struct seg_stat *ret)
{
	struct seg_stat stat;
	struct shmid_ds ds;
	int id, r;

	id = get_id(name);
	if (id < 0)
		return id;
	r = get_ds(id, &ds);
	if (r < 0)
		return r;
	fill_stat(id, &ds, &stat);
	fill_allocated(store, &stat);
	*ret = stat;
	return 0;
}

/* An id that was good a moment ago: EINVAL says that the segment is gone. */
static int errno_of_id(void)
{
	return errno == EINVAL || errno == EIDRM ? -ENOENT : -errno;
}

static int attach(int id, int flags, void **ret)
{
	void *addr = shmat(id, NULL, flags);

	if (addr == (void *)-1)
		return errno_of_id();
	*ret = addr;
	return 0;
}

/* A file descriptor of the segment's own pages: attached for a moment, because
 * only a mapping leads to the file. It stays valid after the detach, and after
 * IPC_RMID. O_PATH, so it never counts as a user. */
int seg_sysv_open_file(int id, uint64_t size)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	char path[64];
	void *addr = NULL;
	int fd, r;

	r = attach(id, SHM_RDONLY, &addr);
	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "/proc/self/map_files/%" PRIxPTR "-%" PRIx64, (uintptr_t)addr,
		 (uint64_t)(uintptr_t)addr + (size + page - 1) / page * page);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) /* ENOENT: a hugetlb mapping ends elsewhere, and is of no use anyway */
		r = errno == ENOENT ? -EOPNOTSUPP : -errno;
	shmdt(addr);
	return r < 0 ? r : fd;
}

static int handle_for(int id, unsigned flags, struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct shmid_ds ds;
	int r;

	r = seg_new(&seg_sysv, flags, &seg);
	if (r < 0)
		return r;
	r = get_ds(id, &ds);
	if (r < 0)
		return r;
	seg->shmid = id;
	fill_stat(id, &ds, &seg->last);
	if (flags & SEG_PATH) {
		seg->fd = seg_sysv_open_file(id, seg->last.size);
		if (seg->fd < 0)
			return seg->fd;
	}
	*ret = steal_ptr(seg);
	return 0;
}

static int sysv_open(struct seg_store *store, const struct seg_name *name, unsigned flags,
		     struct seg **ret)
{
	int wanted = flags & SEG_PATH ? 0 : flags & SEG_READ_ONLY ? 0400 : 0600;
	int id;

	(void)store;
	id = get_id(name);
	if (id < 0)
		return id;
	/* By its key the kernel checks the permission right here; by its id, in shmat(). */
	if (!name->by_id && shmget(name->key, 0, wanted) < 0)
		return -errno;
	return handle_for(id, flags, ret);
}

/* There is no fallocate() for these: every page is touched, for writing, once. */
static int allocate(int id)
{
	struct shmid_ds ds;
	void *addr = NULL;
	int r;

	r = attach(id, 0, &addr);
	if (r < 0)
		return r;
	r = get_ds(id, &ds);
	while (r == 0 && madvise(addr, ds.shm_segsz, MADV_POPULATE_WRITE) < 0)
		if (errno != EINTR)
			r = errno == EFAULT ? -ENOMEM : -errno;
	shmdt(addr);
	return r;
}

static mode_t current_umask(void)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/status", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	unsigned mask = 077; /* without /proc: the careful choice */

	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "Umask: %o", &mask) == 1)
			break;
	return mask;
}

static int create_new(int32_t key, uint64_t size, mode_t mode, unsigned flags, struct seg **ret)
{
	int id, r = 0;

	/* shmget() ignores the umask; umask(2) can't be read without a race. */
	id = shmget(key, size, IPC_CREAT | IPC_EXCL | (int)(mode & ~current_umask()));
	if (id < 0)
		return -errno;
	if (flags & SEG_PREALLOCATE)
		r = allocate(id);
	if (r == 0)
		r = handle_for(id, flags, ret);
	if (r < 0)
		shmctl(id, IPC_RMID, NULL);
	return r;
}

static int open_existing(struct seg_store *store, const struct seg_name *name, uint64_t size,
			 unsigned flags, struct seg **ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	int r;

	r = sysv_open(store, name, flags & SEG_PATH, &seg);
	if (r < 0)
		return r;
	if (seg->last.size < size)
		return -EINVAL;
	if (flags & SEG_PREALLOCATE) {
		r = allocate(seg->shmid);
		if (r < 0)
			return r;
	}
	*ret = steal_ptr(seg);
	return 0;
}

static int sysv_create(struct seg_store *store, const struct seg_name *name, uint64_t size,
		       mode_t mode, unsigned flags, struct seg **ret)
{
	if (name->by_id || size == 0) /* an id is the kernel's to give */
		return -EINVAL;
	if (flags & SEG_EPHEMERAL) /* there is nowhere to put the mark, and no event */
		return -EOPNOTSUPP;
	for (int i = 0; i < SEG_CREATE_TRIES; i++) {
		int r = create_new(name->key, size, mode, flags, ret);

		if (r == -EEXIST && !(flags & SEG_EXCLUSIVE))
			r = open_existing(store, name, size, flags, ret);
		if (r != -ENOENT) /* else somebody destroyed it in between */
			return r;
	}
	return -EAGAIN;
}

static int remove_id(int id)
{
	if (shmctl(id, IPC_RMID, NULL) < 0)
		return errno_of_id();
	return 0;
}

/* Under the lease nobody begins to map it through a mount. Attaching can't be kept
 * out: nattch is read last. */
static int remove_if_unused(int id)
{
	_cleanup_lease_ struct lease lease = LEASE_NONE;
	_cleanup_close_ int fd = -1, path_fd = -1;
	struct shmid_ds ds;
	int r;

	r = get_ds(id, &ds);
	if (r < 0)
		return r;
	if (ds.shm_nattch > 0)
		return -EBUSY;
	path_fd = seg_sysv_open_file(id, ds.shm_segsz);
	if (path_fd < 0)
		return path_fd == -EACCES ? -EPERM : path_fd;
	r = usage_lock_file(path_fd, &fd, &lease);
	if (r < 0)
		return r;
	r = get_ds(id, &ds);
	if (r < 0)
		return r;
	return ds.shm_nattch > 0 ? -EBUSY : remove_id(id);
}

static int sysv_destroy(struct seg_store *store, const struct seg_name *name, bool if_unused)
{
	int id;

	(void)store;
	id = get_id(name);
	if (id < 0)
		return id;
	return if_unused ? remove_if_unused(id) : remove_id(id);
}

static int sysv_unlink(struct seg_store *store, const struct seg_name *name, struct seg *seg,
		       bool if_unused)
{
	(void)store;
	(void)name;
	return if_unused ? remove_if_unused(seg->shmid) : remove_id(seg->shmid);
}

struct list_call {
	seg_list_fn *fn;
	void *arg;
};

static int list_one(const struct seg_stat *stat, void *arg)
{
	const struct list_call *call = arg;
	char ref[SEG_REF_SIZE];

	seg_name_format_sysv(stat->key, stat->shmid, ref);
	return call->fn(ref, stat, call->arg);
}

static int sysv_list(struct seg_store *store, unsigned flags, seg_list_fn *fn, void *arg)
{
	struct list_call call = { .fn = fn, .arg = arg };

	(void)store;
	(void)flags; /* the table has it all anyway */
	return for_each_segment(list_one, &call);
}

static int sysv_statvfs(struct seg_store *store, struct statvfs *ret)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), memory, limit;
	struct shminfo limits;
	struct shm_info used;
	struct sysinfo machine;

	(void)store;
	if (shmctl(0, IPC_INFO, (struct shmid_ds *)&limits) < 0 ||
	    shmctl(0, SHM_INFO, (struct shmid_ds *)&used) < 0 || sysinfo(&machine) < 0)
		return -errno;
	memory = (machine.totalram + machine.totalswap) * (uint64_t)machine.mem_unit / page;
	limit = limits.shmall < memory ? limits.shmall : memory;
	*ret = (struct statvfs){
		.f_bsize = page,
		.f_frsize = page,
		.f_blocks = limit,
		.f_bfree = limit - (used.shm_tot < limit ? used.shm_tot : limit),
		.f_files = limits.shmmni,
		.f_ffree = limits.shmmni - (unsigned long)used.used_ids,
		.f_namemax = NAME_MAX,
	};
	ret->f_bavail = ret->f_bfree;
	ret->f_favail = ret->f_ffree;
	return 0;
}

/* shmat() attaches all or nothing: what is not wanted is unmapped again, which
 * leaves one attach to be counted. */
static int cut_window(char *addr, uint64_t size, uint64_t offset, size_t length)
{
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
	uint64_t end = (offset + length + page - 1) / page * page;
	uint64_t whole = (size + page - 1) / page * page;

	if (end < whole && munmap(addr + end, whole - end) < 0)
		return -errno;
	if (offset > 0 && munmap(addr, offset) < 0)
		return -errno;
	return 0;
}

static int sysv_map(struct seg *seg, uint64_t offset, size_t *length, unsigned flags, void **ret)
{
	struct shmid_ds ds;
	void *addr = NULL;
	int r;

	if (flags & SEG_PRIVATE) /* an attach is always shared */
		return -EOPNOTSUPP;
	r = get_ds(seg->shmid, &ds);
	if (r < 0)
		return r;
	r = seg_check_range(ds.shm_segsz, offset, length);
	if (r < 0)
		return r;
	r = attach(seg->shmid, flags & SEG_READ_ONLY ? SHM_RDONLY : 0, &addr);
	if (r < 0)
		return r;
	r = cut_window(addr, ds.shm_segsz, offset, *length);
	if (r < 0) {
		munmap(addr, ds.shm_segsz);
		return r;
	}
	*ret = (char *)addr + offset;
	return 0;
}

static int sysv_resize(struct seg *seg, uint64_t size, unsigned flags, pid_t pid)
{
	(void)seg;
	(void)size;
	(void)flags;
	(void)pid;
	return -EOPNOTSUPP;
}

/* It never changes. */
static int sysv_size(struct seg *seg, uint64_t *ret)
{
	*ret = seg->last.size;
	return 0;
}

/* After the last detach of a removed segment its id is gone, though a descriptor
 * may keep its memory: then it is what it last was. Taking the file's own mode
 * instead, which is 0777, would open it to everybody. */
static int sysv_fstat(struct seg *seg, struct seg_stat *ret)
{
	struct shmid_ds ds;
	struct stat st;

	if (get_ds(seg->shmid, &ds) == 0) {
		fill_stat(seg->shmid, &ds, &seg->last);
	} else if (seg->fd >= 0) {
		seg->last.flags |= SEG_STAT_REMOVED;
		seg->last.nlink = 0;
		seg->last.nattch = 0;
	} else {
		return -ENOENT;
	}
	if (seg->fd >= 0 && fstat(seg->fd, &st) == 0)
		seg->last.allocated = (uint64_t)st.st_blocks * 512;
	else
		fill_allocated(NULL, &seg->last);
	*ret = seg->last;
	return 0;
}

static int set_perm(struct seg *seg, const struct shmid_ds *ds)
{
	if (shmctl(seg->shmid, IPC_SET, (struct shmid_ds *)ds) < 0)
		return errno_of_id();
	return 0;
}

static int sysv_chmod(struct seg *seg, mode_t mode)
{
	struct shmid_ds ds;
	int r;

	if (mode & ~0777u)
		return -EINVAL;
	r = get_ds(seg->shmid, &ds);
	if (r < 0)
		return r;
	ds.shm_perm.mode = (unsigned short)mode;
	return set_perm(seg, &ds);
}

static int sysv_chown(struct seg *seg, uid_t uid, gid_t gid)
{
	struct shmid_ds ds;
	int r;

	r = get_ds(seg->shmid, &ds);
	if (r < 0)
		return r;
	if (uid != (uid_t)-1)
		ds.shm_perm.uid = uid;
	if (gid != (gid_t)-1)
		ds.shm_perm.gid = gid;
	return set_perm(seg, &ds);
}

static int sysv_utimens(struct seg *seg, const struct timespec times[2])
{
	(void)seg;
	(void)times;
	return -EOPNOTSUPP;
}

const struct seg_backend seg_sysv = {
	.kind = SEG_SYSV,
	.create = sysv_create,
	.open = sysv_open,
	.stat = sysv_stat,
	.destroy = sysv_destroy,
	.unlink = sysv_unlink,
	.list = sysv_list,
	.statvfs = sysv_statvfs,
	.map = sysv_map,
	.resize = sysv_resize,
	.in_use = usage_of_sysv,
	.size = sysv_size,
	.fstat = sysv_fstat,
	.chmod = sysv_chmod,
	.chown = sysv_chown,
	.utimens = sysv_utimens,
};
