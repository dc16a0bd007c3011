// SPDX-License-Identifier: MIT
/* segctl ns: namespaces, which are mounts: what there is of them, a new one, the end. */
#define _GNU_SOURCE
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <mntent.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "../cleanup.h"
#include "format.h"
#include "json.h"
#include "parse.h"
#include "segctl.h"
#include "table.h"

/* Where namespaces are that are made here. */
#define NS_DIR "/run/segfs"

extern char **environ;

/* -- the mounts ----------------------------------------------------------- */

typedef int mount_fn(const char *name, const char *dir, void *arg);

/* The read-only view of a namespace is not another one. */
static bool is_view(const char *dir)
{
	_cleanup_free_ char *copy = xstrdup(dir);

	return strcmp(basename(dirname(copy)), "ro") == 0;
}

static void cleanup_mntent(FILE **f)
{
	if (*f)
		endmntent(*f);
}

static int for_each_mount(mount_fn *fn, void *arg)
{
	_cleanup_(cleanup_mntent) FILE *f = setmntent("/proc/self/mounts", "re");
	char buf[3 * PATH_MAX];
	struct mntent entry;
	int r;

	if (!f)
		return -errno;
	while (getmntent_r(f, &entry, buf, sizeof(buf))) {
		if (strcmp(entry.mnt_type, "fuse.segfs") != 0)
			continue;
		r = fn(entry.mnt_fsname, entry.mnt_dir, arg);
		if (r)
			return r;
	}
	return 0;
}

/* -- ls ------------------------------------------------------------------- */

struct ns_ls {
	struct table table;
	struct json json;
	bool as_json, bytes;
};

static int count_one(const char *ref, const struct seg_stat *st, void *arg)
{
	(void)ref;
	(void)st;
	++*(int64_t *)arg;
	return 0;
}

/* Return: how many segments there are, or -1. */
static int64_t count_segments(const char *name, const char *dir)
{
	struct seg_store *store = NULL;
	char posix[PATH_MAX];
	int64_t count = 0;
	int r;

	snprintf(posix, sizeof(posix), "%s%s", dir, strcmp(name, "host") == 0 ? "/posix" : "");
	r = seg_store_open(posix, &store);
	if (r == 0)
		r = seg_listat(store, SEG_POSIX, SEG_LIST_NAMES, count_one, &count);
	if (r == 0 && strcmp(name, "host") == 0)
		r = seg_listat(NULL, SEG_SYSV, SEG_LIST_NAMES, count_one, &count);
	seg_store_close(store);
	return r < 0 ? -1 : count;
}

static void show_json(struct ns_ls *ls, const char *name, const char *dir, const struct statvfs *st,
		      int64_t segments)
{
	json_open(&ls->json, NULL, '{');
	json_bytes(&ls->json, "name", name);
	json_bytes(&ls->json, "mountpoint", dir);
	json_bool(&ls->json, "alive", st);
	if (st) {
		json_size(&ls->json, "size", st->f_blocks * st->f_frsize);
		json_size(&ls->json, "used", (st->f_blocks - st->f_bfree) * st->f_frsize);
		json_number(&ls->json, "segments", segments);
	}
	json_close(&ls->json, '}');
}

static void show_row(struct ns_ls *ls, const char *name, const char *dir, const struct statvfs *st,
		     int64_t segments)
{
	_cleanup_free_ char *quoted = quote(dir);
	char size[FORMAT_MAX] = "-", used[FORMAT_MAX] = "-", count[FORMAT_MAX] = "-";
	const char *cells[] = { name, size, used, count, quoted };

	if (st) {
		format_size(st->f_blocks * st->f_frsize, ls->bytes, size);
		format_size((st->f_blocks - st->f_bfree) * st->f_frsize, ls->bytes, used);
		snprintf(count, sizeof(count), "%lld", (long long)segments);
	}
	table_add(&ls->table, cells, st ? COLOUR_NONE : COLOUR_WARN);
}

/* One whose daemon has died is shown without figures. */
static int show_mount(const char *name, const char *dir, void *arg)
{
	struct ns_ls *ls = arg;
	struct statvfs st;
	int64_t segments;
	bool alive;

	if (is_view(dir))
		return 0;
	alive = statvfs(dir, &st) == 0;
	segments = alive ? count_segments(name, dir) : -1;
	if (ls->as_json)
		show_json(ls, name, dir, alive ? &st : NULL, segments);
	else
		show_row(ls, name, dir, alive ? &st : NULL, segments);
	return 0;
}

