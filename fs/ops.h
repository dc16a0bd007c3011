/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_OPS_H
#define SEGFS_OPS_H

#include <fuse_lowlevel.h>

/* The table of FUSE operations; the session's user data is a struct ns. */
extern const struct fuse_lowlevel_ops segfs_ops;

#endif
