/* SPDX-License-Identifier: MIT */
/**
 * libseg - shared memory segments, POSIX and System V, under one interface.
 *
 * A *segment* is memory that several processes can map. Its bytes are its own:
 * libseg puts no header in front of them, so C, Python and anything else see
 * the same segment.
 *
 * References
 * ----------
 * A segment is named by a string:
 *
 *   "/frames", "frames"    a POSIX object, as in shm_open(3): 1 to 255 bytes
 *                          after the optional '/', no other '/', not "." or ".."
 *   "sysv:0x400"           a System V segment by its key, hexadecimal or decimal
 *   "sysv:id:65538"        a System V segment by its shmid (as ipcs(1) shows it)
 *   "sysv:0"               IPC_PRIVATE, for seg_create() only: a new segment
 *                          that has an id and no key
 *   "/run/seg/x", "./x"    anything with a '/' after its first byte is a file,
 *                          which is opened and mapped as it is
 *
 * A POSIX object whose name begins with "sysv:" is written with the '/'.
 *
 * Conventions
 * -----------
 * Functions return a value >= 0, or a negative errno. Outputs come last and are
 * written only on success. libseg never prints, never exits, and keeps no
 * global state; errno is not part of its interface. Different handles may be
 * used by different threads at once; one handle, or one store, is used by one
 * thread at a time. Every descriptor is close-on-exec.
 *
 * Errors that any function with a reference returns, besides its own:
 *   -EINVAL        the reference is empty or malformed, or a flag is unknown
 *   -ENAMETOOLONG  a name of more than 255 bytes, a path longer than PATH_MAX
 *   -ENOMEM        no memory for the handle
 *   -EMFILE, -ENFILE  out of descriptors
 *   -ENOTDIR, -ELOOP  a path that leads nowhere
 *   -ENOSYS        /proc is not mounted, where it is needed: to open a POSIX segment
 *                  or a file for good, to create a POSIX one
 */
#ifndef SEG_H
#define SEG_H

#include <stddef.h>
#include <stdint.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SEG_API __attribute__((visibility("default")))

/** A handle on an open segment; made by seg_create() and seg_open(). */
struct seg;

/** Where POSIX segments live, when it is not /dev/shm; see seg_store_open(). */
struct seg_store;

enum seg_kind {
	SEG_POSIX = 1, /* an object of shm_open(3): a regular file in /dev/shm */
	SEG_SYSV = 2,  /* a segment of shmget(2) */
	SEG_FILE = 3,  /* a regular file that was named by its path */
};

/* Flags of seg_create(), seg_open() and seg_map(). */
enum seg_flags {
	/* seg_create(): an existing segment is -EEXIST */
	SEG_EXCLUSIVE = 1 << 0,
	/* seg_create(): allocate every page now, so that a full store is -ENOSPC
	 * here and not a SIGBUS at the first touch */
	SEG_PREALLOCATE = 1 << 1,
	/* seg_open(): mappings can be read only */
	SEG_READ_ONLY = 1 << 2,
	/* seg_open(), seg_create(): a handle that names the segment without being
	 * a user of it: it keeps no memory alive and does not count as "in use".
	 * It can be asked and changed (seg_fstat(), seg_resize(), seg_chmod(), ...)
	 * and not mapped. For SysV this needs CAP_CHECKPOINT_RESTORE or
	 * CAP_SYS_ADMIN. */
	SEG_PATH = 1 << 3,
	/* seg_create(), POSIX and files: destroyed when its last user is gone, whichever
	 * way: by the daemon of a mount that shows it, else by seg_gc(). The mark is on the
	 * segment itself: the attribute user.segfs.ephemeral (Linux 6.6), which whoever may
	 * write it could set, and the sticky bit of its mode (01000), which only its owner
	 * can. Without either it stays. */
	SEG_EPHEMERAL = 1 << 4,
	/* seg_destroy(): only if nobody uses it */
	SEG_IF_UNUSED = 1 << 5,
	/* seg_resize(): shrink it even under somebody's mapping */
	SEG_FORCE = 1 << 6,
	/* seg_map(): make every page present now, so that none is faulted in later; what
	 * has no memory yet gets it. A private mapping still copies at the first write. */
	SEG_POPULATE = 1 << 7,
	/* seg_map(), POSIX and files: copy-on-write: what is written here nobody else
	 * sees. Can be written on a handle for reading, too. */
	SEG_PRIVATE = 1 << 8,
	/* seg_map(): ask for huge pages (madvise(2)): a wish, which the kernel grants where
	 * the tmpfs is mounted with huge=advise or more; for SysV, where
	 * /sys/kernel/mm/transparent_hugepage/shmem_enabled says so */
	SEG_HUGE = 1 << 9,
};

