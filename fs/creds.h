/* SPDX-License-Identifier: MIT */
/*
 * Acting as the caller.
 *
 * The kernel has checked the caller's permission before a request arrives, but
 * /dev/shm changes under everybody's hands: by the time a *name* is acted upon it
 * may belong to another file. So names are created, removed and changed with the
 * caller's own rights, and the kernel checks once more, at the moment that counts.
 * New segments belong to the caller by the same means.
 *
 * What is reached by inode needs none of this: it is what the kernel checked.
 */
#ifndef SEGFS_CREDS_H
#define SEGFS_CREDS_H

#include <stdbool.h>
#include <sys/types.h>

#include "../libseg/cleanup.h"

struct creds {
	uid_t uid;
	gid_t gid;
	bool changed;
};

/**
 * creds_init() - give up the groups that we were started with, which are nobody's
 * who calls us. Before the first creds_become(), in the thread that calls it.
 *
 * Return: 0, or a negative errno.
 */
int creds_init(void);

/**
 * creds_become() - take on a caller's user and group, in this thread only.
 *
 * The caller's rights are those of the user alone: a daemon that is not root's lays
 * down its capabilities, but for root, for whom it acts with all that it has.
 *
 * Return: 0, or -EPERM where the daemon may not be anybody else (it has no CAP_SETUID
 * or CAP_SETGID) and the caller is.
 */
int creds_become(uid_t uid, gid_t gid, struct creds *saved);
void creds_restore(struct creds *saved);

#define _cleanup_creds_ _cleanup_(creds_restore)

#endif
