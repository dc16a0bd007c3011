// SPDX-License-Identifier: MIT
/* What is open on the mount is open on the segment itself, and the daemon is no user. */
#include <sched.h>
#include <sys/shm.h>
#include <time.h>

#include "mounted.h"

/* RELEASE is sent when the last descriptor closes, and nobody waits for it; the kernel
 * sends twelve of them at a time. */
static void a_read_only_and_a_read_write_open_share_an_inode(void **state)
{
	struct mounted *m = *state;
	unsigned char *reader, *writer;

	seg_close(create_seg(m->ref, 2 * PAGE, 0));
	for (int i = 0; i < 4; i++) {
		int first = open_file(m->path, i & 1 ? O_RDONLY : O_RDWR);
		int second = open_file(m->path, i & 1 ? O_RDWR : O_RDONLY);

		reader = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, i & 1 ? first : second, 0);
		writer = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED,
			      i & 1 ? second : first, 0);
		assert_ptr_not_equal(reader, MAP_FAILED);
		assert_ptr_not_equal(writer, MAP_FAILED);
		close(i & 2 ? first : second);
		writer[i] = (unsigned char)('0' + i);
		assert_int_equal(reader[i], '0' + i);
		close(i & 2 ? second : first);
		munmap(reader, PAGE);
		munmap(writer, PAGE);
	}
}

static void a_write_only_open_writes_and_maps_nothing(void **state)
{
	struct mounted *m = *state;
	struct seg *seg = create_seg(m->ref, PAGE, 0);
	unsigned char *direct = map_seg(seg, 0, 0, 0);
	int fd = open_file(m->path, O_WRONLY);
	char byte;

	assert_int_equal(pwrite(fd, "x", 1, 7), 1);
	assert_int_equal(direct[7], 'x');
	assert_int_equal(try(pread(fd, &byte, 1, 7)), -EBADF);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	assert_int_equal(errno, EACCES);
	close(fd);
	seg_close(seg);
}

static void a_segment_is_opened_again_after_the_last_close(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;

	seg_close(create_seg(m->ref, PAGE, 0));
	for (int i = 0; i < 200; i++) {
		addr = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
		assert_int_equal(addr[0]++, (unsigned char)i);
		munmap(addr, PAGE);
	}
}

static void who_has_it_open_or_mapped_is_a_user_and_the_daemon_is_not(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;
	int fd;

	write_file(m->direct, "hello");
	assert_false(has_users(m->direct));
	stat_path(m->path);
	assert_false(has_users(m->direct));
	fd = open_file(m->path, O_RDONLY);
	assert_true(has_users(m->direct));
	addr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	assert_true(has_users(m->direct)); /* the mapping alone */
	munmap(addr, PAGE);
	assert_false(has_users(m->direct)); /* at once, whatever the daemon does */
	assert_ok(truncate(m->path, 3));
	assert_ok(chmod(m->path, 0640));
	assert_false(has_users(m->direct));
}

static void a_killed_user_is_no_user(void **state)
{
	struct mounted *m = *state;
	struct peer *peer = peer_start(m->f, NULL);

	write_file(m->direct, "hello");
	assert_ok(peer_open(peer, m->path, 0));
	assert_ok(peer_map(peer, 0, 0, 0));
	assert_true(has_users(m->direct));
	peer_kill(peer);
	assert_false(has_users(m->direct));
}

static void no_attach_is_left_of_opening_a_sysv_segment(void **state)
{
	struct mounted *m = *state;
	unsigned char *addr;

	seg_close(create_seg(m->ref, PAGE, 0));
	addr = map_file(m->path, PAGE, PROT_READ | PROT_WRITE);
	assert_int_equal(stat_seg(m->ref).nattch, 0);
	munmap(addr, PAGE);
	assert_int_equal(stat_seg(m->ref).nattch, 0);
}

static void the_daemon_lets_go_of_every_descriptor(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	const char *paths[20];
	int fds[20];

	for (int i = 0; i < 20; i++) {
		const char *ref = fixture_ref(m->f, i & 1 ? SEG_SYSV : SEG_POSIX);

		seg_close(create_seg(ref, PAGE, 0));
		paths[i] = on_mount(m, ref);
		stat_path(paths[i]);
	}
	assert_daemon_has(m, base); /* looked up is not open for long */
	for (int i = 0; i < 20; i++)
		fds[i] = open_file(paths[i], O_RDWR);
	for (int i = 0; i < 20; i++)
		close(open_file(paths[i], O_RDONLY));
	assert_daemon_has(m, base + 20);
	for (int i = 0; i < 20; i++)
		close(fds[i]);
	assert_daemon_has(m, base);
}

static void a_thousand_segments_are_open_at_once(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	unsigned char *addr;
	int fds[1000];
	char path[PATH_MAX];

	for (int i = 0; i < 1000; i++) {
		snprintf(path, sizeof(path), "%s-%d", m->path, i);
		fds[i] = create_file(path, 0600);
		assert_ok(ftruncate(fds[i], 4));
		assert_ok(unlink(path));
	}
	for (int i = 0; i < 1000; i++) {
		addr = mmap(NULL, 4, PROT_READ | PROT_WRITE, MAP_SHARED, fds[i], 0);
		assert_ptr_not_equal(addr, MAP_FAILED);
		close(fds[i]);
		munmap(addr, 4);
	}
	assert_daemon_has(m, base);
}

/* -- many at once ------------------------------------------------------------------ */

