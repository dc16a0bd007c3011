// SPDX-License-Identifier: MIT
/*
 * Who uses a segment, from /proc.
 *
 * Processes come and go while it is read, and others' can't be seen without the
 * right to: this is for people to read. "In use?" is answered in usage.c, exactly.
 */
#define _GNU_SOURCE
#include "users.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "mounts.h"
#include "segfs.h"
#include "usage.h"

/* Linux' PROC_PID_INIT_INO: from here, /proc shows every process. */
#define INIT_PID_NAMESPACE 0xEFFFFFFCU

/* The files that lead to a segment: its own, and the one on each segfs mount. */
struct target {
	enum seg_kind kind;
	uint64_t dev, ino; /* its own; if it was named by a file on a mount: that file's */
	unsigned own;      /* what it is to use that one: SEG_USER_DIRECT or SEG_USER_MOUNT */
	uint64_t node;     /* its inode number on a mount */
	struct seg_mounts mounts;
	bool private; /* these mounts, and no other */
};

struct scan {
	struct target target;
	int proc;
	bool all_in_sight; /* /proc shows every process of the machine */
	bool denied;       /* one of them could not be looked at */
	bool careful;      /* take what may be a user for one */
	unsigned what;     /* SEG_USER_OPEN, SEG_USER_MAPPED: which are to be looked for */
	seg_user_fn *fn;
	void *arg;
};

/* A file of a process; NULL where the process has gone, or may not be looked at. */
static FILE *open_file(struct scan *scan, pid_t pid, const char *name)
{
	_cleanup_close_ int fd = -1;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "%d/%s", pid, name);
	fd = openat(scan->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		if (errno != ENOENT && errno != ESRCH && errno != EINVAL) /* EINVAL: a zombie */
			scan->denied = true;
		return NULL;
	}
	f = fdopen(fd, "r");
	if (f)
		steal_fd(&fd);
	return f;
}

static bool has_mount(const struct target *target, dev_t dev)
{
	for (size_t i = 0; i < target->mounts.n; i++)
		if (target->mounts.dev[i] == dev)
			return true;
	return false;
}

static void add_mount(struct target *target, dev_t dev)
{
	if (!has_mount(target, dev) && target->mounts.n < SEG_MOUNTS_MAX)
		target->mounts.dev[target->mounts.n++] = dev;
}

/* A mount is a device of its own. Which ones are segfs, its namespace tells. Those of
 * private namespaces have segments of their own, whose inode numbers mean nothing here. */
static void add_mounts(struct scan *scan, pid_t pid)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	bool host;
	dev_t dev;

	if (scan->target.private)
		return;
	f = open_file(scan, pid, "mountinfo");
	while (f && getline(&line, &size, f) > 0) {
		dev = mounts_segfs_device(line, &host);
		if (dev && host)
			add_mount(&scan->target, dev);
	}
}

/* How a file with this device and inode number is the segment: SEG_USER_* or 0. */
static unsigned match(const struct target *target, uint64_t dev, uint64_t ino)
{
	if (target->private && has_mount(target, dev))
		return ino == target->node ? SEG_USER_MOUNT : 0;
	/* The device of SysV segments is the kernel's own and has no name: for them
	 * match_map() looks at the path. */
	if (target->kind != SEG_SYSV && dev == target->dev && ino == target->ino)
		return target->own;
	return ino == target->node && has_mount(target, dev) ? SEG_USER_MOUNT : 0;
}

static unsigned match_map(const struct target *target, const char *line)
{
	unsigned major, minor, how;
	uint64_t ino;

	if (sscanf(line, "%*s %*s %*s %x:%x %" SCNu64, &major, &minor, &ino) != 3)
		return 0;
	if (target->kind == SEG_SYSV && ino == target->ino && strstr(line, " /SYSV"))
		return SEG_USER_ATTACHED | SEG_USER_DIRECT;
	how = match(target, makedev(major, minor), ino);
	return how ? how | SEG_USER_MAPPED : 0;
}

