// SPDX-License-Identifier: MIT
/* Asking for segments without touching them, and what is no segment. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "fixture.h"
#include "peer.h"

/* -- stat -------------------------------------------------------------------- */

static void stat_says_what_the_file_says(void **state)
{
	struct fixture *f = *state;
	struct seg_stat stat;
	char path[PATH_MAX];
	struct stat st;

	seg_close(create_seg(f->ref, 3 * PAGE + 1, SEG_PREALLOCATE));
	stat = stat_seg(f->ref);
	fixture_path(f->ref, path);
	assert_return_code(lstat(path, &st), errno);
	assert_int_equal(stat.dev, st.st_dev);
	assert_int_equal(stat.ino, st.st_ino);
	assert_int_equal(stat.size, st.st_size);
	assert_int_equal(stat.allocated, st.st_blocks * 512);
	assert_int_equal(stat.nlink, st.st_nlink);
	assert_memory_equal(&stat.atime, &st.st_atim, sizeof(st.st_atim));
	assert_memory_equal(&stat.mtime, &st.st_mtim, sizeof(st.st_mtim));
	assert_memory_equal(&stat.ctime, &st.st_ctim, sizeof(st.st_ctim));
	assert_int_equal(stat.shmid, -1);
}

static void stat_says_what_ipc_stat_says(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 3 * PAGE + 1, 0);
	void *addr = map_seg(seg, 0, 0, 0);
	struct seg_stat stat = stat_seg(f->ref);
	struct shmid_ds ds;

	assert_return_code(shmctl(stat.shmid, IPC_STAT, &ds), errno);
	assert_int_equal(stat.ino, stat.shmid);
	assert_int_equal(stat.dev, 0);
	assert_int_equal(stat.key, ds.shm_perm.__key);
	assert_int_equal(stat.size, ds.shm_segsz);
	assert_int_equal(stat.nattch, 1);
	assert_int_equal(stat.cuid, geteuid());
	assert_int_equal(stat.cgid, getegid());
	assert_int_equal(stat.cpid, getpid());
	assert_int_equal(stat.lpid, getpid());
	assert_int_equal(stat.atime.tv_sec, ds.shm_atime);
	assert_int_equal(stat.mtime.tv_sec, ds.shm_dtime);
	assert_int_equal(stat.ctime.tv_sec, ds.shm_ctime);
	assert_ok(seg_unmap(addr, 3 * PAGE + 1));
	seg_close(seg);
}

/* Without the padding at the end. */
static bool is_same(const struct seg_stat *a, const struct seg_stat *b)
{
	return memcmp(a, b, offsetof(struct seg_stat, lpid) + sizeof(a->lpid)) == 0;
}

static int ignore(const char *ref, const struct seg_stat *stat, void *arg)
{
	(void)ref, (void)stat, (void)arg;
	return 0;
}

static void asking_changes_no_time_and_no_attach_count(void **state)
{
	struct fixture *f = *state;
	const struct timespec times[2] = { { .tv_sec = 1 }, { .tv_sec = 2 } };
	struct seg *seg = create_seg(f->ref, PAGE, 0);
	struct seg_stat before, after;

	if (f->kind != SEG_SYSV) /* which has 0 there: never attached, never detached */
		assert_ok(seg_utimens(seg, times));
	before = stat_seg(f->ref);
	assert_ok(seg_list(SEG_POSIX, ignore, NULL));
	assert_ok(seg_list(SEG_SYSV, ignore, NULL));
	assert_ok(seg_fstat(seg, &after));
	after = stat_seg(f->ref);
	assert_true(is_same(&before, &after));
	seg_close(seg);
}

