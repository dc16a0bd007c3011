// SPDX-License-Identifier: MIT
/* What is in /dev/shm and is no segment is not there on the mount, and stays as it is. */
#include <dirent.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "mounted.h"

static void make_symlink(const char *path, const char *target)
{
	assert_ok(symlink(target, path));
}

static void make_node(const char *path, mode_t type, dev_t device)
{
	assert_ok(mknod(path, type | 0666, device));
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_ok(bind(fd, (const struct sockaddr *)&address, sizeof(address)));
	close(fd);
}

/* A file of another file system, mounted over one of /dev/shm. */
static void make_mounted_file(struct mounted *m, const char *path)
{
	close(create_file(path, 0666));
	assert_ok(mount("/etc/passwd", path, NULL, MS_BIND, NULL));
	fixture_mounted(m->f, path);
}

enum { OBSTACLES = 9 };

static const char *make_obstacle(struct mounted *m, size_t i)
{
	const char *path = path_of(m, "/dev/shm/segfs-test-%d-obstacle-%zu", getpid(), i);

	switch (i) {
	case 0:
		return make_symlink(path, "/etc/shadow"), path;
	case 1: /* to a segment of the same store */
		return make_symlink(path, strrchr(m->ref, '/') + 1), path;
	case 2:
		return make_symlink(path, "/nowhere/at/all"), path;
	case 3:
		return make_node(path, S_IFIFO, 0), path;
	case 4:
		return make_node(path, S_IFCHR, 0x103), path;
	case 5:
		return make_node(path, S_IFBLK, 0x701), path;
	case 6:
		return make_socket(path), path;
	case 7:
		assert_ok(mkdir(path, 0777));
		return path;
	default:
		return make_mounted_file(m, path), path;
	}
}

static void remove_obstacle(struct mounted *m, const char *path)
{
	while (m->f->mount_count > 0)
		umount2(m->f->mounts[--m->f->mount_count], MNT_DETACH);
	assert_ok(remove(path));
}

static const char *same_on_mount(struct mounted *m, const char *direct)
{
	return path_of(m, "%s%s", m->posix, strrchr(direct, '/'));
}

static void assert_untouched(const char *path, const struct stat *before)
{
	struct stat now = stat_path(path);

	assert_int_equal(now.st_ino, before->st_ino);
	assert_int_equal(now.st_dev, before->st_dev);
	assert_int_equal(now.st_mode, before->st_mode);
	assert_int_equal(now.st_uid, before->st_uid);
	assert_int_equal(now.st_size, before->st_size);
	assert_memory_equal(&now.st_mtim, &before->st_mtim, sizeof(now.st_mtim));
	assert_memory_equal(&now.st_ctim, &before->st_ctim, sizeof(now.st_ctim));
}

static bool is_listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	bool found = false;

	assert_non_null(d);
	while ((entry = readdir(d)))
		found |= strcmp(entry->d_name, name) == 0;
	closedir(d);
	return found;
}

static void it_is_not_there(struct mounted *m, const char *obstacle)
{
	const char *path = same_on_mount(m, obstacle);
	struct stat st;

	/* of a file that another is mounted over, the directory still has the name */
	if (m->f->mount_count == 0)
		assert_false(is_listed(m->posix, strrchr(obstacle, '/') + 1));
	assert_int_equal(try(lstat(path, &st)), -ENOENT);
	assert_int_equal(try_open(path, O_RDONLY, 0), -ENOENT);
	assert_int_equal(try_open(path, O_RDWR | O_TRUNC, 0), -ENOENT);
	assert_int_equal(try_open(path, O_PATH, 0), -ENOENT);
	assert_int_equal(try(unlink(path)), -ENOENT);
	assert_int_equal(try(rmdir(path)), -ENOENT);
	assert_int_equal(try(chmod(path, 0600)), -ENOENT);
	assert_int_equal(try(chown(path, 1, 1)), -ENOENT);
	assert_int_equal(try(truncate(path, 0)), -ENOENT);
	assert_int_equal(try(link(path, path_of(m, "%s-link", path))), -ENOENT);
	assert_int_equal(try(rename(path, path_of(m, "%s-new", path))), -ENOENT);
}

static void what_is_no_segment_is_enoent(void **state)
{
	struct mounted *m = *state;

	write_file(m->direct, "segment");
	for (size_t i = 0; i < OBSTACLES; i++) {
		const char *obstacle = make_obstacle(m, i);
		struct stat before = stat_path(obstacle);

		it_is_not_there(m, obstacle);
		assert_untouched(obstacle, &before);
		remove_obstacle(m, obstacle);
		m->path_count = 3;
	}
	assert_content(m->direct, "segment");
}

static void nothing_goes_over_it(struct mounted *m, const char *obstacle)
{
	const char *path = same_on_mount(m, obstacle);

	assert_int_equal(try_open(path, O_RDWR | O_CREAT, 0600), -EEXIST);
	assert_int_equal(try_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), -EEXIST);
	assert_int_equal(try_open(path, O_RDWR | O_CREAT | O_EXCL, 0600), -EEXIST);
	assert_int_equal(try(mknod(path, S_IFREG | 0600, 0)), -EEXIST);
	assert_int_equal(try(rename(m->path, path)), -EEXIST);
	assert_int_equal(try(renameat2(AT_FDCWD, m->path, AT_FDCWD, path, RENAME_NOREPLACE)),
			 -EEXIST);
	assert_int_equal(try(link(m->path, path)), -EEXIST);
	/* it isn't there, so there is nothing to exchange with: the kernel says so itself */
	assert_int_equal(try(renameat2(AT_FDCWD, m->path, AT_FDCWD, path, RENAME_EXCHANGE)),
			 -ENOENT);
}

