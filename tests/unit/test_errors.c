// SPDX-License-Identifier: MIT
/*
 * The errors that seg.h documents and that need a situation: no permission, no space,
 * no descriptors, a lease, a machine that lacks something. Those of arguments are
 * with the function that takes them.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/stat.h>

#include "fixture.h"
#include "peer.h"

static const struct child_setting somebody = { .uid = SOMEBODY };

static void assert_nothing_there(const char *ref)
{
	struct seg_stat stat;

	assert_int_equal(seg_stat(ref, &stat), -ENOENT);
}

/* -- permissions --------------------------------------------------------------- */

struct attempt {
	const char *ref;
	unsigned flags;
};

static int try_open(void *arg)
{
	const struct attempt *attempt = arg;
	struct seg *seg = NULL;
	int r = seg_open(attempt->ref, attempt->flags, &seg);

	seg_close(seg);
	return r;
}

static int try_create(void *arg)
{
	const struct attempt *attempt = arg;
	struct seg *seg = NULL;
	int r = seg_create(attempt->ref, PAGE, 0600, attempt->flags, &seg);

	seg_close(seg);
	return r;
}

static int try_map(void *arg)
{
	const struct attempt *attempt = arg;
	struct seg *seg = NULL;
	void *addr;
	int r = seg_open(attempt->ref, attempt->flags, &seg);

	if (r == 0)
		r = seg_map(seg, 0, 0, 0, &addr);
	seg_close(seg);
	return r;
}

static int try_destroy(void *arg)
{
	const struct attempt *attempt = arg;

	return seg_destroy(attempt->ref, 0);
}

static void another_users_segment_is_eacces(void **state)
{
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref };

	need_root();
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(child_run(&somebody, try_open, &attempt), -EACCES);
	assert_int_equal(child_run(&somebody, try_create, &attempt), -EACCES);
	attempt.flags = SEG_READ_ONLY;
	assert_int_equal(child_run(&somebody, try_open, &attempt), -EACCES);
}

static void a_segment_for_reading_can_be_opened_for_that_only(void **state)
{
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref };
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, 0);
	assert_ok(seg_chmod(seg, 0644));
	seg_close(seg);
	assert_int_equal(child_run(&somebody, try_open, &attempt), -EACCES);
	assert_int_equal(child_run(&somebody, try_create, &attempt), -EACCES);
	attempt.flags = SEG_READ_ONLY;
	assert_ok(child_run(&somebody, try_map, &attempt));
}

static void sysv_by_its_id_says_eacces_when_it_is_mapped(void **state)
{
	struct fixture *f = *state;
	char id[32];
	struct attempt attempt = { .ref = id };

	need_root();
	seg_close(create_seg(f->ref, PAGE, 0));
	snprintf(id, sizeof(id), "sysv:id:%d", stat_seg(f->ref).shmid);
	assert_ok(child_run(&somebody, try_open, &attempt));
	assert_int_equal(child_run(&somebody, try_map, &attempt), -EACCES);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
}

static void another_users_segment_is_not_destroyed(void **state)
{
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref };

	need_root();
	assert_return_code(chmod(f->dir, 01777), errno);
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EPERM);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
	if (f->kind != SEG_FILE)
		return;
	assert_return_code(chmod(f->dir, 0755), errno);
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EACCES);
}

static void a_directory_may_forbid_what_happens_in_it(void **state)
{
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref };

	need_root();
	assert_int_equal(child_run(&somebody, try_create, &attempt), -EACCES);
	assert_return_code(chmod(f->dir, 0700), errno);
	assert_int_equal(child_run(&somebody, try_open, &attempt), -EACCES);
	assert_int_equal(child_run(&somebody, try_destroy, &attempt), -EACCES);
}

