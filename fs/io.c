// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "io.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_log.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "../libseg/cleanup.h"
#include "attr.h"
#include "creds.h"

/* fi->fh where no descriptor is held for an open file. With passthrough none is:
 * the kernel's backing file is what counts as the user of the segment. */
#define NO_FD UINT64_MAX

/* Writes that are passed through are made with the daemon's rights, which would keep
 * setuid and setgid, where the writer's own would drop them. So they go at the open. */
static int drop_privileges(struct node *node, const struct fuse_ctx *caller)
{
	struct seg_stat st;
	int r;

	if (node->unborn || caller->uid == 0)
		return 0;
	r = seg_fstat(node->seg, &st);
	if (r < 0)
		return r;
	if (!(st.mode & (S_ISUID | S_ISGID)))
		return 0;
	return seg_chmod(node->seg, st.mode & ~(mode_t)(S_ISUID | S_ISGID));
}

/* Access mode 3 neither reads nor writes, and is no use of the segment: see segfs.h. */
static bool is_use(const struct fuse_file_info *fi)
{
	return (fi->flags & O_ACCMODE) != O_ACCMODE;
}

/* Without passthrough the daemon's descriptor stands for the client: the segment is
 * in use, and the client's mode of access is the descriptor's. direct_io, because
 * any cache would be a second copy of the pages. */
static int hold_fd(struct node *node, struct fuse_file_info *fi)
{
	int fd;

	fi->direct_io = 1;
	if (!is_use(fi) || !node->seg)
		return 0;
	fd = seg_reopen(node->seg, fi->flags & O_ACCMODE);
	if (fd < 0)
		return fd;
	fi->fh = (uint64_t)fd;
	return 0;
}

/* The kernel opens the backing file after our reply, and makes EIO of every error that
 * this meets (6.18). One is to be expected: a lease, which O_NONBLOCK does not wait
 * for; libseg opens so. */
static int check_lease(const struct node *node, const struct fuse_file_info *fi)
{
	_cleanup_close_ int fd = -1;

	if (!(fi->flags & O_NONBLOCK) || !is_use(fi))
		return 0;
	fd = seg_reopen(node->seg, fi->flags & O_ACCMODE);
	return fd == -EAGAIN ? fd : 0;
}

int io_open(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_find(&ns->nodes, ino);
	int r;

	if (!node)
		return -ESTALE;
	/* Now, while the caller is no user of it yet. */
	r = fi->flags & O_TRUNC ? attr_resize(ns, caller, node, 0) : 0;
	if (r < 0)
		return r;
	r = node_open(&ns->nodes, node, &fi->backing_id);
	if (r < 0)
		return r;
	fi->fh = NO_FD;
	fi->noflush = 1;
	if ((fi->flags & O_ACCMODE) != O_RDONLY)
		r = drop_privileges(node, caller);
	if (r == 0)
		r = fi->backing_id == 0 ? hold_fd(node, fi) : check_lease(node, fi);
	if (r < 0)
		node_release(&ns->nodes, node);
	return r;
}

/* A write that is passed through may go past the end of a SysV segment: it grows the file
 * behind that, to where no attach reaches, and no limit counts. Whoever mapped there has
 * mapped what is none of the segment. The rest of its last page is everybody's who has it
 * attached. */
static void cut_to_size(struct node *node)
{
	_cleanup_close_ int fd = -1;
	uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), size;
	struct seg_stat st;
	struct stat file;

	if (node->kind != SEG_SYSV || !node->seg || seg_fstat(node->seg, &st) < 0 ||
	    fstat(seg_fd(node->seg), &file) < 0)
		return;
	size = (st.size + page - 1) / page * page;
	if ((uint64_t)file.st_size <= size)
		return;
	fd = seg_reopen(node->seg, O_WRONLY);
	if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
		fuse_log(FUSE_LOG_WARNING, "%s: what was written past its end stays: %s\n",
			 node->ref, strerror(errno));
}

void io_release(struct ns *ns, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_find(&ns->nodes, ino);

	if (fi->fh != NO_FD)
		close((int)fi->fh);
	if (!node)
		return;
	if (node->opens == 1)
		cut_to_size(node);
	node_release(&ns->nodes, node);
}

/* A descriptor to do something with now: the held one, or a new one in tmp. */
static int get_fd(struct ns *ns, fuse_ino_t ino, const struct fuse_file_info *fi, int oflags,
		  int *tmp)
{
	_cleanup_seg_ struct seg *tmp_seg = NULL;
	struct node *node;
	struct seg *seg;
	int r;

	if (fi && fi->fh != NO_FD)
		return (int)fi->fh;
	node = node_find(&ns->nodes, ino);
	if (!node)
		return -ESTALE;
	if (node->unborn)
		return -ENXIO;
	r = node_handle(&ns->nodes, node, &tmp_seg, &seg);
	if (r < 0)
		return r;
	*tmp = seg_reopen(seg, oflags);
	return *tmp;
}

