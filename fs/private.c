// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mount.h>

#include "../libseg/cleanup.h"

static int set_string(int fs, const char *key, const char *value)
{
	return fsconfig(fs, FSCONFIG_SET_STRING, key, value, 0) < 0 ? -errno : 0;
}

static int set_number(int fs, const char *key, uint64_t value, const char *format)
{
	char text[32];

	snprintf(text, sizeof(text), format, value);
	return set_string(fs, key, text);
}

/* Who may is checked at the mount, against the attributes of its root. Here the caller
 * acts with his own rights and without his supplementary groups, so it is open to all;
 * but for the sticky bit, and the owner of the directory, who is above it: these have
 * to be kept where the names are. */
static int configure(int fs, const struct store_options *opts)
{
	int r;

	r = set_number(fs, "size", opts->size, "%" PRIu64);
	if (r == 0 && opts->nr_segments) /* the root is one as well */
		r = set_number(fs, "nr_inodes", opts->nr_segments + 1, "%" PRIu64);
	if (r == 0 && opts->huge)
		r = set_string(fs, "huge", opts->huge);
	if (r == 0)
		r = set_number(fs, "mode", 0777 | (opts->mode & 01000), "%" PRIo64);
	if (r == 0)
		r = set_number(fs, "uid", opts->uid, "%" PRIu64);
	return r;
}

int private_store_create(const char *name, const struct store_options *opts)
{
	_cleanup_close_ int fs = fsopen("tmpfs", FSOPEN_CLOEXEC);
	_cleanup_close_ int mount = -1;
	int fd, r;

	if (fs < 0)
		return -errno;
	r = set_string(fs, "source", name);
	if (r == 0)
		r = configure(fs, opts);
	if (r < 0)
		return r;
	if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
		return -errno;
	mount = fsmount(fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
	if (mount < 0)
		return -errno;
	fd = openat(mount, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}
