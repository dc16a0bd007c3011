// SPDX-License-Identifier: MIT
/* segctl gc: the end of what nobody uses. */
#define _GNU_SOURCE
#include <errno.h>

#include "../cleanup.h"
#include "../last_use.h"
#include "parse.h"
#include "segctl.h"
#include "segment.h"
#include "selection.h"

struct gc {
	struct seg_gc_filter filter;
	bool dry_run, quiet, verbose;
	struct selection *selections;
	int n_selections;
	int turn; /* whose it is */
	size_t count;
	uint64_t freed;
	bool failed;
	struct names names;
	time_t now;
};

static void gc_free(struct gc *gc)
{
	selections_free(gc->selections, gc->n_selections);
	names_free(&gc->names);
}

#define _cleanup_gc_ _cleanup_(gc_free)

/* A segment goes with the last of its names. */
static uint64_t memory_freed(const struct gc *gc, const struct seg_stat *st)
{
	if (st->nlink <= 1)
		return st->allocated;
	return gc->dry_run ? st->allocated / st->nlink : 0;
}

static void print(struct gc *gc, const char *ref, const struct seg_stat *st)
{
	_cleanup_free_ char *name = quote(ref);
	char size[FORMAT_MAX], age[FORMAT_MAX];

	printf("%s %s, %s", gc->dry_run ? "would remove" : "removed", name,
	       format_size(st->allocated, false, size));
	if (gc->verbose)
		printf(" (%s, %s, last used %s ago)", kind_text(st->kind),
		       user_text(&gc->names, st->uid), format_age(gc->now - seg_last_use(st), age));
	putchar('\n');
}

static bool was_tried(const struct gc *gc, const char *ref)
{
	for (int i = 0; i < gc->turn; i++)
		if (selection_same_place(&gc->selections[i], &gc->selections[gc->turn]) &&
		    selection_fits(&gc->selections[i], ref))
			return true;
	return false;
}

static int on_segment(const char *ref, const struct seg_stat *st, int result, void *arg)
{
	struct gc *gc = arg;

	if (was_tried(gc, ref))
		return 0;
	if (result < 0) {
		complain(ref, result);
		gc->failed = true;
		return 0;
	}
	gc->count++;
	gc->freed += memory_freed(gc, st);
	if (!gc->quiet)
		print(gc, ref, st);
	return 0;
}

static const char *hint_for(int r)
{
	return r == -EOPNOTSUPP ? "neither /dev/shm nor on a mount of segfs" : NULL;
}

static void collect_kind(struct gc *gc, enum seg_kind kind, const char *pattern, const char *source)
{
	struct seg_gc_filter filter = gc->filter;
	int r;

	if (filter.kind && filter.kind != kind)
		return;
	filter.kind = kind;
	filter.pattern = pattern;
	r = kind == SEG_FILE ? seg_gc_directory(source, &filter, on_segment, gc)
			     : seg_gc(&filter, on_segment, gc);
	/* A machine need not have both kinds, unless that one is asked for. */
	if (r < 0 && (r != -ENOENT || gc->filter.kind || kind == SEG_FILE)) {
		complain_hint(source, r, hint_for(r));
		gc->failed = true;
	}
}

static void collect(struct gc *gc)
{
	static const struct selection machine = { 0 };

	do {
		const struct selection *s = gc->n_selections ? &gc->selections[gc->turn] : &machine;

		if (s->directory) {
			collect_kind(gc, SEG_FILE, s->pattern, s->directory);
			continue;
		}
		collect_kind(gc, SEG_POSIX, s->pattern, "/dev/shm");
		collect_kind(gc, SEG_SYSV, s->pattern, "/proc/sysvipc/shm");
	} while (++gc->turn < gc->n_selections);
}

static void print_sum(const struct gc *gc)
{
	char size[FORMAT_MAX];

	printf("%zu segment%s, %s %s\n", gc->count, gc->count == 1 ? "" : "s",
	       format_size(gc->freed, false, size), gc->dry_run ? "would be freed" : "freed");
}

