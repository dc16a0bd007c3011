// SPDX-License-Identifier: MIT
/* A private namespace: flat, with a limit, and libseg at home in it. */
#include <dirent.h>
#include <grp.h>
#include <linux/falloc.h>
#include <signal.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "mounted.h"

#define SIZE   ((size_t)1 << 20)
#define FRIEND 54322 /* of SOMEBODY's: another user */
#define GROUP  54323

static int setup(void **state)
{
	return mounted_setup_private(state, "size=1m");
}

static int setup_preallocating(void **state)
{
	return mounted_setup_private(state, "size=1m,preallocate");
}

static int setup_with_few_segments(void **state)
{
	return mounted_setup_private(state, "size=1m,nr_segments=3");
}

static int setup_with_huge_pages(void **state)
{
	return mounted_setup_private(state, "size=16m,huge=within_size");
}

/* -- a flat directory ------------------------------------------------------------------ */

static void a_private_namespace_is_flat_and_empty_at_first(void **state)
{
	struct mounted *m = *state;
	struct stat st = stat_path(m->point);
	struct dirent *entry;
	DIR *dir = opendir(m->point);

	assert_non_null(dir);
	while ((entry = readdir(dir)))
		assert_true(strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0);
	closedir(dir);
	assert_int_equal(st.st_mode, S_IFDIR | 01777);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(try_open(path_of(m, "%s/posix", m->point), O_RDONLY, 0), -ENOENT);
	assert_int_equal(try_open(path_of(m, "%s/sysv", m->point), O_RDONLY, 0), -ENOENT);
	write_file(path_of(m, "%s/posix", m->point), "a name as any other");
	assert_content(path_of(m, "%s/posix", m->point), "a name as any other");
}

static void what_is_no_segment_cannot_be_made(void **state)
{
	struct mounted *m = *state;

	assert_int_equal(try(mkdir(m->path, 0700)), -EPERM);
	assert_int_equal(try(symlink("/etc/passwd", m->path)), -EPERM);
	assert_int_equal(try(mkfifo(m->path, 0600)), -EPERM);
	assert_int_equal(try(mknod(m->path, S_IFSOCK | 0600, 0)), -EPERM);
	assert_int_equal(try(mknod(m->path, S_IFCHR | 0600, 0)), -EPERM);
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
	assert_ok(mknod(m->path, S_IFREG | 0600, 0));
}

static void segments_can_be_linked_and_renamed_within(void **state)
{
	struct mounted *m = *state;
	const char *other = path_of(m, "%s/other", m->point);

	write_file(m->path, "hello");
	assert_ok(link(m->path, other));
	assert_ok(unlink(m->path));
	assert_ok(rename(other, m->path));
	assert_content(m->path, "hello");
	assert_int_equal(try(rename(m->path, path_of(m, "%s/out", m->f->dir))), -EXDEV);
	assert_int_equal(try(link(m->path, path_of(m, "%s/out", m->f->dir))), -EXDEV);
}

