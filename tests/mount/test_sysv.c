// SPDX-License-Identifier: MIT
/* System V segments as files: names, creation, the fixed size, removal. */
#include <dirent.h>
#include <linux/falloc.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "mounted.h"

static int shmid_of(const char *ref)
{
	return stat_seg(ref).shmid;
}

static bool is_listed(const char *dir, const char *name)
{
	DIR *d = opendir(dir);
	struct dirent *entry;
	int found = 0;

	assert_non_null(d);
	while ((entry = readdir(d)))
		found += strcmp(entry->d_name, name) == 0;
	closedir(d);
	assert_in_range(found, 0, 1);
	return found;
}

/* -- creating ----------------------------------------------------------------- */

static void the_first_truncate_makes_the_segment(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0640);
	struct seg_stat st;

	assert_int_equal(seg_stat(m->ref, &st), -ENOENT);
	assert_ok(ftruncate(fd, 10000));
	assert_ok(seg_stat(m->ref, &st));
	assert_int_equal(st.size, 10000);
	assert_int_equal(st.mode, 0640);
	assert_int_equal(st.nattch, 0);
	assert_int_equal(stat_path(m->path).st_size, 10000);
	assert_true(is_listed(m->sysv, strrchr(m->path, '/') + 1));
	close(fd);
	assert_int_equal(stat_path(m->path).st_size, 10000);
	assert_int_equal(stat_seg(m->ref).nattch, 0);
}

static void a_close_without_a_size_leaves_nothing(void **state)
{
	struct mounted *m = *state;
	struct seg_stat st;

	close(create_file(m->path, 0600));
	assert_int_equal(seg_stat(m->ref, &st), -ENOENT);
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_false(is_listed(m->sysv, strrchr(m->path, '/') + 1));
	close(create_file(m->path, 0600)); /* and the name is free */
}

static void what_has_no_size_yet_is_empty(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	struct stat st;
	char byte;

	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_size, 0);
	assert_int_equal(pread(fd, &byte, 1, 0), 0);
	assert_int_equal(try(pwrite(fd, "x", 1, 0)), -ENOSPC);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	assert_int_equal(try_open(m->path, O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
	assert_ok(ftruncate(fd, 0));
	assert_ok(ftruncate(fd, (off_t)PAGE));
	close(fd);
}

/* Its file was opened before there was anything to pass through to. */
static void the_creating_descriptor_reads_and_writes_and_is_opened_again_to_map(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	unsigned char *mounted, *attached;
	struct seg *seg;
	char byte;

	assert_ok(ftruncate(fd, 2 * (off_t)PAGE));
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, ENODEV);
	mounted = map_file(m->path, 2 * PAGE, PROT_READ | PROT_WRITE);
	seg = open_seg(m->ref, 0);
	attached = map_seg(seg, 0, 0, 0);
	mounted[PAGE] = 'm';
	assert_int_equal(attached[PAGE], 'm');
	assert_int_equal(pread(fd, &byte, 1, (off_t)PAGE), 1);
	assert_int_equal(byte, 'm');
	assert_int_equal(pwrite(fd, "w", 1, 1), 1);
	assert_int_equal(attached[1], 'w');
	assert_int_equal(pwrite(fd, "xyz", 3, 2 * (off_t)PAGE - 2), 2);
	assert_int_equal(try(pwrite(fd, "x", 1, 2 * (off_t)PAGE)), -ENOSPC);
	close(fd);
	seg_close(seg);
}

static void the_key_taken_meanwhile_is_eexist(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	seg_close(create_seg(m->ref, 100, 0)); /* behind the mount's back */
	assert_int_equal(try(ftruncate(fd, 100)), -EEXIST);
	close(fd);
	assert_int_equal(stat_path(m->path).st_size, 100);
}

static void what_is_no_key_is_einval(void **state)
{
	static const char *const names[] = {
		"foo",         "0x400",       "0x00000000",  "0X00000400",     "0x0000ABCD",
		"0x000000400", " 0x00000400", "0x00000400 ", "1024",           "id-5",
		"id-",         "id-05",       "id-0x5",      "id-99999999999", "0x0000040g"
	};
	struct mounted *m = *state;
	struct stat st;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *path = path_of(m, "%s/%s", m->sysv, names[i]);

		assert_int_equal(try_open(path, O_CREAT | O_RDWR, 0600), -EINVAL);
		assert_int_equal(try(stat(path, &st)), -ENOENT);
	}
	assert_int_equal(try(mknod(m->path, S_IFREG | 0600, 0)), -EPERM);
}

