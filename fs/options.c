// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysinfo.h>

#include "../libseg/cleanup.h"

#define FLAG(templ, member)                                \
	{                                                  \
		templ, offsetof(struct options, member), 1 \
	}

#define KEY_IGNORED 1
#define KEY_REMOUNT 2
#define KEY_REFUSED 3

static const struct fuse_opt table[] = {
	FLAG("-f", foreground),
	FLAG("--foreground", foreground),
	FLAG("nopassthrough", nopassthrough),
	FLAG("rm=if-unused", rm_if_unused),
	FLAG("preallocate", preallocate),
	FLAG("noro", noro),
	FLAG("size=%s", text.size),
	FLAG("limit=%s", text.size), /* podman takes a volume's size= for a quota of its own */
	FLAG("nr_segments=%s", text.nr_segments),
	FLAG("huge=%s", text.huge),
	FLAG("uid=%s", text.uid),
	FLAG("gid=%s", text.gid),
	FLAG("mode=%s", text.mode),
	FLAG("--check", check),
	FLAG("-h", help),
	FLAG("--help", help),
	FLAG("-V", version),
	FLAG("--version", version),
	/* fstab's, for mount(8) and systemd */
	FUSE_OPT_KEY("defaults", KEY_IGNORED),
	FUSE_OPT_KEY("auto", KEY_IGNORED),
	FUSE_OPT_KEY("noauto", KEY_IGNORED),
	FUSE_OPT_KEY("nofail", KEY_IGNORED),
	FUSE_OPT_KEY("_netdev", KEY_IGNORED),
	FUSE_OPT_KEY("user", KEY_IGNORED),
	FUSE_OPT_KEY("nouser", KEY_IGNORED),
	FUSE_OPT_KEY("users", KEY_IGNORED),
	FUSE_OPT_KEY("owner", KEY_IGNORED),
	FUSE_OPT_KEY("group", KEY_IGNORED),
	FUSE_OPT_KEY("x-%s", KEY_IGNORED),
	FUSE_OPT_KEY("X-%s", KEY_IGNORED),
	FUSE_OPT_KEY("comment=%s", KEY_IGNORED),
	/* times are the segments' own */
	FUSE_OPT_KEY("atime", KEY_IGNORED),
	FUSE_OPT_KEY("diratime", KEY_IGNORED),
	FUSE_OPT_KEY("relatime", KEY_IGNORED),
	FUSE_OPT_KEY("norelatime", KEY_IGNORED),
	FUSE_OPT_KEY("strictatime", KEY_IGNORED),
	FUSE_OPT_KEY("lazytime", KEY_IGNORED),
	FUSE_OPT_KEY("nolazytime", KEY_IGNORED),
	FUSE_OPT_KEY("remount", KEY_REMOUNT),
	/* libfuse would take these, and the mount not be as it has to be */
	FUSE_OPT_KEY("max_read=", KEY_REFUSED),
	FUSE_OPT_KEY("auto_unmount", KEY_REFUSED),
	FUSE_OPT_KEY("allow_root", KEY_REFUSED),
	FUSE_OPT_KEY("fd=", KEY_REFUSED),
	FUSE_OPT_KEY("rootmode=", KEY_REFUSED),
	FUSE_OPT_KEY("user_id=", KEY_REFUSED),
	FUSE_OPT_KEY("group_id=", KEY_REFUSED),
	FUSE_OPT_KEY("blkdev", KEY_REFUSED),
	FUSE_OPT_KEY("blksize=", KEY_REFUSED),
	FUSE_OPT_END,
};