static void creating_over_what_is_no_segment_is_eexist(void **state)
{
	struct mounted *m = *state;

	write_file(m->direct, "segment");
	for (size_t i = 0; i < OBSTACLES; i++) {
		const char *obstacle = make_obstacle(m, i);
		struct stat before = stat_path(obstacle);

		nothing_goes_over_it(m, obstacle);
		assert_untouched(obstacle, &before);
		remove_obstacle(m, obstacle);
		m->path_count = 3;
	}
	assert_content(m->path, "segment");
	assert_int_equal(stat_path(m->path).st_nlink, 1);
}

static void it_goes_round(struct mounted *m, const char *name)
{
	const char *path = path_of(m, "%s/%s", m->posix, name);
	const char *direct = path_of(m, "/dev/shm/%s", name);
	const char *other = path_of(m, "%s/%.*s", m->posix, 10, "segfs-test");

	write_file(path, "hello");
	assert_content(direct, "hello");
	assert_true(is_listed(m->posix, name));
	assert_ok(rename(path, other));
	assert_ok(rename(other, path));
	assert_ok(unlink(path));
	assert_int_equal(access(direct, F_OK), -1);
	m->path_count = 3;
}

static void every_byte_but_the_slash_can_be_in_a_name(void **state)
{
	struct mounted *m = *state;
	char name[64];

	for (int byte = 1; byte < 256; byte++) {
		if (byte == '/')
			continue;
		snprintf(name, sizeof(name), "%csegfs%ctest%c", byte, byte, byte);
		it_goes_round(m, name);
	}
	it_goes_round(m, "segfs-test\nwith two\nlines");
	it_goes_round(m, "segfs-test\xff\xfe\x80\xc0");
	it_goes_round(m, "...");
	it_goes_round(m, "sysv:0x00000400");
	it_goes_round(m, "sysv:id:5");
	it_goes_round(m, "0x00000400");
	it_goes_round(m, "id-5");
	it_goes_round(m, "\x01");
}

static void a_name_has_255_bytes_at_most(void **state)
{
	struct mounted *m = *state;
	char name[257];
	struct stat st;

	memset(name, 'n', sizeof(name));
	name[255] = '\0';
	it_goes_round(m, name);
	name[255] = 'n';
	name[256] = '\0';
	assert_int_equal(try(stat(path_of(m, "%s/%s", m->posix, name), &st)), -ENAMETOOLONG);
	assert_int_equal(try_open(path_of(m, "%s/%s", m->posix, name), O_CREAT | O_RDWR, 0600),
			 -ENAMETOOLONG);
	assert_int_equal(try(stat(path_of(m, "%s/%s", m->sysv, name), &st)), -ENAMETOOLONG);
	write_file(m->path, "x");
	assert_int_equal(try(rename(m->path, path_of(m, "%s/%s", m->posix, name))), -ENAMETOOLONG);
	assert_int_equal(try(link(m->path, path_of(m, "%s/%s", m->posix, name))), -ENAMETOOLONG);
}

static void a_segment_replaced_by_a_symlink_is_no_longer_reached(void **state)
{
	struct mounted *m = *state;
	const char *secret = path_of(m, "%s/secret", m->f->dir);
	const int base = settled_fds(m);
	int path_fd;
	char again[64];

	write_file(secret, "secret");
	write_file(m->direct, "segment");
	path_fd = open_file(m->path, O_PATH); /* looked up, not open */
	assert_ok(unlink(m->direct));
	assert_ok(symlink(secret, m->direct));
	assert_daemon_has(m, base); /* by then the daemon has let go of it */
	snprintf(again, sizeof(again), "/proc/self/fd/%d", path_fd);
	assert_int_equal(try_open(again, O_RDWR, 0), -ESTALE);
	assert_int_equal(try(truncate(again, 0)), -ESTALE);
	assert_int_equal(try(chmod(again, 0777)), -ESTALE);
	assert_content(secret, "secret");
	close(path_fd);
	assert_ok(unlink(secret));
}

static void the_same_holds_for_a_segment_replaced_by_another(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	int path_fd;
	char again[64];
	struct stat st;

	write_file(m->direct, "segment");
	path_fd = open_file(m->path, O_PATH);
	assert_ok(rename(m->direct, in_shm(m, fixture_ref(m->f, SEG_POSIX))));
	write_file(m->direct, "another");
	assert_daemon_has(m, base); /* by then the daemon has let go of it */
	snprintf(again, sizeof(again), "/proc/self/fd/%d", path_fd);
	assert_int_equal(try_open(again, O_RDWR, 0), -ESTALE);
	assert_int_equal(try(truncate(again, 0)), -ESTALE);
	assert_int_equal(try(chmod(again, 0777)), -ESTALE);
	assert_int_equal(try(fstat(path_fd, &st)), -ESTALE);
	assert_content(m->direct, "another");
	assert_int_equal(stat_path(m->direct).st_mode, S_IFREG | 0600);
	close(path_fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(what_is_no_segment_is_enoent),
		MOUNTED_POSIX(creating_over_what_is_no_segment_is_eexist),
		MOUNTED_POSIX(every_byte_but_the_slash_can_be_in_a_name),
		MOUNTED_POSIX(a_name_has_255_bytes_at_most),
		MOUNTED_POSIX(a_segment_replaced_by_a_symlink_is_no_longer_reached),
		MOUNTED_POSIX(the_same_holds_for_a_segment_replaced_by_another),
	};

	return RUN_MOUNTED(tests);
}
