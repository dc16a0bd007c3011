// SPDX-License-Identifier: MIT
#include "mounted.h"

#include <signal.h>
#include <sys/wait.h>

/* -- before and after ------------------------------------------------------ */

bool mounted_possible(void)
{
	if (geteuid() == 0 && access("/dev/fuse", F_OK) == 0)
		return true;
	print_message("skipped: needs root and /dev/fuse\n");
	return false;
}

static void name_things(struct mounted *m)
{
	snprintf(m->at[0], PATH_MAX, "%s/mnt", m->f->dir);
	snprintf(m->at[1], PATH_MAX, "%s/mnt/posix", m->f->dir);
	snprintf(m->at[2], PATH_MAX, "%s/mnt/sysv", m->f->dir);
	m->point = m->at[0];
	m->posix = m->at[1];
	m->sysv = m->at[2];
	m->ref = m->f->ref;
	m->path = on_mount(m, m->ref);
	m->direct = in_shm(m, m->ref);
}

int mounted_setup_with(void **state, const char *options)
{
	struct mounted *m = calloc(1, sizeof(*m));

	if (!m || fixture_setup(state) < 0)
		return -1;
	m->f = *state;
	*state = m;
	name_things(m);
	if (daemon_start(&m->daemon, SEGFS_PROGRAM, m->point, options) == 0)
		return 0;
	print_error("segfs does not mount: %s\n", daemon_said(&m->daemon));
	return -1;
}

int mounted_setup(void **state)
{
	return mounted_setup_with(state, NULL);
}

/* PARENT is what the daemon makes a mount of its own. */
static int make_parent(struct mounted *m)
{
	snprintf(m->at[3], PATH_MAX, "%s/ns", m->f->dir);
	fixture_mounted(m->f, m->at[3]);
	snprintf(m->at[0], PATH_MAX, "%s/ns/%s", m->f->dir, PRIVATE_NAME);
	snprintf(m->at[1], PATH_MAX, "%s/ns/ro/%s", m->f->dir, PRIVATE_NAME);
	m->point = m->posix = m->at[0];
	m->ro = m->at[1];
	m->ref = m->f->ref;
	m->path = on_mount(m, m->ref);
	return mkdir(m->at[3], 0755);
}

int mounted_setup_private(void **state, const char *options)
{
	struct mounted *m = calloc(1, sizeof(*m));

	if (!m || fixture_setup(state) < 0)
		return -1;
	m->f = *state;
	*state = m;
	if (make_parent(m) < 0)
		return -1;
	if (mounted_start_private(m, options) == 0)
		return 0;
	print_error("segfs does not mount: %s\n", daemon_said(&m->daemon));
	return -1;
}

int mounted_start_private(struct mounted *m, const char *options)
{
	return daemon_start_ns(&m->daemon, SEGFS_PROGRAM, PRIVATE_NAME, m->point, options, m->ro);
}

static int end_daemon(struct mounted *m)
{
	int status = m->daemon.pid ? daemon_end(&m->daemon, SIGTERM) : 0;
	const char *said = daemon_said(&m->daemon);

	if (m->expect_noise || (status == 0 && *said == '\0'))
		return 0;
	print_error("the daemon ended with wait status %#x and said: %s\n", status, said);
	return -1;
}

int mounted_teardown(void **state)
{
	struct mounted *m = *state;
	struct fixture *f = m->f;
	int r;

	for (size_t i = 0; i < f->peer_count; i++)
		peer_kill(&f->peers[i]);
	r = end_daemon(m);
	fixture_mounted(f, m->point); /* dead ones */
	free(m);
	*state = f;
	return fixture_teardown(state) < 0 ? -1 : r;
}

void mounted_restart(struct mounted *m, int sig)
{
	if (m->daemon.pid)
		daemon_end(&m->daemon, sig);
	if (daemon_start(&m->daemon, SEGFS_PROGRAM, m->point, NULL) < 0)
		fail_msg("segfs does not mount again: %s", daemon_said(&m->daemon));
}

/* -- names ------------------------------------------------------------------ */