static int use_private_store(void *arg)
{
	struct seg_store *store = NULL;
	struct seg *seg = NULL;
	int r = seg_store_open(arg, &store);

	if (r == 0)
		r = seg_createat(store, "/x", 1, 0600, 0, &seg);
	seg_close(seg);
	seg_store_close(store);
	return r;
}

static void a_store_of_another_user_is_eacces(void **state)
{
	struct fixture *f = *state;
	char path[PATH_MAX];

	need_root();
	snprintf(path, sizeof(path), "%s/store", f->dir);
	assert_return_code(mkdir(path, 0755), errno);
	assert_int_equal(child_run(&somebody, use_private_store, path), -EACCES);
	assert_return_code(chmod(f->dir, 0700), errno);
	assert_int_equal(child_run(&somebody, use_private_store, path), -EACCES);
}

static void a_sysv_path_handle_needs_a_capability(void **state)
{
	struct fixture *f = *state;
	struct attempt attempt = { .ref = f->ref, .flags = SEG_PATH };
	struct seg *seg;

	need_root();
	seg = create_seg(f->ref, PAGE, 0);
	assert_ok(seg_chown(seg, SOMEBODY, SOMEBODY));
	seg_close(seg);
	assert_int_equal(child_run(&somebody, try_open, &attempt), -EPERM);
	assert_int_equal(stat_seg(f->ref).nattch, 0);
	assert_ok(seg_destroy(f->ref, 0));
	assert_int_equal(child_run(&somebody, try_create, &attempt), -EPERM);
	assert_nothing_there(f->ref);
}

/* -- space ------------------------------------------------------------------------- */

static void a_full_store_is_enospc_where_pages_are_asked_for(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_tmpfs(f, "size=1m");
	struct seg_store *store = NULL;
	struct seg *seg = NULL;
	struct seg_stat stat;
	struct statvfs vfs;
	char ref[PATH_MAX];

	snprintf(ref, sizeof(ref), "%s/x", f->kind == SEG_FILE ? path : "");
	assert_ok(seg_store_open(path, &store));
	assert_int_equal(seg_createat(store, ref, 2 << 20, 0600, SEG_PREALLOCATE, &seg), -ENOSPC);
	assert_null(seg);
	assert_int_equal(seg_statat(store, ref, &stat), -ENOENT);
	assert_ok(seg_statvfs(store, SEG_POSIX, &vfs));
	assert_int_equal(vfs.f_bfree, vfs.f_blocks);
	assert_ok(seg_createat(store, ref, 2 << 20, 0600, 0, &seg));
	seg_close(seg);
	assert_int_equal(seg_createat(store, ref, 2 << 20, 0600, SEG_PREALLOCATE, &seg), -ENOSPC);
	seg_store_close(store);
}

static void a_store_without_inodes_is_enospc(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_tmpfs(f, "nr_inodes=2");
	struct seg_store *store = NULL;
	struct seg *seg = NULL;

	assert_ok(seg_store_open(path, &store));
	assert_ok(seg_createat(store, "/a", 1, 0600, 0, &seg));
	seg_close(seg);
	assert_int_equal(seg_createat(store, "/b", 1, 0600, 0, &seg), -ENOSPC);
	seg_store_close(store);
}