/* Bits of seg_stat.flags. */
enum seg_stat_flags {
	/* SysV: removed already (SHM_DEST); it goes with its last attach */
	SEG_STAT_REMOVED = 1 << 0,
};

/** What the kernel says of a segment. Sizes in bytes, times as in stat(2). */
struct seg_stat {
	enum seg_kind kind;
	uint32_t flags;     /* SEG_STAT_* */
	uint64_t dev;       /* POSIX, file: st_dev; SysV: 0 */
	uint64_t ino;       /* POSIX, file: st_ino; SysV: the shmid */
	uint64_t size;      /* as asked for at creation; SysV: shm_segsz */
	uint64_t allocated; /* memory really in use for it, swap included */
	mode_t mode;        /* the nine permission bits, and setuid, setgid, sticky */
	uint32_t nlink;     /* names; SysV: 1, or 0 once removed */
	uid_t uid;
	gid_t gid;
	struct timespec atime; /* SysV: the last attach */
	struct timespec mtime; /* SysV: the last detach */
	struct timespec ctime; /* SysV: creation or the last change of mode or owner */
	/* SysV only, else 0 (key, shmid: -1) */
	int32_t shmid;
	int32_t key; /* 0 is IPC_PRIVATE */
	uint32_t nattch;
	uid_t cuid; /* the creator */
	gid_t cgid;
	pid_t cpid;
	pid_t lpid; /* the last to attach or detach */
};

/* -------------------------------------------------------------------------
 * Segments by reference
 */

/**
 * seg_create() - create a segment, or open the one that is there.
 * @ref:   see References
 * @size:  bytes, 1 or more; storage is rounded up to whole pages. 0 is taken
 *         for a POSIX object or a file: an empty one, for seg_resize() to grow.
 * @mode:  the nine permission bits; the umask applies (to SysV as well)
 * @flags: SEG_EXCLUSIVE, SEG_PREALLOCATE, SEG_PATH, SEG_EPHEMERAL
 * @ret:   the new handle, for seg_close()
 *
 * The name appears when the segment is complete: sized, allocated where asked,
 * and owned by the caller. A failure leaves nothing behind. (The exceptions: a file
 * named by its path is there from the start, and a SysV key before its pages are
 * allocated; both are removed on failure.)
 *
 * Without SEG_EXCLUSIVE an existing segment of at least @size bytes is opened,
 * as shmget(2) does; its size and contents stay as they are, and SEG_EPHEMERAL does
 * not mark it. One that is empty (its creator has not sized it yet) is given the size.
 *
 * Return: 0, or
 *   -EEXIST      it exists (SEG_EXCLUSIVE); or the name belongs to something
 *                that is not a segment, such as a directory
 *   -EINVAL      @size is 0 for SysV, or beyond shmmax; the existing segment is
 *                smaller than @size; @mode has other bits
 *   -EFBIG, -EOVERFLOW  @size is beyond what the file system takes
 *   -ENOSPC      the store is full (SEG_PREALLOCATE), or shmall or shmmni is reached
 *   -ENOMEM      no memory for a SysV segment of this size
 *   -EOPNOTSUPP  SEG_EPHEMERAL: for SysV, or where there are no user attributes
 *   -EACCES      no permission on the existing segment, or on the directory; SysV
 *                with SEG_PREALLOCATE: @mode does not let the caller write
 *   -EPERM       SEG_PATH of a SysV segment, without the capability
 *   -EAGAIN      somebody holds a lease on the existing segment, or destroys it as
 *                often as it is created
 */
