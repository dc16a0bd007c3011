// SPDX-License-Identifier: MIT
/* Ephemeral segments: destroyed by the daemon when their last user is gone. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/xattr.h>

#include "mounted.h"

#define PATIENCE_MS 20000
#define MANY        2000

/* The end of a name in /dev/shm is an event. */
static void wait_until_gone(const char *direct)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char buf[4096];

	assert_return_code(inotify_add_watch(fd, "/dev/shm", IN_DELETE), errno);
	while (access(direct, F_OK) == 0) {
		if (poll(&pollfd, 1, PATIENCE_MS) == 0)
			fail_msg("%s is still there", direct);
		while (read(fd, buf, sizeof(buf)) > 0)
			;
	}
	close(fd);
}

/* What the daemon does in its own time it has done: it has seen the end of another
 * ephemeral segment, which came later. */
static void let_the_daemon_catch_up(struct mounted *m)
{
	const char *ref = fixture_ref(m->f, SEG_POSIX);

	seg_close(create_seg(ref, PAGE, SEG_EPHEMERAL));
	wait_until_gone(in_shm(m, ref));
}

static void assert_stays(struct mounted *m)
{
	let_the_daemon_catch_up(m);
	assert_int_equal(access(m->direct, F_OK), 0);
}

static struct peer *peer_with(struct mounted *m, const char *ref, unsigned flags)
{
	struct peer *peer = peer_start(m->f, NULL);

	assert_ok(peer_open(peer, ref, flags));
	assert_ok(peer_map(peer, 0, 0, flags));
	assert_ok(peer_close(peer));
	return peer;
}

/* -- each way of leaving ----------------------------------------------------------- */

static void the_creator_closes_it(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);

	assert_stays(m);
	seg_close(seg);
	wait_until_gone(m->direct);
}

static void the_last_mapping_is_unmapped(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	seg_close(seg);
	assert_stays(m);
	addr[0] = 'x';
	assert_ok(seg_unmap(addr, PAGE));
	wait_until_gone(m->direct);
}

static void the_last_user_leaves(struct mounted *m, const char *ref, unsigned flags,
				 void (*leave)(struct peer *peer))
{
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	struct peer *peer = peer_with(m, ref, flags);

	seg_close(seg);
	assert_stays(m);
	assert_int_equal(peer_read(peer, 0), 0);
	leave(peer);
	wait_until_gone(m->direct);
}

static void the_last_user_exits(void **state)
{
	struct mounted *m = *state;

	the_last_user_leaves(m, m->ref, 0, peer_stop);
}

static void the_last_user_is_killed(void **state)
{
	struct mounted *m = *state;

	the_last_user_leaves(m, m->ref, 0, peer_kill);
}

static void the_last_reader_is_killed(void **state)
{
	struct mounted *m = *state;

	the_last_user_leaves(m, m->ref, SEG_READ_ONLY, peer_kill);
}

static void the_last_user_through_the_mount_exits(void **state)
{
	struct mounted *m = *state;

	the_last_user_leaves(m, m->path, 0, peer_stop);
}

static void the_last_user_through_the_mount_is_killed(void **state)
{
	struct mounted *m = *state;

	the_last_user_leaves(m, m->path, SEG_READ_ONLY, peer_kill);
}

static void all_of_several_users_are_gone(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	const char *refs[] = { m->ref, m->path };
	struct peer *peers[4];

	for (int i = 0; i < 4; i++)
		peers[i] = peer_with(m, refs[i % 2], i / 2 ? SEG_READ_ONLY : 0);
	seg_close(seg);
	for (int i = 0; i < 4; i++) {
		assert_stays(m);
		peer_kill(peers[i]);
	}
	wait_until_gone(m->direct);
}

static void who_was_a_user_for_a_moment_changes_nothing(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);

	for (int i = 0; i < 500; i++)
		seg_close(open_seg(i % 2 ? m->ref : m->path, 0));
	assert_stays(m);
	seg_close(seg);
	wait_until_gone(m->direct);
}

