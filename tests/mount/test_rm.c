// SPDX-License-Identifier: MIT
/* Removing what is in use: the name goes, the memory when the last user lets go. */
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "mounted.h"

#include "segfs.h"

#define BIG ((size_t)256 << 20)

static struct peer *peer_with(struct mounted *m, const char *ref, unsigned flags)
{
	struct peer *peer = peer_start(m->f, NULL);

	assert_ok(peer_open(peer, ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

/* Pages really in use in /dev/shm, which is this test program's own. */
static size_t store_used(void)
{
	struct statvfs st;

	assert_ok(statvfs("/dev/shm", &st));
	return (st.f_blocks - st.f_bfree) * st.f_frsize;
}

/* Of the IPC namespace, which is its own too. */
static size_t sysv_used(void)
{
	struct shm_info info;

	assert_return_code(shmctl(0, SHM_INFO, (struct shmid_ds *)&info), errno);
	return info.shm_tot * PAGE;
}

static size_t used(struct mounted *m)
{
	return m->f->kind == SEG_SYSV ? sysv_used() : store_used();
}

static size_t shmem_of_machine(void)
{
	FILE *f = fopen("/proc/meminfo", "re");
	char line[128];
	size_t kib = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f) && sscanf(line, "Shmem: %zu", &kib) != 1)
		;
	fclose(f);
	return kib << 10;
}

static void users_keep_what_was_removed(void **state)
{
	struct mounted *m = *state;
	struct peer *direct, *mounted;
	struct stat st;

	seg_close(create_seg(m->ref, 2 * PAGE, 0));
	direct = peer_with(m, m->ref, 0);
	mounted = peer_with(m, m->path, 0);
	peer_write(direct, 5, 'x');
	assert_ok(unlink(m->path));
	assert_int_equal(try(stat(m->path, &st)), -ENOENT);
	assert_int_equal(try(unlink(m->path)), -ENOENT);
	assert_int_equal(peer_read(mounted, 5), 'x');
	peer_write(mounted, PAGE, 'y');
	assert_int_equal(peer_read(direct, PAGE), 'y');
	seg_close(create_seg(m->ref, 2 * PAGE, SEG_EXCLUSIVE)); /* the name is free */
	assert_int_equal(peer_read(mounted, 5), 'x');
	assert_ok(unlink(m->path));
}

/* 256 MiB: what other tests do meanwhile does not matter to the machine's figure. */
static void its_pages_go_with_the_last_user(void **state)
{
	struct mounted *m = *state;
	size_t machine = shmem_of_machine(), before = used(m);
	struct peer *direct, *mounted;

	seg_close(create_seg(m->ref, BIG, SEG_PREALLOCATE));
	direct = peer_with(m, m->ref, 0);
	mounted = peer_with(m, m->path, SEG_READ_ONLY);
	assert_true(used(m) >= before + BIG);
	assert_ok(unlink(m->path));
	assert_true(used(m) >= before + BIG);
	peer_kill(direct);
	assert_true(m->f->kind == SEG_SYSV || used(m) >= before + BIG);
	assert_true(shmem_of_machine() >= machine + BIG - (64 << 20));
	assert_int_equal(peer_read(mounted, BIG - 1), 0);
	peer_kill(mounted);
	assert_int_equal(used(m), before);
	assert_true(shmem_of_machine() <= machine + BIG / 2);
}

/* -- rm=if-unused ------------------------------------------------------------------ */

static int setup_careful(void **state)
{
	return mounted_setup_with(state, "rm=if-unused");
}

static void rm_of_what_is_in_use_is_ebusy(void **state)
{
	static const unsigned flags[] = { 0, SEG_READ_ONLY };
	struct mounted *m = *state;
	const char *refs[] = { m->ref, m->path };

	seg_close(create_seg(m->ref, PAGE, 0));
	for (size_t i = 0; i < 4; i++) {
		struct peer *peer = peer_with(m, refs[i / 2], flags[i % 2]);
		struct stat before = stat_path(m->path), after;

		assert_int_equal(try(unlink(m->path)), -EBUSY);
		after = stat_path(m->path);
		assert_int_equal(before.st_ino, after.st_ino);
		assert_int_equal(after.st_nlink, 1);
		peer_kill(peer);
	}
	assert_ok(unlink(m->path));
	assert_int_equal(try(unlink(m->path)), -ENOENT);
}

static void rm_of_what_is_open_is_ebusy(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_int_equal(try(unlink(m->path)), -EBUSY);
	close(fd);
	fd = open_file(m->direct, O_RDONLY);
	assert_int_equal(try(unlink(m->path)), -EBUSY);
	close(fd);
	assert_ok(unlink(m->path));
}

static int try_unlink(void *arg)
{
	return try(unlink(arg));
}

static void somebody_elses_is_eperm_as_ever(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(fchmod(fd, 0666));
	close(fd);
	assert_int_equal(child_run(&somebody, try_unlink, (void *)m->path), -EPERM);
	assert_ok(chown(m->path, SOMEBODY, SOMEBODY));
	assert_ok(child_run(&somebody, try_unlink, (void *)m->path));
}

/* -- the attribute that asks and removes ---------------------------------------------- */

static int destroy_by_xattr(const char *path, const char *value)
{
	return try(setxattr(path, SEGFS_XATTR_DESTROY, value, strlen(value), 0));
}

static void the_attribute_removes_only_what_is_unused(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	struct stat st;

	seg_close(create_seg(m->ref, PAGE, 0));
	peer = peer_with(m, m->path, 0);
	assert_int_equal(destroy_by_xattr(m->path, "if-unused"), -EBUSY);
	assert_int_equal(destroy_by_xattr(m->path, "if-used"), -EINVAL);
	assert_int_equal(destroy_by_xattr(m->path, ""), -EINVAL);
	assert_int_equal(stat_path(m->path).st_nlink, 1);
	peer_kill(peer);
	assert_int_equal(destroy_by_xattr(m->path, "if-used"), -EINVAL);
	assert_ok(destroy_by_xattr(m->path, "if-unused"));
	assert_int_equal(try(stat(m->path, &st)), -ENOENT);
}

static int destroy_as_somebody(void *arg)
{
	return destroy_by_xattr(arg, "if-unused");
}

static void the_attribute_is_eacces_or_eperm_for_others(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);