SEG_API int seg_create(const char *ref, uint64_t size, mode_t mode, unsigned flags,
		       struct seg **ret);

/**
 * seg_open() - open an existing segment.
 * @flags: SEG_READ_ONLY, SEG_PATH
 *
 * The size is read from the kernel. A symbolic link in /dev/shm is not
 * followed; in a path it is. What is opened still has its name: an open that met
 * a destruction halfway is -ENOENT. (A plain open(2) gets the nameless segment
 * then, as with any unlink.)
 *
 * Return: 0, or
 *   -ENOENT   no such segment, or what has the name is not a segment
 *   -EINVAL   the path names something that is not a regular file
 *   -EACCES   no permission
 *   -EAGAIN   somebody holds a lease on it (fcntl(2)) for longer than 1 s
 *   -EPERM    SEG_PATH of a SysV segment, without the capability
 *   -EOPNOTSUPP  SEG_PATH of a SysV segment of huge pages, or without /proc
 */
SEG_API int seg_open(const char *ref, unsigned flags, struct seg **ret);

/**
 * seg_close() - let go of a handle. NULL is fine.
 *
 * Mappings stay until seg_unmap().
 *
 * Return: NULL, so that `seg = seg_close(seg)` leaves no stale pointer.
 */
SEG_API struct seg *seg_close(struct seg *seg);

/**
 * seg_stat() - ask for a segment without opening it.
 *
 * The caller does not become a user of it, no time stamp changes, and no
 * permission on the segment itself is needed. @ret->allocated of a SysV segment
 * comes from /proc/sysvipc/shm; it is 0 where that is not readable.
 *
 * Return: 0, or -ENOENT, -EINVAL as in seg_open(), -EACCES (a directory on the
 * way to a file).
 */
SEG_API int seg_stat(const char *ref, struct seg_stat *ret);

/**
 * seg_destroy() - remove a segment's name.
 * @flags: 0 or SEG_IF_UNUSED
 *
 * The name is gone at once; the memory goes when the last user lets go, and no
 * user notices. SysV segments that are still attached can be found by their
 * shmid until then (SEG_STAT_REMOVED).
 *
 * With SEG_IF_UNUSED the question and the removal are one step: while it lasts
 * (microseconds) other opens of a POSIX segment wait. A SysV attach in the same
 * moment can't be made to wait: it keeps its memory, and the name is gone.
 *
 * Return: 0, or -ENOENT, -EPERM (somebody else's; the directory is sticky, or
 * a SysV segment has another owner and creator), -EACCES, -EINVAL (not a
 * regular file). With SEG_IF_UNUSED also -EBUSY (nothing changed), -EPERM,
 * -EOPNOTSUPP as in seg_in_use().
 */
SEG_API int seg_destroy(const char *ref, unsigned flags);

/**
 * seg_list_fn - called by seg_list() for each segment.
 * @ref:  its canonical reference ("/name", "sysv:0x00000400" or
 *        "sysv:id:65538"), valid during the call
 * @stat: valid during the call; where only names were asked for, count on kind, ino,
 *        shmid, key and flags
 *
 * Return: 0 to go on; anything else ends the list and becomes its result.
 */
typedef int seg_list_fn(const char *ref, const struct seg_stat *stat, void *arg);