enum { PROCESSES = 8, NAMES = 4, SECONDS = 3 };

/* Shared by the processes. */
struct turmoil {
	char path[PATH_MAX];
	char error[256]; /* of the first one that fails */
	_Atomic unsigned opened, stale;
};

static int complain(struct turmoil *t, const char *call, int err)
{
	snprintf(t->error, sizeof(t->error), "%s: %s", call, strerror(err));
	return 1;
}

/* ESTALE: the kernel looks a name up again, once; both times the file that it found
 * was removed before it was opened. */
static int failed_open(struct turmoil *t, int oflags, int err)
{
	t->stale += err == ESTALE;
	if (err == ESTALE || (err == ENOENT && !(oflags & O_CREAT)))
		return 0;
	return complain(t, "open", err);
}

static int use_once(struct turmoil *t, const char *path, int oflags)
{
	_Atomic unsigned *word;
	int fd = open(path, oflags | O_CLOEXEC, 0600);

	if (fd < 0)
		return failed_open(t, oflags, errno);
	t->opened++;
	if (ftruncate(fd, (off_t)PAGE) < 0)
		return complain(t, "ftruncate", errno);
	word = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (word == MAP_FAILED)
		return complain(t, "mmap", errno);
	close(fd);
	++*word;
	munmap((void *)word, PAGE);
	return 0;
}

static int make_turmoil(void *arg)
{
	struct turmoil *t = arg;
	unsigned seed = (unsigned)getpid();
	time_t end = time(NULL) + SECONDS;
	char path[PATH_MAX + 16];
	int r = 0;

	while (r == 0 && time(NULL) < end && !t->error[0]) {
		snprintf(path, sizeof(path), "%s-%d", t->path, rand_r(&seed) % NAMES);
		switch (rand_r(&seed) % 4) {
		case 0:
			r = use_once(t, path, O_RDWR | O_CREAT);
			break;
		case 1:
			if (unlink(path) < 0 && errno != ENOENT)
				r = complain(t, "unlink", errno);
			break;
		default:
			r = use_once(t, path, O_RDWR);
		}
	}
	return r;
}

static void many_processes_open_map_and_unlink_the_same_names(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	struct turmoil *t =
		mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct peer *peers[PROCESSES];

	assert_ptr_not_equal(t, MAP_FAILED);
	strcpy(t->path, m->path);
	for (int i = 0; i < PROCESSES; i++)
		peers[i] = peer_spawn(m->f, make_turmoil, t);
	for (int i = 0; i < PROCESSES; i++)
		peer_join(peers[i]);
	assert_string_equal(t->error, "");
	print_message("  opened %u times, %u times ESTALE\n", t->opened, t->stale);
	assert_true(t->stale < t->opened / 10);
	assert_daemon_has(m, base);
	for (int i = 0; i < NAMES; i++) {
		const char *path = path_of(m, "%s-%d", m->direct, i);

		if (access(path, F_OK) == 0)
			assert_false(has_users(path));
	}
	munmap(t, sizeof(*t));
}

/* -- killed in the middle --------------------------------------------------------------- */

struct bustle {
	const char *path;
	_Atomic unsigned steps; /* shared */
};

static int bustle(void *arg)
{
	struct bustle *b = *(struct bustle **)arg;
	char path[PATH_MAX + 16];
	struct stat st;

	for (unsigned i = 0;; i++) {
		snprintf(path, sizeof(path), "%s-%u", b->path, i % 10);
		if (open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600) < 0 || stat(path, &st) < 0)
			return 1;
		close_range(10, 30, 0); /* some stay open */
		b->steps++;
	}
}

/* The daemon's reply finds nobody then, and what it holds for them is let go of. */
static void clients_that_are_killed_in_the_middle_leave_nothing_open(void **state)
{
	struct mounted *m = *state;
	const int base = settled_fds(m);
	struct bustle *b =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_ptr_not_equal(b, MAP_FAILED);
	b->path = m->path;
	for (unsigned i = 0; i < 200; i++) {
		struct peer *peer = peer_spawn(m->f, bustle, &b);
		const unsigned enough = b->steps + i % 20;

		while (b->steps < enough)
			sched_yield();
		peer_kill(peer);
		m->f->peer_count = 0;
	}
	assert_daemon_has(m, base);
	for (unsigned i = 0; i < 10; i++) {
		const char *path = path_of(m, "%s-%u", m->direct, i);

		if (access(path, F_OK) == 0)
			assert_false(has_users(path));
	}
	munmap(b, PAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		MOUNTED_BOTH(a_read_only_and_a_read_write_open_share_an_inode),
		MOUNTED_BOTH(a_write_only_open_writes_and_maps_nothing),
		MOUNTED_BOTH(a_segment_is_opened_again_after_the_last_close),
		MOUNTED_POSIX(who_has_it_open_or_mapped_is_a_user_and_the_daemon_is_not),
		MOUNTED_POSIX(a_killed_user_is_no_user),
		MOUNTED_SYSV(no_attach_is_left_of_opening_a_sysv_segment),
		MOUNTED_POSIX(the_daemon_lets_go_of_every_descriptor),
		MOUNTED_POSIX(a_thousand_segments_are_open_at_once),
		MOUNTED_POSIX(many_processes_open_map_and_unlink_the_same_names),
		MOUNTED_POSIX(clients_that_are_killed_in_the_middle_leave_nothing_open),
	};

	return RUN_MOUNTED(tests);
}
