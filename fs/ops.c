// SPDX-License-Identifier: MIT
/*
 * Adaptors between libfuse and the namespace: each calls one function that returns
 * a negative errno, and replies once. The sign is turned here and nowhere else.
 */
#define _GNU_SOURCE
#include "ops.h"

#include <errno.h>
#include <stdlib.h>

#include "../libseg/cleanup.h"
#include "attr.h"
#include "dir.h"
#include "io.h"
#include "ns.h"
#include "slow.h"

static struct ns *ns_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	struct ns *ns = userdata;

	if (ns->passthrough)
		ns->nodes.passthrough = fuse_set_feature_flag(conn, FUSE_CAP_PASSTHROUGH);
	conn->max_backing_stack_depth = 0; /* so that an overlayfs can sit on the mount */
	/* The umask is ours to apply, because a default ACL takes its place. */
	fuse_set_feature_flag(conn, FUSE_CAP_DONT_MASK);
	/* ACLs; without KILLPRIV_V2 each pwrite() would cost a GETXATTR (6.18). */
	fuse_set_feature_flag(conn, FUSE_CAP_POSIX_ACL);
	fuse_set_feature_flag(conn, FUSE_CAP_HANDLE_KILLPRIV_V2);
	fuse_set_feature_flag(conn, FUSE_CAP_PARALLEL_DIROPS);
	/* O_TRUNC comes with the open: before it, the opener is no user of what it cuts. */
	fuse_set_feature_flag(conn, FUSE_CAP_ATOMIC_O_TRUNC);
	/* Attributes in a directory's listing would have expired when they arrive. */
	fuse_unset_feature_flag(conn, FUSE_CAP_READDIRPLUS);
	fuse_unset_feature_flag(conn, FUSE_CAP_READDIRPLUS_AUTO);
}

/* A reply that does not arrive leaves no reference in the kernel. */
static void reply_entry(fuse_req_t req, int r, const struct fuse_entry_param *e)
{
	struct ns *ns = ns_of(req); /* any reply frees the request */

	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_entry(req, e) < 0)
		node_forget(&ns->nodes, e->ino, 1);
}

static void reply_attr(fuse_req_t req, int r, const struct stat *st)
{
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_attr(req, st, 0);
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e;

	reply_entry(req, ns_lookup(ns_of(req), fuse_req_ctx(req), parent, name, &e), &e);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	node_forget(&ns_of(req)->nodes, ino, lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	for (size_t i = 0; i < count; i++)
		node_forget(&ns_of(req)->nodes, forgets[i].ino, forgets[i].nlookup);
	fuse_reply_none(req);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	reply_attr(req, attr_get(ns_of(req), ino, &st), &st);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct stat st;

	(void)fi;
	if (slow_setattr(req, ino, attr, to_set) == 0)
		return;
	reply_attr(req, attr_set(ns_of(req), fuse_req_ctx(req), ino, attr, to_set, &st), &st);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev)
{
	struct fuse_entry_param e;

	(void)rdev;
	reply_entry(req, ns_mknod(ns_of(req), fuse_req_ctx(req), parent, name, mode, &e), &e);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	(void)parent;
	(void)name;
	(void)mode;
	fuse_reply_err(req, EPERM);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	fuse_reply_err(req, EPERM);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	fuse_reply_err(req, -ns_unlink(ns_of(req), fuse_req_ctx(req), parent, name));
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
		      const char *new_name, unsigned flags)
{
	fuse_reply_err(req, -ns_rename(ns_of(req), fuse_req_ctx(req), parent, name, new_parent,
				       new_name, flags));
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t new_parent, const char *new_name)
{
	struct fuse_entry_param e;

	reply_entry(req, ns_link(ns_of(req), fuse_req_ctx(req), ino, new_parent, new_name, &e), &e);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	const struct fuse_ctx *caller = fuse_req_ctx(req);
	struct ns *ns = ns_of(req);
	struct fuse_entry_param e;
	int r;

	r = ns_create(ns, caller, parent, name, mode, &e, fi);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	r = io_open(ns, caller, e.ino, fi);
	if (r < 0) {
		node_forget(&ns->nodes, e.ino, 1);
		fuse_reply_err(req, -r);
	} else if (fuse_reply_create(req, &e, fi) < 0) {
		io_release(ns, e.ino, fi);
		node_forget(&ns->nodes, e.ino, 1);
	}
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ns *ns = ns_of(req);
	int r;

	r = io_open(ns, fuse_req_ctx(req), ino, fi);
	if (r < 0)
		fuse_reply_err(req, -r);
	else if (fuse_reply_open(req, fi) < 0) /* then no RELEASE will come */
		io_release(ns, ino, fi);
}

static void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	io_release(ns_of(req), ino, fi);
	fuse_reply_err(req, 0);
}