static int ns_ls(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "bytes", no_argument, NULL, 'b' },
		HELP_OPTION,
		{ 0 },
	};
	static const struct column columns[] = {
		{ "NAME", 0 }, { "SIZE", 1 }, { "USED", 1 }, { "SEGMENTS", 1 }, { "MOUNTPOINT", 0 },
	};
	struct ns_ls ls = { .table = { .columns = columns, .n_columns = 5 } };
	int option, r;

	while ((option = next_option(argc, argv, "jb", longs, &cmd_ns)) != -1) {
		ls.as_json |= option == 'j';
		ls.bytes |= option == 'b';
	}
	check_operands(argc, argv, 0, 0, "");
	if (ls.as_json)
		json_open(&ls.json, NULL, '[');
	r = for_each_mount(show_mount, &ls);
	if (ls.as_json)
		json_close(&ls.json, ']');
	else
		table_print(&ls.table);
	table_free(&ls.table);
	if (r < 0)
		complain("/proc/self/mounts", r);
	return r < 0 ? STATUS_FAILURE : 0;
}

/* -- create --------------------------------------------------------------- */

/* The daemon checks the name as well, but a directory is made of it before. */
static void check_name(const char *name)
{
	static const char legal[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789._-";

	if (!isalnum((unsigned char)name[0]) || strspn(name, legal) != strlen(name) ||
	    strlen(name) > 64 || strcmp(name, "ro") == 0 || strcmp(name, "host") == 0)
		usage_error("'%s' is no name for a private namespace", name);
}

/* The daemon that is beside this program; else the one that is installed. */
static const char *daemon_path(char path[static PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *slash;

	path[n < 0 ? 0 : n] = '\0';
	slash = strrchr(path, '/');
	if (slash && slash + sizeof("/segfs") <= path + PATH_MAX) {
		strcpy(slash, "/segfs");
		if (access(path, X_OK) == 0)
			return path;
	}
	return "segfs";
}

/* Return: the daemon's exit status; it says itself what is wrong. */
static int run_daemon(const char *name, const char *dir, const char *options)
{
	char path[PATH_MAX];
	const char *const argv[] = { "segfs", name, dir, "-o", options, NULL };
	int status, r;
	pid_t pid;

	r = posix_spawnp(&pid, daemon_path(path), NULL, NULL, (char *const *)argv, environ);
	if (r)
		return complain("segfs", -r), STATUS_FAILURE;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return STATUS_FAILURE;
	return WIFEXITED(status) ? WEXITSTATUS(status) : STATUS_FAILURE;
}

static int make_dirs(const char *dir)
{
	if (mkdir(NS_DIR, 0755) < 0 && errno != EEXIST)
		return -errno;
	return mkdir(dir, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int create_namespace(const char *name, const char *options)
{
	char dir[PATH_MAX];
	int r;

	snprintf(dir, sizeof(dir), NS_DIR "/%s", name);
	r = make_dirs(dir);
	if (r < 0)
		return complain(dir, r), STATUS_FAILURE;
	r = run_daemon(name, dir, options);
	if (r) {
		rmdir(dir); /* not where something is mounted */
		return STATUS_FAILURE;
	}
	puts(dir);
	return 0;
}

static void add_option(char **options, const char *name, const char *value)
{
	char *longer;

	if (strchr(value, ','))
		usage_error("a ',' in %s", name);
	if (asprintf(&longer, "%s,%s%s%s", *options, name, *value ? "=" : "", value) < 0)
		err(STATUS_FAILURE, NULL);
	free(*options);
	*options = longer;
}

static int ns_create(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "size", required_argument, NULL, 's' },
		{ "nr-segments", required_argument, NULL, 'n' },
		{ "huge", required_argument, NULL, 'H' },
		{ "preallocate", no_argument, NULL, 'p' },
		HELP_OPTION,
		{ 0 },
	};
	_cleanup_free_ char *options = xstrdup("rw");
	char number[FORMAT_MAX];
	int option;

	while ((option = next_option(argc, argv, "s:n:", longs, &cmd_ns)) != -1) {
		if (option == 's')
			add_option(&options, "size",
				   format_size(size_argument(optarg), true, number));
		else if (option == 'n')
			add_option(&options, "nr_segments", optarg);
		else if (option == 'H')
			add_option(&options, "huge", optarg);
		else
			add_option(&options, "preallocate", "");
	}
	check_operands(argc, argv, 1, 1, "NAME");
	check_name(argv[optind]);
	return create_namespace(argv[optind], options);
}

/* -- rm ------------------------------------------------------------------- */

struct ns_rm {
	const char *name;
	int flags; /* of umount2() */
	int r;
};

/* umount2() knows the users in this mount namespace only, and not those in containers. */
static int busy_if_used(const char *ref, const struct seg_stat *st, void *arg)
{
	_cleanup_seg_ struct seg *seg = NULL;

	(void)st;
	(void)arg;
	return seg_open(ref, SEG_PATH, &seg) == 0 && seg_in_use(seg) == 1 ? -EBUSY : 0;
}

static int check_unused(const char *dir)
{
	int r = seg_list_directory(dir, busy_if_used, NULL);

	return r == -EBUSY ? r : 0; /* what can't be read any more has to go all the same */
}

struct view {
	const char *name;
	char *dir;
};

static int unmount_view(const char *name, const char *dir, void *arg)
{
	const struct view *view = arg;

	if (strcmp(name, view->name) != 0 || strcmp(dir, view->dir) != 0)
		return 0;
	if (umount2(dir, MNT_DETACH) == 0)
		rmdir(dir);
	return 1;
}

/* The daemon takes away its read-only view by itself, if it still can. */
static void remove_view(const char *name, const char *dir)
{
	_cleanup_free_ char *copy = xstrdup(dir);
	struct view view = { .name = name };

	if (asprintf(&view.dir, "%s/ro/%s", dirname(copy), name) < 0)
		err(STATUS_FAILURE, NULL);
	for_each_mount(unmount_view, &view);
	free(view.dir);
}

static int unmount_one(const char *name, const char *dir, void *arg)
{
	struct ns_rm *rm = arg;

	if (is_view(dir) || strcmp(name, rm->name) != 0)
		return 0;
	rm->r = rm->flags & MNT_DETACH ? 0 : check_unused(dir);
	if (rm->r == 0 && umount2(dir, rm->flags) < 0)
		rm->r = -errno;
	if (rm->r < 0)
		return 1;
	if (strcmp(name, "host") != 0)
		remove_view(name, dir);
	if (strncmp(dir, NS_DIR "/", strlen(NS_DIR "/")) == 0)
		rmdir(dir);
	return 1;
}

static int remove_namespace(const char *name, int flags)
{
	struct ns_rm rm = { .name = name, .flags = flags, .r = -ENOENT };
	int r;

	r = for_each_mount(unmount_one, &rm);
	return r < 0 ? r : rm.r;
}

static int ns_rm(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "lazy", no_argument, NULL, 'l' },
		HELP_OPTION,
		{ 0 },
	};
	int flags = 0, status = 0, r;

	while (next_option(argc, argv, "l", longs, &cmd_ns) != -1)
		flags = MNT_DETACH;
	check_operands(argc, argv, 1, -1, "NAME");
	for (int i = optind; i < argc; i++) {
		r = remove_namespace(argv[i], flags);
		if (r == 0)
			continue;
		complain_hint(argv[i], r,
			      r == -EBUSY ? "somebody uses a segment of it, or has it open; --lazy "
					    "takes the name away all the same"
			      : r == -ENOENT ? "no namespace of this name is mounted"
					     : NULL);
		status = STATUS_FAILURE;
	}
	return status;
}