/**
 * seg_list() - every segment of a kind, in no particular order.
 * @kind: SEG_POSIX or SEG_SYSV
 *
 * Segments that come or go meanwhile may or may not be listed; each is listed
 * once. What is not a regular file in /dev/shm is left out. No permission on
 * the segments is needed.
 *
 * Return: 0, what @fn returned, -EINVAL (another kind), or the errno of
 * reading /dev/shm or /proc/sysvipc/shm.
 */
SEG_API int seg_list(enum seg_kind kind, seg_list_fn *fn, void *arg);

/**
 * seg_list_directory() - every segment in a directory: a mount of segfs's, most of all,
 * also where the caller sees nothing but that.
 * @path: a private namespace, or `posix` or `sysv` of the host's
 * @fn:   is given references that are paths, @path and the name; their kind is SEG_FILE
 *
 * Return: as seg_list(), or the errno of opening the directory.
 */
SEG_API int seg_list_directory(const char *path, seg_list_fn *fn, void *arg);

/** Which segments seg_gc() may destroy: those that fit every field. */
struct seg_gc_filter {
	enum seg_kind kind;  /* 0: both */
	const char *pattern; /* of the canonical reference, as fnmatch(3); NULL: any */
	uid_t uid;           /* the owner; -1: any */
	uint64_t unused_for; /* seconds since the kernel last noted a use: POSIX: a read,
			      * write or change of attributes (not through a mapping);
			      * SysV: attach, detach or change. 0: any */
	unsigned flags;      /* SEG_GC_* */
};

enum seg_gc_flags {
	/* destroy nothing, tell what would be; goes by the attaches alone for SysV */
	SEG_GC_DRY_RUN = 1 << 0,
	SEG_GC_EPHEMERAL = 1 << 1, /* only those made with SEG_EPHEMERAL */
};

/**
 * seg_gc_fn - called for each segment that fits and is not in use.
 * @result: 0: destroyed (or would be); else why it could not be: -EPERM, -EACCES
 *
 * Return: 0 to go on; anything else ends it and becomes the result.
 */
typedef int seg_gc_fn(const char *ref, const struct seg_stat *stat, int result, void *arg);

/**
 * seg_gc() - destroy the segments that nobody uses.
 * @fn: may be NULL
 *
 * Each is destroyed as by seg_destroy(SEG_IF_UNUSED): never one that somebody uses.
 *
 * Return: how many were destroyed (or would be), what @fn returned if not 0, or the
 * errno of reading /dev/shm or /proc/sysvipc/shm.
 */
SEG_API int seg_gc(const struct seg_gc_filter *filter, seg_gc_fn *fn, void *arg);

/**
 * seg_gc_directory() - seg_gc() among the segments of seg_list_directory().
 * @filter: its pattern is for a slash and the name, without @path; its kind 0 or SEG_FILE
 *
 * A dry run asks the daemon whether each is in use. In the `sysv` of a host's mount that
 * attaches what is not attached, for a moment, which its times show.
 *
 * Return: as seg_gc(), the errno of opening the directory, or
 *   -EINVAL      another kind
 *   -EOPNOTSUPP  the directory is neither on a mount of segfs nor /dev/shm: its files
 *                are not taken for segments
 */
SEG_API int seg_gc_directory(const char *path, const struct seg_gc_filter *filter, seg_gc_fn *fn,
			     void *arg);

/* -------------------------------------------------------------------------
 * Open segments
 */

/**
 * seg_map() - map an open segment, shared unless told otherwise.
 * @offset: bytes from its start, a multiple of the page size
 * @length: bytes; 0 means all from @offset to the end. Any length is taken,
 *          the mapping itself is whole pages.
 * @flags:  SEG_READ_ONLY (implied by a handle opened so), SEG_PRIVATE (instead),
 *          SEG_POPULATE, SEG_HUGE
 * @ret:    the address of byte @offset, for seg_unmap()
 *
 * The range is checked against the size that the kernel tells now.
 *
 * Return: 0, or
 *   -EINVAL  @offset is no multiple of the page size, or the range is not
 *            within the segment, or empty; SEG_PRIVATE with SEG_READ_ONLY
 *   -EACCES  no permission to write (SysV says it here, not at seg_open())
 *   -EBADF   a SEG_PATH handle
 *   -ENODEV  a file whose file system cannot map it shared
 *   -ENOENT  a SysV segment that has been removed, and whose last user is gone
 *   -ENOMEM  no address space left
 *   -ENOSPC  SEG_POPULATE: no memory for a page; nothing is mapped then, and pages
 *            that got memory keep it
 *   -EOPNOTSUPP  SEG_PRIVATE of SysV; SEG_POPULATE before Linux 5.14
 */