const char *path_of(struct mounted *m, const char *format, ...)
{
	char *path = m->paths[m->path_count++];
	va_list args;

	assert_true(m->path_count <= sizeof(m->paths) / sizeof(m->paths[0]));
	va_start(args, format);
	vsnprintf(path, sizeof(m->paths[0]), format, args);
	va_end(args);
	return path;
}

const char *on_mount(struct mounted *m, const char *ref)
{
	if (strncmp(ref, "sysv:id:", 8) == 0)
		return path_of(m, "%s/id-%s", m->sysv, ref + 8);
	if (strncmp(ref, "sysv:", 5) == 0)
		return path_of(m, "%s/%s", m->sysv, ref + 5);
	return path_of(m, "%s%s", m->posix, ref);
}

const char *in_shm(struct mounted *m, const char *ref)
{
	return path_of(m, "/dev/shm%s", ref);
}

/* -- system calls ------------------------------------------------------------ */

int try_open(const char *path, int oflags, mode_t mode)
{
	return open(path, oflags | O_CLOEXEC, mode) < 0 ? -errno : 0;
}

int open_file(const char *path, int oflags)
{
	int fd = open(path, oflags | O_CLOEXEC, 0600);

	if (fd < 0)
		fail_msg("open(%s): %s", path, strerror(errno));
	return fd;
}

int create_file(const char *path, mode_t mode)
{
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);

	if (fd < 0)
		fail_msg("create(%s): %s", path, strerror(errno));
	return fd;
}

void write_file(const char *path, const char *text)
{
	int fd = open_file(path, O_WRONLY | O_CREAT);

	assert_int_equal(pwrite(fd, text, strlen(text), 0), strlen(text));
	close(fd);
}

void assert_content(const char *path, const char *text)
{
	char buf[4096] = { 0 };
	int fd = open_file(path, O_RDONLY);

	assert_return_code(read(fd, buf, sizeof(buf) - 1), errno);
	close(fd);
	assert_string_equal(buf, text);
}

unsigned char *map_file(const char *path, size_t length, int prot)
{
	int fd = open_file(path, prot & PROT_WRITE ? O_RDWR : O_RDONLY);
	void *addr = mmap(NULL, length, prot, MAP_SHARED, fd, 0);

	if (addr == MAP_FAILED)
		fail_msg("mmap(%s): %s", path, strerror(errno));
	close(fd);
	return addr;
}

struct stat stat_path(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		fail_msg("stat(%s): %s", path, strerror(errno));
	return st;
}

bool has_users(const char *direct)
{
	int fd = open_file(direct, O_RDWR);
	bool busy = fcntl(fd, F_SETLEASE, F_WRLCK) < 0;

	if (busy)
		assert_int_equal(errno, EAGAIN);
	close(fd);
	return busy;
}

int settled_fds(struct mounted *m)
{
	int least = daemon_fds(m->daemon.pid);

	/* longer than it holds what was looked up, or waits to look again: see fs/warm.c
	 * and fs/ephemeral.c */
	for (int i = 0; i < 300; i++) {
		const struct timespec ms = { .tv_nsec = 1000000 };
		int fds = daemon_fds(m->daemon.pid);

		least = fds < least ? fds : least;
		nanosleep(&ms, NULL);
	}
	return least;
}

static void print_daemon_fds(pid_t pid)
{
	char path[64], target[PATH_MAX];

	for (int fd = 0; fd < 4096; fd++) {
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		if (n > 0)
			print_error("  fd %d: %.*s\n", fd, (int)n, target);
	}
}

/* What it looks at in its own time it has open for a moment: one look that finds no more
 * is enough, for what is left open stays. */
void assert_daemon_has(struct mounted *m, int fds)
{
	const time_t end = time(NULL) + 10;
	int now;

	while ((now = daemon_fds(m->daemon.pid)) != fds && time(NULL) < end)
		stat_path(m->posix);
	if (now != fds)
		print_daemon_fds(m->daemon.pid);
	assert_int_equal(now, fds);
}
