// SPDX-License-Identifier: MIT
#include "dir.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <utlist.h>

struct entry {
	uint64_t ino;
	mode_t type;
	char *name;
};

struct dir {
	struct entry *entries;
	size_t count, room;
	struct dir *prev, *next; /* in ns.dirs */
};

static void clear(struct dir *dir)
{
	for (size_t i = 0; i < dir->count; i++)
		free(dir->entries[i].name);
	dir->count = 0;
}

int dir_open(struct ns *ns, struct dir **ret)
{
	struct dir *dir = calloc(1, sizeof(*dir));

	if (!dir)
		return -ENOMEM;
	DL_APPEND(ns->dirs, dir);
	*ret = dir;
	return 0;
}

void dir_close(struct ns *ns, struct dir *dir)
{
	DL_DELETE(ns->dirs, dir);
	clear(dir);
	free(dir->entries);
	free(dir);
}

void dir_close_all(struct ns *ns)
{
	while (ns->dirs)
		dir_close(ns, ns->dirs);
}

static int grow(struct dir *dir)
{
	size_t room = dir->room ? 2 * dir->room : 64;
	struct entry *entries = reallocarray(dir->entries, room, sizeof(*entries));

	if (!entries)
		return -ENOMEM;
	dir->entries = entries;
	dir->room = room;
	return 0;
}

static int add(struct dir *dir, uint64_t ino, mode_t type, const char *name)
{
	char *copy;
	int r;

	if (dir->count == dir->room) {
		r = grow(dir);
		if (r < 0)
			return r;
	}
	copy = strdup(name);
	if (!copy)
		return -ENOMEM;
	dir->entries[dir->count++] = (struct entry){ .ino = ino, .type = type, .name = copy };
	return 0;
}

static int add_segment(const char *ref, const struct seg_stat *st, void *arg)
{
	char name[NS_NAME_SIZE];

	if (st->flags & SEG_STAT_REMOVED || node_id(st) == 0)
		return 0;
	ns_name_of(ref, name);
	return add(arg, node_id(st), S_IFREG, name);
}

static int add_unborn(struct ns *ns, struct dir *dir)
{
	char name[NS_NAME_SIZE];
	struct node *node;
	int r;

	DL_FOREACH(ns->nodes.unborn, node)
	{
		if (node->opens == 0)
			continue;
		ns_name_of(node->ref, name);
		r = add(dir, node->ino, S_IFREG, name);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_contents(struct ns *ns, fuse_ino_t ino, struct dir *dir)
{
	int r;

	switch (ns_dir(ns, ino)) {
	case NODE_ROOT:
		r = add(dir, NODE_POSIX_DIR, S_IFDIR, "posix");
		return r < 0 ? r : add(dir, NODE_SYSV_DIR, S_IFDIR, "sysv");
	case NODE_POSIX_DIR:
		return seg_listat(ns->nodes.store, SEG_POSIX, SEG_LIST_NAMES, add_segment, dir);
	default:
		r = seg_listat(ns->nodes.store, SEG_SYSV, SEG_LIST_NAMES, add_segment, dir);
		return r < 0 ? r : add_unborn(ns, dir);
	}
}

static int load(struct ns *ns, fuse_ino_t ino, struct dir *dir)
{
	int r;

	clear(dir);
	r = add(dir, ino, S_IFDIR, ".");
	if (r == 0)
		r = add(dir, NODE_ROOT, S_IFDIR, "..");
	if (r == 0)
		r = add_contents(ns, ino, dir);
	return r;
}

ssize_t dir_fill(struct ns *ns, fuse_req_t req, fuse_ino_t ino, struct dir *dir, char *buf,
		 size_t size, off_t off)
{
	size_t used = 0;
	int r;

	if (off == 0) {
		r = load(ns, ino, dir);
		if (r < 0)
			return r;
	}
	for (size_t i = (size_t)off; i < dir->count; i++) {
		const struct entry *entry = &dir->entries[i];
		struct stat st = { .st_ino = entry->ino, .st_mode = entry->type };
		size_t need = fuse_add_direntry(req, buf + used, size - used, entry->name, &st,
						(off_t)i + 1);

		if (need > size - used)
			break;
		used += need;
	}
	return (ssize_t)used;
}
