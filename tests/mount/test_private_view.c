// SPDX-License-Identifier: MIT
/* The read-only view of a private namespace, and ways around it that must not be. */
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include "mounted.h"
#include "segfs.h"

static int setup(void **state)
{
	return mounted_setup_private(state, "size=1m");
}

static int setup_without_view(void **state)
{
	struct mounted *m = calloc(1, sizeof(*m));

	if (!m || fixture_setup(state) < 0)
		return -1;
	m->f = *state;
	*state = m;
	m->point = path_of(m, "%s/%s", m->f->dir, PRIVATE_NAME);
	return daemon_start_ns(&m->daemon, SEGFS_PROGRAM, PRIVATE_NAME, m->point, "size=1m,noro",
			       m->point);
}

static int setup_elsewhere(void **state)
{
	struct mounted *m = calloc(1, sizeof(*m));

	if (!m || fixture_setup(state) < 0)
		return -1;
	m->f = *state;
	*state = m;
	m->point = path_of(m, "%s/another-name", m->f->dir);
	return daemon_start_ns(&m->daemon, SEGFS_PROGRAM, PRIVATE_NAME, m->point, "size=1m",
			       m->point);
}

/* The view of the segment at m->path. */
static const char *in_view(struct mounted *m)
{
	return path_of(m, "%s%s", m->ro, m->ref);
}

static void the_view_shows_the_same_memory(void **state)
{
	struct mounted *m = *state;
	unsigned char *writer, *reader;

	write_file(m->path, "hello");
	assert_content(in_view(m), "hello");
	assert_int_equal(stat_path(in_view(m)).st_dev, stat_path(m->path).st_dev);
	assert_int_equal(stat_path(in_view(m)).st_ino, stat_path(m->path).st_ino);
	writer = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	reader = map_file(in_view(m), PAGE, PROT_READ);
	writer[1] = 'a';
	assert_int_equal(reader[1], 'a');
	munmap(writer, PAGE);
	munmap(reader, PAGE);
}

static void every_change_is_refused(void **state)
{
	struct mounted *m = *state;
	const char *path = in_view(m), *other = path_of(m, "%s/other", m->ro);
	const struct timespec now[2] = { { .tv_nsec = UTIME_NOW }, { .tv_nsec = UTIME_NOW } };

	write_file(m->path, "hello");
	assert_int_equal(try_open(path, O_WRONLY, 0), -EROFS);
	assert_int_equal(try_open(path, O_RDWR, 0), -EROFS);
	assert_int_equal(try_open(path, O_RDONLY | O_TRUNC, 0), -EROFS);
	assert_int_equal(try_open(other, O_RDWR | O_CREAT, 0600), -EROFS);
	assert_int_equal(try_open(m->ro, O_RDWR | O_TMPFILE, 0600), -EROFS);
	assert_int_equal(try(truncate(path, 1)), -EROFS);
	assert_int_equal(try(unlink(path)), -EROFS);
	assert_int_equal(try(rename(path, other)), -EROFS);
	assert_int_equal(try(link(path, other)), -EROFS);
	assert_int_equal(try(mknod(other, S_IFREG | 0600, 0)), -EROFS);
	assert_int_equal(try(mkdir(other, 0700)), -EROFS);
	assert_int_equal(try(symlink("x", other)), -EROFS);
	assert_int_equal(try(chmod(path, 0777)), -EROFS);
	assert_int_equal(try(chown(path, 1, 1)), -EROFS);
	assert_int_equal(try(utimensat(AT_FDCWD, path, now, 0)), -EROFS);
	assert_int_equal(try(setxattr(path, "user.x", "y", 1, 0)), -EROFS);
	assert_int_equal(try(removexattr(path, "user.x")), -EROFS);
	assert_int_equal(try(setxattr(path, SEGFS_XATTR_DESTROY, "if-unused", 9, 0)), -EROFS);
	assert_int_equal(try(access(path, W_OK)), -EROFS);
	assert_content(m->path, "hello");
}

static void a_reader_cannot_become_a_writer(void **state)
{
	struct mounted *m = *state;
	char reopen[32];
	void *addr;
	int fd, path_fd;

	write_file(m->path, "hello");
	fd = open_file(in_view(m), O_RDONLY);
	path_fd = open_file(in_view(m), O_PATH);
	assert_int_equal(try(pwrite(fd, "x", 1, 0)), -EBADF);
	assert_int_equal(try(ftruncate(fd, 0)), -EINVAL);
	assert_int_equal(try(fallocate(fd, 0, 0, 4096)), -EBADF);
	assert_int_equal(try(fchmod(fd, 0777)), -EROFS);
	assert_int_equal(try(fsetxattr(fd, "user.x", "y", 1, 0)), -EROFS);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, EACCES);
	addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_int_equal(try(mprotect(addr, PAGE, PROT_READ | PROT_WRITE)), -EACCES);
	assert_int_equal(try(madvise(addr, PAGE, MADV_REMOVE)), -EACCES);
	snprintf(reopen, sizeof(reopen), "/proc/self/fd/%d", fd);
	assert_int_equal(try_open(reopen, O_RDWR, 0), -EROFS);
	snprintf(reopen, sizeof(reopen), "/proc/self/fd/%d", path_fd);
	assert_int_equal(try_open(reopen, O_RDWR, 0), -EROFS);
	assert_int_equal(try(linkat(AT_FDCWD, reopen, AT_FDCWD, path_of(m, "%s/linked", m->point),
				    AT_SYMLINK_FOLLOW)),
			 -EXDEV);
	assert_content(m->path, "hello");
	munmap(addr, PAGE);
	close(fd);
	close(path_fd);
}

