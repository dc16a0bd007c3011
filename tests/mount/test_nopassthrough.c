// SPDX-License-Identifier: MIT
/* -o nopassthrough: exact reads and writes, and no mapping rather than a copy. */
#include <sys/sendfile.h>

#include "mounted.h"

static int setup(void **state)
{
	return mounted_setup_with(state, "nopassthrough");
}

#define PLAIN_POSIX(test) TEST_WITH(setup, test, "posix", SEG_POSIX)
#define PLAIN_SYSV(test)  TEST_WITH(setup, test, "sysv", SEG_SYSV)
#define PLAIN_BOTH(test)  PLAIN_POSIX(test), PLAIN_SYSV(test)

static void every_byte_is_exact_on_both_sides(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 4 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	int fd = open_file(m->path, O_RDWR);
	unsigned char byte;

	for (unsigned i = 0; i < 300; i++) {
		size_t at = i * 79 % (4 * PAGE);

		byte = (unsigned char)i;
		if (i & 1) {
			assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
			assert_int_equal(direct[at], byte);
		} else {
			direct[at] = byte;
			assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
			assert_int_equal(byte, (unsigned char)i);
		}
	}
	close(fd);
	seg_close(seg);
}

static void a_megabyte_goes_through_whole(void **state)
{
	struct mounted *m = *state;
	const size_t size = 1 << 20;
	struct seg *seg = create_seg(m->ref, size, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0), *buf = malloc(size);
	int fd = open_file(m->path, O_RDWR);

	for (size_t i = 0; i < size; i++)
		buf[i] = (unsigned char)(i * 7 + i / PAGE);
	assert_int_equal(pwrite(fd, buf, size, 0), size);
	assert_memory_equal(direct, buf, size);
	memset(direct + 1000, 0, 100000);
	memset(buf, 1, size);
	assert_int_equal(pread(fd, buf, size, 0), size);
	assert_memory_equal(direct, buf, size);
	free(buf);
	close(fd);
	seg_close(seg);
}

static void a_shared_mapping_is_enodev(void **state)
{
	struct mounted *m = *state;
	int fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	fd = open_file(m->path, O_RDWR);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	close(fd);
}

static void who_has_it_open_is_a_user(void **state)
{
	struct mounted *m = *state;
	int one, two;

	write_file(m->direct, "hello");
	stat_path(m->path);
	assert_false(has_users(m->direct));
	one = open_file(m->path, O_RDONLY);
	two = open_file(m->path, O_RDWR);
	assert_true(has_users(m->direct));
	close(one);
	assert_true(has_users(m->direct));
	close(two);
	stat_path(m->posix); /* the daemon closes its own, when it is told so */
	assert_false(has_users(m->direct));
}

static void the_mode_of_access_is_the_openers(void **state)
{
	struct mounted *m = *state;
	char byte;
	int fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	fd = open_file(m->path, O_RDONLY);
	assert_int_equal(try(pwrite(fd, "x", 1, 0)), -EBADF);
	close(fd);
	fd = open_file(m->path, O_WRONLY);
	assert_int_equal(pwrite(fd, "x", 1, 0), 1);
	assert_int_equal(try(pread(fd, &byte, 1, 0)), -EBADF);
	close(fd);
}

static void o_append_adds_at_the_end(void **state)
{
	struct mounted *m = *state;
	int one = open_file(m->path, O_CREAT | O_WRONLY | O_APPEND);
	int two = open_file(m->direct, O_WRONLY | O_APPEND);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(one, "a", 1), 1);
		assert_int_equal(write(two, "b", 1), 1);
	}
	assert_content(m->path, "ababab");
	close(one);
	close(two);
}

static void a_file_without_a_name_goes_on(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	struct stat st;
	char byte;

	assert_ok(unlink(m->path));
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	assert_ok(ftruncate(fd, 3));
	assert_ok(fallocate(fd, 0, 0, 4096));
	assert_int_equal(lseek(fd, 0, SEEK_DATA), 0);
	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_size, 4096);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(pread(fd, &byte, 1, 2), 1);
	assert_int_equal(byte, 'l');
	close(fd);
}

static void a_sysv_segment_ends_where_it_ends(void **state)
{
	struct mounted *m = *state;
	int fd;

	seg_close(create_seg(m->ref, PAGE, 0));
	fd = open_file(m->path, O_RDWR);
	assert_int_equal(pwrite(fd, "xyz", 3, (off_t)PAGE - 1), 1);
	assert_int_equal(try(pwrite(fd, "x", 1, (off_t)PAGE)), -ENOSPC);
	assert_int_equal(stat_path(m->path).st_size, PAGE);
	close(fd);
}

static void a_sysv_segment_is_made_and_used_by_one_descriptor(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	char text[6] = { 0 };

	assert_ok(ftruncate(fd, 100));
	assert_int_equal(pwrite(fd, "hello", 5, 95), 5);
	assert_int_equal(pread(fd, text, 5, 95), 5);
	assert_string_equal(text, "hello");
	close(fd);
}

static void the_daemon_lets_go_of_every_descriptor(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	int fds[10];

	seg_close(create_seg(m->ref, PAGE, 0));
	for (int i = 0; i < 10; i++)
		fds[i] = open_file(m->path, i & 1 ? O_RDWR : O_RDONLY);
	assert_daemon_has(m, base + 11);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	stat_path(m->posix);
	assert_daemon_has(m, base);
}

static int write_as(void *path)
{
	int fd = open(path, O_WRONLY);

	return fd < 0 ? -errno : try(write(fd, "x", 1));
}

static void setuid_does_not_survive_what_others_write(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_ok(chmod(m->path, 06777));
	assert_ok(child_run(&somebody, write_as, (void *)m->path));
	assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 0777);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLAIN_BOTH(every_byte_is_exact_on_both_sides),
		PLAIN_BOTH(a_megabyte_goes_through_whole),
		PLAIN_BOTH(a_shared_mapping_is_enodev),
		PLAIN_POSIX(who_has_it_open_is_a_user),
		PLAIN_BOTH(the_mode_of_access_is_the_openers),
		PLAIN_POSIX(o_append_adds_at_the_end),
		PLAIN_POSIX(a_file_without_a_name_goes_on),
		PLAIN_SYSV(a_sysv_segment_ends_where_it_ends),
		PLAIN_SYSV(a_sysv_segment_is_made_and_used_by_one_descriptor),
		PLAIN_BOTH(the_daemon_lets_go_of_every_descriptor),
		PLAIN_POSIX(setuid_does_not_survive_what_others_write),
	};

	return RUN_MOUNTED(tests);
}