	assert_int_equal(child_run(&somebody, destroy_as_somebody, (void *)m->path), -EACCES);
	assert_ok(seg_chmod(seg, 0666));
	seg_close(seg);
	assert_int_equal(child_run(&somebody, destroy_as_somebody, (void *)m->path), -EPERM);
	assert_int_equal(stat_path(m->path).st_nlink, 1);
}

static const char *read_only_bind(struct mounted *m)
{
	const char *dir = path_of(m, "%s/ro", m->f->dir);

	assert_ok(mkdir(dir, 0755));
	assert_ok(mount(m->point, dir, NULL, MS_BIND, NULL));
	fixture_mounted(m->f, dir);
	assert_ok(mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL));
	return dir;
}

static void on_a_read_only_bind_it_is_erofs(void **state)
{
	struct mounted *m = *state;
	const char *path = path_of(m, "%s%s", read_only_bind(m), m->path + strlen(m->point));

	seg_close(create_seg(m->ref, PAGE, 0));
	assert_int_equal(destroy_by_xattr(path, "if-unused"), -EROFS);
	assert_int_equal(seg_destroy(path, SEG_IF_UNUSED), -EROFS);
	assert_int_equal(try(unlink(path)), -EROFS);
	assert_int_equal(stat_path(m->path).st_nlink, 1);
}

static void libseg_destroys_by_a_path_on_the_mount(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	struct seg *seg;

	seg_close(create_seg(m->ref, PAGE, 0));
	seg = open_seg(m->path, SEG_PATH);
	peer = peer_with(m, m->ref, 0);
	assert_int_equal(seg_destroy(m->path, SEG_IF_UNUSED), -EBUSY);
	assert_int_equal(seg_unlinkat(NULL, seg, SEG_IF_UNUSED), -EBUSY);
	peer_kill(peer);
	assert_ok(seg_unlinkat(NULL, seg, SEG_IF_UNUSED));
	assert_int_equal(seg_destroy(m->path, SEG_IF_UNUSED), -ENOENT);
	seg_close(seg);
}

#define BOTH_WITH(setup, test) \
	TEST_WITH(setup, test, "posix", SEG_POSIX), TEST_WITH(setup, test, "sysv", SEG_SYSV)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(users_keep_what_was_removed),
		MOUNTED_BOTH(its_pages_go_with_the_last_user),
		BOTH_WITH(setup_careful, rm_of_what_is_in_use_is_ebusy),
		TEST_WITH(setup_careful, rm_of_what_is_open_is_ebusy, "posix", SEG_POSIX),
		TEST_WITH(setup_careful, somebody_elses_is_eperm_as_ever, "posix", SEG_POSIX),
		MOUNTED_BOTH(the_attribute_removes_only_what_is_unused),
		MOUNTED_BOTH(the_attribute_is_eacces_or_eperm_for_others),
		MOUNTED_BOTH(on_a_read_only_bind_it_is_erofs),
		MOUNTED_BOTH(libseg_destroys_by_a_path_on_the_mount),
	};

	return RUN_MOUNTED(tests);
}
