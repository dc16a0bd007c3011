/* SPDX-License-Identifier: MIT */
/* What is done beside the request loop where it allocates much, and here where not. */
#ifndef SEGFS_SLOW_H
#define SEGFS_SLOW_H

#include "ns.h"

/** slow_fallocate() - fallocate(2), and the reply. */
void slow_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length);

/**
 * slow_setattr() - a SETATTR that gives a segment a size, where that allocates.
 *
 * Return: 0: it will be replied to; or -EAGAIN: nothing has been done.
 */
int slow_setattr(fuse_req_t req, fuse_ino_t ino, const struct stat *attr, int to_set);

#endif
