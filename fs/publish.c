// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "publish.h"

#include <errno.h>
#include <fcntl.h>
#include <libmount/libmount.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "../libseg/cleanup.h"

/* The mount that a directory is in passes new mounts on? */
bool publish_is_shared(const char *path)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	char *root = mnt_get_mountpoint(path);
	struct libmnt_fs *fs = NULL;
	unsigned long flags = 0;
	bool shared;

	if (table && root)
		fs = mnt_table_find_target(table, root, MNT_ITER_BACKWARD);
	shared = fs && mnt_fs_get_propagation(fs, &flags) == 0 && flags & MS_SHARED;
	free(root);
	mnt_unref_table(table);
	return shared;
}

/* systemd has it so for all; elsewhere the directory becomes a mount of its own. */
static int make_shared(const char *path)
{
	if (publish_is_shared(path))
		return 0;
	if (mount(path, path, NULL, MS_BIND, NULL) < 0)
		return -errno;
	return mount(NULL, path, NULL, MS_SHARED, NULL) < 0 ? -errno : 0;
}

static int make_dir(const char *path)
{
	return mkdir(path, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int make_view_dir(const char *parent, const char *name, char **ret)
{
	_cleanup_free_ char *dir = NULL;
	_cleanup_free_ char *view = NULL;
	int r;

	if (asprintf(&dir, "%s/ro", parent) < 0) {
		dir = NULL;
		return -ENOMEM;
	}
	if (asprintf(&view, "%s/%s", dir, name) < 0) {
		view = NULL;
		return -ENOMEM;
	}
	r = make_dir(dir);
	if (r == 0) {
		umount2(view, MNT_DETACH); /* left by one that was killed */
		r = make_dir(view);
	}
	if (r < 0)
		return r;
	*ret = steal_ptr(view);
	return 0;
}

int publish_prepare(const char *mountpoint, const char *name, struct publication *ret)
{
	_cleanup_free_ char *parent = strdup(mountpoint);
	char *slash = parent ? strrchr(parent, '/') : NULL;
	int r;

	*ret = (struct publication){ 0 };
	if (!parent)
		return -ENOMEM;
	if (!slash || slash == parent || strcmp(slash + 1, name) != 0)
		return 0;
	*slash = '\0';
	r = make_shared(parent);
	if (r == 0)
		r = make_view_dir(parent, name, &ret->ro);
	if (r < 0)
		return r;
	ret->parent = steal_ptr(parent);
	return 0;
}

int publish_read_only(const struct publication *pub, const char *mountpoint)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	_cleanup_close_ int tree = -1;

	if (!pub->ro)
		return 0;
	umount2(pub->ro, MNT_DETACH); /* that of a worker which died */
	tree = open_tree(AT_FDCWD, mountpoint, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
	    move_mount(tree, "", AT_FDCWD, pub->ro, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

void publish_withdraw(struct publication *pub)
{
	if (!pub->ro)
		return;
	umount2(pub->ro, MNT_DETACH);
	rmdir(pub->ro);
	free(pub->ro);
	pub->ro = NULL;
}

void publish_end(struct publication *pub)
{
	publish_withdraw(pub);
	free(pub->parent);
	*pub = (struct publication){ 0 };
}
