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

/* By the mount's number: a bind mount has the same device as what lies below it. */
bool publish_is_shared(const char *path)
{
	struct libmnt_table *table = mnt_new_table_from_file("/proc/self/mountinfo");
	struct libmnt_iter *iter = mnt_new_iter(MNT_ITER_FORWARD);
	struct libmnt_fs *fs = NULL;
	unsigned long flags = 0;
	struct statx st;
	bool shared = false;

	if (table && iter && statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) == 0)
		while (!shared && mnt_table_next_fs(table, iter, &fs) == 0)
			shared = (uint64_t)mnt_fs_get_id(fs) == st.stx_mnt_id &&
				 mnt_fs_get_propagation(fs, &flags) == 0 && flags & MS_SHARED;
	mnt_free_iter(iter);
	mnt_unref_table(table);
	return shared;
}

static bool is_mount(const char *path)
{
	struct statx st;

	return statx(AT_FDCWD, path, 0, STATX_MNT_ID, &st) == 0 &&
	       st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

/* systemd has it so for all; elsewhere the directory becomes a mount of its own, with
 * all that is mounted in it. */
static int make_shared(const char *path)
{
	if (publish_is_shared(path))
		return 0;
	if (!is_mount(path) && mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return -errno;
	return mount(NULL, path, NULL, MS_SHARED, NULL) < 0 ? -errno : 0;
}

/* Whatever the umask: containers' users are to get through. */
static int make_dir(const char *path)
{
	if (mkdir(path, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	return chmod(path, 0755) < 0 ? -errno : 0;
}

static int make_ro_dir(const char *parent, const char *name, char **ret)
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
		r = make_ro_dir(parent, name, &ret->ro);
	if (r < 0)
		return r;
	ret->parent = steal_ptr(parent);
	return 0;
}

static int bind_read_only(const char *mountpoint, const char *view)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY, .propagation = MS_PRIVATE };
	_cleanup_close_ int tree = -1;

	tree = open_tree(AT_FDCWD, mountpoint, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
	if (tree < 0 || mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0 ||
	    move_mount(tree, "", AT_FDCWD, view, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return -errno;
	return 0;
}

int publish_read_only(struct publication *pub, const char *mountpoint)
{
	int r;

	if (!pub->ro)
		return 0;
	umount2(pub->ro, MNT_DETACH); /* that of a worker which died, or of one long gone */
	r = make_dir(pub->ro);
	if (r == 0)
		r = bind_read_only(mountpoint, pub->ro);
	pub->published |= r == 0;
	return r;
}

void publish_withdraw(struct publication *pub)
{
	/* Not the view of the one that has the mount point, where that was not us. */
	if (pub->published) {
		umount2(pub->ro, MNT_DETACH);
		rmdir(pub->ro);
	}
	free(pub->ro);
	pub->ro = NULL;
	pub->published = false;
}

void publish_end(struct publication *pub)
{
	publish_withdraw(pub);
	free(pub->parent);
	*pub = (struct publication){ 0 };
}