/* -- where it comes from -------------------------------------------------------------- */

static void it_may_be_made_through_the_mount(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->path, PAGE, SEG_EPHEMERAL);
	unsigned char *addr = map_seg(seg, 0, 0, 0);

	seg_close(seg);
	assert_stays(m);
	assert_ok(seg_unmap(addr, PAGE));
	wait_until_gone(m->direct);
}

static void the_mark_may_be_set_through_the_mount(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);

	assert_ok(fsetxattr(fd, "user.segfs.ephemeral", "1", 1, 0));
	assert_ok(fchmod(fd, 01600));
	assert_stays(m);
	close(fd);
	wait_until_gone(m->direct);
}

static int mark(void *path)
{
	const char *name = path;
	int fd = open(name, O_RDWR | O_CLOEXEC);

	if (fd < 0 || fsetxattr(fd, "user.segfs.ephemeral", "1", 1, 0) < 0)
		return 1;
	if (fchmod(fd, 01666) == 0 || chmod(name, 01666) == 0 || unlink(name) == 0)
		return 2;
	close(fd);
	return 0;
}

/* Whoever may write a segment may give it attributes, and could have the daemon do what
 * the sticky bit of the directory refuses. */
static void who_is_not_its_owner_cannot_mark_it(void **state)
{
	const struct child_setting somebody = { .uid = SOMEBODY };
	const struct seg_gc_filter filter = { .uid = (uid_t)-1, .flags = SEG_GC_EPHEMERAL };
	struct mounted *m = *state;
	char *paths[] = { (char *)m->path, (char *)m->direct };

	close(create_file(m->path, 0666));
	assert_ok(chmod(m->path, 0666));
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(child_run(&somebody, mark, paths[i]), 0);
		assert_stays(m);
		assert_ok(seg_gc(&filter, NULL, NULL));
		assert_stays(m);
	}
	assert_ok(unlink(m->path));
}

static void what_is_not_marked_stays(void **state)
{
	struct mounted *m = *state;

	seg_close(create_seg(m->ref, PAGE, 0));
	peer_kill(peer_with(m, m->path, 0));
	assert_stays(m);
	assert_ok(unlink(m->direct));
}

static void a_handle_that_only_names_it_keeps_nothing(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL), *path;

	path = open_seg(m->ref, SEG_PATH);
	seg_close(seg);
	wait_until_gone(m->direct);
	seg_close(path);
}

/* -- the daemon ------------------------------------------------------------------------ */

static void a_new_daemon_sweeps_what_ended_without_one(void **state)
{
	struct mounted *m = *state;
	const char *in_use = fixture_ref(m->f, SEG_POSIX);
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	struct seg *other = create_seg(in_use, PAGE, SEG_EPHEMERAL);

	daemon_end(&m->daemon, SIGKILL);
	seg_close(seg);
	assert_int_equal(access(m->direct, F_OK), 0);
	mounted_restart(m, 0);
	wait_until_gone(m->direct);
	assert_int_equal(stat_seg(in_use).nlink, 1);
	seg_close(other);
	wait_until_gone(in_shm(m, in_use));
}

static long cpu_ticks(pid_t pid)
{
	char path[64];
	long user, system;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	f = fopen(path, "re");
	assert_non_null(f);
	assert_int_equal(fscanf(f,
				"%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld",
				&user, &system),
			 2);
	fclose(f);
	return user + system;
}

/* To look at a segment is to open and close it, which must not lead to the next look. */
static void the_daemon_rests_while_one_is_in_use(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	struct pollfd nothing = { .fd = -1 };
	long before;

	seg_close(open_seg(m->ref, 0));
	assert_stays(m);
	before = cpu_ticks(m->daemon.pid);
	poll(&nothing, 1, 1000); /* a second of doing nothing is what is measured */
	assert_true(cpu_ticks(m->daemon.pid) - before < sysconf(_SC_CLK_TCK) / 5);
	seg_close(seg);
	wait_until_gone(m->direct);
}