static void allocated_counts_the_pages_that_were_touched(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, 10 * PAGE, 0);
	unsigned char *addr = map_seg(seg, 0, 0, 0);
	struct seg_stat stat;

	for (size_t i = 0; i < 3; i++)
		addr[3 * i * PAGE] = 'x';
	assert_int_equal(stat_seg(f->ref).allocated, 3 * PAGE);
	assert_ok(seg_fstat(seg, &stat));
	assert_int_equal(stat.allocated, 3 * PAGE);
	assert_ok(seg_unmap(addr, 10 * PAGE));
	seg_close(seg);
}

static int stat_as_somebody(void *arg)
{
	struct seg_stat stat;
	int r = seg_stat(arg, &stat);

	return r < 0 ? r : (int)stat.size;
}

static void asking_needs_no_permission_on_the_segment(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;

	need_root();
	assert_ok(seg_create(f->ref, 123, 0, 0, &seg));
	seg_close(seg);
	assert_int_equal(child_run(&(struct child_setting){ .uid = SOMEBODY }, stat_as_somebody,
				   f->ref),
			 123);
}

static int check_line(const char *ref, const struct seg_stat *stat, void *arg)
{
	++*(int *)arg;
	return strcmp(ref, "sysv:0x00000005") == 0 && stat->shmid == 6 && stat->size == 4096 &&
			       stat->allocated == 12288 && stat->mode == 0600 &&
			       stat->nattch == 1 && stat->flags == SEG_STAT_REMOVED &&
			       stat->uid == 10 && stat->cgid == 40 && stat->ctime.tv_sec == 9
		       ? 0
		       : -EBADMSG;
}

static int mount_over_table(void *arg)
{
	FILE *file = fopen(arg, "we");
	int count = 0;

	fputs("       key      shmid perms ...\n"
	      "garbage\n"
	      "\n"
	      "1 2 3\n"
	      "         5          6  1600 4096 1 2 1 10 20 30 40 7 8 9 8192 4096\n",
	      file);
	fclose(file);
	if (mount(arg, "/proc/sysvipc/shm", NULL, MS_BIND, NULL) < 0)
		return -errno;
	return seg_list(SEG_SYSV, check_line, &count) < 0 ? -1 : count;
}

static void garbled_lines_of_the_kernels_table_are_left_out(void **state)
{
	struct fixture *f = *state;
	const struct child_setting apart = { .unshare = CLONE_NEWNS };
	char path[PATH_MAX];

	need_mounts();
	snprintf(path, sizeof(path), "%s/table", f->dir);
	assert_int_equal(child_run(&apart, mount_over_table, path), 1);
}

/* -- list -------------------------------------------------------------------- */

#define MANY 50

struct found {
	struct fixture *f;
	unsigned times[MANY];
	unsigned flags;
};

/* Each segment of the test's is listed as seg_stat() knows it. */
static int count_found(const char *ref, const struct seg_stat *stat, void *arg)
{
	struct found *found = arg;
	struct seg_stat same;

	for (size_t i = 0; i < MANY; i++) {
		if (strcmp(ref, found->f->refs[i]) != 0)
			continue;
		if (seg_stat(ref, &same) < 0 || same.ino != stat->ino || same.kind != stat->kind)
			return -EBADMSG;
		if (!(found->flags & SEG_LIST_NAMES) && !is_same(stat, &same))
			return -EBADMSG;
		found->times[i]++;
	}
	return 0;
}

static void assert_each_is_listed_once(struct fixture *f, unsigned flags)
{
	struct found found = { .f = f, .flags = flags };

	assert_ok(seg_listat(NULL, f->kind, flags, count_found, &found));
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(found.times[i], 1);
}

static void create_many(struct fixture *f)
{
	seg_close(create_seg(f->ref, 1, 0));
	for (size_t i = 1; i < MANY; i++)
		seg_close(create_seg(fixture_ref(f, f->kind), i + 1, 0));
}

static void every_segment_is_listed_once(void **state)
{
	struct fixture *f = *state;

	create_many(f);
	assert_each_is_listed_once(f, 0);
	assert_each_is_listed_once(f, SEG_LIST_NAMES);
}