static void two_mappings_are_the_same_memory(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg = create_seg(m->path, 2 * PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	addr[PAGE] = 'a';
	assert_int_equal(peer_read(peer, PAGE), 'a');
	peer_write(peer, 1, 'b');
	assert_int_equal(addr[1], 'b');
	seg_unmap(addr, 2 * PAGE);
	seg_close(seg);
}

/* -- the limit ------------------------------------------------------------------------- */

static void df_shows_the_limit(void **state)
{
	struct mounted *m = *state;
	struct statvfs before, after;
	int fd = create_file(m->path, 0600);

	assert_ok(statvfs(m->point, &before));
	assert_int_equal(before.f_blocks * before.f_frsize, SIZE);
	assert_int_equal(before.f_bavail * before.f_frsize, SIZE);
	assert_ok(fallocate(fd, 0, 0, SIZE / 4));
	assert_ok(statvfs(m->point, &after));
	assert_int_equal((before.f_bavail - after.f_bavail) * before.f_frsize, SIZE / 4);
	close(fd);
}

static void write_and_fallocate_meet_the_limit(void **state)
{
	struct mounted *m = *state;
	const char *other = path_of(m, "%s-2", m->path);
	int fd = create_file(m->path, 0600), second = create_file(other, 0600);

	assert_int_equal(try(fallocate(fd, 0, 0, SIZE + 1)), -ENOSPC);
	assert_int_equal(stat_path(m->path).st_size, 0);
	assert_ok(fallocate(fd, 0, 0, SIZE));
	assert_int_equal(try(pwrite(second, "x", 1, 0)), -ENOSPC);
	assert_int_equal(pwrite(fd, "x", 1, SIZE - 1), 1);
	close(fd);
	assert_ok(unlink(m->path)); /* which gives the memory back */
	assert_int_equal(pwrite(second, "x", 1, 0), 1);
	close(second);
}

static int touch_all(void *arg)
{
	volatile unsigned char *addr = arg;

	for (size_t i = 0; i < 2 * SIZE; i += 4096)
		addr[i] = 1;
	return 0;
}

static void a_sparse_mapping_beyond_the_limit_is_sigbus(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(ftruncate(fd, 2 * SIZE));
	assert_int_equal(child_signal(touch_all, map_file(m->path, 2 * SIZE, PROT_WRITE)), SIGBUS);
	close(fd);
}

static void preallocated_nothing_is_sigbus(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	unsigned char *addr;

	assert_int_equal(try(ftruncate(fd, 2 * SIZE)), -ENOSPC);
	assert_int_equal(stat_path(m->path).st_size, 0);
	assert_int_equal(stat_path(m->path).st_blocks, 0);
	assert_ok(ftruncate(fd, SIZE));
	assert_int_equal(stat_path(m->path).st_blocks * 512, SIZE);
	addr = map_file(m->path, SIZE, PROT_READ | PROT_WRITE);
	memset(addr, 'x', SIZE);
	assert_int_equal(try(truncate(m->path, SIZE + 1)), -ENOSPC);
	munmap(addr, SIZE);
	assert_ok(ftruncate(fd, PAGE));
	assert_int_equal(stat_path(m->path).st_blocks * 512, PAGE);
	close(fd);
}

static void libseg_preallocates_or_says_enospc(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(m->path, 2 * SIZE, 0600, SEG_PREALLOCATE, &seg), -ENOSPC);
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT); /* nothing is left */
	assert_ok(seg_create(m->path, SIZE / 2, 0600, SEG_PREALLOCATE, &seg));
	assert_int_equal(stat_seg(m->path).allocated, SIZE / 2);
	assert_int_equal(seg_resize(seg, 2 * SIZE, SEG_PREALLOCATE), -ENOSPC);
	assert_int_equal(stat_seg(m->path).size, SIZE / 2);
	assert_ok(seg_resize(seg, SIZE, SEG_PREALLOCATE));
	assert_int_equal(stat_seg(m->path).allocated, SIZE);
	seg_close(seg);
}

static void nr_segments_is_how_many_there_may_be(void **state)
{
	struct mounted *m = *state;

	for (int i = 0; i < 3; i++)
		write_file(path_of(m, "%s/%d", m->point, i), "");
	assert_int_equal(try_open(m->path, O_CREAT | O_RDWR, 0600), -ENOSPC);
	assert_ok(unlink(path_of(m, "%s/0", m->point)));
	assert_int_equal(try_open(m->path, O_CREAT | O_RDWR, 0600), 0);
}

/* -- huge pages ------------------------------------------------------------------------ */

static bool huge_pages_are_denied(void)
{
	char text[128] = "[deny]";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/shmem_enabled", "re");

	if (f && !fgets(text, sizeof(text), f))
		text[0] = '\0';
	if (f)
		fclose(f);
	return strstr(text, "[deny]");
}