enum { OPT_ALL = OPT_OWN, OPT_EPHEMERAL, OPT_KIND, OPT_OWNER, OPT_UNUSED_FOR };

static const struct option longs[] = {
	{ "all", no_argument, NULL, OPT_ALL },
	{ "dry-run", no_argument, NULL, 'n' },
	{ "ephemeral", no_argument, NULL, OPT_EPHEMERAL },
	{ "kind", required_argument, NULL, OPT_KIND },
	{ "owner", required_argument, NULL, OPT_OWNER },
	{ "quiet", no_argument, NULL, 'q' },
	{ "unused-for", required_argument, NULL, OPT_UNUSED_FOR },
	{ "verbose", no_argument, NULL, 'v' },
	HELP_OPTION,
	{ 0 },
};

/* Return: whether it is a filter (or --all), without which nothing is collected. */
static bool set_filter(struct gc *gc, int option)
{
	if (option == OPT_EPHEMERAL)
		gc->filter.flags |= SEG_GC_EPHEMERAL;
	else if (option == OPT_KIND)
		gc->filter.kind = kind_argument(optarg);
	else if (option == OPT_OWNER)
		gc->filter.uid = owner_argument(optarg);
	else if (option == OPT_UNUSED_FOR)
		gc->filter.unused_for = duration_argument(optarg);
	else
		return option == OPT_ALL;
	return true;
}

/* A directory alone says where, and not which. */
static bool are_all_patterns(const struct gc *gc)
{
	for (int i = 0; i < gc->n_selections; i++)
		if (!gc->selections[i].pattern)
			return false;
	return gc->n_selections > 0;
}

static void parse(int argc, char **argv, struct gc *gc)
{
	bool filtered = false;
	int option;

	while ((option = next_option(argc, argv, "nqv", longs, &cmd_gc)) != -1) {
		if (option == 'n')
			gc->dry_run = true;
		else if (option == 'q')
			gc->quiet = true;
		else if (option == 'v')
			gc->verbose = true;
		else
			filtered |= set_filter(gc, option);
	}
	gc->selections = selection_arguments(argc, argv);
	gc->n_selections = argc - optind;
	if (gc->filter.kind && selections_have_a_directory(gc->selections, gc->n_selections))
		usage_error(
			"--kind is about the segments of the machine, not those in a directory");
	if (!filtered && !are_all_patterns(gc))
		usage_error("which segments? Give a filter, or --all");
	if (gc->dry_run)
		gc->filter.flags |= SEG_GC_DRY_RUN;
}

static int run(int argc, char **argv)
{
	_cleanup_gc_ struct gc gc = { .filter.uid = (uid_t)-1, .now = time(NULL) };

	parse(argc, argv, &gc);
	collect(&gc);
	if (!gc.quiet)
		print_sum(&gc);
	return gc.failed ? STATUS_FAILURE : 0;
}

const struct command cmd_gc = {
	.name = "gc",
	.synopsis = "[OPTION]... --all | FILTER... [DIRECTORY]...",
	.summary = "remove what nobody uses",
	.help = "Remove the segments that nobody uses and every FILTER fits; one that somebody "
		"uses\n"
		"is never touched. A segment may be kept in store for later: look with --dry-run\n"
		"first. Of this machine, or of each DIRECTORY (a namespace that is mounted "
		"there).\n"
		"\n"
		"Filters:\n"
		"      PATTERN...         one of them fits the name; or the end of a path does\n"
		"      --kind=KIND        posix or sysv\n"
		"      --owner=USER       a name or a number\n"
		"      --unused-for=TIME  last used so long ago: 90s, 15m, 1h, 2d, 1w\n"
		"      --ephemeral        made to go with their last user\n"
		"      --all              no filter\n"
		"\n"
		"  -n, --dry-run          remove nothing, tell what would be\n"
		"  -q, --quiet            tell nothing but errors\n"
		"  -v, --verbose          tell more\n" HELP_LINE,
	.run = run,
};