static int come_and_go(void *arg)
{
	for (;;) {
		struct seg *seg = NULL;

		seg_create(arg, 1, 0600, 0, &seg);
		seg_close(seg);
		seg_destroy(arg, 0);
	}
	return 0;
}

static void every_segment_is_listed_once_while_others_come_and_go(void **state)
{
	struct fixture *f = *state;

	create_many(f);
	for (int i = 0; i < 3; i++)
		peer_spawn(f, come_and_go, (void *)fixture_ref(f, f->kind));
	for (int i = 0; i < 100; i++)
		assert_each_is_listed_once(f, 0);
}

static void an_ipc_private_segment_is_listed_by_its_id(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg("sysv:0", 1, 0);
	struct found found = { .f = f };

	memset(f->refs, 0, sizeof(f->refs));
	f->ref_count = 0;
	fixture_adopt(f, seg_ref(seg));
	seg_close(seg);
	assert_ok(seg_list(SEG_SYSV, count_found, &found));
	assert_int_equal(found.times[0], 1);
}

static int stop(const char *ref, const struct seg_stat *stat, void *arg)
{
	(void)ref, (void)stat;
	return ++*(int *)arg == 1 ? 42 : -1;
}

static void a_list_ends_when_the_callback_says_so(void **state)
{
	struct fixture *f = *state;
	int calls = 0;

	seg_close(create_seg(f->ref, 1, 0));
	seg_close(create_seg(fixture_ref(f, f->kind), 1, 0));
	assert_int_equal(seg_list(f->kind, stop, &calls), 42);
	assert_int_equal(calls, 1);
}

static void only_stores_and_sysv_can_be_listed(void **state)
{
	(void)state;
	assert_int_equal(seg_list(SEG_FILE, ignore, NULL), -EINVAL);
	assert_int_equal(seg_list(0, ignore, NULL), -EINVAL);
	assert_int_equal(seg_listat(NULL, SEG_POSIX, 1u << 31, ignore, NULL), -EINVAL);
}

/* -- what is no segment -------------------------------------------------------- */

static void make_directory(const char *path)
{
	assert_return_code(mkdir(path, 0700), errno);
}

static void make_link(const char *path)
{
	assert_return_code(symlink("segment", path), errno);
}

static void make_dangling_link(const char *path)
{
	assert_return_code(symlink("/nowhere", path), errno);
}

static void make_fifo(const char *path)
{
	assert_return_code(mkfifo(path, 0600), errno);
}

static void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert_return_code(bind(fd, (struct sockaddr *)&address, sizeof(address)), errno);
	close(fd);
}

static void make_device(const char *path)
{
	need_root();
	assert_return_code(mknod(path, S_IFCHR | 0600, makedev(1, 3)), errno);
}

/* A store with a segment and something else in it. */
static struct seg_store *store_with(struct fixture *f, void (*make)(const char *), struct stat *st)
{
	struct seg_store *store = NULL;
	struct seg *seg = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/other", f->dir);
	make(path);
	assert_return_code(lstat(path, st), errno);
	assert_ok(seg_store_open(f->dir, &store));
	assert_ok(seg_createat(store, "/segment", 1, 0600, 0, &seg));
	seg_close(seg);
	return store;
}

static int is_the_segment(const char *ref, const struct seg_stat *stat, void *arg)
{
	(void)stat;
	++*(int *)arg;
	return strcmp(ref, "/segment") == 0 ? 0 : -EBADMSG;
}