/* Of the mapping at addr, in kB. */
static long huge_pages_mapped(const void *addr)
{
	char line[512];
	bool ours = false;
	long kb = -1;
	FILE *f = fopen("/proc/self/smaps", "re");

	assert_non_null(f);
	while (kb < 0 && fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start <= (uintptr_t)addr && (uintptr_t)addr < end;
		else if (ours)
			sscanf(line, "ShmemPmdMapped: %ld", &kb);
	}
	fclose(f);
	return kb;
}

static void a_mapping_has_huge_pages(void **state)
{
	struct mounted *m = *state;
	const size_t huge = 2 << 20;
	unsigned char *area, *addr;
	int fd = create_file(m->path, 0600);

	if (huge_pages_are_denied())
		skip_because("transparent_hugepage/shmem_enabled is deny, or not there");
	assert_ok(fallocate(fd, 0, 0, 2 * (off_t)huge));
	area = mmap(NULL, 3 * huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(area, MAP_FAILED);
	addr = (unsigned char *)(((uintptr_t)area + huge - 1) & ~(huge - 1));
	addr = mmap(addr, 2 * huge, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0);
	assert_ptr_not_equal(addr, MAP_FAILED);
	addr[0] = addr[huge] = 1;
	assert_int_equal(huge_pages_mapped(addr), 2 * huge / 1024);
	munmap(area, 3 * huge);
	close(fd);
}

/* -- whose it is ------------------------------------------------------------------------ */

static int setup_of_a_group(void **state)
{
	return mounted_setup_private(state, "size=1m,uid=54321,gid=54323,mode=0770");
}

static int setup_of_an_owner(void **state)
{
	return mounted_setup_private(state, "size=1m,uid=54321,mode=1777");
}

struct attempt {
	uid_t uid;
	gid_t supplementary; /* 0: none */
	const char *path;
	int result;
};

static int create_as(void *arg)
{
	const struct attempt *a = arg;
	gid_t group = a->supplementary;
	int fd;

	if (setgroups(group ? 1 : 0, &group) < 0 || setresgid(a->uid, a->uid, a->uid) < 0 ||
	    setresuid(a->uid, a->uid, a->uid) < 0)
		return -1000;
	fd = open(a->path, O_CREAT | O_EXCL | O_RDWR, 0640);
	return fd < 0 ? -errno : 0;
}

static int remove_as(void *arg)
{
	const struct attempt *a = arg;

	if (setgroups(0, NULL) < 0 || setresgid(a->uid, a->uid, a->uid) < 0 ||
	    setresuid(a->uid, a->uid, a->uid) < 0)
		return -1000;
	return unlink(a->path) < 0 ? -errno : 0;
}

static void the_directory_belongs_to_whom_it_is_given(void **state)
{
	struct mounted *m = *state;
	struct stat st = stat_path(m->point);

	assert_int_equal(st.st_uid, SOMEBODY);
	assert_int_equal(st.st_gid, GROUP);
	assert_int_equal(st.st_mode, S_IFDIR | 0770);
}

static int chmod_as_somebody(void *arg)
{
	return try(chmod(arg, 0755));
}

static void the_directory_can_be_given_away(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	char point[PATH_MAX];
	struct attempt a = { .uid = FRIEND, .path = m->path };

	snprintf(point, sizeof(point), "%s", m->point);
	assert_int_equal(child_run(&somebody, chmod_as_somebody, point), -EPERM);
	assert_ok(chown(point, FRIEND, GROUP));
	assert_ok(chmod(point, 0700));
	assert_int_equal(stat_path(point).st_uid, FRIEND);
	assert_int_equal(stat_path(point).st_gid, GROUP);
	assert_int_equal(stat_path(point).st_mode, S_IFDIR | 0700);
	assert_int_equal(child_run(NULL, create_as, &a), 0);
	a = (struct attempt){ .uid = SOMEBODY, .path = m->path, .result = 0 };
	assert_int_equal(child_run(NULL, create_as, &a), -EACCES);
	assert_ok(chmod(point, 01777));
	write_file(path_of(m, "%s/root", m->point), "");
	a = (struct attempt){ .uid = FRIEND, .path = path_of(m, "%s/root", m->point) };
	assert_int_equal(child_run(NULL, remove_as, &a), 0); /* the owner's right */
	assert_int_equal(try(chmod(point, 02770)), -EOPNOTSUPP);
	assert_int_equal(stat_path(point).st_mode, S_IFDIR | 01777);
	assert_ok(utimensat(AT_FDCWD, point, NULL, 0));
}

static void who_may_enter_may_also_create(void **state)
{
	struct mounted *m = *state;
	const struct attempt attempts[] = {
		{ SOMEBODY, 0, path_of(m, "%s/owner", m->point), 0 },
		{ FRIEND, GROUP, path_of(m, "%s/member", m->point), 0 },
		{ FRIEND, 0, path_of(m, "%s/stranger", m->point), -EACCES },
		{ FRIEND, SOMEBODY, path_of(m, "%s/other-group", m->point), -EACCES },
	};

	for (size_t i = 0; i < sizeof(attempts) / sizeof(attempts[0]); i++) {
		struct attempt a = attempts[i];

		assert_int_equal(child_run(NULL, create_as, &a), a.result);
		if (a.result)
			continue;
		assert_int_equal(stat_path(a.path).st_uid, a.uid);
		assert_int_equal(stat_path(a.path).st_gid, a.uid);
		assert_int_equal(stat_path(a.path).st_mode, S_IFREG | 0640);
	}
}

static void in_a_sticky_directory_owners_remove(void **state)
{
	struct mounted *m = *state;
	struct attempt a = { .uid = FRIEND, .path = m->path };

	write_file(m->path, "root's");
	assert_int_equal(child_run(NULL, remove_as, &a), -EPERM);
	a.uid = SOMEBODY; /* the owner of the directory */
	assert_int_equal(child_run(NULL, remove_as, &a), 0);
	a.uid = FRIEND;
	assert_int_equal(child_run(NULL, create_as, &a), 0);
	assert_int_equal(child_run(NULL, remove_as, &a), 0);
}

int main(void)
{
#define PRIVATE(test) TEST_WITH(setup, test, "private", SEG_POSIX)
	const struct CMUnitTest tests[] = {
		PRIVATE(a_private_namespace_is_flat_and_empty_at_first),
		PRIVATE(what_is_no_segment_cannot_be_made),
		PRIVATE(segments_can_be_linked_and_renamed_within),
		PRIVATE(two_mappings_are_the_same_memory),
		PRIVATE(df_shows_the_limit),
		PRIVATE(write_and_fallocate_meet_the_limit),
		PRIVATE(a_sparse_mapping_beyond_the_limit_is_sigbus),
		PRIVATE(libseg_preallocates_or_says_enospc),
		TEST_WITH(setup_preallocating, preallocated_nothing_is_sigbus, "preallocate",
			  SEG_POSIX),
		TEST_WITH(setup_with_few_segments, nr_segments_is_how_many_there_may_be,
			  "nr_segments", SEG_POSIX),
		TEST_WITH(setup_with_huge_pages, a_mapping_has_huge_pages, "huge", SEG_POSIX),
		TEST_WITH(setup_of_a_group, the_directory_belongs_to_whom_it_is_given, "0770",
			  SEG_POSIX),
		PRIVATE(the_directory_can_be_given_away),
		TEST_WITH(setup_of_a_group, who_may_enter_may_also_create, "0770", SEG_POSIX),
		TEST_WITH(setup_of_an_owner, in_a_sticky_directory_owners_remove, "1777",
			  SEG_POSIX),
	};

	return RUN_MOUNTED(tests);
}