static bool lists_device(FILE *mountinfo, dev_t dev)
{
	_cleanup_free_ char *line = NULL;
	unsigned major, minor;
	size_t size = 0;

	while (mountinfo && getline(&line, &size, mountinfo) > 0)
		if (sscanf(line, "%*s %*s %u:%u", &major, &minor) == 2 &&
		    makedev(major, minor) == dev)
			return true;
	return false;
}

static bool is_mounted(struct scan *scan, pid_t pid, dev_t dev)
{
	_cleanup_fclose_ FILE *own = fopen("/proc/self/mountinfo", "re");
	_cleanup_fclose_ FILE *theirs = open_file(scan, pid, "mountinfo");

	return lists_device(own, dev) || lists_device(theirs, dev);
}

/* A mount whose daemon died is taken away when another begins, and what was mapped
 * through it stays mapped: then the device is nobody's, and the inode number is all that
 * tells. */
static bool may_be_left(struct scan *scan, pid_t pid, const char *line)
{
	unsigned major, minor;
	uint64_t ino;
	int path = 0;

	if (scan->target.private ||
	    sscanf(line, "%*s %*s %*s %x:%x %" SCNu64 " %n", &major, &minor, &ino, &path) != 3)
		return false;
	line += path;
	if (major != 0 || ino != scan->target.node || *line != '/' ||
	    strncmp(line, "/memfd:", 7) == 0 || strncmp(line, "/SYSV", 5) == 0 ||
	    strncmp(line, "/dev/zero", 9) == 0)
		return false;
	return !is_mounted(scan, pid, makedev(major, minor));
}

/* Each IPC namespace counts its shmids from 0, and an attach tells nothing but that. */
static bool shares_ipc(const struct scan *scan, pid_t pid)
{
	struct stat own, other;
	char path[32];

	snprintf(path, sizeof(path), "%d/ns/ipc", pid);
	return fstatat(scan->proc, path, &other, 0) == 0 &&
	       fstatat(scan->proc, "self/ns/ipc", &own, 0) == 0 && other.st_ino == own.st_ino;
}

static unsigned scan_maps(struct scan *scan, pid_t pid)
{
	_cleanup_fclose_ FILE *f = open_file(scan, pid, "maps");
	_cleanup_free_ char *line = NULL;
	unsigned how = 0;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		how |= match_map(&scan->target, line);
		if (!how && scan->careful && may_be_left(scan, pid, line))
			how = SEG_USER_MAPPED | SEG_USER_MOUNT;
	}
	if (how & SEG_USER_ATTACHED && !shares_ipc(scan, pid))
		how &= ~(SEG_USER_ATTACHED | SEG_USER_DIRECT);
	if (f && ferror(f))
		scan->denied = true;
	return how;
}

/* A handle that only names the file (O_PATH) is no user. */
static bool is_path_fd(struct scan *scan, pid_t pid, const char *fd)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	unsigned flags = 0;
	char name[32];
	size_t size = 0;

	snprintf(name, sizeof(name), "fdinfo/%.10s", fd);
	f = open_file(scan, pid, name);
	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	return flags & O_PATH;
}

static unsigned scan_fd(struct scan *scan, int dirfd, pid_t pid, const char *fd)
{
	struct statx st;
	unsigned how;

	/* Asking for nothing, and without sync: no file system is bothered for an answer,
	 * least of all one that hangs, or one that is served by the caller. */
	if (statx(dirfd, fd, AT_STATX_DONT_SYNC, 0, &st) < 0)
		return 0;
	how = match(&scan->target, makedev(st.stx_dev_major, st.stx_dev_minor), st.stx_ino);
	if (!how || is_path_fd(scan, pid, fd))
		return 0;
	return how | SEG_USER_OPEN;
}

static unsigned scan_fds(struct scan *scan, pid_t pid)
{
	_cleanup_closedir_ DIR *dir = NULL;
	struct dirent *entry;
	unsigned how = 0;
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "%d/fd", pid);
	fd = openat(scan->proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		if (fd >= 0)
			close(fd);
		scan->denied |= errno != ENOENT && errno != ESRCH;
		return 0;
	}
	while ((entry = readdir(dir)))
		if (isdigit((unsigned char)entry->d_name[0]))
			how |= scan_fd(scan, fd, pid, entry->d_name);
	return how;
}