/* It asks for no right to write of the mount. See segfs.h. */
static void a_descriptor_that_only_asks_cannot_change(void **state)
{
	struct mounted *m = *state;
	struct segfs_info info;
	char reopen[32];
	int fd;

	write_file(m->path, "hello");
	fd = open_file(in_view(m), O_ACCMODE);
	assert_ok(ioctl(fd, SEGFS_IOC_INFO, &info));
	assert_int_equal(info.size, 5);
	assert_int_equal(info.in_use, 0);
	assert_int_equal(try(pwrite(fd, "x", 1, 0)), -EBADF);
	assert_int_equal(try(pread(fd, reopen, 1, 0)), -EBADF);
	assert_int_equal(try(ftruncate(fd, 0)), -EINVAL);
	assert_int_equal(try(fallocate(fd, 0, 0, 4096)), -EBADF);
	assert_int_equal(try(fchmod(fd, 0777)), -EROFS);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	snprintf(reopen, sizeof(reopen), "/proc/self/fd/%d", fd);
	assert_int_equal(try_open(reopen, O_RDWR, 0), -EROFS);
	close(fd);
}

static void the_parent_of_the_view_is_not_the_namespace(void **state)
{
	struct mounted *m = *state;
	struct stat up = stat_path(path_of(m, "%s/..", m->ro));

	assert_int_equal(up.st_dev, stat_path(m->f->dir).st_dev);
	assert_true(up.st_dev != stat_path(m->point).st_dev);
}

/* Its flags are its own: the mount itself stays writable. */
static void the_view_is_read_only_and_the_mount_is_not(void **state)
{
	struct mounted *m = *state;
	struct statvfs st;

	assert_ok(statvfs(m->ro, &st));
	assert_int_equal(st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV),
			 ST_RDONLY | ST_NOSUID | ST_NODEV);
	assert_ok(statvfs(m->point, &st));
	assert_int_equal(st.f_flag & (ST_RDONLY | ST_NOSUID | ST_NODEV), ST_NOSUID | ST_NODEV);
}

static void a_reader_in_the_view_is_a_user(void **state)
{
	struct mounted *m = *state;
	unsigned char *reader;

	write_file(m->path, "hello");
	reader = map_file(in_view(m), PAGE, PROT_READ);
	assert_int_equal(seg_destroy(m->path, SEG_IF_UNUSED), -EBUSY);
	munmap(reader, PAGE);
	assert_int_equal(seg_destroy(in_view(m), SEG_IF_UNUSED), -EROFS);
	assert_ok(seg_destroy(m->path, SEG_IF_UNUSED));
}

static int try_as_nobody(void *arg)
{
	return try_open(arg, O_RDONLY, 0);
}

static void modes_hold_in_the_view(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	char path[PATH_MAX];

	write_file(m->path, "hello");
	snprintf(path, sizeof(path), "%s", in_view(m));
	assert_int_equal(child_run(&somebody, try_as_nobody, path), -EACCES);
	assert_ok(chmod(m->path, 0644));
	assert_int_equal(child_run(&somebody, try_as_nobody, path), 0);
}

static void libseg_reads_in_the_view(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = NULL, *none = NULL;
	unsigned char *addr;

	write_file(m->path, "hello");
	assert_int_equal(stat_seg(in_view(m)).size, 5);
	assert_int_equal(seg_open(in_view(m), 0, &none), -EROFS);
	assert_null(none);
	seg = open_seg(in_view(m), SEG_READ_ONLY);
	addr = map_seg(seg, 0, 0, SEG_READ_ONLY);
	assert_memory_equal(addr, "hello", 5);
	seg_unmap(addr, 5);
	seg_close(seg);
	assert_int_equal(seg_create(path_of(m, "%s/new", m->ro), 1, 0600, 0, &none), -EROFS);
}

static void no_view_is_made_where_none_is_wanted(void **state)
{
	struct mounted *m = *state;

	write_file(path_of(m, "%s/a", m->point), "hello");
	assert_int_equal(try_open(path_of(m, "%s/ro", m->f->dir), O_RDONLY, 0), -ENOENT);
}

int main(void)
{
#define PRIVATE(test) TEST_WITH(setup, test, "private", SEG_POSIX)
	const struct CMUnitTest tests[] = {
		PRIVATE(the_view_shows_the_same_memory),
		PRIVATE(every_change_is_refused),
		PRIVATE(a_reader_cannot_become_a_writer),
		PRIVATE(a_descriptor_that_only_asks_cannot_change),
		PRIVATE(the_parent_of_the_view_is_not_the_namespace),
		PRIVATE(the_view_is_read_only_and_the_mount_is_not),
		PRIVATE(a_reader_in_the_view_is_a_user),
		PRIVATE(modes_hold_in_the_view),
		PRIVATE(libseg_reads_in_the_view),
		TEST_WITH(setup_without_view, no_view_is_made_where_none_is_wanted, "noro",
			  SEG_POSIX),
		TEST_WITH(setup_elsewhere, no_view_is_made_where_none_is_wanted, "another name",
			  SEG_POSIX),
	};

	return RUN_MOUNTED(tests);
}
