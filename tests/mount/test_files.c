// SPDX-License-Identifier: MIT
/* A POSIX segment on the mount is a file like any other. */
#include <sys/file.h>
#include <sys/sendfile.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "mounted.h"

static void what_is_written_is_read_back_on_both_sides(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_content(m->path, "hello");
	assert_content(m->direct, "hello");
	write_file(m->direct, "jelly");
	assert_content(m->path, "jelly");
}

static void a_file_is_the_same_inode_as_its_segment(void **state)
{
	struct mounted *m = *state;
	struct stat mounted, direct;

	write_file(m->path, "hello");
	mounted = stat_path(m->path);
	direct = stat_path(m->direct);
	assert_int_equal(mounted.st_ino, direct.st_ino);
	assert_int_equal(mounted.st_mode, direct.st_mode);
	assert_int_equal(mounted.st_size, direct.st_size);
	assert_int_equal(mounted.st_blocks, direct.st_blocks);
	assert_int_equal(mounted.st_uid, direct.st_uid);
	assert_memory_equal(&mounted.st_mtim, &direct.st_mtim, sizeof(direct.st_mtim));
	assert_memory_equal(&mounted.st_ctim, &direct.st_ctim, sizeof(direct.st_ctim));
}

static void o_trunc_empties_it(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	close(open_file(m->path, O_WRONLY | O_TRUNC));
	assert_int_equal(stat_path(m->direct).st_size, 0);
	close(open_file(m->path, O_WRONLY | O_TRUNC | O_CREAT));
	assert_content(m->path, "");
}

static void o_append_adds_at_the_end_wherever_that_is_by_now(void **state)
{
	struct mounted *m = *state;
	int one = open_file(m->path, O_WRONLY | O_CREAT | O_APPEND);
	int two = open_file(m->path, O_WRONLY | O_APPEND);
	int three = open_file(m->direct, O_WRONLY | O_APPEND);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(write(one, "a", 1), 1);
		assert_int_equal(write(two, "b", 1), 1);
		assert_int_equal(write(three, "c", 1), 1);
	}
	assert_content(m->path, "abcabcabc");
	close(one);
	close(two);
	close(three);
}

static void a_change_of_size_behind_the_mount_shows_at_once(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	struct stat st;
	char byte;

	for (off_t size = 100000; size > 0; size = size / 3 * 2 - 1) {
		assert_ok(truncate(m->direct, size));
		assert_ok(fstat(fd, &st));
		assert_int_equal(st.st_size, size);
		assert_int_equal(lseek(fd, 0, SEEK_END), size);
		assert_int_equal(pread(fd, &byte, 1, size - 1), 1);
		assert_int_equal(pread(fd, &byte, 1, size), 0);
	}
	close(fd);
}

static void a_file_without_a_name_goes_on(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	unsigned char *addr;
	struct stat st;

	assert_ok(unlink(m->path));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_int_equal(access(m->direct, F_OK), -1);
	assert_ok(ftruncate(fd, 2 * (off_t)PAGE));
	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_size, 2 * PAGE);
	assert_int_equal(st.st_nlink, 0);
	assert_ok(fchmod(fd, 0640));
	addr = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	assert_int_equal(pwrite(fd, "x", 1, (off_t)PAGE), 1);
	assert_int_equal(addr[PAGE], 'x');
	close(fd);
	assert_int_equal(addr[PAGE], 'x');
	munmap(addr, 2 * PAGE);
}

static void the_next_file_of_the_name_is_another_one(void **state)
{
	struct mounted *m = *state;
	int old = create_file(m->path, 0600), new;
	struct stat st_old, st_new;
	char byte;

	assert_int_equal(write(old, "o", 1), 1);
	assert_ok(unlink(m->direct)); /* behind the mount's back */
	new = create_file(m->path, 0600);
	assert_int_equal(write(new, "n", 1), 1);
	assert_int_equal(pread(old, &byte, 1, 0), 1);
	assert_int_equal(byte, 'o');
	assert_content(m->path, "n");
	assert_ok(fstat(old, &st_old));
	assert_ok(fstat(new, &st_new));
	assert_int_not_equal(st_old.st_ino, st_new.st_ino);
	assert_int_equal(st_old.st_nlink, 0);
	assert_int_equal(st_new.st_nlink, 1);
	close(old);
	close(new);
}

static void an_open_file_is_opened_again_by_its_descriptor(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600), path_fd = open_file(m->path, O_PATH), again;
	char path[64];

	assert_int_equal(write(fd, "x", 1), 1);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", path_fd);
	assert_content(path, "x");
	assert_ok(unlink(m->path));
	again = open_file(path, O_RDWR); /* while it is open it needs no name */
	close(again);
	close(fd);
	assert_int_equal(try_open(path, O_RDWR, 0), -ESTALE); /* but here it does */
	close(path_fd);
}

