// SPDX-License-Identifier: MIT
/*
 * with_mount [-n] [-o OPTIONS] SEGFS COMMAND [ARG...]
 *
 * Runs a test that is a script: with a /dev/shm, an IPC namespace and a daemon of its
 * own. The command finds in its environment
 *   SEGFS   the program
 *   DIR     a directory for its files, which goes when the test ends
 *   POINT   the mount point, DIR/mnt
 *   DAEMON  the daemon's pid
 * -n: no daemon is started.
 *
 * Exit status: the command's; or 1 where the daemon did not end with status 0 and
 * without a word; 77 (a skip) where nothing can be mounted.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "daemon.h"
#include "fixture.h"
#include "peer.h"

#define SKIPPED 77

struct arguments {
	bool no_daemon;
	const char *options, *segfs;
	char **command;
};

static int parse(int argc, char **argv, struct arguments *ret)
{
	int c;

	*ret = (struct arguments){ 0 };
	while ((c = getopt(argc, argv, "+no:")) != -1) {
		if (c == 'n')
			ret->no_daemon = true;
		else if (c == 'o')
			ret->options = optarg;
		else
			return -1;
	}
	if (argc - optind < 2)
		return -1;
	ret->segfs = argv[optind];
	ret->command = argv + optind + 1;
	return 0;
}

static void export_all(const struct arguments *args, const char *dir, const char *point,
		       const struct daemon *daemon)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", daemon->pid);
	setenv("SEGFS", args->segfs, 1);
	setenv("DIR", dir, 1);
	setenv("POINT", point, 1);
	setenv("DAEMON", pid, 1);
	setenv("LC_ALL", "C.UTF-8", 1);
}

static int run(char **command)
{
	const struct child_setting same = { 0 };
	pid_t pid = child_fork(&same);
	int status;

	if (pid == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	status = child_wait(pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int end(struct daemon *daemon)
{
	int status = daemon_end(daemon, SIGTERM);
	const char *said = daemon_said(daemon);

	if (status == 0 && *said == '\0')
		return 0;
	fprintf(stderr, "the daemon ended with wait status %#x and said: %s\n", status, said);
	return 1;
}

static int run_with_daemon(const struct arguments *args, const char *dir)
{
	struct daemon daemon = { 0 };
	char point[PATH_MAX];
	int r, ended;

	snprintf(point, sizeof(point), "%s/mnt", dir);
	if (!args->no_daemon && daemon_start(&daemon, args->segfs, point, args->options) < 0) {
		fprintf(stderr, "segfs does not mount: %s", daemon_said(&daemon));
		return 1;
	}
	export_all(args, dir, point, &daemon);
	r = run(args->command);
	if (!daemon.pid)
		return r;
	ended = end(&daemon);
	return r ? r : ended;
}

int main(int argc, char **argv)
{
	char dir[] = "/tmp/segfs-test-XXXXXX";
	struct arguments args;
	int r;

	if (parse(argc, argv, &args) < 0) {
		fprintf(stderr, "usage: with_mount [-n] [-o OPTIONS] SEGFS COMMAND [ARG...]\n");
		return 2;
	}
	if (geteuid() != 0 || access("/dev/fuse", F_OK) < 0) {
		printf("skipped: needs root and /dev/fuse\n");
		return SKIPPED;
	}
	if (fixture_isolate(NULL) < 0 || !mkdtemp(dir) ||
	    mount("tmpfs", dir, "tmpfs", 0, "mode=0755") < 0) {
		perror("with_mount");
		return 1;
	}
	r = run_with_daemon(&args, dir);
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return r;
}
