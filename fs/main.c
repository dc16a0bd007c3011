// SPDX-License-Identifier: MIT
/* segfs: the command line, the store, and which process does what. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse_log.h>
#include <string.h>

#include "../libseg/cleanup.h"
#include "check.h"
#include "notify.h"
#include "options.h"
#include "private.h"
#include "serve.h"
#include "supervise.h"

static void cleanup_options(struct options *opts)
{
	options_free(opts);
}

#define _cleanup_options_ _cleanup_(cleanup_options)

static void log_to_stderr(enum fuse_log_level level, const char *fmt, va_list ap)
{
	(void)level; /* a call may be part of a line, which says "fuse:" at its start */
	vfprintf(stderr, fmt, ap);
}

static int serve_private(struct options *opts, int ready)
{
	_cleanup_close_ int store = private_store_create(opts->source, &opts->store);

	if (store < 0)
		return fail("a tmpfs for the segments", -store), 1;
	return supervise(opts, store, ready);
}

static int serve_here(struct options *opts, int ready)
{
	return opts->private ? serve_private(opts, ready) : serve(opts, -1, ready);
}

static int serve_in_background(struct options *opts)
{
	_cleanup_close_ int ready_read = -1, ready_write = -1;
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail("pipe", errno), 1;
	ready_read = fds[0];
	ready_write = fds[1];
	child = fork();
	if (child < 0)
		return fail("fork", errno), 1;
	if (child > 0) {
		close(steal_fd(&ready_write));
		return await_ready(child, ready_read); /* what comes next finds the mount */
	}
	close(steal_fd(&ready_read));
	setsid();
	if (chdir("/") < 0)
		return fail("/", errno), 1;
	return serve_here(opts, ready_write);
}

int main(int argc, char **argv)
{
	_cleanup_options_ struct options opts;
	int r;

	fuse_set_log_func(log_to_stderr);
	r = options_parse(argc, argv, &opts);
	if (r != 0 || opts.help || opts.version || opts.fake)
		return r;
	if (opts.check)
		return check_machine();
	return opts.foreground ? serve_here(&opts, -1) : serve_in_background(&opts);
}