static void all_syncs_succeed(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDWR);
	addr = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	addr[0] = 'j';
	assert_ok(fsync(fd));
	assert_ok(fdatasync(fd));
	assert_ok(msync(addr, PAGE, MS_SYNC));
	assert_ok(syncfs(fd));
	assert_ok(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED));
	assert_int_equal(readahead(fd, 0, PAGE), 0);
	assert_content(m->direct, "jello");
	munmap(addr, PAGE);
	close(fd);
}

static void the_kernel_copies_out_of_it_and_into_it(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	int in, out = create_file(other, 0600), pipes[2];
	off_t off = 0;

	write_file(m->path, "hello");
	in = open_file(m->path, O_RDONLY);
	assert_int_equal(sendfile(out, in, &off, 5), 5);
	off = 0;
	assert_int_equal(copy_file_range(in, &off, out, NULL, 5, 0), 5);
	assert_ok(pipe(pipes));
	off = 1;
	assert_int_equal(splice(in, &off, pipes[1], NULL, 3, 0), 3);
	assert_int_equal(splice(pipes[0], NULL, out, NULL, 3, 0), 3);
	assert_content(other, "hellohelloell");
	close(pipes[0]);
	close(pipes[1]);
	close(in);
	close(out);
}

static void a_private_mapping_keeps_its_changes_to_itself(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDONLY);
	addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	addr[0] = 'j';
	assert_content(m->path, "hello");
	munmap(addr, PAGE);
	close(fd);
}

static void a_mapping_is_as_wide_as_its_open_file(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDONLY);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, EACCES);
	addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	assert_int_equal(try(mprotect(addr, PAGE, PROT_READ | PROT_WRITE)), -EACCES);
	munmap(addr, PAGE);
	assert_int_equal(try(write(fd, "x", 1)), -EBADF);
	assert_int_equal(try(ftruncate(fd, 1)), -EINVAL);
	close(fd);
}

static void a_mapping_grows_is_locked_and_gives_pages_back(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	unsigned char *addr;

	assert_ok(ftruncate(fd, 4 * (off_t)PAGE));
	addr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	addr = mremap(addr, PAGE, 4 * PAGE, MREMAP_MAYMOVE);
	assert_ptr_not_equal(addr, MAP_FAILED);
	assert_ok(syscall(SYS_mlock, addr, 4 * PAGE)); /* mlock() is empty under ASan */
	addr[3 * PAGE] = 'x';
	assert_int_equal(stat_path(m->direct).st_blocks, 4 * PAGE / 512);
	assert_ok(syscall(SYS_munlock, addr, 4 * PAGE));
	assert_ok(madvise(addr, 2 * PAGE, MADV_REMOVE));
	assert_int_equal(stat_path(m->path).st_blocks, 2 * PAGE / 512);
	assert_int_equal(addr[3 * PAGE], 'x');
	munmap(addr, 4 * PAGE);
	close(fd);
}

static void locks_hold_between_openers_on_the_mount(void **state)
{
	struct mounted *m = *state;
	int one = create_file(m->path, 0600), two = open_file(m->path, O_RDWR);
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 10 };

	assert_ok(flock(one, LOCK_EX));
	assert_int_equal(try(flock(two, LOCK_EX | LOCK_NB)), -EWOULDBLOCK);
	assert_ok(flock(one, LOCK_UN));
	assert_ok(fcntl(one, F_OFD_SETLK, &lock));
	assert_int_equal(try(fcntl(two, F_OFD_SETLK, &lock)), -EAGAIN);
	lock.l_start = 10;
	assert_ok(fcntl(two, F_OFD_SETLK, &lock));
	close(one);
	close(two);
}

static void there_are_no_files_without_a_name_to_begin_with(void **state)
{
	struct mounted *m = *state;

	assert_int_equal(try_open(m->posix, O_TMPFILE | O_RDWR, 0600), -EOPNOTSUPP);
	assert_int_equal(try_open(m->sysv, O_TMPFILE | O_RDWR, 0600), -EOPNOTSUPP);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(what_is_written_is_read_back_on_both_sides),
		MOUNTED_POSIX(a_file_is_the_same_inode_as_its_segment),
		MOUNTED_POSIX(o_trunc_empties_it),
		MOUNTED_POSIX(o_append_adds_at_the_end_wherever_that_is_by_now),
		MOUNTED_POSIX(a_change_of_size_behind_the_mount_shows_at_once),
		MOUNTED_POSIX(a_file_without_a_name_goes_on),
		MOUNTED_POSIX(the_next_file_of_the_name_is_another_one),
		MOUNTED_POSIX(an_open_file_is_opened_again_by_its_descriptor),
		MOUNTED_POSIX(all_syncs_succeed),
		MOUNTED_POSIX(the_kernel_copies_out_of_it_and_into_it),
		MOUNTED_POSIX(a_private_mapping_keeps_its_changes_to_itself),
		MOUNTED_POSIX(a_mapping_is_as_wide_as_its_open_file),
		MOUNTED_POSIX(a_mapping_grows_is_locked_and_gives_pages_back),
		MOUNTED_POSIX(locks_hold_between_openers_on_the_mount),
		MOUNTED_POSIX(there_are_no_files_without_a_name_to_begin_with),
	};

	return RUN_MOUNTED(tests);
}
