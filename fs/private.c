// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "private.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

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

/* In an attribute that is seen by nobody but root, and not through the mount. */
#define ROOT_XATTR "trusted.segfs.root"

static const char *path_of(int store, char path[static 32])
{
	snprintf(path, 32, "/proc/self/fd/%d", store);
	return path;
}

int private_root_set(int store, const struct private_root *root)
{
	char buf[32], text[64];
	const char *path = path_of(store, buf);
	int n = snprintf(text, sizeof(text), "%u %u %o", root->uid, root->gid, root->mode);

	if (setxattr(path, ROOT_XATTR, text, (size_t)n, 0) < 0 || chown(path, root->uid, -1) < 0 ||
	    chmod(path, 0777 | (root->mode & 01000)) < 0)
		return -errno;
	return 0;
}

int private_root_get(int store, struct private_root *ret)
{
	char path[32], text[64] = "";
	struct private_root root;

	if (getxattr(path_of(store, path), ROOT_XATTR, text, sizeof(text) - 1) < 0)
		return -errno;
	if (sscanf(text, "%u %u %o", &root.uid, &root.gid, &root.mode) != 3)
		return -ENODATA;
	*ret = root;
	return 0;
}