static void op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		    struct fuse_file_info *fi)
{
	_cleanup_free_ char *buf = malloc(size);
	ssize_t n = buf ? io_read(ns_of(req), ino, fi, buf, size, off) : -ENOMEM;

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t off,
		     struct fuse_file_info *fi)
{
	ssize_t n = io_write(ns_of(req), fuse_req_ctx(req), ino, fi, buf, size, off);

	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_write(req, (size_t)n);
}

static void op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
			 struct fuse_file_info *fi)
{
	(void)fi;
	slow_fallocate(req, ino, mode, offset, length);
}

static void op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
		     struct fuse_file_info *fi)
{
	off_t pos = io_lseek(ns_of(req), ino, off, whence);

	(void)fi;
	if (pos < 0)
		fuse_reply_err(req, (int)-pos);
	else
		fuse_reply_lseek(req, pos);
}

static void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct ns *ns = ns_of(req);
	struct dir *dir;
	int r;

	(void)ino;
	r = dir_open(ns, &dir);
	if (r < 0) {
		fuse_reply_err(req, -r);
		return;
	}
	fi->fh = (uintptr_t)dir;
	if (fuse_reply_open(req, fi) < 0)
		dir_close(ns, dir);
}

static void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	_cleanup_free_ char *buf = malloc(size);
	ssize_t n = -ENOMEM;

	if (buf)
		n = dir_fill(ns_of(req), req, ino, (struct dir *)(uintptr_t)fi->fh, buf, size, off);
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	dir_close(ns_of(req), (struct dir *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st;
	int r;

	r = ns_statfs(ns_of(req), ino, &st);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_statfs(req, &st);
}

/* A size of 0 asks how long the answer is. */
static void reply_xattr(fuse_req_t req, ssize_t n, const char *buf, size_t size)
{
	if (n < 0)
		fuse_reply_err(req, (int)-n);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, buf, (size_t)n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	_cleanup_free_ char *buf = malloc(size ? size : 1);
	ssize_t n = buf ? attr_getxattr(ns_of(req), ino, name, buf, size) : -ENOMEM;

	reply_xattr(req, n, buf, size);
}

static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	_cleanup_free_ char *buf = malloc(size ? size : 1);
	ssize_t n = buf ? attr_listxattr(ns_of(req), ino, buf, size) : -ENOMEM;

	reply_xattr(req, n, buf, size);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value,
			size_t size, int flags)
{
	fuse_reply_err(req, -attr_setxattr(ns_of(req), fuse_req_ctx(req), ino, name, value, size,
					   flags));
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	fuse_reply_err(req, -attr_removexattr(ns_of(req), ino, name));
}

static void op_ioctl(fuse_req_t req, fuse_ino_t ino, unsigned cmd, void *arg,
		     struct fuse_file_info *fi, unsigned flags, const void *in, size_t in_size,
		     size_t out_size)
{
	struct segfs_info info;
	int r = -ENOTTY;

	(void)arg;
	(void)fi;
	(void)in;
	(void)in_size;
	if (cmd == SEGFS_IOC_INFO && !(flags & FUSE_IOCTL_DIR) && out_size == sizeof(info))
		r = io_info(ns_of(req), ino, &info);
	if (r < 0)
		fuse_reply_err(req, -r);
	else
		fuse_reply_ioctl(req, 0, &info, sizeof(info));
}

const struct fuse_lowlevel_ops segfs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.rmdir = op_rmdir,
	.symlink = op_symlink,
	.unlink = op_unlink,
	.rename = op_rename,
	.link = op_link,
	.create = op_create,
	.open = op_open,
	.release = op_release,
	.read = op_read,
	.write = op_write,
	.fallocate = op_fallocate,
	.lseek = op_lseek,
	.opendir = op_opendir,
	.readdir = op_readdir,
	.releasedir = op_releasedir,
	.statfs = op_statfs,
	.getxattr = op_getxattr,
	.setxattr = op_setxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.ioctl = op_ioctl,
	/*
	 * Left out with intent. fsync: memory has nothing to be synced to, and the
	 * kernel takes the one ENOSYS for "always fine". flush: close() shall not
	 * need the daemon. poll, locks, copy_file_range: the kernel does them.
	 */
};