static void is_not_seen(struct fixture *f, void (*make)(const char *))
{
	struct stat st;
	struct seg_store *store = store_with(f, make, &st);
	struct seg_stat stat;
	struct seg *seg = NULL;
	int count = 0;

	assert_ok(seg_listat(store, SEG_POSIX, 0, is_the_segment, &count));
	assert_ok(seg_listat(store, SEG_POSIX, SEG_LIST_NAMES, is_the_segment, &count));
	assert_int_equal(count, 2);
	assert_int_equal(seg_statat(store, "/other", &stat), -ENOENT);
	assert_int_equal(seg_openat(store, "/other", 0, &seg), -ENOENT);
	assert_int_equal(seg_openat(store, "/other", SEG_READ_ONLY, &seg), -ENOENT);
	assert_int_equal(seg_openat(store, "/other", SEG_PATH, &seg), -ENOENT);
	assert_int_equal(seg_createat(store, "/other", 1, 0600, 0, &seg), -EEXIST);
	assert_int_equal(seg_createat(store, "/other", 1, 0600, SEG_EXCLUSIVE, &seg), -EEXIST);
	assert_null(seg);
	seg_store_close(store);
}

static void is_not_changed(struct fixture *f, void (*make)(const char *))
{
	struct stat before, after;
	struct seg_store *store = store_with(f, make, &before);
	struct seg *seg = NULL;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/other", f->dir);
	assert_int_equal(seg_destroyat(store, "/other", 0), -ENOENT);
	assert_int_equal(seg_renameat(store, "/other", "/new", 0), -ENOENT);
	assert_int_equal(seg_renameat(store, "/other", "/segment", 0), -ENOENT);
	assert_int_equal(seg_renameat(store, "/segment", "/other", 0), -EEXIST);
	assert_int_equal(seg_renameat(store, "/segment", "/other", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(seg_renameat(store, "/segment", "/other", RENAME_EXCHANGE), -EEXIST);
	assert_int_equal(seg_renameat(store, "/other", "/segment", RENAME_EXCHANGE), -ENOENT);
	assert_ok(seg_openat(store, "/segment", 0, &seg));
	assert_int_equal(seg_linkat(store, seg, "/other"), -EEXIST);
	seg_close(seg);
	assert_return_code(lstat(path, &after), errno);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(before.st_mode, after.st_mode);
	seg_store_close(store);
}

/* TEST_OTHER(fifo): a fifo is neither seen nor changed. */
#define DEFINE_OTHER(what)                                  \
	static void a_##what##_is_not_seen(void **state)    \
	{                                                   \
		is_not_seen(*state, make_##what);           \
	}                                                   \
	static void a_##what##_is_not_changed(void **state) \
	{                                                   \
		is_not_changed(*state, make_##what);        \
	}

DEFINE_OTHER(directory)
DEFINE_OTHER(link)
DEFINE_OTHER(dangling_link)
DEFINE_OTHER(fifo)
DEFINE_OTHER(socket)
DEFINE_OTHER(device)

#define TEST_OTHER(what) TEST_POSIX(a_##what##_is_not_seen), TEST_POSIX(a_##what##_is_not_changed)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_FILES(stat_says_what_the_file_says),
		TEST_SYSV(stat_says_what_ipc_stat_says),
		TEST_EACH_KIND(asking_changes_no_time_and_no_attach_count),
		TEST_EACH_KIND(allocated_counts_the_pages_that_were_touched),
		TEST_EACH_KIND(asking_needs_no_permission_on_the_segment),
		TEST_SYSV(garbled_lines_of_the_kernels_table_are_left_out),
		TEST_POSIX(every_segment_is_listed_once),
		TEST_SYSV(every_segment_is_listed_once),
		TEST_POSIX(every_segment_is_listed_once_while_others_come_and_go),
		TEST_SYSV(every_segment_is_listed_once_while_others_come_and_go),
		TEST_SYSV(an_ipc_private_segment_is_listed_by_its_id),
		TEST_POSIX(a_list_ends_when_the_callback_says_so),
		TEST_SYSV(a_list_ends_when_the_callback_says_so),
		TEST_POSIX(only_stores_and_sysv_can_be_listed),
		TEST_OTHER(directory),
		TEST_OTHER(link),
		TEST_OTHER(dangling_link),
		TEST_OTHER(fifo),
		TEST_OTHER(socket),
		TEST_OTHER(device),
	};

	return RUN_TESTS(tests);
}