static void o_creat_opens_what_is_there(void **state)
{
	struct mounted *m = *state;
	int fd;

	seg_close(create_seg(m->ref, 100, 0));
	fd = open_file(m->path, O_CREAT | O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 99), 1);
	assert_ok(ftruncate(fd, 100)); /* a program that makes and sizes it, as if new */
	close(fd);
	assert_int_equal(try_open(m->path, O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
}

static void limits_are_told_when_the_size_is_given(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	int r = try(ftruncate(fd, INT64_MAX));

	assert_true(r == -ENOMEM || r == -ENOSPC || r == -EINVAL);
	assert_ok(ftruncate(fd, 100)); /* a failure is not the end of it */
	close(fd);
}

/* -- the size is fixed ---------------------------------------------------------- */

static void every_other_size_is_eopnotsupp(void **state)
{
	struct mounted *m = *state;
	int fd;

	seg_close(create_seg(m->ref, 10000, 0));
	fd = open_file(m->path, O_RDWR);
	for (off_t size = 0; size < 20000; size += 5000)
		assert_int_equal(try(ftruncate(fd, size)), size == 10000 ? 0 : -EOPNOTSUPP);
	assert_int_equal(try(truncate(m->path, 5)), -EOPNOTSUPP);
	assert_int_equal(try_open(m->path, O_RDWR | O_TRUNC, 0), -EOPNOTSUPP);
	assert_int_equal(try(fallocate(fd, 0, 0, 20000)), -EOPNOTSUPP);
	assert_int_equal(try(fallocate(fd, 0, INT64_MAX, 1)), -EFBIG);
	assert_ok(fallocate(fd, 0, 0, 10000));
	assert_int_equal(stat_seg(m->ref).size, 10000);
	assert_int_equal(stat_path(m->path).st_size, 10000);
	close(fd);
}

static void a_hole_can_be_punched(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 4 * PAGE, 0);
	unsigned char *attached = map_seg(seg, 0, 0, 0);
	int fd = open_file(m->path, O_RDWR);

	memset(attached, 'x', 4 * PAGE);
	assert_ok(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)PAGE,
			    (off_t)PAGE));
	assert_int_equal(lseek(fd, 0, SEEK_HOLE), PAGE);
	assert_int_equal(stat_path(m->path).st_blocks, 3 * PAGE / 512);
	assert_int_equal(attached[PAGE], 0);
	assert_int_equal(attached[2 * PAGE], 'x');
	seg_close(seg);
	close(fd);
}

/* -- names and attributes ------------------------------------------------------- */

static void a_segment_is_listed_by_its_key_and_nothing_else(void **state)
{
	struct mounted *m = *state;
	char by_id[32];
	struct stat st;

	seg_close(create_seg(m->ref, 100, 0));
	snprintf(by_id, sizeof(by_id), "id-%d", shmid_of(m->ref));
	assert_true(is_listed(m->sysv, strrchr(m->path, '/') + 1));
	assert_false(is_listed(m->sysv, by_id));
	assert_int_equal(try(stat(path_of(m, "%s/%s", m->sysv, by_id), &st)), -ENOENT);
}

static void a_segment_without_a_key_is_listed_by_its_id(void **state)
{
	struct mounted *m = *state;
	int id = shmget(IPC_PRIVATE, 3 * PAGE, IPC_CREAT | 0640);
	const char *path = path_of(m, "%s/id-%d", m->sysv, id);
	unsigned char *attached = shmat(id, NULL, 0), *mounted;

	assert_true(is_listed(m->sysv, strrchr(path, '/') + 1));
	assert_int_equal(stat_path(path).st_size, 3 * PAGE);
	assert_int_equal(stat_path(path).st_mode, S_IFREG | 0640);
	mounted = map_file(path, 3 * PAGE, PROT_READ | PROT_WRITE);
	mounted[5] = 'm';
	assert_int_equal(attached[5], 'm');
	assert_ok(unlink(path));
	assert_false(is_listed(m->sysv, strrchr(path, '/') + 1));
	assert_int_equal(try_open(path, O_RDWR, 0), -ENOENT);
	mounted[6] = 'n';
	assert_int_equal(attached[6], 'n');
	shmdt(attached);
	munmap(mounted, 3 * PAGE);
	assert_int_equal(try(shmctl(id, IPC_STAT, &(struct shmid_ds){ 0 })), -EINVAL);
}

