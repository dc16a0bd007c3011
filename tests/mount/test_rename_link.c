// SPDX-License-Identifier: MIT
/* Names change: rename, exchange, link, unlink. */
#include "mounted.h"

static void a_rename_is_one_on_both_sides(void **state)
{
	struct mounted *m = *state;
	const char *new_ref = fixture_ref(m->f, SEG_POSIX), *new_path = on_mount(m, new_ref);
	int fd = create_file(m->path, 0600);
	struct stat before = stat_path(m->path);

	assert_int_equal(write(fd, "x", 1), 1);
	assert_ok(rename(m->path, new_path));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_int_equal(try_open(m->direct, O_RDONLY, 0), -ENOENT);
	assert_content(in_shm(m, new_ref), "x");
	assert_content(new_path, "x");
	assert_int_equal(stat_path(new_path).st_ino, before.st_ino);
	assert_ok(ftruncate(fd, 100)); /* open files go along */
	assert_int_equal(stat_path(new_path).st_size, 100);
	assert_ok(truncate(new_path, 50));
	close(fd);
	assert_ok(chmod(new_path, 0644));
}

static void a_rename_replaces_and_the_replaced_one_goes_on(void **state)
{
	struct mounted *m = *state;
	const char *new_path = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	struct stat st;
	char byte;
	int fd;

	write_file(m->path, "source");
	write_file(new_path, "target");
	fd = open_file(new_path, O_RDWR);
	assert_ok(rename(m->path, new_path));
	assert_content(new_path, "source");
	assert_int_equal(pread(fd, &byte, 1, 0), 1);
	assert_int_equal(byte, 't');
	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_nlink, 0);
	close(fd);
}

static void noreplace_does_not_replace(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	const char *third = on_mount(m, fixture_ref(m->f, SEG_POSIX));

	write_file(m->path, "one");
	write_file(other, "two");
	assert_int_equal(try(renameat2(AT_FDCWD, m->path, AT_FDCWD, other, RENAME_NOREPLACE)),
			 -EEXIST);
	assert_content(m->path, "one");
	assert_content(other, "two");
	assert_ok(renameat2(AT_FDCWD, m->path, AT_FDCWD, third, RENAME_NOREPLACE));
	assert_content(third, "one");
}

static void an_exchange_swaps_two_names(void **state)
{
	struct mounted *m = *state;
	const char *other_ref = fixture_ref(m->f, SEG_POSIX), *other = on_mount(m, other_ref);

	write_file(m->path, "one");
	write_file(other, "two");
	assert_ok(renameat2(AT_FDCWD, m->path, AT_FDCWD, other, RENAME_EXCHANGE));
	assert_content(m->path, "two");
	assert_content(other, "one");
	assert_content(m->direct, "two");
	assert_content(in_shm(m, other_ref), "one");
	assert_ok(truncate(m->path, 1)); /* each name leads to its own inode */
	assert_int_equal(stat_path(other).st_size, 3);
	assert_ok(unlink(other));
	assert_int_equal(try(renameat2(AT_FDCWD, m->path, AT_FDCWD, other, RENAME_EXCHANGE)),
			 -ENOENT);
	assert_int_equal(try(renameat2(AT_FDCWD, m->path, AT_FDCWD, other, RENAME_WHITEOUT)),
			 -EINVAL);
}

static void a_name_can_be_renamed_to_itself(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "one");
	assert_ok(rename(m->path, m->path));
	assert_content(m->path, "one");
}

static void hard_links_are_one_segment(void **state)
{
	struct mounted *m = *state;
	const char *ref = fixture_ref(m->f, SEG_POSIX), *other = on_mount(m, ref);
	unsigned char *one, *two;

	write_file(m->path, "hello");
	assert_ok(link(m->path, other));
	assert_int_equal(stat_path(m->path).st_nlink, 2);
	assert_int_equal(stat_path(other).st_nlink, 2);
	assert_int_equal(stat_path(other).st_ino, stat_path(m->path).st_ino);
	one = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	two = map_file(other, PAGE, PROT_READ | PROT_WRITE);
	one[0] = 'j';
	assert_int_equal(two[0], 'j');
	assert_content(in_shm(m, ref), "jello");
	assert_ok(unlink(m->path));
	assert_int_equal(stat_path(other).st_nlink, 1);
	assert_ok(truncate(other, 3)); /* by the name that is left */
	assert_content(other, "jel");
	munmap(one, PAGE);
	munmap(two, PAGE);
}

static void a_link_does_not_replace(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_POSIX));

	write_file(m->path, "one");
	write_file(other, "two");
	assert_int_equal(try(link(m->path, other)), -EEXIST);
	assert_content(other, "two");
}

static void an_open_file_is_linked_by_its_descriptor(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	int fd = create_file(m->path, 0600);
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	assert_ok(linkat(AT_FDCWD, path, AT_FDCWD, other, AT_SYMLINK_FOLLOW));
	assert_int_equal(stat_path(other).st_nlink, 2);
	assert_ok(unlink(other));
	assert_ok(unlink(m->path));
	/* as on any file system, what has lost its last name gets no other */
	assert_int_equal(try(linkat(AT_FDCWD, path, AT_FDCWD, other, AT_SYMLINK_FOLLOW)), -ENOENT);
	close(fd);
}

