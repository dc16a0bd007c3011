// SPDX-License-Identifier: MIT
/* Allocation and holes: fallocate, lseek, statvfs, and sizes of every magnitude. */
#include <linux/falloc.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include "mounted.h"

#define KEEP  FALLOC_FL_KEEP_SIZE
#define PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)

static blkcnt_t pages_of(const char *path)
{
	return stat_path(path).st_blocks * 512 / (blkcnt_t)PAGE;
}

static void fallocate_allocates_and_grows(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(fallocate(fd, 0, 0, 4 * (off_t)PAGE));
	assert_int_equal(stat_path(m->path).st_size, 4 * PAGE);
	assert_int_equal(pages_of(m->direct), 4);
	assert_ok(fallocate(fd, KEEP, 0, 8 * (off_t)PAGE));
	assert_int_equal(stat_path(m->path).st_size, 4 * PAGE);
	assert_int_equal(pages_of(m->path), 8);
	assert_ok(posix_fallocate(fd, 0, 10 * (off_t)PAGE));
	assert_int_equal(stat_path(m->direct).st_size, 10 * PAGE);
	close(fd);
}

static void a_punched_hole_reads_as_zeros_in_every_mapping(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	unsigned char *mounted, *direct;

	assert_ok(ftruncate(fd, 4 * (off_t)PAGE));
	mounted = map_file(m->path, 4 * PAGE, PROT_READ | PROT_WRITE);
	direct = map_file(m->direct, 4 * PAGE, PROT_READ | PROT_WRITE);
	memset(mounted, 'x', 4 * PAGE);
	assert_ok(fallocate(fd, PUNCH, (off_t)PAGE, 2 * (off_t)PAGE));
	assert_int_equal(pages_of(m->path), 2);
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(mounted[i * PAGE], i == 1 || i == 2 ? 0 : 'x');
		assert_int_equal(direct[i * PAGE], i == 1 || i == 2 ? 0 : 'x');
	}
	munmap(mounted, 4 * PAGE);
	munmap(direct, 4 * PAGE);
	close(fd);
}

static void what_tmpfs_does_not_do_is_eopnotsupp(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(ftruncate(fd, 4 * (off_t)PAGE));
	assert_int_equal(try(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096)), -EOPNOTSUPP);
	assert_int_equal(try(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096)), -EOPNOTSUPP);
	assert_int_equal(try(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096)), -EOPNOTSUPP);
	close(fd);
}

static void a_read_only_descriptor_allocates_nothing(void **state)
{
	struct mounted *m = *state;
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDONLY);
	assert_int_equal(try(fallocate(fd, 0, 0, 4096)), -EBADF);
	assert_int_equal(stat_path(m->path).st_size, 5);
	close(fd);
}

static void data_and_holes_are_found(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	off_t page = (off_t)PAGE;

	assert_ok(ftruncate(fd, 10 * page));
	assert_int_equal(try(lseek(fd, 0, SEEK_DATA)), -ENXIO);
	assert_int_equal(pwrite(fd, "x", 1, 3 * page), 1);
	assert_int_equal(lseek(fd, 0, SEEK_DATA), 3 * page);
	assert_int_equal(lseek(fd, 3 * page, SEEK_HOLE), 4 * page);
	assert_int_equal(lseek(fd, 0, SEEK_HOLE), 0);
	assert_int_equal(try(lseek(fd, 4 * page, SEEK_DATA)), -ENXIO);
	assert_int_equal(try(lseek(fd, 10 * page, SEEK_HOLE)), -ENXIO);
	close(fd);
}

static void an_exbibyte_is_only_a_number(void **state)
{
	struct mounted *m = *state;
	const off_t size = (off_t)1 << 62;
	int fd = create_file(m->path, 0600);
	unsigned char *addr;

	assert_ok(ftruncate(fd, size));
	assert_int_equal(stat_path(m->path).st_size, size);
	assert_int_equal(lseek(fd, 0, SEEK_END), size);
	assert_int_equal(try(lseek(fd, 0, SEEK_DATA)), -ENXIO);
	assert_int_equal(lseek(fd, 5, SEEK_HOLE), 5);
	addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, size - (off_t)PAGE);
	assert_ptr_not_equal(addr, MAP_FAILED);
	addr[PAGE - 1] = 'e';
	assert_int_equal(lseek(fd, 0, SEEK_DATA), size - (off_t)PAGE);
	assert_int_equal(pages_of(m->path), 1);
	munmap(addr, PAGE);
	close(fd);
}

static void a_size_beyond_all_is_efbig_or_einval(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(ftruncate(fd, INT64_MAX));
	assert_int_equal(stat_path(m->path).st_size, INT64_MAX);
	assert_int_equal(try(ftruncate(fd, -1)), -EINVAL);
	assert_int_equal(try(fallocate(fd, 0, INT64_MAX, 1)), -EFBIG);
	assert_ok(ftruncate(fd, 0));
	assert_int_equal(try(pwrite(fd, "x", 1, INT64_MAX)), -EINVAL);
	assert_int_equal(stat_path(m->path).st_size, 0);
	close(fd);
}