/* ------------------------------------------------------------------------- */

static int run(int argc, char **argv)
{
	static const struct option longs[] = { HELP_OPTION, { 0 } };
	static const struct {
		const char *name;
		int (*run)(int argc, char **argv);
	} verbs[] = { { "ls", ns_ls }, { "create", ns_create }, { "rm", ns_rm } };

	if (argc < 2)
		usage_error("missing operand: ls, create or rm");
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	while (next_option(argc, argv, "+", longs, &cmd_ns) != -1)
		;
	usage_error("unknown command %s", argv[1]);
}

const struct command cmd_ns = {
	.name = "ns",
	.synopsis = "ls [--json] [--bytes] | create [OPTION]... NAME | rm [--lazy] NAME...",
	.summary = "list, make and end namespaces",
	.help = "ls      the mounted namespaces: their limit, what is used of it, how many "
		"segments\n"
		"create  a private one, mounted at " NS_DIR "/NAME by segfs(8); prints where\n"
		"rm      end one: its segments go with it; refused while somebody uses one\n"
		"\n"
		"  -j, --json             ls: for programs\n"
		"  -b, --bytes            ls: exact figures\n"
		"  -s, --size=SIZE        create: how much memory all segments may take together;\n"
		"                         default: a quarter of the machine's\n"
		"  -n, --nr-segments=N    create: how many segments there may be\n"
		"      --huge=POLICY      create: never, always, within_size or advise\n"
		"      --preallocate      create: what grows gets its memory at once\n"
		"  -l, --lazy             rm: also while it is in use; mappings go on\n" HELP_LINE,
	.run = run,
};