static void a_rename_behind_the_mount_shows_at_once(void **state)
{
	struct mounted *m = *state;
	const char *ref = fixture_ref(m->f, SEG_POSIX);
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDWR);
	assert_ok(rename(m->direct, in_shm(m, ref)));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_content(on_mount(m, ref), "hello");
	assert_ok(ftruncate(fd, 2));
	assert_content(on_mount(m, ref), "he");
	close(fd);
}

static void a_segment_stays_in_its_directory(void **state)
{
	struct mounted *m = *state;
	const char *key = on_mount(m, fixture_ref(m->f, SEG_SYSV));

	write_file(m->path, "hello");
	assert_int_equal(try(rename(m->path, key)), -EXDEV);
	assert_int_equal(try(rename(m->path, path_of(m, "%s/x", m->point))), -EXDEV);
	assert_int_equal(try(rename(m->posix, path_of(m, "%s/other", m->point))), -EPERM);
	assert_int_equal(try(link(m->path, path_of(m, "%s/x", m->point))), -EPERM);
	assert_int_equal(try(link(m->path, key)), -EPERM);
	assert_int_equal(try(rmdir(m->posix)), -EPERM);
	assert_int_equal(try(unlink(m->posix)), -EISDIR);
	assert_content(m->path, "hello");
}

static void nothing_but_segments_is_made(void **state)
{
	struct mounted *m = *state;
	const char *const dirs[] = { m->posix, m->sysv, m->point };

	for (size_t i = 0; i < 3; i++) {
		const char *path = path_of(m, "%s/0x00000777", dirs[i]);

		assert_int_equal(try(mkdir(path, 0755)), -EPERM);
		assert_int_equal(try(symlink("x", path)), -EPERM);
		assert_int_equal(try(mknod(path, S_IFIFO | 0600, 0)), -EPERM);
		assert_int_equal(try(mknod(path, S_IFSOCK | 0600, 0)), -EPERM);
		assert_int_equal(try(mknod(path, S_IFCHR | 0600, 0x103)), -EPERM);
		assert_int_equal(access(path, F_OK), -1);
	}
	assert_int_equal(try_open(path_of(m, "%s/x", m->point), O_CREAT | O_RDWR, 0600), -EPERM);
	assert_ok(mknod(m->path, S_IFREG | 0640, 0));
	assert_int_equal(stat_path(m->direct).st_mode, S_IFREG | 0640);
	assert_int_equal(try(mknod(m->path, S_IFREG | 0640, 0)), -EEXIST);
}

static void a_missing_name_is_enoent_for_every_call(void **state)
{
	struct mounted *m = *state;
	struct stat st;

	assert_int_equal(try(stat(m->path, &st)), -ENOENT);
	assert_int_equal(try_open(m->path, O_RDWR, 0), -ENOENT);
	assert_int_equal(try(unlink(m->path)), -ENOENT);
	assert_int_equal(try(truncate(m->path, 0)), -ENOENT);
	assert_int_equal(try(rename(m->path, path_of(m, "%s/other", m->posix))), -ENOENT);
	assert_int_equal(try(link(m->path, path_of(m, "%s/other", m->posix))), -ENOENT);
	assert_int_equal(try(chmod(m->path, 0600)), -ENOENT);
	assert_int_equal(try(chown(m->path, 1, 1)), -ENOENT);
	assert_int_equal(try(stat(path_of(m, "%s/other", m->point), &st)), -ENOENT);
	write_file(m->path, "x");
	assert_int_equal(try(stat(path_of(m, "%s/x", m->path), &st)), -ENOTDIR);
	assert_int_equal(try_open(m->path, O_RDONLY | O_DIRECTORY, 0), -ENOTDIR);
	assert_int_equal(try(rmdir(m->path)), -ENOTDIR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(a_rename_is_one_on_both_sides),
		MOUNTED_POSIX(a_rename_replaces_and_the_replaced_one_goes_on),
		MOUNTED_POSIX(noreplace_does_not_replace),
		MOUNTED_POSIX(an_exchange_swaps_two_names),
		MOUNTED_POSIX(a_name_can_be_renamed_to_itself),
		MOUNTED_POSIX(hard_links_are_one_segment),
		MOUNTED_POSIX(a_link_does_not_replace),
		MOUNTED_POSIX(an_open_file_is_linked_by_its_descriptor),
		MOUNTED_POSIX(a_rename_behind_the_mount_shows_at_once),
		MOUNTED_POSIX(a_segment_stays_in_its_directory),
		MOUNTED_POSIX(nothing_but_segments_is_made),
		MOUNTED_POSIX(a_missing_name_is_enoent_for_every_call),
	};

	return RUN_MOUNTED(tests);
}
