// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "mountpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>

#include "../libseg/cleanup.h"

dev_t mountpoint_device(const char *path)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_fs *fs;
	const char *type;
	dev_t dev;

	fs = table ? mnt_table_find_target(table, path, MNT_ITER_BACKWARD) : NULL;
	type = fs ? mnt_fs_get_fstype(fs) : NULL;
	dev = type && strcmp(type, "fuse.segfs") == 0 ? mnt_fs_get_devno(fs) : 0;
	mnt_unref_table(table);
	return dev;
}

bool mountpoint_is_segfs(const char *path)
{
	return mountpoint_device(path) != 0;
}

static int open_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

int mountpoint_claim(const char *path)
{
	_cleanup_close_ int fd = open_dir(path);

	while (fd == -ENOTCONN && mountpoint_is_segfs(path)) {
		if (umount2(path, MNT_DETACH) < 0)
			return -errno;
		fd = open_dir(path);
	}
	if (fd < 0)
		return fd;
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return -errno;
	if (mountpoint_is_segfs(path))
		return -EBUSY;
	return steal_fd(&fd);
}
