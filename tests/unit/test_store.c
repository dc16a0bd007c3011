// SPDX-License-Identifier: MIT
/* A store: a directory that was opened once, and what can be done in it. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "child.h"
#include "fixture.h"

static struct seg_store *open_store(const char *path)
{
	struct seg_store *store = NULL;

	assert_ok(seg_store_open(path, &store));
	assert_non_null(store);
	return store;
}

/* A segment whose size says which one it is. */
static void put(struct seg_store *store, const char *ref, uint64_t size)
{
	struct seg *seg = NULL;

	assert_ok(seg_createat(store, ref, size, 0600, SEG_EXCLUSIVE, &seg));
	seg_close(seg);
}

static void assert_size(struct seg_store *store, const char *ref, uint64_t size)
{
	struct seg_stat stat;

	assert_ok(seg_statat(store, ref, &stat));
	assert_int_equal(stat.size, size);
}

static void assert_missing(struct seg_store *store, const char *ref)
{
	struct seg_stat stat;

	assert_int_equal(seg_statat(store, ref, &stat), -ENOENT);
}

/* -- the directory ------------------------------------------------------------- */

static void a_store_is_apart_from_dev_shm(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);

	put(store, f->ref, 77);
	assert_size(store, f->ref, 77);
	assert_missing(NULL, f->ref);
	assert_ok(seg_destroyat(store, f->ref, 0));
	assert_missing(store, f->ref);
	seg_store_close(store);
}

static void no_store_is_dev_shm(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(NULL);

	put(NULL, f->ref, 77);
	assert_size(store, f->ref, 77);
	assert_int_equal(stat_seg(f->ref).size, 77);
	assert_ok(seg_destroyat(store, f->ref, 0));
	seg_store_close(store);
}

static void sysv_and_paths_mean_the_same_in_every_store(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);

	put(store, f->ref, 77);
	assert_size(NULL, f->ref, 77);
	assert_size(store, f->ref, 77);
	assert_ok(seg_destroyat(store, f->ref, 0));
	assert_missing(NULL, f->ref);
	seg_store_close(store);
}

static void a_store_is_a_directory(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/none", f->dir);
	assert_int_equal(seg_store_open(path, &store), -ENOENT);
	seg_close(create_seg(path, 1, 0));
	assert_int_equal(seg_store_open(path, &store), -ENOTDIR);
	assert_null(store);
	assert_null(seg_store_close(NULL));
}

static void a_store_tells_of_its_directory(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store;
	struct seg_stat found;
	struct stat st;

	assert_return_code(chmod(f->dir, 01755), errno);
	assert_return_code(stat(f->dir, &st), errno);
	store = open_store(f->dir);
	assert_ok(seg_store_fstat(store, &found));
	assert_int_equal(found.mode, 01755);
	assert_int_equal(found.ino, st.st_ino);
	assert_int_equal(found.uid, geteuid());
	seg_store_close(store);
	assert_return_code(stat("/dev/shm", &st), errno);
	assert_ok(seg_store_fstat(NULL, &found));
	assert_int_equal(found.ino, st.st_ino);
}

static void a_store_survives_what_is_mounted_over_its_path(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_tmpfs(f, "mode=0755");
	struct seg_store *store = open_store(path);

	put(store, "/before", 11);
	assert_return_code(mount("tmpfs", path, "tmpfs", 0, NULL), errno);
	fixture_mounted(f, path);
	assert_size(store, "/before", 11);
	put(store, "/after", 22);
	assert_size(store, "/after", 22);
	assert_ok(seg_renameat(store, "/after", "/renamed", 0));
	seg_store_close(store);
	store = open_store(path);
	assert_missing(store, "/before");
	assert_missing(store, "/renamed");
	seg_store_close(store);
}

static void handles_outlive_their_store(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);
	struct seg *seg = NULL;
	unsigned char *addr;
	struct seg_stat stat;

	assert_ok(seg_createat(store, "/x", PAGE, 0600, 0, &seg));
	assert_null(seg_store_close(store));
	assert_ok(seg_fstat(seg, &stat));
	addr = map_seg(seg, 0, 0, 0);
	addr[0] = 'x';
	assert_ok(seg_unmap(addr, PAGE));
	seg_close(seg);
}

