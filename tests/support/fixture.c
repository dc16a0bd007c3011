// SPDX-License-Identifier: MIT
#include "fixture.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "peer.h"

/* -- before and after ---------------------------------------------------- */

static int private_mounts(void)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/* A tmpfs numbers its inodes from 1. Who looks through /proc for the users of one that is
 * shown by a mount can't tell which tmpfs a mount is of: tests that run beside each other
 * get different numbers. */
static int skip_inodes(void)
{
	int fd, count = getpid() * 37 % 4096;

	for (int i = 0; i < count; i++) {
		fd = open("/dev/shm", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
		if (fd < 0)
			return -1;
		close(fd);
	}
	return 0;
}

int fixture_isolate(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
		return errno == EPERM ? 0 : -1;
	if (private_mounts() < 0)
		return -1;
	if (mount("tmpfs", "/dev/shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") < 0)
		return -1;
	return skip_inodes();
}

int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->kind = (enum seg_kind)(intptr_t)*state;
	*state = f;
	strcpy(f->dir, "/tmp/segfs-test-XXXXXX");
	if (!mkdtemp(f->dir) || chmod(f->dir, 0755) < 0)
		return -1;
	strcpy(f->ref, fixture_ref(f, f->kind));
	return 0;
}

static void destroy_sysv(const char *ref)
{
	int id;

	if (sscanf(ref, "sysv:id:%d", &id) != 1)
		id = shmget((key_t)strtoul(strchr(ref, ':') + 1, NULL, 16), 0, 0);
	if (id >= 0)
		shmctl(id, IPC_RMID, NULL);
}

/* Not through libseg, which is what may have failed. */
static void destroy(const char *ref)
{
	char path[PATH_MAX];

	if (strncmp(ref, "sysv:", 5) == 0)
		return destroy_sysv(ref);
	fixture_path(ref, path);
	remove(path);
}

/* A daemon that was killed, or the parent that it made a mount, is still in the way. */
static int unmount_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	while (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
		;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	remove(path);
	return 0;
}

int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->peer_count; i++)
		peer_kill(&f->peers[i]);
	for (size_t i = 0; i < f->ref_count; i++)
		destroy(f->refs[i]);
	while (f->mount_count > 0)
		umount2(f->mounts[--f->mount_count], MNT_DETACH);
	nftw(f->dir, unmount_one, 16, FTW_PHYS);
	nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
	free(f);
	return 0;
}

/* -- what it hands out ---------------------------------------------------- */

const char *fixture_ref(struct fixture *f, enum seg_kind kind)
{
	size_t n = f->ref_count++;
	char *ref = f->refs[n];

	assert_true(n < sizeof(f->refs) / sizeof(f->refs[0]));
	if (kind == SEG_POSIX)
		snprintf(ref, PATH_MAX, "/segfs-test-%d-%zu", getpid(), n);
	else if (kind == SEG_FILE)
		snprintf(ref, PATH_MAX, "%s/%zu", f->dir, n);
	else /* a pid has 22 bits */
		snprintf(ref, PATH_MAX, "sysv:0x%08x",
			 0x40000000u | (unsigned)getpid() << 8 | (unsigned)n);
	return ref;
}

void fixture_adopt(struct fixture *f, const char *ref)
{
	assert_true(f->ref_count < sizeof(f->refs) / sizeof(f->refs[0]));
	snprintf(f->refs[f->ref_count++], PATH_MAX, "%s", ref);
}

void fixture_mounted(struct fixture *f, const char *path)
{
	assert_true(f->mount_count < sizeof(f->mounts) / sizeof(f->mounts[0]));
	snprintf(f->mounts[f->mount_count++], PATH_MAX, "%s", path);
}

const char *fixture_tmpfs(struct fixture *f, const char *options)
{
	char path[PATH_MAX];

	need_mounts();
	snprintf(path, sizeof(path), "%s/tmpfs-%zu", f->dir, f->mount_count);
	assert_return_code(mkdir(path, 0755), errno);
	assert_return_code(mount("tmpfs", path, "tmpfs", 0, options), errno);
	fixture_mounted(f, path);
	return f->mounts[f->mount_count - 1];
}

struct peer *fixture_new_peer(struct fixture *f)
{
	assert_true(f->peer_count < sizeof(f->peers) / sizeof(f->peers[0]));
	return &f->peers[f->peer_count++];
}

void fixture_path(const char *ref, char path[static PATH_MAX])
{
	bool is_path = strchr(ref + 1, '/');

	snprintf(path, PATH_MAX, "%s%s", is_path ? "" : "/dev/shm", ref);
}

/* -- small helpers --------------------------------------------------------- */

noreturn void skip_because(const char *reason)
{
	print_message("skipped: %s\n", reason);
	skip();
	abort(); /* skip() does not return, and does not say so */
}

void need_root(void)
{
	if (geteuid() != 0)
		skip_because("needs root");
}

void need_mounts(void)
{
	if (private_mounts() < 0) /* again, which changes nothing */
		skip_because("needs CAP_SYS_ADMIN, to mount a file system");
}

int count_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = -3; /* ".", ".." and the directory itself */

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

struct seg *create_seg(const char *ref, uint64_t size, unsigned flags)
{
	struct seg *seg = NULL;

	assert_ok(seg_create(ref, size, 0600, flags, &seg));
	assert_non_null(seg);
	return seg;
}

struct seg *open_seg(const char *ref, unsigned flags)
{
	struct seg *seg = NULL;

	assert_ok(seg_open(ref, flags, &seg));
	assert_non_null(seg);
	return seg;
}

unsigned char *map_seg(struct seg *seg, uint64_t offset, size_t length, unsigned flags)
{
	void *addr = NULL;

	assert_ok(seg_map(seg, offset, length, flags, &addr));
	assert_non_null(addr);
	return addr;
}

struct seg_stat stat_seg(const char *ref)
{
	struct seg_stat stat;

	assert_ok(seg_stat(ref, &stat));
	return stat;
}