static const char help[] =
	"Usage: segfs [-f] [-o OPTION[,OPTION]...] SOURCE MOUNTPOINT\n"
	"       segfs --check\n"
	"Mount a namespace in which every file is a shared memory segment.\n"
	"\n"
	"SOURCE is `host`: all segments of this machine, POSIX ones in MOUNTPOINT/posix,\n"
	"System V ones in MOUNTPOINT/sysv; or any other NAME: a private namespace, empty at\n"
	"first, with a size limit, that ends with its mount. `umount MOUNTPOINT` ends it.\n"
	"\n"
	"  -f, --foreground    stay in the foreground, log to standard error\n"
	"      --check         tell what this machine can do, and how to get what is missing\n"
	"  -o nopassthrough    mount without passthrough: reads and writes are exact but\n"
	"                      slow, and MAP_SHARED fails with ENODEV\n"
	"  -o rm=if-unused     removing a segment that somebody uses is refused (EBUSY)\n"
	"  -o preallocate      a segment that grows gets its memory at once: where there is\n"
	"                      none left it says ENOSPC, and not SIGBUS at a later touch\n"
	"  -o OPTION           a general mount option: ro, noexec, ...; see segfs(8)\n"
	"  -h, --help          show this and exit\n"
	"  -V, --version       show the version and exit\n"
	"\n"
	"For private namespaces:\n"
	"  -o size=SIZE        how much memory all segments together may take: bytes, or with\n"
	"                      k, m, g, t, or % of the machine's memory; default 25%\n"
	"  -o limit=SIZE       the same, for volumes of podman, which takes size= for itself\n"
	"  -o nr_segments=N    how many segments there may be; default: that of tmpfs(5)\n"
	"  -o huge=POLICY      never, always, within_size or advise: use huge pages\n"
	"  -o uid=,gid=,mode=  of the directory; default 0, 0, 1777\n"
	"  -o noro             no read-only view in ../ro/NAME, which there is where MOUNTPOINT\n"
	"                      is called NAME\n"
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
	/* The daemon needs what it would cover, /proc most of all, and would wait for itself. */
	if (strcmp(path, "/") == 0 || strcmp(path, "/proc") == 0 || strcmp(path, "/dev") == 0) {
		fprintf(stderr, "segfs: %s: is needed by segfs itself\n", path);
		return -1;
	}
	return 0;
}

static int process(void *data, const char *arg, int key, struct fuse_args *outargs)
{
	struct options *opts = data;

	(void)outargs;
	if (key == KEY_IGNORED)
		return 0;
	if (key == KEY_REMOUNT) {
		fprintf(stderr, "segfs: a mounted namespace can't be changed: no remount\n");
		return -1;
	}
	if (key == KEY_REFUSED) {
		fprintf(stderr, "segfs: %s is not for segfs\n", arg);
		return -1;
	}
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

static int bad_value(const char *option, const char *value, const char *wanted)
{
	fprintf(stderr, "segfs: %s=%s: %s\n", option, value, wanted);
	return -1;
}

/* Digits, no sign; @end: what follows them. */
static int parse_digits(const char *s, int base, uint64_t max, uint64_t *ret, const char **end)
{
	unsigned long long v;
	char *e;

	if (!isdigit((unsigned char)*s))
		return -EINVAL;
	errno = 0;
	v = strtoull(s, &e, base);
	if (errno || v > max)
		return -ERANGE;
	*ret = v;
	*end = e;
	return 0;
}

static int parse_number(const char *option, const char *s, int base, uint64_t max, uint64_t *ret)
{
	const char *end;
	uint64_t v;

	if (parse_digits(s, base, max, &v, &end) < 0 || *end)
		return bad_value(option, s, base == 8 ? "not a mode" : "not a number");
	*ret = v;
	return 0;
}

static uint64_t total_memory(void)
{
	struct sysinfo machine;

	return sysinfo(&machine) < 0 ? 0 : machine.totalram * (uint64_t)machine.mem_unit;
}

/* As tmpfs(5), but for 0, which means "no limit" there. */
static int parse_size(const char *s, uint64_t *ret)
{
	static const char units[] = "kmgt";
	const char *end, *unit;
	uint64_t v;

	if (parse_digits(s, 10, UINT64_MAX, &v, &end) < 0)
		return bad_value("size", s, "not a size");
	if (end[0] == '%' && !end[1] && v <= 100) {
		v = total_memory() / 100 * v;
	} else if (*end) {
		unit = strchr(units, tolower((unsigned char)*end));
		if (!unit || end[1] ||
		    __builtin_mul_overflow(v, 1024ULL << (10 * (unit - units)), &v))
			return bad_value("size", s, "not a size");
	}
	if (v < 4096 || v > INT64_MAX)
		return bad_value("size", s, "a namespace needs a limit of at least a page");
	*ret = v;
	return 0;
}

static int parse_huge(const char *s, const char **ret)
{
	static const char *const policies[] = { "never", "always", "within_size", "advise" };

	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++)
		if (strcmp(s, policies[i]) == 0) {
			*ret = policies[i];
			return 0;
		}
	return bad_value("huge", s, "never, always, within_size or advise");
}

