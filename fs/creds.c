// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "creds.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <string.h>
#include <sys/prctl.h>
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

/* Root's capabilities go and come with uid 0, by the kernel's doing; a daemon that is
 * another user's puts them off and on by itself, and so does one for which the kernel has
 * been told not to. */
static struct {
	bool by_hand;
	bool stuck; /* with groups that no caller has */
	struct __user_cap_data_struct all[_LINUX_CAPABILITY_U32S_3],
		laid_down[_LINUX_CAPABILITY_U32S_3];
} own;

static struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

int creds_init(void)
{
	own.by_hand = geteuid() != 0 || prctl(PR_GET_SECUREBITS) & SECBIT_NO_SETUID_FIXUP;
	own.stuck = setgroups(0, NULL) < 0 && getgroups(0, NULL) != 0;
	if (!own.by_hand)
		return 0;
	/* Or the kernel would take all of them when we have been root for a request. */
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || syscall(SYS_capget, &header, own.all) < 0)
		return -errno;
	memcpy(own.laid_down, own.all, sizeof(own.all));
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		own.laid_down[i].effective = 0;
	return 0;
}

static int change_ids(uid_t uid, gid_t gid, struct creds *saved)
{
	if (own.stuck && (uid != saved->uid || gid != saved->gid))
		return -EPERM;
	/* The group first: without uid 0 it can't be changed any more. */
	if (syscall(SET_GIDS, -1, gid, -1) < 0)
		return -errno;
	saved->changed = true;
	return syscall(SET_UIDS, -1, uid, -1) < 0 ? -errno : 0;
}

int creds_become(uid_t uid, gid_t gid, struct creds *saved)
{
	int r;

	saved->uid = geteuid();
	saved->gid = getegid();
	saved->changed = false;
	if (uid == saved->uid && gid == saved->gid && !own.by_hand)
		return 0;
	r = change_ids(uid, gid, saved);
	if (r == 0 && own.by_hand && uid != 0 && syscall(SYS_capset, &header, own.laid_down) < 0)
		r = -errno;
	if (r < 0)
		creds_restore(saved);
	return r;
}

void creds_restore(struct creds *saved)
{
	if (!saved->changed)
		return;
	saved->changed = false;
	/* To go on with somebody else's rights would be worse than to die. */
	if (syscall(SET_UIDS, -1, saved->uid, -1) < 0 ||
	    syscall(SET_GIDS, -1, saved->gid, -1) < 0 ||
	    (own.by_hand && syscall(SYS_capset, &header, own.all) < 0))
		abort();
}
