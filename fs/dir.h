/* SPDX-License-Identifier: MIT */
/* Listing directories. */
#ifndef SEGFS_DIR_H
#define SEGFS_DIR_H

#include "ns.h"

/* An open directory: its names as they were when reading began, so that offsets
 * hold while segments come and go. */
struct dir;

int dir_open(struct ns *ns, struct dir **ret);
void dir_close(struct ns *ns, struct dir *dir);
/* At the end: what nobody will close any more. */
void dir_close_all(struct ns *ns);

/**
 * dir_fill() - a READDIR reply, from offset @off on; 0 reads the names anew.
 *
 * Return: bytes filled, 0 at the end, or a negative errno.
 */
ssize_t dir_fill(struct ns *ns, fuse_req_t req, fuse_ino_t ino, struct dir *dir, char *buf,
		 size_t size, off_t off);

#endif
