// SPDX-License-Identifier: MIT
/* How private namespaces begin and end, and what outlives whom. */
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "mounted.h"

#define RESTARTED "worker killed by signal 9: starting another"

static int setup(void **state)
{
	return mounted_setup_private(state, "size=1m");
}

static const char *in_view(struct mounted *m)
{
	return path_of(m, "%s%s", m->ro, m->ref);
}

static bool is_mount(const char *path)
{
	char line[PATH_MAX * 2], wanted[PATH_MAX + 2];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool found = false;

	assert_non_null(f);
	snprintf(wanted, sizeof(wanted), " %s ", path);
	while (!found && fgets(line, sizeof(line), f))
		found = strstr(line, wanted);
	fclose(f);
	return found;
}

static void assert_nothing_left(struct mounted *m)
{
	assert_false(is_mount(m->point));
	assert_false(is_mount(m->ro));
	assert_int_equal(try_open(m->ro, O_RDONLY, 0), -ENOENT);
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT);
}

static void wait_for_end(pid_t pid)
{
	int fd = pidfd_open(pid, 0);
	struct pollfd wait = { fd, POLLIN, 0 };

	if (fd < 0) {
		assert_int_equal(errno, ESRCH);
		return;
	}
	assert_int_equal(poll(&wait, 1, 20000), 1);
	close(fd);
}

/* -- the worker is killed -------------------------------------------------------------- */

/* The view comes last. */
static void kill_worker(struct mounted *m)
{
	pid_t worker = daemon_worker(&m->daemon);

	assert_int_not_equal(worker, 0);
	m->expect_noise = true;
	assert_ok(kill(worker, SIGKILL));
	wait_for_end(worker);
	assert_true(daemon_wait_for(&m->daemon, m->point));
	assert_true(daemon_wait_for(&m->daemon, m->ro));
	assert_int_not_equal(daemon_worker(&m->daemon), worker);
}

static void segments_and_mappings_outlive_the_worker(void **state)
{
	struct mounted *m = *state;
	unsigned char *old, *view, *new;

	write_file(m->path, "hello");
	old = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	view = map_file(in_view(m), PAGE, PROT_READ);
	kill_worker(m);
	assert_content(m->path, "hello");
	assert_content(in_view(m), "hello");
	new = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	old[0] = 'H';
	assert_int_equal(new[0], 'H');
	new[1] = 'E';
	assert_int_equal(old[1], 'E');
	assert_int_equal(view[1], 'E');
	assert_int_equal(try_open(in_view(m), O_RDWR, 0), -EROFS);
	assert_int_equal(seg_destroy(m->path, SEG_IF_UNUSED), -EBUSY);
	munmap(new, PAGE);
	munmap(old, PAGE);
	munmap(view, PAGE);
	assert_ok(seg_destroy(m->path, SEG_IF_UNUSED));
	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_non_null(strstr(daemon_said(&m->daemon), RESTARTED));
	assert_nothing_left(m);
}

static void a_mapping_of_before_keeps_its_segment_from_being_cut(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg = create_seg(m->path, 2 * PAGE, 0);

	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	seg_close(seg);
	for (int i = 0; i < 2; i++) {
		kill_worker(m);
		assert_int_equal(try(truncate(m->path, (off_t)PAGE)), -EBUSY);
		assert_int_equal(peer_read(peer, PAGE), 0);
	}
	peer_kill(peer);
	assert_ok(truncate(m->path, (off_t)PAGE));
}

static void descriptors_outlive_the_worker(void **state)
{
	struct mounted *m = *state;
	char text[8] = "";
	int fd;

	write_file(m->path, "hello");
	fd = open_file(m->path, O_RDWR);
	kill_worker(m);
	assert_int_equal(pwrite(fd, "J", 1, 0), 1);
	assert_int_equal(pread(fd, text, 5, 0), 5);
	assert_string_equal(text, "Jello");
	assert_content(m->path, "Jello");
	close(fd);
}

static void one_worker_after_the_other_is_replaced(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_ok(chown(m->point, SOMEBODY, SOMEBODY));
	assert_ok(chmod(m->point, 0750));
	for (int i = 0; i < 4; i++)
		kill_worker(m);
	assert_content(m->path, "hello");
	assert_int_equal(stat_path(m->point).st_uid, SOMEBODY);
	assert_int_equal(stat_path(m->point).st_gid, SOMEBODY);
	assert_int_equal(stat_path(m->point).st_mode, S_IFDIR | 0750);
}