static size_t segments_left(void)
{
	DIR *dir = opendir("/dev/shm");
	size_t count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

static int use_many(void *arg)
{
	struct seg *seg;

	for (int i = 0; i < MANY; i++) {
		char ref[64];

		snprintf(ref, sizeof(ref), "/segfs-test-%d-many-%d", getpid(), i);
		if (seg_create(ref, PAGE, 0600, SEG_EPHEMERAL, &seg) < 0)
			return 1;
	}
	/* all are in use until this process is no more */
	return write(*(int *)arg, "", 1) == 1 && pause() ? 1 : 1;
}

static void wait_until_all_are_gone(void)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };
	char buf[65536];

	assert_return_code(inotify_add_watch(fd, "/dev/shm", IN_DELETE), errno);
	while (segments_left() > 0) {
		if (poll(&pollfd, 1, PATIENCE_MS) == 0)
			fail_msg("%zu segments are left", segments_left());
		while (read(fd, buf, sizeof(buf)) > 0)
			;
	}
	close(fd);
}

static void raise_fd_limit(void)
{
	struct rlimit limit;

	assert_ok(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	assert_ok(setrlimit(RLIMIT_NOFILE, &limit));
	if (limit.rlim_cur < MANY + 100)
		skip_because("needs 2100 descriptors");
}

static void two_thousand_end_at_once(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;
	int ends[2];
	char byte;

	raise_fd_limit();
	assert_ok(pipe2(ends, O_CLOEXEC));
	peer = peer_spawn(m->f, use_many, &ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 1);
	assert_int_equal(segments_left(), MANY);
	peer_kill(peer);
	wait_until_all_are_gone();
	close(ends[0]);
	close(ends[1]);
}

/* More events than the queue holds (16,384), each with a name of its own, or they would
 * be merged. The daemon stands still meanwhile. */
static void lost_events_lose_no_segment(void **state)
{
	enum { EVENTS = 20000 };
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, SEG_EPHEMERAL);
	char name[64];

	assert_ok(kill(m->daemon.pid, SIGSTOP));
	for (int i = 0; i < EVENTS; i++) {
		snprintf(name, sizeof(name), "/dev/shm/%d", i);
		close(create_file(name, 0600));
	}
	seg_close(seg);
	assert_ok(kill(m->daemon.pid, SIGCONT));
	wait_until_gone(m->direct);
	for (int i = 0; i < EVENTS; i++) {
		snprintf(name, sizeof(name), "/dev/shm/%d", i);
		assert_ok(unlink(name));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_POSIX(the_creator_closes_it),
		MOUNTED_POSIX(the_last_mapping_is_unmapped),
		MOUNTED_POSIX(the_last_user_exits),
		MOUNTED_POSIX(the_last_user_is_killed),
		MOUNTED_POSIX(the_last_reader_is_killed),
		MOUNTED_POSIX(the_last_user_through_the_mount_exits),
		MOUNTED_POSIX(the_last_user_through_the_mount_is_killed),
		MOUNTED_POSIX(all_of_several_users_are_gone),
		MOUNTED_POSIX(who_was_a_user_for_a_moment_changes_nothing),
		MOUNTED_POSIX(it_may_be_made_through_the_mount),
		MOUNTED_POSIX(the_mark_may_be_set_through_the_mount),
		MOUNTED_POSIX(who_is_not_its_owner_cannot_mark_it),
		MOUNTED_POSIX(what_is_not_marked_stays),
		MOUNTED_POSIX(a_handle_that_only_names_it_keeps_nothing),
		MOUNTED_POSIX(a_new_daemon_sweeps_what_ended_without_one),
		MOUNTED_POSIX(the_daemon_rests_while_one_is_in_use),
		MOUNTED_POSIX(two_thousand_end_at_once),
		MOUNTED_POSIX(lost_events_lose_no_segment),
	};

	return RUN_MOUNTED(tests);
}