static int report(struct scan *scan, pid_t pid, unsigned how)
{
	_cleanup_fclose_ FILE *f = open_file(scan, pid, "comm");
	struct seg_user user = { .pid = pid, .how = how };
	char command[64] = "";
	struct stat st;

	if (f && fgets(command, sizeof(command), f))
		command[strcspn(command, "\n")] = '\0';
	if (f && fstat(fileno(f), &st) == 0)
		user.uid = st.st_uid;
	user.command = command;
	return scan->fn(&user, scan->arg);
}

static int scan_process(struct scan *scan, pid_t pid)
{
	unsigned how = 0;

	add_mounts(scan, pid);
	if (scan->what & SEG_USER_MAPPED)
		how |= scan_maps(scan, pid);
	if (scan->what & SEG_USER_OPEN)
		how |= scan_fds(scan, pid);
	return how ? report(scan, pid, how) : 0;
}

static bool is_initial_pid_namespace(int proc)
{
	struct stat st;

	return fstatat(proc, "self/ns/pid", &st, 0) == 0 && st.st_ino == INIT_PID_NAMESPACE;
}

static int scan_all(struct scan *scan)
{
	_cleanup_closedir_ DIR *dir = opendir("/proc");
	struct dirent *entry;
	int r;

	if (!dir)
		return -errno;
	scan->proc = dirfd(dir);
	scan->all_in_sight = is_initial_pid_namespace(scan->proc);
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		r = scan_process(scan, atoi(entry->d_name));
		if (r)
			return r;
	}
	return 0;
}

static int set_target(struct seg *seg, struct target *ret)
{
	struct seg_stat st;
	bool host;
	int r;

	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	*ret = (struct target){ .kind = st.kind,
				.dev = st.dev,
				.ino = st.ino,
				.own = SEG_USER_DIRECT,
				.node = st.ino };
	if (st.kind == SEG_SYSV)
		ret->node = SEGFS_INO_SYSV | (uint32_t)st.shmid;
	else if (usage_on_mount(seg->fd))
		ret->own = SEG_USER_MOUNT;
	ret->mounts = seg->mounts;
	if (ret->mounts.n == 0 && st.dev != 0 && mounts_is_segfs(st.dev, &host) && !host)
		add_mount(ret, st.dev);
	ret->private = ret->mounts.n > 0;
	return 0;
}

int seg_users(struct seg *seg, seg_user_fn *fn, void *arg)
{
	struct scan scan = { .what = SEG_USER_OPEN | SEG_USER_MAPPED, .fn = fn, .arg = arg };
	int r;

	r = set_target(seg, &scan.target);
	if (r == 0)
		r = scan_all(&scan);
	return r ? r : scan.denied || !scan.all_in_sight;
}

static pid_t process_of(pid_t thread)
{
	_cleanup_fclose_ FILE *f = NULL;
	_cleanup_free_ char *line = NULL;
	size_t size = 0;
	char path[32];
	pid_t pid = thread;

	snprintf(path, sizeof(path), "/proc/%d/status", thread);
	f = fopen(path, "re");
	while (f && getline(&line, &size, f) > 0)
		if (sscanf(line, "Tgid: %d", &pid) == 1)
			break;
	return pid;
}

static int is_other(const struct seg_user *user, void *arg)
{
	const pid_t *self = arg;

	return user->pid == *self ? 0 : -EBUSY;
}

static bool has_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

int users_map_beside(struct seg *seg, pid_t pid)
{
	pid_t self = process_of(pid);
	struct scan scan = {
		.what = SEG_USER_MAPPED, .careful = true, .fn = is_other, .arg = &self
	};
	int r;

	r = set_target(seg, &scan.target);
	if (r == 0)
		r = scan_all(&scan);
	if (r)
		return r == -EBUSY ? 1 : r;
	if (!scan.all_in_sight || (scan.denied && !has_capability(CAP_SYS_PTRACE)))
		return -EPERM;
	return 0;
}
