// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLAG(templ, member)                                \
	{                                                  \
		templ, offsetof(struct options, member), 1 \
	}

static const struct fuse_opt table[] = {
	FLAG("-f", foreground),
	FLAG("--foreground", foreground),
	FLAG("nopassthrough", nopassthrough),
	FLAG("rm=if-unused", rm_if_unused),
	FLAG("-h", help),
	FLAG("--help", help),
	FLAG("-V", version),
	FLAG("--version", version),
	FUSE_OPT_END,
};

static const char help[] =
	"Usage: segfs [-f] [-o OPTION[,OPTION]...] SOURCE MOUNTPOINT\n"
	"Mount a namespace in which every file is a shared memory segment.\n"
	"\n"
	"SOURCE is `host`: all segments of this machine, POSIX ones in MOUNTPOINT/posix,\n"
	"System V ones in MOUNTPOINT/sysv. `umount MOUNTPOINT` ends it.\n"
	"\n"
	"  -f, --foreground    stay in the foreground, log to standard error\n"
	"  -o nopassthrough    mount without passthrough: reads and writes are exact but\n"
	"                      slow, and MAP_SHARED fails with ENODEV\n"
	"  -o rm=if-unused     removing a segment that somebody uses is refused (EBUSY)\n"
	"  -o OPTION           any general mount option (ro, noexec, ...; see mount(8))\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"Needs Linux 6.12 or later and CAP_SYS_ADMIN (root) for passthrough, which is what\n"
	"makes a mapping of a file the segment's own memory.\n"
	"\n"
	"Exit status: 0 mounted (with -f: unmounted), 1 it could not be mounted, 2 usage.\n";

/* Absolute, because the daemon leaves its directory. */
static int resolve_mountpoint(struct options *opts)
{
	char *path = realpath(opts->mountpoint, NULL);

	/* A mount whose daemon died can't be resolved, and is an absolute path as a rule. */
	if (!path && errno == ENOTCONN)
		return 0;
	if (!path) {
		fprintf(stderr, "segfs: %s: %s\n", opts->mountpoint, strerror(errno));
		return -1;
	}
	free(opts->mountpoint);
	opts->mountpoint = path;
	return 0;
}

static int process(void *data, const char *arg, int key, struct fuse_args *outargs)
{
	struct options *opts = data;

	(void)outargs;
	if (key == FUSE_OPT_KEY_OPT) {
		if (arg[0] != '-')
			return 1; /* a general mount option: libfuse knows */
		fprintf(stderr, "segfs: unknown option %s\n", arg);
		return -1;
	}
	if (!opts->source)
		return (opts->source = strdup(arg)) ? 0 : -1;
	if (!opts->mountpoint)
		return (opts->mountpoint = strdup(arg)) ? 0 : -1;
	fprintf(stderr, "segfs: unexpected argument %s\n", arg);
	return -1;
}

/* default_permissions is what keeps a 0600 segment its owner's; ours come last, so
 * that nothing given takes them back. */
static int add_own(struct options *opts)
{
	return fuse_opt_add_arg(&opts->args, "-o") < 0 ||
			       fuse_opt_add_arg(&opts->args,
						"default_permissions,allow_other,nosuid,nodev,"
						"subtype=segfs,fsname=host") < 0
		       ? -1
		       : 0;
}

static int usage_error(const char *what)
{
	if (what)
		fprintf(stderr, "segfs: %s\n", what);
	fprintf(stderr, "Try 'segfs --help' for more information.\n");
	return 2;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ .args = FUSE_ARGS_INIT(argc, argv) };
	if (fuse_opt_parse(&ret->args, ret, table, process) < 0)
		return usage_error(NULL);
	if (ret->help)
		fputs(help, stdout);
	if (ret->version)
		puts("segfs " SEGFS_VERSION);
	if (ret->help || ret->version)
		return 0;
	if (!ret->source || !ret->mountpoint)
		return usage_error(ret->source ? "which mount point?" : "which namespace?");
	if (strcmp(ret->source, "host") != 0) {
		fprintf(stderr, "segfs: unknown namespace '%s'\n", ret->source);
		return usage_error("only 'host' can be mounted");
	}
	return resolve_mountpoint(ret) < 0 || add_own(ret) < 0 ? 1 : 0;
}

void options_free(struct options *opts)
{
	fuse_opt_free_args(&opts->args);
	free(opts->source);
	free(opts->mountpoint);
}