/* As when it crashes at start: then it would go on for ever. */
static void a_worker_that_always_dies_is_given_up(void **state)
{
	struct mounted *m = *state;
	struct pollfd end = { pidfd_open(m->daemon.pid, 0), POLLIN, 0 };
	pid_t worker;

	m->expect_noise = true;
	while (poll(&end, 1, 0) == 0) {
		worker = daemon_worker(&m->daemon);
		/* without a mount it is no worker, but what a sanitizer begins at the end */
		if (worker > 0 && is_mount(m->point))
			kill(worker, SIGKILL);
	}
	close(end.fd);
	assert_int_equal(WEXITSTATUS(daemon_end(&m->daemon, 0)), 1);
	assert_false(is_mount(m->point));
}

static void also_where_the_host_mount_was_replaced(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);
	struct seg *seg = create_seg(m->path, 2 * PAGE, 0);

	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	peer_close(peer);
	seg_close(seg);
	mounted_restart(m, SIGKILL);
	assert_int_equal(try(truncate(m->path, (off_t)PAGE)), -EBUSY);
	assert_int_equal(try(truncate(m->direct, (off_t)PAGE)), 0); /* not ours to refuse */
	assert_ok(truncate(m->direct, 2 * (off_t)PAGE));
	seg = open_seg(m->ref, 0);
	assert_int_equal(seg_resize(seg, PAGE, 0), -EBUSY);
	peer_kill(peer);
	assert_ok(seg_resize(seg, PAGE, 0));
	seg_close(seg);
}

/* -- the end --------------------------------------------------------------------------- */

static void signals_end_it_and_leave_nothing(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct mounted *m = *state;

	for (size_t i = 0; i < 3; i++) {
		pid_t worker = daemon_worker(&m->daemon);

		write_file(m->path, "hello");
		assert_int_equal(daemon_end(&m->daemon, signals[i]), 0);
		assert_string_equal(daemon_said(&m->daemon), "");
		assert_nothing_left(m);
		wait_for_end(worker);
		assert_ok(mounted_start_private(m, "size=1m"));
	}
}

static void umount_ends_it_and_leaves_nothing(void **state)
{
	struct mounted *m = *state;

	write_file(m->path, "hello");
	assert_ok(umount(m->point));
	assert_int_equal(daemon_end(&m->daemon, 0), 0);
	assert_string_equal(daemon_said(&m->daemon), "");
	assert_nothing_left(m);
}

static void a_mapping_outlives_the_namespace(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;

	write_file(m->path, "hello");
	addr = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	assert_int_equal(try(umount(m->point)), -EBUSY);
	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_nothing_left(m);
	addr[0] = 'J';
	assert_memory_equal(addr, "Jello", 5);
	munmap(addr, PAGE);
}

static void both_killed_a_new_one_replaces_the_dead_mounts(void **state)
{
	struct mounted *m = *state;
	pid_t worker = daemon_worker(&m->daemon);
	unsigned char *addr;

	write_file(m->path, "hello");
	addr = map_file(m->path, PAGE, PROT_READ);
	m->expect_noise = true;
	daemon_end(&m->daemon, SIGKILL);
	kill(worker, SIGKILL);
	wait_for_end(worker);
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOTCONN);
	assert_int_equal(try_open(in_view(m), O_RDONLY, 0), -ENOTCONN);

	assert_ok(mounted_start_private(m, "size=1m"));
	assert_int_equal(try_open(m->path, O_RDONLY, 0), -ENOENT); /* the store went along */
	assert_memory_equal(addr, "hello", 5);                     /* not under a mapping */
	write_file(m->path, "again");
	assert_content(in_view(m), "again");
	munmap(addr, PAGE);
	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_nothing_left(m);
}

/* Nothing restarts it any more; but what is there goes on, and can be ended. */
static void a_worker_without_its_supervisor_goes_on(void **state)
{
	struct mounted *m = *state;
	pid_t worker = daemon_worker(&m->daemon);

	write_file(m->path, "hello");
	m->expect_noise = true;
	daemon_end(&m->daemon, SIGKILL);
	assert_content(m->path, "hello");
	assert_content(in_view(m), "hello");
	assert_ok(umount(m->ro));
	assert_ok(umount(m->point));
	wait_for_end(worker);
}

