// SPDX-License-Identifier: MIT
/* The daemon dies, stops, ends, or is held up: what users of segments notice. */
#include <poll.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/pidfd.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "mounted.h"

#define FUSE_MAGIC 0x65735546

static bool is_mounted(struct mounted *m)
{
	struct statfs st;

	return statfs(m->point, &st) < 0 || st.f_type == FUSE_MAGIC;
}

/* -- it is killed ---------------------------------------------------------------------- */

static void mappings_outlive_the_daemon(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 8 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0), *again;
	unsigned char *mounted = map_file(m->path, 8 * PAGE, PROT_READ | PROT_WRITE);
	int fd = open_file(m->path, O_RDWR);
	char byte;

	mounted[0] = 'a';
	m->expect_noise = true;
	daemon_end(&m->daemon, SIGKILL);
	assert_int_equal(try_open(m->path, O_RDWR, 0), -ENOTCONN);

	assert_int_equal(direct[0], 'a');
	direct[1] = 'b';
	assert_int_equal(mounted[1], 'b');
	for (size_t i = 1; i < 8; i++) { /* pages that nobody has touched */
		mounted[i * PAGE] = (unsigned char)i;
		assert_int_equal(direct[i * PAGE], i);
	}
	assert_int_equal(pwrite(fd, "c", 1, 2), 1);
	assert_int_equal(direct[2], 'c');
	assert_int_equal(pread(fd, &byte, 1, 1), 1);
	assert_int_equal(byte, 'b');
	again = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(again, MAP_FAILED);
	assert_int_equal(again[2], 'c');
	close(fd);
	munmap(again, PAGE);
	munmap(mounted, 8 * PAGE);
	seg_close(seg);
}

static void a_user_of_a_killed_daemon_is_still_a_user(void **state)
{
	struct mounted *m = *state;
	unsigned char *mounted;

	write_file(m->direct, "hello");
	mounted = map_file(m->path, PAGE, PROT_READ);
	m->expect_noise = true;
	daemon_end(&m->daemon, SIGKILL);
	assert_true(has_users(m->direct));
	munmap(mounted, PAGE);
	assert_false(has_users(m->direct));
}

static void a_new_daemon_replaces_a_dead_mount_and_shows_every_segment(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 2 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0), *old, *new;
	const ino_t ino = stat_path(m->path).st_ino;

	for (int i = 0; i < 3; i++) {
		old = map_file(m->path, 2 * PAGE, PROT_READ | PROT_WRITE);
		old[0] = (unsigned char)('0' + i);
		mounted_restart(m, SIGKILL);
		new = map_file(m->path, 2 * PAGE, PROT_READ | PROT_WRITE);
		assert_int_equal(new[0], '0' + i);
		new[1] = (unsigned char)('a' + i);
		assert_int_equal(old[1], 'a' + i); /* the old daemon's, and still the segment */
		assert_int_equal(direct[1], 'a' + i);
		assert_int_equal(stat_path(m->path).st_ino, ino);
		munmap(old, 2 * PAGE);
		munmap(new, 2 * PAGE);
	}
	seg_close(seg);
	assert_int_equal(umount(m->point), 0);
	assert_false(is_mounted(m)); /* nothing lies underneath */
	assert_int_equal(daemon_end(&m->daemon, 0), 0);
}

/* -- it is asked to end ----------------------------------------------------------------- */

static void signals_unmount(void **state)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	struct mounted *m = *state;

	for (size_t i = 0; i < 3; i++) {
		assert_true(is_mounted(m));
		assert_int_equal(daemon_end(&m->daemon, signals[i]), 0);
		assert_string_equal(daemon_said(&m->daemon), "");
		assert_false(is_mounted(m));
		mounted_restart(m, 0);
	}
}

static void umount_ends_the_daemon(void **state)
{
	struct mounted *m = *state;

	assert_ok(umount(m->point));
	assert_int_equal(daemon_end(&m->daemon, 0), 0);
	assert_string_equal(daemon_said(&m->daemon), "");
}

static void umount_is_ebusy_while_a_file_is_open_and_a_lazy_one_waits_for_it(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	struct stat st;

	assert_int_equal(try(umount(m->point)), -EBUSY);
	assert_ok(umount2(m->point, MNT_DETACH));
	assert_false(is_mounted(m));
	assert_ok(fstat(fd, &st)); /* it serves those who are left */
	close(fd);
	assert_int_equal(daemon_end(&m->daemon, 0), 0);
}

static void a_signal_ends_it_under_open_files_and_mappings_go_on(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	unsigned char *mounted = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	int fd = open_file(m->path, O_RDWR);

	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_string_equal(daemon_said(&m->daemon), "");
	mounted[0] = 'm';
	assert_int_equal(direct[0], 'm');
	assert_int_equal(pwrite(fd, "w", 1, 1), 1);
	assert_int_equal(mounted[1], 'w');
	munmap(mounted, PAGE);
	close(fd);
	seg_close(seg);
}

static void what_was_being_made_goes_with_the_daemon(void **state)
{
	struct mounted *m = *state;
	int fd = create_file(m->path, 0600);
	struct seg_stat st;

	assert_int_equal(daemon_end(&m->daemon, SIGTERM), 0);
	assert_int_equal(seg_stat(m->ref, &st), -ENOENT);
	assert_int_equal(try(ftruncate(fd, 100)), -ENOTCONN);
	close(fd);
}

/* -- there is one already ---------------------------------------------------------------- */

static void a_second_daemon_is_refused_in_one_line(void **state)
{
	struct mounted *m = *state;
	const char *const argv[] = { SEGFS_PROGRAM, "-f", "host", m->point, NULL };
	char said[1024];

	assert_int_equal(daemon_run(argv, said, sizeof(said)), 1);
	assert_non_null(strstr(said, "mounted there already"));
	assert_non_null(strstr(said, m->point));
	assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
	write_file(m->path, "the first one serves on");
	assert_content(m->path, "the first one serves on");
}

