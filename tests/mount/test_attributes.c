// SPDX-License-Identifier: MIT
/* Mode, owner, times, extended attributes. */
#include <sys/time.h>
#include <sys/xattr.h>

#include "mounted.h"

static void times_are_set_and_left_alone(void **state)
{
	struct mounted *m = *state;
	const struct timespec both[] = { { 1000, 1 }, { 2000, 2 } };
	const struct timespec one[] = { { 0, UTIME_OMIT }, { 3000, 3 } };
	struct stat st;

	write_file(m->path, "hello");
	assert_ok(utimensat(AT_FDCWD, m->path, both, 0));
	st = stat_path(m->direct);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_atim.tv_nsec, 1);
	assert_int_equal(st.st_mtim.tv_sec, 2000);
	assert_ok(utimensat(AT_FDCWD, m->path, one, 0));
	st = stat_path(m->path);
	assert_int_equal(st.st_atim.tv_sec, 1000);
	assert_int_equal(st.st_mtim.tv_sec, 3000);
	assert_int_equal(st.st_mtim.tv_nsec, 3);
	assert_true(st.st_ctim.tv_sec > 3000);
}

static void the_epoch_is_a_time_too(void **state)
{
	struct mounted *m = *state;
	const struct timespec epoch[] = { { 0, 0 }, { 0, 0 } };
	struct stat st;

	write_file(m->path, "hello");
	assert_ok(utimensat(AT_FDCWD, m->path, epoch, 0));
	st = stat_path(m->path);
	assert_int_equal(st.st_atim.tv_sec, 0);
	assert_int_equal(st.st_mtim.tv_sec, 0);
}

static void now_is_now(void **state)
{
	struct mounted *m = *state;
	const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };
	struct stat before, after;

	write_file(m->path, "hello");
	before = stat_path(m->path);
	assert_ok(utimensat(AT_FDCWD, m->path, old, 0));
	assert_ok(utimensat(AT_FDCWD, m->path, NULL, 0));
	after = stat_path(m->path);
	assert_true(after.st_mtim.tv_sec >= before.st_mtim.tv_sec);
	assert_true(after.st_atim.tv_sec >= before.st_mtim.tv_sec);
}

static void a_write_on_either_side_changes_the_time_of_both(void **state)
{
	struct mounted *m = *state;
	const struct timespec old[] = { { 1000, 0 }, { 1000, 0 } };

	write_file(m->path, "hello");
	for (int i = 0; i < 2; i++) {
		assert_ok(utimensat(AT_FDCWD, m->path, old, 0));
		write_file(i ? m->path : m->direct, "jello");
		assert_true(stat_path(m->path).st_mtim.tv_sec > 1000);
		assert_int_equal(stat_path(m->path).st_mtim.tv_nsec,
				 stat_path(m->direct).st_mtim.tv_nsec);
	}
}

static void mode_and_owner_are_set_on_the_segment(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_ok(chmod(m->path, 0641));
	assert_int_equal(stat_path(m->direct).st_mode, S_IFREG | 0641);
	assert_ok(chown(m->path, 17, 18));
	assert_int_equal(stat_path(m->direct).st_uid, 17);
	assert_int_equal(stat_path(m->direct).st_gid, 18);
	assert_ok(chown(m->path, (uid_t)-1, 19));
	assert_int_equal(stat_path(m->path).st_uid, 17);
	assert_int_equal(stat_path(m->path).st_gid, 19);
	assert_ok(chmod(m->direct, 0600));
	assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 0600);
}

static void setuid_goes_when_the_owner_changes(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_ok(chmod(m->path, 06755));
	assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 06755);
	assert_ok(chown(m->path, 17, 18));
	assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 0755);
}

static int write_one_byte(void *path)
{
	int fd = open(path, O_WRONLY);

	return fd < 0 ? -errno : try(write(fd, "x", 1));
}

static int truncate_it(void *path)
{
	return try(truncate(path, 1));
}

static int append_it(void *path)
{
	int fd = open(path, O_RDWR | O_APPEND);

	return fd < 0 ? -errno : try(write(fd, "x", 1));
}

static void setuid_does_not_survive_what_others_write(void **state)
{
	struct mounted *m = *state;
	const struct child_setting somebody = { .uid = SOMEBODY };
	child_fn *const changes[] = { write_one_byte, truncate_it, append_it };

	write_file(m->path, "hello");
	for (size_t i = 0; i < 3; i++) {
		assert_ok(chmod(m->path, 06777));
		assert_ok(child_run(&somebody, changes[i], (void *)m->path));
		assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 0777);
		assert_int_equal(stat_path(m->direct).st_mode, S_IFREG | 0777);
	}
}