SEG_API int seg_map(struct seg *seg, uint64_t offset, size_t length, unsigned flags, void **ret);

/**
 * seg_unmap() - undo seg_map().
 * @addr: what seg_map() gave
 * @length: of the mapping: as given there, or, for 0, the size minus the offset
 *
 * Return: 0, or -EINVAL (@addr is not page-aligned, or @length is 0).
 */
SEG_API int seg_unmap(void *addr, size_t length);

/**
 * seg_resize() - set the length of a segment.
 * @size: bytes; storage is rounded up to whole pages, new bytes are zero
 *
 * Cutting a segment under a mapping makes touching the cut pages a SIGBUS for
 * whoever maps them. So a smaller @size is refused while another process maps the
 * segment, or may map it for all that can be seen: a caller who may not look at
 * every process shrinks only what nobody else has open. SEG_FORCE insists.
 * @flags: SEG_FORCE; SEG_PREALLOCATE: allocate every page up to @size now
 *
 * Return: 0, or -EBUSY (see above; nothing cut), -ENOSPC (SEG_PREALLOCATE; the size
 * stays as it was), -EOPNOTSUPP (SysV: fixed at
 * creation), -EBADF or -EINVAL (a read-only handle), -EFBIG, -EAGAIN (a lease, as
 * in seg_open()), -EACCES.
 */
SEG_API int seg_resize(struct seg *seg, uint64_t size, unsigned flags);

/**
 * seg_resize_for() - seg_resize() on behalf of another process.
 * @pid: whose own mappings are no reason to refuse (a process or thread); 0: the
 *       caller
 */
SEG_API int seg_resize_for(struct seg *seg, uint64_t size, unsigned flags, pid_t pid);

/**
 * seg_in_use() - is the segment used by anyone but this handle?
 *
 * The kernel's answer, exact at the moment it is given: other descriptors, mappings
 * whose descriptor is closed (read-only and private ones too), mappings through a
 * mount, attaches of both modes; in whatever container. What a fork or a passed
 * descriptor shares with this handle is this handle; a SEG_PATH handle shares
 * nothing. The caller's own SysV attaches are left out, but for read-only ones. A SysV
 * segment that nobody has attached is attached for a moment, which its times show.
 *
 * Return: 1, 0, or
 *   -EPERM       the caller is neither its owner nor has CAP_LEASE; or, of a SysV
 *                segment that nobody has attached, has no CAP_CHECKPOINT_RESTORE to
 *                tell whether somebody maps it through a mount
 *   -EOPNOTSUPP  a file system without leases; or a file on a segfs mount that is
 *                open otherwise than SEG_PATH
 */
SEG_API int seg_in_use(struct seg *seg);

/* Bits of seg_user.how. */
enum seg_user_how {
	SEG_USER_OPEN = 1 << 0,     /* has it open */
	SEG_USER_MAPPED = 1 << 1,   /* maps it as a file */
	SEG_USER_ATTACHED = 1 << 2, /* SysV: has attached it */
	SEG_USER_DIRECT = 1 << 3,   /* one of these on the segment itself */
	SEG_USER_MOUNT = 1 << 4,    /* one of these through a segfs mount */
};

struct seg_user {
	pid_t pid;
	uid_t uid;
	const char *command; /* as in ps -o comm; valid during the call */
	unsigned how;        /* SEG_USER_* */
};

