/* SPDX-License-Identifier: MIT */
/* What the parts of libseg know of each other. */
#ifndef SEG_BACKEND_H
#define SEG_BACKEND_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "seg.h"

/* A reference that has been checked. */
struct seg_name {
	enum seg_kind kind;
	const char *path; /* POSIX: without the '/'; file: as given. Points into the reference. */
	bool by_id;       /* SysV: shmid is meant, else key */
	int32_t key;
	int shmid;
};

/* Long enough for any canonical reference of a POSIX or SysV segment. */
#define SEG_REF_SIZE (NAME_MAX + 2)

int seg_name_parse(const char *ref, struct seg_name *ret);
void seg_name_format_posix(const char *name, char ref[static SEG_REF_SIZE]);
void seg_name_format_sysv(int32_t key, int shmid, char ref[static SEG_REF_SIZE]);

/* The segfs mounts that show what a store holds: their devices. */
#define SEG_MOUNTS_MAX 16

struct seg_mounts {
	size_t n;
	dev_t dev[SEG_MOUNTS_MAX];
};

struct seg {
	const struct seg_backend *backend;
	char *ref;
	unsigned flags;           /* SEG_READ_ONLY, SEG_PATH */
	int fd;                   /* POSIX, file: always; SysV: with SEG_PATH only; else -1 */
	struct seg_mounts mounts; /* that show it; none: not known */
	/* SysV */
	int shmid;
	struct seg_stat last; /* what a removed segment was, for as long as fd keeps it */
};

int seg_new(const struct seg_backend *backend, unsigned flags, struct seg **ret);

/* How often a creator and a destroyer may get in each other's way. */
#define SEG_CREATE_TRIES 100

struct sysv_usage;

struct seg_store {
	int dirfd; /* O_PATH | O_DIRECTORY */
	dev_t dev;
	struct seg_mounts mounts; /* of seg_store_add_mount() */
	struct sysv_usage *usage; /* allocated bytes of each SysV segment, or NULL */
};

/* One for each kind. Handles come from seg_new(); names are of the backend's kind. */
struct seg_backend {
	enum seg_kind kind;
	int (*create)(struct seg_store *store, const struct seg_name *name, uint64_t size,
		      mode_t mode, unsigned flags, struct seg **ret);
	int (*open)(struct seg_store *store, const struct seg_name *name, unsigned flags,
		    struct seg **ret);
	int (*stat)(struct seg_store *store, const struct seg_name *name, struct seg_stat *ret);
	int (*destroy)(struct seg_store *store, const struct seg_name *name, bool if_unused);
	int (*unlink)(struct seg_store *store, const struct seg_name *name, struct seg *seg,
		      bool if_unused);
	int (*list)(struct seg_store *store, unsigned flags, seg_list_fn *fn, void *arg);
	int (*statvfs)(struct seg_store *store, struct statvfs *ret);
	/* flags: SEG_READ_ONLY or SEG_PRIVATE; a length of 0 becomes the rest */
	int (*map)(struct seg *seg, uint64_t offset, size_t *length, unsigned flags, void **ret);
	int (*resize)(struct seg *seg, uint64_t size, unsigned flags, pid_t pid);
	int (*in_use)(struct seg *seg);
	int (*size)(struct seg *seg, uint64_t *ret);
	int (*fstat)(struct seg *seg, struct seg_stat *ret);
	int (*chmod)(struct seg *seg, mode_t mode);
	int (*chown)(struct seg *seg, uid_t uid, gid_t gid);
	int (*utimens)(struct seg *seg, const struct timespec times[2]);
};

extern const struct seg_backend seg_posix, seg_sysv, seg_file;

int seg_posix_rename(struct seg_store *store, const char *from, const char *to, unsigned flags);
int seg_posix_link(struct seg_store *store, struct seg *seg, const char *name);

/* The path that leads to what a descriptor has open, whatever its name is now. */
#define FD_PATH_SIZE (sizeof("/proc/self/fd/") + 3 * sizeof(int))
const char *seg_fd_path(int fd, char path[static FD_PATH_SIZE]);

void seg_stat_from(const struct stat *st, enum seg_kind kind, struct seg_stat *ret);

/* Opens the file behind fd once more, by way of /proc; never waits for a lease. */
int seg_reopen_fd(int fd, int oflags);

/* Checks a range against a size; a length of 0 becomes the rest. */
int seg_check_range(uint64_t size, uint64_t offset, size_t *length);

/* O_PATH on the file that the kernel keeps a SysV segment in. */
int seg_sysv_open_file(int shmid, uint64_t size);

/* The mark of SEG_EPHEMERAL. */
#define SEG_EPHEMERAL_XATTR "user.segfs.ephemeral"

void seg_sysv_usage_free(struct sysv_usage *usage);

#endif