static void user_attributes_are_kept_with_the_segment(void **state)
{
	struct mounted *m = *state;
	char value[16], list[64];

	write_file(m->path, "hello");
	if (setxattr(m->direct, "user.probe", "", 0, 0) < 0)
		skip_because("this kernel's tmpfs has no user attributes (Linux 6.6)");
	assert_ok(removexattr(m->direct, "user.probe"));
	assert_ok(setxattr(m->path, "user.unit", "pixels", 6, XATTR_CREATE));
	assert_int_equal(try(setxattr(m->path, "user.unit", "x", 1, XATTR_CREATE)), -EEXIST);
	assert_int_equal(getxattr(m->direct, "user.unit", value, sizeof(value)), 6);
	assert_int_equal(getxattr(m->path, "user.unit", NULL, 0), 6);
	assert_int_equal(try(getxattr(m->path, "user.unit", value, 2)), -ERANGE);
	assert_int_equal(listxattr(m->path, list, sizeof(list)), 10);
	assert_string_equal(list, "user.unit");
	assert_int_equal(try(listxattr(m->path, list, 2)), -ERANGE);
	assert_ok(removexattr(m->path, "user.unit"));
	assert_int_equal(try(removexattr(m->path, "user.unit")), -ENODATA);
	assert_int_equal(try(getxattr(m->path, "user.unit", value, 16)), -ENODATA);
	assert_int_equal(listxattr(m->path, list, sizeof(list)), 0);
}

static void other_attributes_are_not_served(void **state)
{
	struct mounted *m = *state;
	char value[16];

	write_file(m->path, "hello");
	assert_int_equal(try(setxattr(m->path, "trusted.x", "x", 1, 0)), -EOPNOTSUPP);
	assert_int_equal(try(getxattr(m->path, "trusted.x", value, 16)), -ENODATA);
	assert_int_equal(try(setxattr(m->posix, "user.x", "x", 1, 0)), -EOPNOTSUPP);
	assert_int_equal(listxattr(m->posix, value, 16), 0);
}

static void posix_is_as_open_as_dev_shm(void **state)
{
	struct mounted *m = *state;

	assert_int_equal(stat_path(m->posix).st_mode, stat_path("/dev/shm").st_mode);
	assert_ok(chmod("/dev/shm", 0755));
	assert_int_equal(stat_path(m->posix).st_mode, S_IFDIR | 0755);
	assert_ok(chown("/dev/shm", 17, 18));
	assert_int_equal(stat_path(m->posix).st_uid, 17);
	assert_int_equal(stat_path(m->posix).st_gid, 18);
	assert_ok(chown("/dev/shm", 0, 0));
	assert_ok(chmod("/dev/shm", 01777));
	assert_int_equal(stat_path(m->sysv).st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_path(m->point).st_mode, S_IFDIR | 0755);
}

static void the_directories_themselves_stay_as_they_are(void **state)
{
	struct mounted *m = *state;

	assert_int_equal(try(chmod(m->posix, 0700)), -EPERM);
	assert_int_equal(try(chown(m->sysv, 1, 1)), -EPERM);
	assert_int_equal(try(chmod(m->point, 0700)), -EPERM);
	assert_int_equal(stat_path("/dev/shm").st_mode, S_IFDIR | 01777);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(times_are_set_and_left_alone),
		MOUNTED_POSIX(the_epoch_is_a_time_too),
		MOUNTED_POSIX(now_is_now),
		MOUNTED_POSIX(a_write_on_either_side_changes_the_time_of_both),
		MOUNTED_POSIX(mode_and_owner_are_set_on_the_segment),
		MOUNTED_POSIX(setuid_goes_when_the_owner_changes),
		MOUNTED_POSIX(setuid_does_not_survive_what_others_write),
		MOUNTED_POSIX(user_attributes_are_kept_with_the_segment),
		MOUNTED_POSIX(other_attributes_are_not_served),
		MOUNTED_POSIX(posix_is_as_open_as_dev_shm),
		MOUNTED_POSIX(the_directories_themselves_stay_as_they_are),
	};

	return RUN_MOUNTED(tests);
}
