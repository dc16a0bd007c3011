/* SPDX-License-Identifier: MIT */
/*
 * Open files: opening, and what still reaches the daemon although read, write and
 * mmap are passed through.
 */
#ifndef SEGFS_IO_H
#define SEGFS_IO_H

#include <segfs.h>

#include "ns.h"

int io_open(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino,
	    struct fuse_file_info *fi);
void io_release(struct ns *ns, fuse_ino_t ino, struct fuse_file_info *fi);

/* Bytes read or written, or a negative errno. */
ssize_t io_read(struct ns *ns, fuse_ino_t ino, const struct fuse_file_info *fi, void *buf,
		size_t size, off_t off);
ssize_t io_write(struct ns *ns, const struct fuse_ctx *caller, fuse_ino_t ino,
		 const struct fuse_file_info *fi, const void *buf, size_t size, off_t off);
/* Return: a descriptor for this fallocate(2), which is the caller's to close, or a negative
 * errno. */
int io_prepare_fallocate(struct ns *ns, fuse_ino_t ino, int mode, off_t offset, off_t length);

/* SEGFS_IOC_INFO */
int io_info(struct ns *ns, fuse_ino_t ino, struct segfs_info *ret);
off_t io_lseek(struct ns *ns, fuse_ino_t ino, off_t off, int whence);

#endif