static void a_file_of_elsewhere_mounted_over_a_name_is_no_segment(void **state)
{
	struct fixture *f = *state;
	char target[PATH_MAX], source[PATH_MAX];
	const char *path = fixture_tmpfs(f, NULL);
	struct seg_store *store = open_store(path);
	struct seg *seg = NULL;

	put(store, "/x", 11);
	snprintf(source, sizeof(source), "%s/elsewhere", f->dir);
	seg_close(create_seg(source, 22, 0));
	snprintf(target, sizeof(target), "%s/x", path);
	assert_return_code(mount(source, target, NULL, MS_BIND, NULL), errno);
	assert_missing(store, "/x");
	assert_int_equal(seg_openat(store, "/x", 0, &seg), -ENOENT);
	assert_int_equal(seg_openat(store, "/x", SEG_PATH, &seg), -ENOENT);
	assert_int_equal(seg_destroyat(store, "/x", 0), -ENOENT);
	assert_int_equal(seg_createat(store, "/x", 1, 0600, 0, &seg), -EEXIST);
	assert_int_equal(seg_renameat(store, "/x", "/y", 0), -ENOENT);
	assert_null(seg);
	assert_int_equal(stat_seg(source).size, 22);
	seg_store_close(store);
	assert_return_code(umount(target), errno);
}

/* -- rename ---------------------------------------------------------------------- */

static void a_rename_keeps_the_segment_and_replaces_another(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);

	put(store, "/a", 11);
	put(store, "/b", 22);
	assert_ok(seg_renameat(store, "/a", "/c", 0));
	assert_missing(store, "/a");
	assert_size(store, "/c", 11);
	assert_ok(seg_renameat(store, "c", "b", 0));
	assert_missing(store, "/c");
	assert_size(store, "/b", 11);
	assert_ok(seg_renameat(store, "/b", "/b", 0));
	assert_size(store, "/b", 11);
	seg_store_close(store);
}

static void a_rename_may_be_told_not_to_replace(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);

	put(store, "/a", 11);
	put(store, "/b", 22);
	assert_int_equal(seg_renameat(store, "/a", "/b", RENAME_NOREPLACE), -EEXIST);
	assert_size(store, "/a", 11);
	assert_size(store, "/b", 22);
	assert_ok(seg_renameat(store, "/a", "/c", RENAME_NOREPLACE));
	assert_size(store, "/c", 11);
	seg_store_close(store);
}

static void a_rename_may_exchange_two(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);

	put(store, "/a", 11);
	put(store, "/b", 22);
	assert_ok(seg_renameat(store, "/a", "/b", RENAME_EXCHANGE));
	assert_size(store, "/a", 22);
	assert_size(store, "/b", 11);
	assert_int_equal(seg_renameat(store, "/a", "/c", RENAME_EXCHANGE), -ENOENT);
	assert_int_equal(seg_renameat(store, "/c", "/a", RENAME_EXCHANGE), -ENOENT);
	seg_store_close(store);
}

static void illegal_renames_change_nothing(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);
	const char *sysv = fixture_ref(f, SEG_SYSV);

	put(store, "/a", 11);
	assert_int_equal(seg_renameat(store, "/none", "/b", 0), -ENOENT);
	assert_int_equal(seg_renameat(store, "/a", "/b", RENAME_WHITEOUT), -EINVAL);
	assert_int_equal(seg_renameat(store, "/a", "/b", RENAME_NOREPLACE | RENAME_EXCHANGE),
			 -EINVAL);
	assert_int_equal(seg_renameat(store, "/a", sysv, 0), -EOPNOTSUPP);
	assert_int_equal(seg_renameat(store, sysv, "/a", 0), -EOPNOTSUPP);
	assert_int_equal(seg_renameat(store, "/a", "./b", 0), -EOPNOTSUPP);
	assert_size(store, "/a", 11);
	assert_missing(store, "/b");
	seg_store_close(store);
}

/* -- link ------------------------------------------------------------------------ */

static void a_link_is_another_name_of_the_same_segment(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);
	struct seg *seg = NULL, *path = NULL;
	struct seg_stat a, b;

	assert_ok(seg_createat(store, "/a", 11, 0600, 0, &seg));
	assert_ok(seg_openat(store, "/a", SEG_PATH, &path));
	assert_ok(seg_linkat(store, seg, "/b"));
	assert_ok(seg_linkat(store, path, "c"));
	assert_ok(seg_statat(store, "/a", &a));
	assert_ok(seg_statat(store, "/c", &b));
	assert_int_equal(a.nlink, 3);
	assert_int_equal(a.ino, b.ino);
	assert_ok(seg_destroyat(store, "/a", 0));
	assert_size(store, "/b", 11);
	seg_close(seg);
	seg_close(path);
	seg_store_close(store);
}