static void mode_and_owner_are_the_segments_own(void **state)
{
	struct mounted *m = *state;

	seg_close(create_seg(m->ref, 100, 0));
	assert_ok(chmod(m->path, 0644));
	assert_int_equal(stat_seg(m->ref).mode, 0644);
	assert_ok(chown(m->path, 17, 18));
	assert_int_equal(stat_seg(m->ref).uid, 17);
	assert_int_equal(stat_seg(m->ref).gid, 18);
	assert_int_equal(stat_seg(m->ref).cuid, 0);
	assert_int_equal(stat_path(m->path).st_uid, 17);
	assert_ok(chmod(m->path, 07600)); /* it has the nine bits only */
	assert_int_equal(stat_path(m->path).st_mode, S_IFREG | 0600);
	assert_ok(utimensat(AT_FDCWD, m->path, NULL, 0)); /* so that `touch` need not fail */
}

static void names_do_not_move(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_SYSV));

	seg_close(create_seg(m->ref, 100, 0));
	assert_int_equal(try(rename(m->path, other)), -EOPNOTSUPP);
	assert_int_equal(try(link(m->path, other)), -EPERM);
	assert_int_equal(try(rename(m->path, path_of(m, "%s/x", m->posix))), -EXDEV);
	assert_int_equal(stat_path(m->path).st_size, 100);
}

static void the_same_key_made_again_is_another_segment(void **state)
{
	struct mounted *m = *state;
	int old, new;
	struct stat st_old, st_new;
	char byte;

	seg_close(create_seg(m->ref, 100, 0));
	old = open_file(m->path, O_RDWR);
	assert_int_equal(pwrite(old, "o", 1, 0), 1);
	assert_ok(seg_destroy(m->ref, 0));
	seg_close(create_seg(m->ref, 200, 0));
	new = open_file(m->path, O_RDWR);
	assert_int_equal(pread(new, &byte, 1, 0), 1);
	assert_int_equal(byte, 0);
	assert_int_equal(pread(old, &byte, 1, 0), 1);
	assert_int_equal(byte, 'o');
	assert_ok(fstat(old, &st_old));
	assert_ok(fstat(new, &st_new));
	assert_int_not_equal(st_old.st_ino, st_new.st_ino);
	assert_int_equal(st_old.st_size, 100);
	assert_int_equal(st_new.st_size, 200);
	close(old);
	close(new);
}

/* -- removal --------------------------------------------------------------------- */

static void the_name_goes_at_once_and_the_pages_with_the_last_user(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 2 * PAGE, 0);
	unsigned char *attached = map_seg(seg, 0, 0, 0);
	unsigned char *mounted = map_file(m->path, 2 * PAGE, PROT_READ | PROT_WRITE);
	struct seg_stat st;

	assert_ok(unlink(m->path));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_int_equal(seg_stat(m->ref, &st), -ENOENT);
	assert_false(is_listed(m->sysv, strrchr(m->path, '/') + 1));
	attached[0] = 'a';
	assert_int_equal(mounted[0], 'a');
	mounted[PAGE] = 'm'; /* a new page */
	assert_int_equal(attached[PAGE], 'm');
	assert_ok(seg_unmap(attached, 2 * PAGE));
	assert_int_equal(mounted[0], 'a');
	mounted[1] = 'b';
	assert_int_equal(mounted[1], 'b');
	munmap(mounted, 2 * PAGE);
	seg_close(seg);
}

static void an_open_file_survives_the_removal(void **state)
{
	struct mounted *m = *state;
	struct stat st;
	char byte;
	int fd;

	seg_close(create_seg(m->ref, 100, 0));
	fd = open_file(m->path, O_RDWR);
	assert_int_equal(pwrite(fd, "x", 1, 50), 1);
	assert_ok(chmod(m->path, 0640));
	assert_ok(unlink(m->path)); /* unattached: the id is gone too */
	assert_int_equal(pread(fd, &byte, 1, 50), 1);
	assert_int_equal(byte, 'x');
	assert_ok(fstat(fd, &st));
	assert_int_equal(st.st_size, 100);
	assert_int_equal(st.st_nlink, 0);
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(try(fchmod(fd, 0666)), -ENOENT);
	close(fd);
}

static void what_is_being_made_cannot_be_removed_yet(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_int_equal(try(unlink(m->path)), -EBUSY);
	assert_ok(ftruncate(fd, 100));
	assert_ok(unlink(m->path));
	close(fd);
}

/* -- a write past the end --------------------------------------------------------- */

/* Passthrough writes go to the segment's own file, which the kernel lets grow: the
 * segment itself does not, and nobody who has it attached is harmed. The file is cut back
 * when the last has closed it, which the daemon hears a moment later. */