ssize_t io_read(struct ns *ns, fuse_ino_t ino, const struct fuse_file_info *fi, void *buf,
		size_t size, off_t off)
{
	_cleanup_close_ int tmp = -1;
	int fd = get_fd(ns, ino, fi, O_RDONLY, &tmp);
	ssize_t n;

	if (fd < 0)
		return fd == -ENXIO ? 0 : fd; /* nothing is there to be read yet */
	n = pread(fd, buf, size, off);
	return n < 0 ? -errno : n;
}

/* A SysV segment ends where it ends, like a block device: its file could grow, but
 * nobody who attaches it would see that. */
static int clamp_write(struct ns *ns, fuse_ino_t ino, off_t off, size_t *size)
{
	struct node *node = node_find(&ns->nodes, ino);
	struct seg_stat st;
	int r;

	if (!node || node->kind != SEG_SYSV)
		return 0;
	r = node_stat(&ns->nodes, node, &st);
	if (r < 0)
		return r;
	if ((uint64_t)off >= st.size)
		return -ENOSPC;
	if (*size > st.size - (uint64_t)off)
		*size = (size_t)(st.size - (uint64_t)off);
	return 0;
}

ssize_t io_write(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino,
		 const struct fuse_file_info *fi, const void *buf, size_t size, off_t off)
{
	_cleanup_close_ int tmp = -1;
	_cleanup_creds_ struct creds saved = { 0 };
	int fd, r;
	ssize_t n;

	r = clamp_write(ns, ino, off, &size);
	if (r < 0)
		return r;
	fd = get_fd(ns, ino, fi, O_RDWR, &tmp);
	if (fd < 0)
		return fd;
	/* As the writer, so that the kernel drops setuid and setgid as it would. */
	r = creds_become(caller->uid, caller->gid, &saved);
	if (r < 0 && r != -EPERM)
		return r;
	/* The kernel's offset of an append is the end as it last saw it. */
	n = pwritev2(fd, &(struct iovec){ (void *)(uintptr_t)buf, size }, 1, off,
		     fi->flags & O_APPEND ? RWF_APPEND : 0);
	return n < 0 ? -errno : n;
}

/* The file behind a SysV segment must keep its size: attaches would meet SIGBUS. */
static int check_fixed_size(struct ns *ns, fuse_ino_t ino, int mode, off_t offset, off_t length)
{
	struct node *node = node_find(&ns->nodes, ino);
	struct seg_stat st;
	uint64_t end;
	int r;

	if (!node || node->kind != SEG_SYSV)
		return 0;
	r = node_stat(&ns->nodes, node, &st);
	if (r < 0)
		return r;
	if (__builtin_add_overflow((uint64_t)offset, (uint64_t)length, &end))
		return -EFBIG;
	return mode & FALLOC_FL_KEEP_SIZE || end <= st.size ? 0 : -EOPNOTSUPP;
}

int io_prepare_fallocate(struct ns *ns, fuse_ino_t ino, int mode, off_t offset, off_t length)
{
	int fd = -1, r;

	r = check_fixed_size(ns, ino, mode, offset, length);
	return r < 0 ? r : get_fd(ns, ino, NULL, O_RDWR, &fd);
}

off_t io_lseek(struct ns *ns, fuse_ino_t ino, off_t off, int whence)
{
	_cleanup_close_ int fd = -1;
	off_t pos;
	int r;

	r = get_fd(ns, ino, NULL, O_RDONLY, &fd);
	if (r < 0)
		return r;
	pos = lseek(fd, off, whence);
	return pos < 0 ? -errno : pos;
}

int io_info(struct ns *ns, fuse_ino_t ino, struct segfs_info *ret)
{
	struct node *node = node_find(&ns->nodes, ino);
	_cleanup_seg_ struct seg *tmp = NULL;
	struct seg_stat st;
	struct seg *seg;
	int r;

	if (!node || node->unborn)
		return -ESTALE;
	r = node_handle(&ns->nodes, node, &tmp, &seg);
	if (r < 0)
		return r;
	r = seg_fstat(seg, &st);
	if (r < 0)
		return r;
	*ret = (struct segfs_info){
		.kind = st.kind == SEG_SYSV ? SEGFS_KIND_SYSV : SEGFS_KIND_POSIX,
		.flags = (st.nlink ? 0 : SEGFS_INFO_REMOVED) |
			 (seg_is_ephemeral(seg) == 1 ? SEGFS_INFO_EPHEMERAL : 0),
		.in_use = seg_in_use(seg),
		.nattch = st.nattch,
		.shmid = st.shmid,
		.key = st.key,
		.ino = st.ino,
		.size = st.size,
		.allocated = st.allocated,
	};
	return 0;
}