static int parse_store(struct options *opts)
{
	struct store_options *store = &opts->store;
	uint64_t uid = 0, gid = 0, mode = 01777;

	if (parse_size(opts->text.size ? opts->text.size : "25%", &store->size) < 0)
		return -1;
	if (opts->text.nr_segments && parse_number("nr_segments", opts->text.nr_segments, 10,
						   INT32_MAX, &store->nr_segments) < 0)
		return -1;
	if (opts->text.huge && parse_huge(opts->text.huge, &store->huge) < 0)
		return -1;
	if (opts->text.uid && parse_number("uid", opts->text.uid, 10, UINT32_MAX - 1, &uid) < 0)
		return -1;
	if (opts->text.gid && parse_number("gid", opts->text.gid, 10, UINT32_MAX - 1, &gid) < 0)
		return -1;
	if (opts->text.mode && parse_number("mode", opts->text.mode, 8, 01777, &mode) < 0)
		return -1;
	store->uid = (uid_t)uid;
	store->gid = (gid_t)gid;
	store->mode = (mode_t)mode;
	return 0;
}

/* The name becomes a mount's source and a file's name. */
static int check_name(const char *name)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";

	if (strlen(name) <= 64 && strspn(name, legal) == strlen(name) &&
	    isalnum((unsigned char)name[0]) && strcmp(name, "ro") != 0)
		return 0;
	fprintf(stderr,
		"segfs: '%s' is no name for a namespace: 1 to 64 letters, digits, '.', '_', '-', "
		"the first a letter or digit; not 'ro'\n",
		name);
	return -1;
}

static int check_source(struct options *opts)
{
	opts->private = strcmp(opts->source, "host") != 0;
	if (opts->private)
		return check_name(opts->source) < 0 ? -1 : parse_store(opts);
	if (opts->text.size || opts->text.nr_segments || opts->text.huge || opts->text.uid ||
	    opts->text.gid || opts->text.mode || opts->noro) {
		fprintf(stderr, "segfs: size, nr_segments, huge, uid, gid, mode and noro are for "
				"private namespaces, not for 'host'\n");
		return -1;
	}
	return 0;
}

/* default_permissions is what keeps a 0600 segment its owner's; ours come last, so
 * that nothing given takes them back. */
static int add_own(struct options *opts)
{
	_cleanup_free_ char *own = NULL;

	if (asprintf(&own, "default_permissions,allow_other,nosuid,nodev,subtype=segfs,fsname=%s",
		     opts->source) < 0) {
		own = NULL;
		return -1;
	}
	return fuse_opt_add_arg(&opts->args, "-o") < 0 || fuse_opt_add_arg(&opts->args, own) < 0
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

/* mount(8) runs `mount.segfs SOURCE DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS]`, where -f
 * means "do all but mount". What it has no use for is left out. */
static bool is_mount_helper(const char *program)
{
	const char *base = strrchr(program, '/');

	return strncmp(base ? base + 1 : program, "mount.", 6) == 0;
}

static int take_helper_flags(struct options *opts, int *argc, char **argv)
{
	int kept = 0;

	for (int i = 0; i < *argc; i++) {
		if (i > 0 && argv[i][0] == '-' && argv[i][1] && argv[i][1] != '-' &&
		    strspn(argv[i] + 1, "sfnv") == strlen(argv[i] + 1)) {
			if (strchr(argv[i], 'f'))
				opts->fake = 1;
			continue;
		}
		if (i > 0 && strcmp(argv[i], "-N") == 0) {
			fprintf(stderr, "segfs: mounting in another namespace (-N) is not "
					"supported: use nsenter(1)\n");
			return -1;
		}
		argv[kept++] = argv[i];
	}
	argv[kept] = NULL;
	*argc = kept;
	return 0;
}

int options_parse(int argc, char **argv, struct options *ret)
{
	*ret = (struct options){ 0 };
	if (is_mount_helper(argv[0]) && take_helper_flags(ret, &argc, argv) < 0)
		return 2;
	ret->args = (struct fuse_args)FUSE_ARGS_INIT(argc, argv);
	if (fuse_opt_parse(&ret->args, ret, table, process) < 0)
		return usage_error(NULL);
	if (ret->help)
		fputs(help, stdout);
	if (ret->version)
		puts("segfs " SEGFS_VERSION);
	if (ret->check && ret->source)
		return usage_error("--check takes no operand");
	if (ret->help || ret->version || ret->check)
		return 0;
	if (!ret->source || !ret->mountpoint)
		return usage_error(ret->source ? "which mount point?" : "which namespace?");
	if (check_source(ret) < 0)
		return usage_error(NULL);
	return resolve_mountpoint(ret) < 0 || add_own(ret) < 0 ? 1 : 0;
}

void options_free(struct options *opts)
{
	fuse_opt_free_args(&opts->args);
	free(opts->source);
	free(opts->mountpoint);
	free(opts->text.size);
	free(opts->text.nr_segments);
	free(opts->text.huge);
	free(opts->text.uid);
	free(opts->text.gid);
	free(opts->text.mode);
}