static void df_shows_what_the_store_has(void **state)
{
	struct mounted *m = *state;
	struct statvfs shm, dir, file;

	write_file(m->path, "hello");
	assert_ok(statvfs("/dev/shm", &shm));
	assert_ok(statvfs(m->posix, &dir));
	assert_ok(statvfs(m->path, &file));
	assert_int_equal(dir.f_blocks * dir.f_frsize, shm.f_blocks * shm.f_frsize);
	assert_int_equal(dir.f_bavail, shm.f_bavail);
	assert_int_equal(dir.f_bfree, shm.f_bfree);
	assert_int_equal(dir.f_files, shm.f_files);
	assert_int_equal(dir.f_ffree, shm.f_ffree);
	assert_int_equal(dir.f_namemax, 255);
	assert_int_equal(file.f_bavail, shm.f_bavail);
	assert_true(dir.f_flag & ST_NOSUID);
	assert_true(dir.f_flag & ST_NODEV);
}

static void df_of_sysv_shows_its_limits(void **state)
{
	struct mounted *m = *state;
	struct statvfs before, after;
	struct seg *seg;

	assert_ok(statvfs(m->sysv, &before));
	seg = create_seg(m->ref, 16 * PAGE, 0);
	assert_ok(statvfs(m->sysv, &after));
	assert_int_equal(before.f_files, after.f_files);
	assert_int_equal(before.f_ffree - after.f_ffree, 1);
	assert_int_equal(before.f_bfree - after.f_bfree, 16);
	assert_ok(statvfs(m->path, &before));
	assert_int_equal(before.f_ffree, after.f_ffree);
	seg_close(seg);
}

/* The daemon was started with the /dev/shm of the fixture; this one gets a small one. */
static int setup_on_a_small_store(void **state)
{
	if (mount("tmpfs", "/dev/shm", "tmpfs", 0, "mode=1777,size=64k") < 0)
		return -1;
	return mounted_setup(state);
}

static int teardown_of_a_small_store(void **state)
{
	int r = mounted_teardown(state);

	return umount2("/dev/shm", MNT_DETACH) < 0 ? -1 : r;
}

static void a_full_store_is_enospc_and_loses_nothing(void **state)
{
	struct mounted *m = *state;
	const size_t pages = 65536 / PAGE;
	int fd = create_file(m->path, 0600);
	unsigned char *page = malloc(2 * PAGE);

	memset(page, 'x', 2 * PAGE);
	for (size_t i = 0; i + 1 < pages; i++)
		assert_int_equal(pwrite(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
	assert_int_equal(try(fallocate(fd, 0, (off_t)((pages - 1) * PAGE), 2 * (off_t)PAGE)),
			 -ENOSPC);
	assert_int_equal(stat_path(m->path).st_size, (pages - 1) * PAGE);
	/* one page is left of the two that are wanted */
	assert_int_equal(pwrite(fd, page, 2 * PAGE, (off_t)((pages - 1) * PAGE)), PAGE);
	assert_int_equal(try(pwrite(fd, page, 1, (off_t)(pages * PAGE))), -ENOSPC);
	assert_int_equal(try_open(path_of(m, "%s-2", m->path), O_CREAT | O_RDWR, 0600), 0);
	for (size_t i = 0; i < pages; i++) {
		assert_int_equal(pread(fd, page, PAGE, (off_t)(i * PAGE)), PAGE);
		assert_int_equal(page[0], 'x');
		assert_int_equal(page[PAGE - 1], 'x');
	}
	assert_ok(ftruncate(fd, (off_t)PAGE)); /* and goes on when there is room again */
	assert_int_equal(pwrite(fd, page, PAGE, (off_t)PAGE), PAGE);
	free(page);
	close(fd);
}

#define ON_A_SMALL_STORE(test)                                                  \
	{                                                                       \
#test, test, setup_on_a_small_store, teardown_of_a_small_store, \
			(void *)(intptr_t)SEG_POSIX                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(fallocate_allocates_and_grows),
		MOUNTED_POSIX(a_punched_hole_reads_as_zeros_in_every_mapping),
		MOUNTED_POSIX(what_tmpfs_does_not_do_is_eopnotsupp),
		MOUNTED_POSIX(a_read_only_descriptor_allocates_nothing),
		MOUNTED_POSIX(data_and_holes_are_found),
		MOUNTED_POSIX(an_exbibyte_is_only_a_number),
		MOUNTED_POSIX(a_size_beyond_all_is_efbig_or_einval),
		MOUNTED_POSIX(df_shows_what_the_store_has),
		MOUNTED_SYSV(df_of_sysv_shows_its_limits),
		ON_A_SMALL_STORE(a_full_store_is_enospc_and_loses_nothing),
	};

	return RUN_MOUNTED(tests);
}
