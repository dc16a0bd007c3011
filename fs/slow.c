// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "slow.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>

#include "../libseg/cleanup.h"
#include "attr.h"
#include "io.h"

/* -- fallocate ------------------------------------------------------------------------- */

struct allocation {
	fuse_req_t req;
	int fd, mode;
	off_t offset, length;
};

static void allocate(void *arg)
{
	_cleanup_free_ struct allocation *a = arg;
	int r = fallocate(a->fd, a->mode, a->offset, a->length) < 0 ? errno : 0;

	close(a->fd); /* before anybody asks whether it is in use */
	fuse_reply_err(a->req, r);
}

void slow_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length)
{
	struct ns *ns = fuse_req_userdata(req);
	struct allocation *a = malloc(sizeof(*a));
	int fd;

	if (!a) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	fd = io_prepare_fallocate(ns, ino, mode, offset, length);
	if (fd < 0) {
		free(a);
		fuse_reply_err(req, -fd);
		return;
	}
	*a = (struct allocation){ req, fd, mode, offset, length };
	if (mode & FALLOC_FL_PUNCH_HOLE || (uint64_t)length < JOBS_WORTH ||
	    jobs_start(&ns->jobs, allocate, a) < 0)
		allocate(a);
}

/* -- setattr --------------------------------------------------------------------------- */

struct sizing {
	fuse_req_t req;
	const struct ns *ns;
	struct fuse_ctx caller;
	struct seg *seg;
	fuse_ino_t ino;
	struct stat attr;
	int to_set;
};

static void set_size(void *arg)
{
	_cleanup_free_ struct sizing *s = arg;
	struct seg_stat st;
	struct stat attr;
	int r;

	r = attr_set_segment(s->ns, &s->caller, s->seg, &s->attr, s->to_set);
	if (r == 0)
		r = seg_fstat(s->seg, &st);
	seg_close(s->seg);
	if (r < 0) {
		fuse_reply_err(s->req, -r);
		return;
	}
	attr_fill(s->ino, &st, &attr);
	fuse_reply_attr(s->req, &attr, 0);
}

int slow_setattr(fuse_req_t req, fuse_ino_t ino, const struct stat *attr, int to_set)
{
	struct ns *ns = fuse_req_userdata(req);
	_cleanup_free_ struct sizing *s = NULL;
	struct node *node;
	int r;

	if (!ns->preallocate || !(to_set & FUSE_SET_ATTR_SIZE) ||
	    (uint64_t)attr->st_size < JOBS_WORTH)
		return -EAGAIN;
	node = node_find(&ns->nodes, ino);
	s = malloc(sizeof(*s));
	if (!s || !node || node->unborn || node->kind == SEG_SYSV)
		return -EAGAIN;
	*s = (struct sizing){ .req = req,
			      .ns = ns,
			      .caller = *fuse_req_ctx(req),
			      .ino = ino,
			      .attr = *attr,
			      .to_set = to_set };
	if (node_own_handle(&ns->nodes, node, &s->seg) < 0) /* it has lost its name */
		return -EAGAIN;
	r = jobs_start(&ns->jobs, set_size, s);
	if (r < 0)
		seg_close(s->seg);
	else
		steal_ptr(s);
	return r;
}