static int set_limit(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = write(fd, value, strlen(value)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

/* The limits belong to the IPC namespace, so the child may set them. */
static int create_beyond_shmmni(void *arg)
{
	struct attempt attempt = { .ref = arg };
	int r = set_limit("/proc/sys/kernel/shmmni", "0");

	return r < 0 ? r : try_create(&attempt);
}

static int create_beyond_shmall(void *arg)
{
	struct seg *seg = NULL;
	int r = set_limit("/proc/sys/kernel/shmall", "3");

	if (r == 0)
		r = seg_create(arg, 3 * PAGE + 1, 0600, 0, &seg);
	seg_close(seg);
	return r;
}

static int create_beyond_shmmax(void *arg)
{
	struct seg *seg = NULL;
	int r = set_limit("/proc/sys/kernel/shmmax", "4096");

	if (r == 0)
		r = seg_create(arg, 4097, 0600, 0, &seg);
	seg_close(seg);
	return r;
}

static void a_sysv_limit_is_enospc(void **state)
{
	struct fixture *f = *state;
	const struct child_setting apart = { .unshare = CLONE_NEWIPC };

	need_mounts();
	assert_int_equal(child_run(&apart, create_beyond_shmmni, f->ref), -ENOSPC);
	assert_int_equal(child_run(&apart, create_beyond_shmall, f->ref), -ENOSPC);
	assert_int_equal(child_run(&apart, create_beyond_shmmax, f->ref), -EINVAL);
}

static void sysv_memory_that_does_not_exist_is_enomem(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(f->ref, (uint64_t)1 << 50, 0600, 0, &seg), -ENOMEM);
	assert_null(seg);
	assert_nothing_there(f->ref);
}

static void a_size_that_no_file_has_is_efbig(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = NULL;

	assert_int_equal(seg_create(f->ref, (uint64_t)INT64_MAX + 1, 0600, 0, &seg), -EFBIG);
	assert_int_equal(seg_create(f->ref, UINT64_MAX, 0600, SEG_PREALLOCATE, &seg), -EFBIG);
	assert_null(seg);
	assert_nothing_there(f->ref);
}

static int create_beyond_the_file_size_limit(void *arg)
{
	const struct rlimit limit = { .rlim_cur = PAGE, .rlim_max = PAGE };
	struct seg *seg = NULL;
	int r;

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	r = seg_create(arg, PAGE + 1, 0600, 0, &seg);
	seg_close(seg);
	return r;
}

static void a_size_beyond_the_processs_limit_is_efbig(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(child_run(NULL, create_beyond_the_file_size_limit, f->ref), -EFBIG);
	assert_nothing_there(f->ref);
}

static void a_mapping_larger_than_the_address_space_is_enomem(void **state)
{
	struct fixture *f = *state;
	const char *path = fixture_tmpfs(f, NULL);
	struct seg *seg;
	char ref[PATH_MAX];
	void *addr = NULL;

	snprintf(ref, sizeof(ref), "%s/x", path);
	seg = create_seg(f->kind == SEG_FILE ? ref : f->ref, (uint64_t)1 << 62, 0);
	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -ENOMEM);
	assert_null(addr);
	seg_close(seg);
}

/* -- descriptors -------------------------------------------------------------------- */

/* Runs a try with room for 0, 1, 2, ... more descriptors until it succeeds. */
struct starved {
	int (*try)(void *arg);
	struct attempt attempt;
	int room;
};

static int run_starved(void *arg)
{
	struct starved *starved = arg;
	int free_fd = dup(0);
	struct rlimit limit = { .rlim_cur = (rlim_t)(free_fd + starved->room) };

	close(free_fd);
	limit.rlim_max = limit.rlim_cur;
	setrlimit(RLIMIT_NOFILE, &limit);
	return starved->try(&starved->attempt);
}

static bool is_there(const char *ref)
{
	struct seg_stat stat;

	return seg_stat(ref, &stat) == 0;
}

static void assert_emfile_until_it_works(struct fixture *f, int (*try)(void *), unsigned flags)
{
	struct starved starved = { .try = try, .attempt = { .ref = f->ref, .flags = flags } };
	bool there = is_there(f->ref);
	int r;

	for (starved.room = 0; starved.room < 10; starved.room++) {
		r = child_run(NULL, run_starved, &starved);
		if (r == 0)
			return;
		assert_int_equal(r, -EMFILE);
		assert_int_equal(is_there(f->ref), there);
	}
	fail_msg("needs more than 10 descriptors");
}

static int ignore(const char *ref, const struct seg_stat *stat, void *arg)
{
	(void)ref, (void)stat, (void)arg;
	return 0;
}

