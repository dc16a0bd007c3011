// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "usage.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <sys/xattr.h>

#include "segfs.h"

#define FUSE_MAGIC 0x65735546 /* linux/magic.h has it since 5.14 */

bool usage_on_mount(int fd)
{
	struct statfs st;

	return fstatfs(fd, &st) == 0 && st.f_type == FUSE_MAGIC;
}

/* Access mode 3 opens without being counted as a reader or a writer. It takes the
 * permission to do both. */
int usage_ask_mount(int path_fd, struct segfs_info *ret)
{
	_cleanup_close_ int fd = seg_reopen_fd(path_fd, O_ACCMODE);

	if (fd < 0)
		return fd == -EACCES ? -EPERM : fd;
	if (ioctl(fd, SEGFS_IOC_INFO, ret) < 0)
		return errno == ENOTTY ? -EOPNOTSUPP : -errno;
	return 0;
}

int usage_destroy_on_mount(int path_fd)
{
	static const char value[] = "if-unused";
	char path[FD_PATH_SIZE];

	if (setxattr(seg_fd_path(path_fd, path), SEGFS_XATTR_DESTROY, value, strlen(value), 0) < 0)
		return errno == ESTALE ? -ENOENT : -errno;
	return 0;
}

int usage_lock_file(int path_fd, int *fd, struct lease *lease)
{
	int r;

	r = seg_reopen_fd(path_fd, O_RDONLY);
	if (r == -EACCES) /* mode 0200, say */
		r = seg_reopen_fd(path_fd, O_WRONLY);
	if (r == -EAGAIN) /* another one asks the same, or somebody has it open under a lease */
		return -EBUSY;
	if (r < 0)
		return r == -EACCES ? -EPERM : r;
	*fd = r;
	return lease_take(r, lease);
}

static int usage_by_mount(const struct seg *seg)
{
	struct segfs_info info;
	int r;

	/* Our own open file is one of those that the daemon would count. */
	if (!(seg->flags & SEG_PATH))
		return -EOPNOTSUPP;
	r = usage_ask_mount(seg->fd, &info);
	return r < 0 ? r : info.in_use;
}

int usage_of_file(struct seg *seg)
{
	_cleanup_lease_ struct lease lease = LEASE_NONE;
	_cleanup_close_ int fd = -1;
	int r;

	if (usage_on_mount(seg->fd))
		return usage_by_mount(seg);
	if (seg->flags & SEG_PATH)
		r = usage_lock_file(seg->fd, &fd, &lease);
	else
		r = lease_take(seg->fd, &lease);
	return r == -EBUSY ? 1 : r;
}

/* The attaches of this process: each is a mapping whose inode number is the shmid. */
static uint32_t own_attaches(int shmid)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/maps", "re");
	_cleanup_free_ char *line = NULL;
	uint32_t count = 0;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0) {
		uint64_t ino;

		if (sscanf(line, "%*s %*s %*s %*s %" SCNu64, &ino) == 1 && ino == (uint64_t)shmid &&
		    strstr(line, " /SYSV"))
			count++;
	}
	return count;
}

/* Attaches are counted by the kernel, and mappings through a mount by the lease of
 * the segment's file, for which it takes a capability to get at. */
int usage_of_sysv(struct seg *seg)
{
	_cleanup_lease_ struct lease lease = LEASE_NONE;
	_cleanup_close_ int fd = -1, path_fd = -1;
	struct seg_stat st;
	int r;

	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	if (st.nattch > own_attaches(st.shmid))
		return 1;
	if (seg->fd < 0) {
		path_fd = seg_sysv_open_file(st.shmid, st.size);
		if (path_fd < 0)
			return path_fd == -EACCES ? -EPERM : path_fd;
	}
	r = usage_lock_file(seg->fd < 0 ? path_fd : seg->fd, &fd, &lease);
	return r == -EBUSY ? 1 : r;
}