static void a_write_past_the_end_changes_no_segment(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	unsigned char *attached = map_seg(seg, 0, 0, 0);
	int fd = open_file(m->path, O_RDWR);
	const time_t end = time(NULL) + 20;

	attached[0] = 'a';
	if (pwrite(fd, "past", 4, 4 * (off_t)PAGE) == 4)
		assert_true(stat_seg(m->ref).allocated > PAGE);
	assert_int_equal(stat_seg(m->ref).size, PAGE);
	assert_int_equal(stat_path(m->path).st_size, PAGE);
	assert_int_equal(attached[0], 'a');
	attached[PAGE - 1] = 'z';
	assert_int_equal(pwrite(fd, "b", 1, 1), 1);
	assert_int_equal(attached[1], 'b');
	close(fd);
	while (stat_seg(m->ref).allocated > PAGE)
		assert_true(time(NULL) < end);
	assert_int_equal(attached[1], 'b');
	seg_close(seg);
}

/* The rest of the last page is everybody's who has it attached. */
static void what_is_in_the_last_page_stays(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 100, 0);
	unsigned char *attached = map_seg(seg, 0, 0, 0);
	int fd = open_file(m->path, O_RDWR);

	attached[2000] = 'a';
	assert_int_equal(pwrite(fd, "0123456789", 10, 95), 10);
	close(fd);
	/* RELEASE is answered before what comes next from here */
	for (int i = 0; i < 3; i++)
		close(open_file(m->path, O_RDONLY));
	assert_int_equal(attached[2000], 'a');
	assert_int_equal(attached[99], '4');
	assert_int_equal(stat_path(m->path).st_size, 100);
	seg_close(seg);
}

/* -- huge pages -------------------------------------------------------------------- */

static long huge_pages(long wanted)
{
	FILE *file = fopen("/proc/sys/vm/nr_hugepages", "r+");
	long got = -1;

	if (!file)
		return -1;
	if (wanted >= 0) {
		fprintf(file, "%ld\n", wanted);
		fflush(file);
		rewind(file);
	}
	if (fscanf(file, "%ld", &got) != 1)
		got = -1;
	fclose(file);
	return got;
}

static void a_segment_of_huge_pages_is_shown_and_not_opened(void **state)
{
	struct mounted *m = *state;
	const long before = huge_pages(-1);
	const int size = 2 << 20;
	int id;

	if (huge_pages(before + 1) <= before)
		skip_because("no huge page can be had");
	id = shmget((key_t)strtoul(m->ref + 5, NULL, 16), size, IPC_CREAT | SHM_HUGETLB | 0600);
	if (id < 0) {
		huge_pages(before);
		skip_because("no segment of huge pages can be made");
	}
	assert_int_equal(stat_path(m->path).st_size, size);
	assert_true(is_listed(m->sysv, strrchr(m->path, '/') + 1));
	assert_int_equal(try_open(m->path, O_RDWR, 0), -EOPNOTSUPP);
	assert_ok(chmod(m->path, 0640));
	assert_ok(unlink(m->path));
	huge_pages(before);
	assert_int_equal(try(shmctl(id, IPC_STAT, &(struct shmid_ds){ 0 })), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_SYSV(the_first_truncate_makes_the_segment),
		MOUNTED_SYSV(a_close_without_a_size_leaves_nothing),
		MOUNTED_SYSV(what_has_no_size_yet_is_empty),
		MOUNTED_SYSV(the_creating_descriptor_reads_and_writes_and_is_opened_again_to_map),
		MOUNTED_SYSV(the_key_taken_meanwhile_is_eexist),
		MOUNTED_SYSV(what_is_no_key_is_einval),
		MOUNTED_SYSV(o_creat_opens_what_is_there),
		MOUNTED_SYSV(limits_are_told_when_the_size_is_given),
		MOUNTED_SYSV(every_other_size_is_eopnotsupp),
		MOUNTED_SYSV(a_hole_can_be_punched),
		MOUNTED_SYSV(a_segment_is_listed_by_its_key_and_nothing_else),
		MOUNTED_SYSV(a_segment_without_a_key_is_listed_by_its_id),
		MOUNTED_SYSV(mode_and_owner_are_the_segments_own),
		MOUNTED_SYSV(names_do_not_move),
		MOUNTED_SYSV(the_same_key_made_again_is_another_segment),
		MOUNTED_SYSV(the_name_goes_at_once_and_the_pages_with_the_last_user),
		MOUNTED_SYSV(an_open_file_survives_the_removal),
		MOUNTED_SYSV(what_is_being_made_cannot_be_removed_yet),
		MOUNTED_SYSV(a_write_past_the_end_changes_no_segment),
		MOUNTED_SYSV(what_is_in_the_last_page_stays),
		MOUNTED_SYSV(a_segment_of_huge_pages_is_shown_and_not_opened),
	};

	return RUN_MOUNTED(tests);
}