/** seg_user_fn - called by seg_users() for each process; as seg_list_fn. */
typedef int seg_user_fn(const struct seg_user *user, void *arg);

/**
 * seg_users() - which processes use a segment, the caller included.
 *
 * Read from /proc, process by process: for people to look at, not to decide by. Of a
 * file on a mount those are told who use it through a mount; of the segment itself, by its
 * own reference, all. Attaches are those of processes in the caller's IPC namespace.
 *
 * Return: 0; 1 where not every process could be looked at (others' need
 * CAP_SYS_PTRACE, and those outside the caller's pid namespace are out of sight);
 * what @fn returned; or the errno of reading /proc.
 */
SEG_API int seg_users(struct seg *seg, seg_user_fn *fn, void *arg);

/**
 * seg_size() - the size of an open segment as it is now: seg_fstat() for less work.
 *
 * Return: 0, or the errno of fstat(2).
 */
SEG_API int seg_size(struct seg *seg, uint64_t *ret);

/**
 * seg_fstat() - seg_stat() of an open segment; it may have lost its name.
 *
 * Return: 0, or -ENOENT as in seg_map(), unless the handle is SEG_PATH: then it is
 * told as it last was.
 */
SEG_API int seg_fstat(struct seg *seg, struct seg_stat *ret);

/**
 * seg_is_ephemeral() - was it made with SEG_EPHEMERAL?
 *
 * Return: 1, 0, or the errno of reading the mark: -EACCES without the permission to read
 * the segment.
 */
SEG_API int seg_is_ephemeral(const struct seg *seg);

/**
 * seg_fd() - the descriptor behind a handle, owned by the handle.
 *
 * Return: a descriptor; O_PATH for SEG_PATH handles. -EOPNOTSUPP for SysV
 * without SEG_PATH: attaches have none.
 */
SEG_API int seg_fd(const struct seg *seg);

/** seg_kind() - the kind of an open segment. */
SEG_API enum seg_kind seg_kind(const struct seg *seg);

/**
 * seg_ref() - the canonical reference of an open segment, owned by the handle.
 *
 * "/name", "sysv:0x00000400", "sysv:id:65538", or the path as it was given.
 */
SEG_API const char *seg_ref(const struct seg *seg);

/**
 * seg_reopen() - an open file of the segment, for read(2), write(2), lseek(2)
 * and fallocate(2); the caller closes it.
 * @oflags: O_RDONLY, O_WRONLY or O_RDWR. Does not wait for leases: -EAGAIN.
 *
 * The descriptor counts as a user of the segment. For SysV only on SEG_PATH
 * handles, and the file is never to be resized: attaches would meet SIGBUS.
 *
 * Return: a descriptor, or -EACCES, -EAGAIN, -EOPNOTSUPP as in seg_fd().
 */
SEG_API int seg_reopen(const struct seg *seg, int oflags);

/**
 * seg_chmod() - set the nine permission bits; of POSIX segments and files setuid, setgid
 * and sticky as well. Return: 0, -EPERM, -EINVAL, -ENOENT as in seg_map().
 */
SEG_API int seg_chmod(struct seg *seg, mode_t mode);

/**
 * seg_chown() - set owner and group; -1 leaves one as it is. Return: 0, -EPERM, -ENOENT
 * as in seg_map().
 */
SEG_API int seg_chown(struct seg *seg, uid_t uid, gid_t gid);

/**
 * seg_utimens() - set the times, as utimensat(2). Return: 0, -EPERM, -EACCES,
 * -EOPNOTSUPP (SysV keeps its own).
 */
SEG_API int seg_utimens(struct seg *seg, const struct timespec times[2]);

