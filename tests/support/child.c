// SPDX-License-Identifier: MIT
#include "child.h"

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SETTING_FAILED 125

static const struct child_setting same = { 0 };

static void die(const char *what)
{
	perror(what);
	_exit(SETTING_FAILED);
}

static void write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%s", text) < 0 || close(fd) < 0)
		die(path);
}

static void enter_namespaces(int flags)
{
	char uid_map[32], gid_map[32];

	/* The ids as they were: in the new namespace they are nobody's until mapped. */
	snprintf(uid_map, sizeof(uid_map), "0 %u 1", geteuid());
	snprintf(gid_map, sizeof(gid_map), "0 %u 1", getegid());
	if (unshare(flags) < 0)
		die("unshare");
	if (flags & CLONE_NEWUSER) {
		write_map("/proc/self/setgroups", "deny");
		write_map("/proc/self/uid_map", uid_map);
		write_map("/proc/self/gid_map", gid_map);
	}
	if (flags & CLONE_NEWNS && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("mount");
}

static void become(uid_t uid)
{
	if (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 || setresuid(uid, uid, uid) < 0)
		die("setresuid");
	prctl(PR_SET_DUMPABLE, 1); /* else its own /proc/self belongs to root */
}

/* After the change of user, which resets this. */
static void follow_parent(pid_t parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || (parent && getppid() != parent))
		die("parent");
}

static void reset_signals(void)
{
	const struct rlimit no_core = { 0 };

	for (int sig = 1; sig < SIGRTMIN; sig++)
		signal(sig, SIG_DFL); /* the runner and the sanitizers have handlers for some */
	setrlimit(RLIMIT_CORE, &no_core);
}

/* A pid namespace is entered by being born in it. And only who has no other thread may
 * enter a user namespace: ThreadSanitizer starts one in the child of its fork(). */
static pid_t fork_into(int flags)
{
	if (flags & (CLONE_NEWPID | CLONE_NEWUSER))
		return (pid_t)syscall(SYS_clone, (flags & CLONE_NEWPID) | SIGCHLD, NULL, NULL, NULL,
				      NULL);
	return fork();
}

pid_t child_fork(const struct child_setting *setting)
{
	pid_t parent = getpid(), pid;

	pid = fork_into(setting->unshare);
	if (pid != 0)
		return pid;
	reset_signals();
	if (setting->uid)
		become(setting->uid);
	if (setting->unshare & ~CLONE_NEWPID)
		enter_namespaces(setting->unshare & ~CLONE_NEWPID);
	follow_parent(setting->unshare & CLONE_NEWPID ? 0 : parent);
	return 0;
}

int child_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		;
	return status;
}

int child_run(const struct child_setting *setting, child_fn *fn, void *arg)
{
	int ends[2], result;
	ssize_t got;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		abort();
	pid = child_fork(setting ? setting : &same);
	if (pid < 0)
		abort();
	if (pid == 0) {
		result = fn(arg);
		got = write(ends[1], &result, sizeof(result));
		_exit(got == sizeof(result) ? 0 : SETTING_FAILED);
	}
	close(ends[1]);
	got = read(ends[0], &result, sizeof(result));
	close(ends[0]);
	child_wait(pid);
	if (got != sizeof(result)) {
		fprintf(stderr, "the child ended without a result\n");
		return -SETTING_FAILED;
	}
	return result;
}

int child_signal(child_fn *fn, void *arg)
{
	pid_t pid = child_fork(&same);
	int status;

	if (pid < 0)
		abort();
	if (pid == 0) {
		fn(arg);
		_exit(0);
	}
	status = child_wait(pid);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}