static int try_list(void *arg)
{
	const struct attempt *attempt = arg;

	return seg_list(attempt->ref[0] == '/' ? SEG_POSIX : SEG_SYSV, ignore, NULL);
}

static void out_of_descriptors_is_emfile_and_changes_nothing(void **state)
{
	struct fixture *f = *state;
	bool may_path = f->kind != SEG_SYSV || geteuid() == 0;

	assert_emfile_until_it_works(f, try_create, SEG_EXCLUSIVE | SEG_PREALLOCATE);
	assert_emfile_until_it_works(f, try_create, 0);
	assert_emfile_until_it_works(f, try_open, 0);
	assert_emfile_until_it_works(f, try_list, 0);
	if (may_path)
		assert_emfile_until_it_works(f, try_open, SEG_PATH);
	assert_emfile_until_it_works(f, try_destroy, 0);
	if (may_path)
		assert_emfile_until_it_works(f, try_create, SEG_EXCLUSIVE | SEG_PATH);
}

/* -- leases -------------------------------------------------------------------------- */

static void a_lease_is_eagain_for_who_would_have_to_wait(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	struct seg *seg = NULL, *path;
	char file[PATH_MAX];

	seg_close(create_seg(f->ref, PAGE, 0));
	fixture_path(f->ref, file);
	assert_ok(peer_lease(peer, file, F_WRLCK));
	path = open_seg(f->ref, SEG_PATH);
	assert_int_equal(stat_seg(f->ref).size, PAGE);
	assert_int_equal(seg_open(f->ref, 0, &seg), -EAGAIN);
	assert_int_equal(seg_open(f->ref, SEG_READ_ONLY, &seg), -EAGAIN);
	assert_int_equal(seg_create(f->ref, PAGE, 0600, 0, &seg), -EAGAIN);
	assert_int_equal(seg_resize(path, 1, 0), -EAGAIN);
	assert_int_equal(seg_reopen(path, O_RDWR), -EAGAIN);
	assert_null(seg);
	assert_ok(peer_lease(peer, file, F_UNLCK));
	assert_ok(seg_resize(path, 1, 0));
	seg_close(open_seg(f->ref, 0));
	seg_close(path);
}

static void a_leased_segment_can_be_destroyed(void **state)
{
	struct fixture *f = *state;
	struct peer *peer = peer_start(f, NULL);
	char file[PATH_MAX];

	seg_close(create_seg(f->ref, PAGE, 0));
	fixture_path(f->ref, file);
	assert_ok(peer_lease(peer, file, F_WRLCK));
	assert_ok(seg_destroy(f->ref, 0));
	assert_nothing_there(f->ref);
}

/* -- what the kind or the machine does not have ---------------------------------------- */

static void attaches_have_no_descriptor(void **state)
{
	struct fixture *f = *state;
	struct seg *seg = create_seg(f->ref, PAGE, 0);

	assert_int_equal(seg_fd(seg), -EOPNOTSUPP);
	assert_int_equal(seg_reopen(seg, O_RDWR), -EOPNOTSUPP);
	seg_close(seg);
}

static void a_path_handle_is_not_mapped(void **state)
{
	struct fixture *f = *state;
	struct seg *seg;
	void *addr = NULL;

	if (f->kind == SEG_SYSV)
		need_root();
	seg_close(create_seg(f->ref, PAGE, 0));
	seg = open_seg(f->ref, SEG_PATH);
	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -EBADF);
	assert_int_equal(seg_map(seg, 0, 0, SEG_READ_ONLY, &addr), -EBADF);
	assert_null(addr);
	seg_close(seg);
}

static void a_file_that_cannot_be_shared_is_enodev(void **state)
{
	static const char path[] = "/sys/kernel/mm/transparent_hugepage/enabled";
	struct seg *seg;
	void *addr = NULL;

	(void)state;
	if (access(path, R_OK) < 0)
		skip_because("needs /sys");
	seg = open_seg(path, SEG_READ_ONLY);
	assert_int_equal(seg_map(seg, 0, 0, 0, &addr), -ENODEV);
	assert_null(addr);
	seg_close(seg);
}

