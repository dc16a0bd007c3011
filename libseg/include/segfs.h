/* SPDX-License-Identifier: MIT */
/**
 * segfs.h - what can be asked of an open file on a segfs mount.
 *
 * For programs that see nothing of a segment but its mounted file, as in a
 * container: the host's /dev/shm, IPC namespace and /proc may all be out of reach,
 * the answer is the daemon's. libseg asks by itself; this is for those who don't
 * use it.
 *
 * The file must be open. A plain open is a user of the segment and will find itself
 * "in use"; open(path, O_ACCMODE) (access mode 3, see open(2): a descriptor that can
 * neither read nor write and is only good for this) is not counted.
 */
#ifndef SEGFS_H
#define SEGFS_H

#include <linux/ioctl.h>
#include <linux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* st_ino of a mounted file is the segment's own inode number; SysV: this + shmid. */
#define SEGFS_INO_SYSV (1ULL << 61)

#define SEGFS_KIND_POSIX 1
#define SEGFS_KIND_SYSV  2

/* Bits of segfs_info.flags. */
#define SEGFS_INFO_REMOVED   (1u << 0) /* it has lost its name */
#define SEGFS_INFO_EPHEMERAL (1u << 1) /* destroyed when its last user is gone */

struct segfs_info {
	__u32 kind;      /* SEGFS_KIND_* */
	__u32 flags;     /* SEGFS_INFO_* */
	__s32 in_use;    /* 1, 0, or a negative errno where it can't be told */
	__u32 nattch;    /* SysV: attaches; mappings through a mount are not in it */
	__s32 shmid;     /* SysV; else -1 */
	__s32 key;       /* SysV; 0 is IPC_PRIVATE */
	__u64 ino;       /* the segment's own inode number; SysV: the shmid */
	__u64 size;      /* bytes */
	__u64 allocated; /* bytes of memory really in use for it */
	__u64 reserved[4];
};

/**
 * SEGFS_IOC_INFO - tell about the segment behind an open file.
 *
 * Errors: ENOTTY (not on a segfs mount).
 */
#define SEGFS_IOC_INFO _IOR('S', 1, struct segfs_info)

/**
 * SEGFS_XATTR_DESTROY - set to "if-unused", removes the file's name if nobody uses the
 * segment: setxattr(path, SEGFS_XATTR_DESTROY, "if-unused", 9, 0).
 *
 * As unlink(2), in one step with the question. An attribute and not an ioctl, because
 * then a read-only mount of the same files refuses it.
 *
 * Errors: EBUSY (somebody uses it; nothing changed), EPERM, EACCES as unlink(2), and
 * EACCES without the permission to write the file, which every user attribute takes,
 * EINVAL (another value), ESTALE (the name is another segment's now), EROFS, EOPNOTSUPP
 * (not on a segfs mount that knows this).
 */
#define SEGFS_XATTR_DESTROY "user.segfs.destroy"

#ifdef __cplusplus
}
#endif

#endif