/**
 * seg_getxattr(), seg_setxattr(), seg_removexattr(), seg_listxattr() - extended
 * attributes and POSIX ACLs, as getxattr(2), setxattr(2), removexattr(2) and
 * listxattr(2).
 *
 * Return: 0 or the length; -ENODATA, -ERANGE, -EPERM, -E2BIG, -ENOSPC as these
 * do; -EOPNOTSUPP for SysV, or where the file system has none (tmpfs: `user.`
 * since Linux 6.6).
 */
SEG_API ssize_t seg_getxattr(const struct seg *seg, const char *name, void *value, size_t size);
SEG_API int seg_setxattr(struct seg *seg, const char *name, const void *value, size_t size,
			 int flags);
SEG_API int seg_removexattr(struct seg *seg, const char *name);
SEG_API ssize_t seg_listxattr(const struct seg *seg, char *list, size_t size);

/* -------------------------------------------------------------------------
 * Waiting for each other
 *
 * A 32-bit word in a segment is what processes wait at: any aligned word, in any
 * shared mapping of the segment, through a mount or not, with nothing to set up. It is
 * futex(2), not private: whoever calls that on the same word takes part. In a private
 * mapping (SEG_PRIVATE) one meets only oneself. These may be called by any thread.
 */

/**
 * seg_wait() - wait until somebody wakes the waiters of a word.
 * @addr:     the word, a multiple of 4; reading it must be allowed
 * @expected: wait only if the word is this: checked in one step with going to sleep, so
 *            a change followed by seg_wake() is never missed
 * @timeout:  for how long (CLOCK_MONOTONIC, which stands still in suspend); NULL: for ever
 *
 * A return of 0 does not say that the word has changed: look, and wait again.
 *
 * Return: 0, or
 *   -EAGAIN     the word is not @expected
 *   -ETIMEDOUT  not within @timeout
 *   -EINTR      a signal handler has run (without @timeout: one without SA_RESTART); what
 *               is left of @timeout is the caller's to know
 *   -EINVAL     @addr is no multiple of 4, or @timeout is negative or malformed
 *   -EFAULT     nothing is mapped there
 */
SEG_API int seg_wait(void *addr, uint32_t expected, const struct timespec *timeout);

/**
 * seg_wait_unless() - seg_wait() that another thread can end, without waking anybody else.
 * @stop: a word of the caller's; when it is not 0, nothing is waited for. To end a wait
 *        that has begun: set it, then seg_wake() it.
 *
 * Before Linux 5.16 it can take 0.1 s to end.
 *
 * Return: as seg_wait(), or -ECANCELED (@stop is not 0). Where both come together, the
 * waker has woken somebody: it is 0.
 */
SEG_API int seg_wait_unless(void *addr, uint32_t expected, const struct timespec *timeout,
			    uint32_t *stop);

/**
 * seg_wake() - wake those who wait at a word.
 * @count: how many at most; INT_MAX: all. Those who have waited longest come first.
 *
 * Return: how many were woken, -EINVAL (@addr is no multiple of 4, or @count is
 * negative), -EFAULT.
 */
SEG_API int seg_wake(void *addr, int count);

/* -------------------------------------------------------------------------
 * Stores
 *
 * A store is a directory that holds POSIX segments. The functions above use
 * /dev/shm, opened anew by each call. The ones below use the directory that was
 * opened when the store was, whatever is mounted over its path since. A NULL
 * store is /dev/shm. SysV references and paths mean the same in every store.
 */

/**
 * seg_store_open() - open a store.
 * @path: a directory; NULL is /dev/shm
 *
 * Return: 0, or -ENOENT, -ENOTDIR, -EACCES.
 */
SEG_API int seg_store_open(const char *path, struct seg_store **ret);

/** seg_store_close() - NULL is fine. Handles stay valid. Return: NULL. */
SEG_API struct seg_store *seg_store_close(struct seg_store *store);

/**
 * seg_store_fstat() - the directory itself: mode, owner, times, links.
 *
 * Return: 0, or the errno of fstat(2).
 */
SEG_API int seg_store_fstat(const struct seg_store *store, struct seg_stat *ret);