static void a_second_one_on_the_same_mount_point_is_refused(void **state)
{
	struct mounted *m = *state;
	const char *argv[] = { SEGFS_PROGRAM, "-f", PRIVATE_NAME, m->point, NULL };
	char said[512];

	write_file(m->path, "hello");
	assert_int_equal(daemon_run(argv, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "mounted there already"));
	assert_content(m->path, "hello");
	assert_content(in_view(m), "hello");
}

static void namespaces_of_one_name_are_apart(void **state)
{
	struct mounted *m = *state;
	const char *point = path_of(m, "%s/elsewhere", m->f->dir);
	struct daemon other;

	assert_ok(daemon_start_ns(&other, SEGFS_PROGRAM, PRIVATE_NAME, point, "size=1m", point));
	write_file(m->path, "hello");
	assert_int_equal(try_open(path_of(m, "%s%s", point, m->ref), O_RDONLY, 0), -ENOENT);
	assert_int_equal(daemon_end(&other, SIGTERM), 0);
	assert_string_equal(daemon_said(&other), "");
	assert_content(m->path, "hello");
}

/* -- the store is out of reach ---------------------------------------------------------- */

static void the_store_is_mounted_nowhere(void **state)
{
	struct mounted *m = *state;
	char path[64], line[PATH_MAX * 2];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", daemon_worker(&m->daemon));
	f = fopen(path, "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		assert_true(!strstr(line, " - tmpfs " PRIVATE_NAME " "));
	fclose(f);
}

static int look_into_the_daemon(void *arg)
{
	const pid_t *pid = arg;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", *pid);
	return try_open(path, O_RDONLY, 0);
}

static void others_cannot_look_into_the_daemon(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	struct mounted *m = *state;
	pid_t pids[] = { m->daemon.pid, daemon_worker(&m->daemon) };

	for (int i = 0; i < 2; i++)
		assert_int_equal(child_run(&somebody, look_into_the_daemon, &pids[i]), -EACCES);
}

/* -- how it becomes a mount that others see --------------------------------------------- */

static void the_parent_passes_mounts_on(void **state)
{
	struct mounted *m = *state;
	char line[PATH_MAX * 2], wanted[PATH_MAX + 2];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	bool shared = false;

	snprintf(wanted, sizeof(wanted), " %s/ns ", m->f->dir);
	while (fgets(line, sizeof(line), f))
		shared |= strstr(line, wanted) && strstr(line, " shared:");
	fclose(f);
	assert_true(shared);
}

static void the_umask_of_whoever_starts_it_does_not_matter(void **state)
{
	struct mounted *m = *state;
	const char *dir = path_of(m, "%s/ns/ro", m->f->dir);
	mode_t old;

	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_ok(rmdir(dir));
	old = umask(0777);
	assert_ok(mounted_start_private(m, "size=1m"));
	umask(old);
	assert_int_equal(stat_path(dir).st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_path(m->point).st_mode, S_IFDIR | 01777);
	write_file(m->path, "hello");
	assert_int_equal(stat_path(m->path).st_mode & 0777, 0600 & ~old);
}

int main(void)
{
#define PRIVATE(test) TEST_WITH(setup, test, "private", SEG_POSIX)
	const struct CMUnitTest tests[] = {
		PRIVATE(segments_and_mappings_outlive_the_worker),
		PRIVATE(a_mapping_of_before_keeps_its_segment_from_being_cut),
		MOUNTED_POSIX(also_where_the_host_mount_was_replaced),
		PRIVATE(descriptors_outlive_the_worker),
		PRIVATE(one_worker_after_the_other_is_replaced),
		PRIVATE(a_worker_that_always_dies_is_given_up),
		PRIVATE(signals_end_it_and_leave_nothing),
		PRIVATE(umount_ends_it_and_leaves_nothing),
		PRIVATE(a_mapping_outlives_the_namespace),
		PRIVATE(both_killed_a_new_one_replaces_the_dead_mounts),
		PRIVATE(a_worker_without_its_supervisor_goes_on),
		PRIVATE(a_second_one_on_the_same_mount_point_is_refused),
		PRIVATE(namespaces_of_one_name_are_apart),
		PRIVATE(the_store_is_mounted_nowhere),
		PRIVATE(others_cannot_look_into_the_daemon),
		PRIVATE(the_parent_passes_mounts_on),
		PRIVATE(the_umask_of_whoever_starts_it_does_not_matter),
	};

	return RUN_MOUNTED(tests);
}
