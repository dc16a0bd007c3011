// SPDX-License-Identifier: MIT
/*
 * libfuse's fuse_passthrough_open() loses the errno and its counterpart needs a
 * live request (3.18), so the two ioctls are issued here.
 */
#define _GNU_SOURCE
#include "backing.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "../libseg/cleanup.h"

#ifndef FUSE_DEV_IOC_BACKING_OPEN /* kernel headers before 6.9, as Debian 12's */
struct fuse_backing_map {
	int32_t fd;
	uint32_t flags;
	uint64_t padding;
};
#define FUSE_DEV_IOC_BACKING_OPEN  _IOW(FUSE_DEV_IOC_MAGIC, 1, struct fuse_backing_map)
#define FUSE_DEV_IOC_BACKING_CLOSE _IOW(FUSE_DEV_IOC_MAGIC, 2, uint32_t)
#endif
#ifndef FUSE_DEV_IOC_MAGIC
#define FUSE_DEV_IOC_MAGIC 229
#endif

int backing_open(int fuse_fd, int fd)
{
	struct fuse_backing_map map = { .fd = fd };
	int id = ioctl(fuse_fd, FUSE_DEV_IOC_BACKING_OPEN, &map);

	return id < 0 ? -errno : id;
}

void backing_close(int fuse_fd, int id)
{
	uint32_t arg = (uint32_t)id;

	ioctl(fuse_fd, FUSE_DEV_IOC_BACKING_CLOSE, &arg);
}

int backing_probe(int fuse_fd)
{
	_cleanup_close_ int fd = memfd_create("segfs-probe", MFD_CLOEXEC);
	_cleanup_close_ int path_fd = -1;
	char path[64];
	int id;

	if (fd < 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	path_fd = open(path, O_PATH | O_CLOEXEC);
	if (path_fd < 0)
		return -errno;
	id = backing_open(fuse_fd, path_fd);
	if (id < 0)
		return id;
	backing_close(fuse_fd, id);
	return 0;
}