/**
 * seg_store_add_mount() - tell which segfs mount shows a store, for the daemon of one
 * that no other mount shows.
 * @dev: its device, as in stat(2)
 *
 * An inode number alone does not tell the segments of two mounts apart. Who uses a
 * segment through this mount is a user of it, and nobody on a mount that was not told
 * is. A mount whose daemon died may still be in use: it stays. The last 16 are kept, for
 * handles that are opened later.
 */
SEG_API void seg_store_add_mount(struct seg_store *store, dev_t dev);

/** seg_createat() - seg_create() in a store. */
SEG_API int seg_createat(struct seg_store *store, const char *ref, uint64_t size, mode_t mode,
			 unsigned flags, struct seg **ret);

/** seg_openat() - seg_open() in a store. */
SEG_API int seg_openat(struct seg_store *store, const char *ref, unsigned flags, struct seg **ret);

/**
 * seg_statat() - seg_stat() in a store.
 *
 * @ret->allocated of SysV segments may be up to 10 ms old: one reading of
 * /proc/sysvipc/shm serves a run of calls on a (not NULL) store.
 */
SEG_API int seg_statat(struct seg_store *store, const char *ref, struct seg_stat *ret);

/** seg_destroyat() - seg_destroy() in a store. */
SEG_API int seg_destroyat(struct seg_store *store, const char *ref, unsigned flags);

/** seg_gcat() - seg_gc() in a store. */
SEG_API int seg_gcat(struct seg_store *store, const struct seg_gc_filter *filter, seg_gc_fn *fn,
		     void *arg);

/* Flags of seg_listat(). */
enum seg_list_flags {
	SEG_LIST_NAMES = 1 << 0, /* names only, which is less work; see seg_list_fn */
};

/** seg_listat() - seg_list() of a store. */
SEG_API int seg_listat(struct seg_store *store, enum seg_kind kind, unsigned flags, seg_list_fn *fn,
		       void *arg);

/**
 * seg_renameat() - rename a POSIX segment within its store.
 * @flags: 0, RENAME_NOREPLACE or RENAME_EXCHANGE, as in renameat2(2)
 *
 * Return: 0, or -ENOENT, -EEXIST (RENAME_NOREPLACE; or the new name belongs to
 * something that is not a segment), -EPERM, -EACCES, -EOPNOTSUPP (not POSIX).
 */
SEG_API int seg_renameat(struct seg_store *store, const char *from, const char *to, unsigned flags);

/**
 * seg_unlinkat() - seg_destroy() by handle: take away the name that it was opened by,
 * if that is still this segment's.
 * @flags: 0 or SEG_IF_UNUSED: by anyone but a SEG_PATH handle
 *
 * Return: as seg_destroy(); -ENOENT where the name is gone, or another segment's.
 */
SEG_API int seg_unlinkat(struct seg_store *store, struct seg *seg, unsigned flags);

/** seg_store_fd() - the directory (O_PATH), owned by the store. */
SEG_API int seg_store_fd(const struct seg_store *store);

/**
 * seg_linkat() - give an open POSIX segment of @store another name in it.
 *
 * Return: 0, or -EEXIST, -EPERM, -EACCES, -ENOENT (it has no name left), -EXDEV
 * (of another store), -EOPNOTSUPP (not POSIX).
 */
SEG_API int seg_linkat(struct seg_store *store, struct seg *seg, const char *ref);

/**
 * seg_statvfs() - how much a store holds and has left.
 * @kind: SEG_POSIX: the file system's own figures. SEG_SYSV: the limits of
 *        shmget(2) (shmall, at most memory plus swap; shmmni) and what is used.
 *
 * Return: 0, -EINVAL (another kind), or the errno of statvfs(3).
 */
SEG_API int seg_statvfs(struct seg_store *store, enum seg_kind kind, struct statvfs *ret);

#ifdef __cplusplus
}
#endif

#endif
