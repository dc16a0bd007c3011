// SPDX-License-Identifier: MIT
#include "daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "child.h"
#include "cleanup.h"

#define PATIENCE_MS 20000

static const struct child_setting same = { 0 };

/* With the words of DAEMON_AS before it, where the environment has that: setpriv and what
 * it gives. */
static void exec_daemon(const char *const argv[])
{
	const char *shell[16] = { "/bin/sh", "-c", "exec $DAEMON_AS \"$@\"", "sh" };
	size_t n = 4;

	while (*argv)
		shell[n++] = *argv++;
	execv(shell[0], (char *const *)shell);
}

static pid_t spawn(const char *const argv[], const char *log)
{
	pid_t pid = child_fork(&same);
	int fd;

	if (pid != 0)
		return pid;
	setpgid(0, 0); /* with its worker */
	fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		_exit(126);
	exec_daemon(argv);
	_exit(127);
}

static void kill_when_closed(int lifeline, int pidfd, pid_t group)
{
	char byte;

	dup2(lifeline, 3);
	dup2(pidfd, 4);
	close_range(5, ~0u, 0);
	while (read(3, &byte, 1) < 0)
		;
	if (pidfd_send_signal(4, SIGKILL, NULL, 0) == 0)
		kill(-group, SIGKILL);
	_exit(0);
}

/* A test that dies takes its daemon along. PR_SET_PDEATHSIG does not last: the kernel
 * clears it when a daemon takes on a caller's user. The watcher is no child of the
 * test's, so that nobody has to wait for it. */
static int watch(pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	int ends[2];
	pid_t child;

	if (pidfd < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return -1;
	child = fork();
	if (child == 0) {
		close(ends[1]);
		if (fork() == 0)
			kill_when_closed(fcntl(ends[0], F_DUPFD, 5), fcntl(pidfd, F_DUPFD, 5), pid);
		_exit(0);
	}
	close(ends[0]);
	child_wait(child);
	return ends[1];
}

static bool is_on_its_own(const char *path, const char *point)
{
	char parent[PATH_MAX + 8];
	struct stat st, above;

	snprintf(parent, sizeof(parent), "%s/..", point);
	if (lstat(path, &st) < 0)
		return false;
	/* ".." of a mount is the directory that it is on: no question to a daemon */
	return stat(parent, &above) < 0 || st.st_dev != above.st_dev;
}

/* The table of mounts says when it changes; stat() then waits until the daemon answers. */
bool daemon_wait_for(const struct daemon *daemon, const char *path)
{
	_cleanup_close_ int pidfd = pidfd_open(daemon->pid, 0);
	_cleanup_close_ int mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	struct pollfd fds[] = { { mounts, POLLPRI, 0 }, { pidfd, POLLIN, 0 } };

	while (!is_on_its_own(path, daemon->point)) {
		int n = poll(fds, 2, PATIENCE_MS);

		if (n == 0 || (n > 0 && fds[1].revents))
			return false;
	}
	return true;
}

int daemon_start(struct daemon *daemon, const char *program, const char *point, const char *options)
{
	char inside[PATH_MAX + 8];

	snprintf(inside, sizeof(inside), "%s/posix", point);
	return daemon_start_ns(daemon, program, "host", point, options, inside);
}

int daemon_start_ns(struct daemon *daemon, const char *program, const char *ns, const char *point,
		    const char *options, const char *until)
{
	const char *argv[] = { program, "-f", ns, point, options ? "-o" : NULL, options, NULL };

	snprintf(daemon->point, sizeof(daemon->point), "%s", point);
	snprintf(daemon->log, sizeof(daemon->log), "%s.log", point);
	mkdir(point, 0755);
	daemon->pid = spawn(argv, daemon->log);
	if (daemon->pid < 0) {
		daemon->pid = 0;
		return -1;
	}
	daemon->lifeline = watch(daemon->pid);
	if (daemon_wait_for(daemon, until))
		return 0;
	daemon_end(daemon, SIGKILL);
	return -1;
}

pid_t daemon_worker(const struct daemon *daemon)
{
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", daemon->pid, daemon->pid);
	f = fopen(path, "re");
	if (!f || fscanf(f, "%d", &pid) != 1)
		pid = 0;
	if (f)
		fclose(f);
	return pid;
}

/* Waits without limit once it is killed. */
static void wait_or_kill(pid_t pid)
{
	_cleanup_close_ int pidfd = pidfd_open(pid, 0);
	struct pollfd fd = { pidfd, POLLIN, 0 };
	int n;

	do {
		n = poll(&fd, 1, PATIENCE_MS);
	} while (n < 0 && errno == EINTR);
	if (n == 0)
		kill(pid, SIGKILL);
}

int daemon_end(struct daemon *daemon, int sig)
{
	int status;

	/* A test may have stopped it. Not once it is ending: a SIGCONT takes away the
	 * SIGSTOP with which the leak checker stops it, and then that waits for ever. */
	if (sig) {
		kill(daemon->pid, SIGCONT);
		kill(daemon->pid, sig);
	}
	wait_or_kill(daemon->pid);
	status = child_wait(daemon->pid);
	daemon->pid = 0;
	close(daemon->lifeline);
	return status;
}

static void read_all(const char *path, char *text, size_t size)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
}

const char *daemon_said(const struct daemon *daemon)
{
	static char text[16384];

	read_all(daemon->log, text, sizeof(text));
	return text;
}

int daemon_run(const char *const argv[], char *said, size_t size)
{
	char log[] = "/tmp/segfs-test-XXXXXX";
	int fd = mkstemp(log), status;
	pid_t pid;

	if (fd < 0)
		return -1;
	close(fd);
	pid = spawn(argv, log);
	if (pid > 0) {
		wait_or_kill(pid);
		status = child_wait(pid);
	}
	read_all(log, said, size);
	unlink(log);
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int daemon_fds(pid_t pid)
{
	char path[64];
	int count = -2; /* "." and ".." */
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return -errno;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}
