// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "creds.h"

#include <errno.h>
#include <sys/syscall.h>

/* The system calls and not libc's functions, which change every thread. SysV goes
 * by the effective ids, files by the file system ids, which follow the effective. */
#ifdef SYS_setresuid32
#define SET_UIDS SYS_setresuid32
#define SET_GIDS SYS_setresgid32
#else
#define SET_UIDS SYS_setresuid
#define SET_GIDS SYS_setresgid
#endif

int creds_become(uid_t uid, gid_t gid, struct creds *saved)
{
	saved->uid = geteuid();
	saved->gid = getegid();
	saved->changed = uid != saved->uid || gid != saved->gid;
	if (!saved->changed)
		return 0;
	/* The group first: without uid 0 it can't be changed any more. */
	if (syscall(SET_GIDS, -1, gid, -1) < 0) {
		saved->changed = false;
		return -errno;
	}
	if (syscall(SET_UIDS, -1, uid, -1) < 0) {
		int err = errno;

		creds_restore(saved);
		return -err;
	}
	return 0;
}

void creds_restore(struct creds *saved)
{
	if (!saved->changed)
		return;
	saved->changed = false;
	/* To go on with somebody else's rights would be worse than to die. */
	if (syscall(SET_UIDS, -1, saved->uid, -1) < 0 || syscall(SET_GIDS, -1, saved->gid, -1) < 0)
		abort();
}