static int start_one(void *arg)
{
	struct mounted *m = arg;
	const char *const argv[] = { SEGFS_PROGRAM, "host", m->point, NULL };
	char said[1024];

	return daemon_run(argv, said, sizeof(said));
}

static void of_many_that_start_at_once_one_mounts(void **state)
{
	struct mounted *m = *state;
	struct peer *peers[6];
	int mounted = 0;

	m->expect_noise = true;
	daemon_end(&m->daemon, SIGKILL); /* on a dead mount, at that */
	for (int i = 0; i < 6; i++)
		peers[i] = peer_spawn(m->f, start_one, m);
	for (int i = 0; i < 6; i++)
		mounted += peer_join(peers[i]) == 0;
	assert_int_equal(mounted, 1);
	write_file(m->path, "hello");
	assert_content(m->direct, "hello");
	assert_ok(umount(m->point));
	assert_false(is_mounted(m));
}

/* -- it is stopped -------------------------------------------------------------------------- */

static int stat_it(void *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? errno : 0;
}

static bool ends_within(pid_t pid, int milliseconds)
{
	int pidfd = pidfd_open(pid, 0);
	struct pollfd fd = { pidfd, POLLIN, 0 };
	int n = poll(&fd, 1, milliseconds);

	close(pidfd);
	return n == 1;
}

static void while_it_is_stopped_memory_goes_on_and_names_wait(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, 4 * PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	unsigned char *mounted = map_file(m->path, 4 * PAGE, PROT_READ | PROT_WRITE);
	int fd = open_file(m->path, O_RDWR);
	struct peer *peer;

	/* After attributes were refreshed, the kernel asks once, at the next write(), whether
	 * there are file capabilities to be dropped (6.18). */
	assert_int_equal(pwrite(fd, "w", 1, 0), 1);
	assert_ok(kill(m->daemon.pid, SIGSTOP));
	peer = peer_spawn(m->f, stat_it, (void *)m->path);
	for (size_t i = 0; i < 4; i++) {
		mounted[i * PAGE] = 'm';
		assert_int_equal(direct[i * PAGE], 'm');
	}
	assert_int_equal(pwrite(fd, "w", 1, 1), 1);
	assert_int_equal(mounted[1], 'w');
	close(fd); /* there is no FLUSH to wait for */
	munmap(mounted, 4 * PAGE);
	assert_false(ends_within(peer->pid, 200));
	assert_ok(kill(m->daemon.pid, SIGCONT));
	assert_ok(peer_join(peer));
	seg_close(seg);
}

static void who_waits_for_a_stopped_daemon_can_be_killed(void **state)
{
	struct mounted *m = *state;
	struct peer *peer;

	assert_ok(kill(m->daemon.pid, SIGSTOP));
	peer = peer_spawn(m->f, stat_it, (void *)m->path);
	assert_false(ends_within(peer->pid, 50));
	assert_ok(kill(peer->pid, SIGKILL));
	assert_true(ends_within(peer->pid, 5000));
	assert_ok(kill(m->daemon.pid, SIGCONT));
	write_file(m->path, "hello");
}

/* -- somebody holds a lease ----------------------------------------------------------------- */

static int open_waiting(void *path)
{
	return open(path, O_RDWR) < 0 ? errno : 0;
}

static void a_lease_does_not_hold_up_the_daemon(void **state)
{
	struct mounted *m = *state;
	const char *other = on_mount(m, fixture_ref(m->f, SEG_POSIX));
	struct peer *holder = peer_start(m->f, NULL), *opener;

	write_file(m->direct, "leased");
	assert_ok(peer_lease(holder, m->direct, F_RDLCK));
	assert_int_equal(try(truncate(m->path, 1)), -EAGAIN);
	assert_int_equal(try_open(m->path, O_RDWR | O_NONBLOCK, 0), -EAGAIN);
	opener = peer_spawn(m->f, open_waiting, (void *)m->path);
	assert_false(ends_within(opener->pid, 50)); /* it waits itself, as for a file of tmpfs */
	write_file(other, "others are served");
	assert_content(other, "others are served");
	assert_int_equal(stat_path(m->path).st_size, 6);
	assert_ok(chmod(m->path, 0640));
	assert_ok(peer_lease(holder, m->direct, F_UNLCK));
	assert_ok(peer_join(opener));
	peer_stop(holder);
	assert_ok(truncate(m->path, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(mappings_outlive_the_daemon),
		MOUNTED_POSIX(a_user_of_a_killed_daemon_is_still_a_user),
		MOUNTED_BOTH(a_new_daemon_replaces_a_dead_mount_and_shows_every_segment),
		MOUNTED_POSIX(signals_unmount),
		MOUNTED_POSIX(umount_ends_the_daemon),
		MOUNTED_POSIX(umount_is_ebusy_while_a_file_is_open_and_a_lazy_one_waits_for_it),
		MOUNTED_BOTH(a_signal_ends_it_under_open_files_and_mappings_go_on),
		MOUNTED_SYSV(what_was_being_made_goes_with_the_daemon),
		MOUNTED_POSIX(a_second_daemon_is_refused_in_one_line),
		MOUNTED_POSIX(of_many_that_start_at_once_one_mounts),
		MOUNTED_BOTH(while_it_is_stopped_memory_goes_on_and_names_wait),
		MOUNTED_POSIX(who_waits_for_a_stopped_daemon_can_be_killed),
		MOUNTED_POSIX(a_lease_does_not_hold_up_the_daemon),
	};

	return RUN_MOUNTED(tests);
}