static void names_and_paths_that_are_too_long(void **state)
{
	char name[NAME_MAX + 2] = "", path[PATH_MAX + 1] = "/tmp/";
	struct seg *seg = NULL;
	struct seg_stat stat;

	(void)state;
	memset(name, 'n', NAME_MAX + 1);
	memset(path + 5, 'p', PATH_MAX - 5);
	assert_int_equal(seg_create(name, 1, 0600, 0, &seg), -ENAMETOOLONG);
	assert_int_equal(seg_open(name, 0, &seg), -ENAMETOOLONG);
	assert_int_equal(seg_stat(path, &stat), -ENAMETOOLONG);
	assert_int_equal(seg_destroy(path, 0), -ENAMETOOLONG);
	path[5 + NAME_MAX + 1] = '\0'; /* a short path with a long name in it */
	assert_int_equal(seg_open(path, 0, &seg), -ENAMETOOLONG);
	assert_null(seg);
}

static int open_without_proc(void *arg)
{
	const struct attempt *attempt = arg;
	struct seg_stat stat;
	int r;

	if (mount("tmpfs", "/proc", "tmpfs", 0, NULL) < 0)
		return -errno;
	r = seg_stat(attempt->ref, &stat);
	return r < 0 ? 1 : try_open(arg);
}

static void a_machine_without_proc_has_what_needs_none(void **state)
{
	struct fixture *f = *state;
	const struct child_setting apart = { .unshare = CLONE_NEWNS };
	struct attempt attempt = { .ref = f->ref };

	need_mounts();
	seg_close(create_seg(f->ref, PAGE, 0));
	assert_int_equal(child_run(&apart, open_without_proc, &attempt),
			 f->kind == SEG_SYSV ? 0 : -ENOSYS);
	attempt.flags = SEG_PATH;
	assert_int_equal(child_run(&apart, open_without_proc, &attempt),
			 f->kind == SEG_SYSV ? -EOPNOTSUPP : 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_EACH_KIND(another_users_segment_is_eacces),
		TEST_EACH_KIND(a_segment_for_reading_can_be_opened_for_that_only),
		TEST_SYSV(sysv_by_its_id_says_eacces_when_it_is_mapped),
		TEST_EACH_KIND(another_users_segment_is_not_destroyed),
		TEST_FILE(a_directory_may_forbid_what_happens_in_it),
		TEST_POSIX(a_store_of_another_user_is_eacces),
		TEST_SYSV(a_sysv_path_handle_needs_a_capability),
		TEST_FILES(a_full_store_is_enospc_where_pages_are_asked_for),
		TEST_POSIX(a_store_without_inodes_is_enospc),
		TEST_SYSV(a_sysv_limit_is_enospc),
		TEST_SYSV(sysv_memory_that_does_not_exist_is_enomem),
		TEST_EACH_KIND(a_size_that_no_file_has_is_efbig),
		TEST_FILES(a_size_beyond_the_processs_limit_is_efbig),
		TEST_FILES(a_mapping_larger_than_the_address_space_is_enomem),
		TEST_EACH_KIND(out_of_descriptors_is_emfile_and_changes_nothing),
		TEST_FILES(a_lease_is_eagain_for_who_would_have_to_wait),
		TEST_FILES(a_leased_segment_can_be_destroyed),
		TEST_SYSV(attaches_have_no_descriptor),
		TEST_EACH_KIND(a_path_handle_is_not_mapped),
		TEST_FILE(a_file_that_cannot_be_shared_is_enodev),
		TEST_POSIX(names_and_paths_that_are_too_long),
		TEST_EACH_KIND(a_machine_without_proc_has_what_needs_none),
	};

	return RUN_TESTS(tests);
}