static void a_link_needs_a_free_name_and_a_segment_that_has_one(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(f->dir);
	const char *sysv = fixture_ref(f, SEG_SYSV);
	struct seg *seg = NULL;

	assert_ok(seg_createat(store, "/a", 11, 0600, 0, &seg));
	put(store, "/b", 22);
	assert_int_equal(seg_linkat(store, seg, "/b"), -EEXIST);
	assert_int_equal(seg_linkat(store, seg, "/a"), -EEXIST);
	assert_int_equal(seg_linkat(store, seg, sysv), -EOPNOTSUPP);
	assert_int_equal(seg_linkat(store, seg, "./c"), -EOPNOTSUPP);
	assert_ok(seg_destroyat(store, "/a", 0));
	assert_int_equal(seg_linkat(store, seg, "/c"), -ENOENT);
	assert_missing(store, "/c");
	seg_close(seg);
	seg = create_seg(sysv, 1, 0);
	assert_int_equal(seg_linkat(store, seg, "/c"), -EOPNOTSUPP);
	seg_close(seg);
	seg_store_close(store);
}

/* -- statvfs ---------------------------------------------------------------------- */

static void a_store_knows_what_it_holds_and_has_left(void **state)
{
	struct fixture *f = *state;
	struct seg_store *store = open_store(fixture_tmpfs(f, "size=1m,nr_inodes=100"));
	struct statvfs before, after;
	struct seg *seg = NULL;

	assert_ok(seg_statvfs(store, SEG_POSIX, &before));
	assert_int_equal(before.f_blocks * before.f_frsize, 1 << 20);
	assert_int_equal(before.f_files, 100);
	assert_ok(seg_createat(store, "/x", 10 * PAGE, 0600, SEG_PREALLOCATE, &seg));
	assert_ok(seg_statvfs(store, SEG_POSIX, &after));
	assert_int_equal((before.f_bavail - after.f_bavail) * after.f_frsize, 10 * PAGE);
	assert_int_equal(before.f_ffree - after.f_ffree, 1);
	seg_close(seg);
	seg_store_close(store);
}

/* In an IPC namespace of its own, where nobody else's segments are counted. */
static int sysv_figures(void *arg)
{
	struct statvfs before, after;
	struct seg *seg = NULL;
	int r = seg_statvfs(NULL, SEG_SYSV, &before);

	if (r == 0)
		r = seg_create(arg, 10 * PAGE, 0600, 0, &seg);
	if (r == 0)
		r = seg_statvfs(NULL, SEG_SYSV, &after);
	seg_close(seg);
	if (r < 0)
		return r;
	return before.f_bfree == before.f_blocks && before.f_files == before.f_ffree &&
	       before.f_bfree - after.f_bfree == 10 && before.f_ffree - after.f_ffree == 1 &&
	       before.f_frsize == PAGE;
}

static void sysv_figures_are_the_limits_and_what_is_used(void **state)
{
	struct fixture *f = *state;

	need_mounts();
	assert_int_equal(child_run(&(struct child_setting){ .unshare = CLONE_NEWIPC }, sysv_figures,
				   f->ref),
			 1);
}

static void only_stores_and_sysv_have_figures(void **state)
{
	struct statvfs st;

	(void)state;
	assert_int_equal(seg_statvfs(NULL, SEG_FILE, &st), -EINVAL);
	assert_int_equal(seg_statvfs(NULL, 0, &st), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_POSIX(a_store_is_apart_from_dev_shm),
		TEST_POSIX(no_store_is_dev_shm),
		TEST_SYSV(sysv_and_paths_mean_the_same_in_every_store),
		TEST_FILE(sysv_and_paths_mean_the_same_in_every_store),
		TEST_POSIX(a_store_is_a_directory),
		TEST_POSIX(a_store_tells_of_its_directory),
		TEST_POSIX(a_store_survives_what_is_mounted_over_its_path),
		TEST_POSIX(handles_outlive_their_store),
		TEST_POSIX(a_file_of_elsewhere_mounted_over_a_name_is_no_segment),
		TEST_POSIX(a_rename_keeps_the_segment_and_replaces_another),
		TEST_POSIX(a_rename_may_be_told_not_to_replace),
		TEST_POSIX(a_rename_may_exchange_two),
		TEST_POSIX(illegal_renames_change_nothing),
		TEST_POSIX(a_link_is_another_name_of_the_same_segment),
		TEST_POSIX(a_link_needs_a_free_name_and_a_segment_that_has_one),
		TEST_POSIX(a_store_knows_what_it_holds_and_has_left),
		TEST_SYSV(sysv_figures_are_the_limits_and_what_is_used),
		TEST_POSIX(only_stores_and_sysv_have_figures),
	};

	return RUN_TESTS(tests);
}
