// SPDX-License-Identifier: MIT
/* segctl ls: what there is, whose it is, and who could do without it. */
#define _GNU_SOURCE
#include <errno.h>
#include <segfs.h>
#include <string.h>

#include "../cleanup.h"
#include "listing.h"
#include "parse.h"
#include "segctl.h"
#include "table.h"

struct options {
	bool json, bytes, names;
	struct order order;
};

static void listing_free(struct listing *listing)
{
	for (size_t i = 0; i < listing->count; i++)
		segment_fini(&listing->segments[i]);
	selections_free(listing->selections, listing->n_selections);
	free(listing->segments);
	names_free(&listing->names);
	seg_store_close(listing->store);
}

#define _cleanup_listing_ _cleanup_(listing_free)

/* -- collecting ----------------------------------------------------------- */

/* What is listed now, and where it goes. */
struct collection {
	struct listing *listing;
	const struct selection *place; /* one of those that are of this place; NULL: all */
};

static bool fits(const struct collection *c, const char *ref)
{
	const struct listing *listing = c->listing;

	for (int i = 0; i < listing->n_selections; i++)
		if (selection_same_place(&listing->selections[i], c->place) &&
		    selection_fits(&listing->selections[i], ref))
			return true;
	return !c->place;
}

/* Of System V segments the machine's listing tells in passing what would have to be asked of
 * the daemon here, which attaches to answer. */
static bool look_is_harmless(const struct collection *c, const struct seg_stat *st)
{
	return !c->place || !c->place->directory || !(st->ino & SEGFS_INO_SYSV);
}

static int add(const char *ref, const struct seg_stat *st, void *arg)
{
	const struct collection *c = arg;
	struct listing *listing = c->listing;
	struct segment *segment;

	if (!fits(c, ref))
		return 0;
	if (listing->count == listing->room) {
		listing->room = listing->room ? 2 * listing->room : 64;
		listing->segments =
			xrealloc(listing->segments, listing->room, sizeof(*listing->segments));
	}
	segment = &listing->segments[listing->count];
	if (!listing->look || !look_is_harmless(c, st))
		*segment = (struct segment){
			.ref = xstrdup(ref), .st = *st, .in_use = UNKNOWN, .created.tv_sec = UNKNOWN
		};
	else if (segment_look(ref, st, segment) < 0)
		return 0; /* gone meanwhile */
	listing->count++;
	return 0;
}

/* A machine need not have both kinds, unless that one is asked for. */
static int collect_kind(struct collection *c, enum seg_kind kind, const char *source)
{
	enum seg_kind wanted = c->listing->kind;
	int r;

	if (wanted && wanted != kind)
		return 0;
	r = seg_list(kind, add, c);
	if (r == 0 || (r == -ENOENT && !wanted))
		return 0;
	complain(source, r);
	return r;
}

static int collect_machine(struct collection *c)
{
	int posix = collect_kind(c, SEG_POSIX, "/dev/shm");
	int sysv = collect_kind(c, SEG_SYSV, "/proc/sysvipc/shm");

	return posix < 0 ? posix : sysv;
}

static int collect_place(struct collection *c)
{
	int r;

	if (!c->place || !c->place->directory)
		return collect_machine(c);
	r = seg_list_directory(c->place->directory, add, c);
	if (r < 0)
		complain(c->place->directory, r);
	return r;
}

/* Each place once, however many of its names were asked for. */
static int collect(struct listing *listing)
{
	const struct selection *selections = listing->selections;
	struct collection c = { .listing = listing };
	int r = listing->n_selections ? 0 : collect_place(&c);

	for (int i = 0, j; i < listing->n_selections; i++) {
		for (j = 0; !selection_same_place(&selections[j], &selections[i]); j++)
			;
		if (j < i)
			continue;
		c.place = &selections[i];
		if (collect_place(&c) < 0)
			r = -1;
	}
	return r;
}

/* Where all of a place is listed, it is told how full that is. */
static void open_store(struct listing *listing)
{
	const struct selection *only = listing->n_selections == 1 ? listing->selections : NULL;

	if (!listing->n_selections && listing->kind != SEG_SYSV)
		listing->place = "/dev/shm";
	else if (only && !only->pattern)
		listing->place = only->directory;
	if (listing->place && seg_store_open(listing->place, &listing->store) < 0)
		listing->store = NULL;
}

/* -- printing ------------------------------------------------------------- */

static void print_json(struct listing *listing)
{
	struct json json = { 0 };

	json_open(&json, NULL, '[');
	for (size_t i = 0; i < listing->count; i++)
		segment_json(&json, &listing->names, &listing->segments[i]);
	json_close(&json, ']');
}

static const struct column columns[] = {
	{ "KIND", false }, { "SIZE", true },    { "ALLOCATED", true }, { "OWNER", false },
	{ "MODE", false }, { "IN USE", false }, { "AGE", true },       { "NAME", false },
};

/* The name, and after it what is special about it. */
static char *name_text(const struct segment *segment)
{
	_cleanup_free_ char *name = quote(segment->ref);
	const char *note = segment->st.flags & SEG_STAT_REMOVED ? " (removed)"
			   : segment->ephemeral == 1            ? " (ephemeral)"
								: "";
	char *text = xrealloc(NULL, strlen(name) + strlen(note) + 1, 1);

	strcpy(stpcpy(text, name), note);
	return text;
}

static void add_row(struct table *table, struct listing *listing, const struct segment *segment,
		    bool exact)
{
	static const char *const answers[] = { "?", "no", "yes" };
	static const char *const colours[] = { COLOUR_FAINT, COLOUR_WARN, COLOUR_NONE };
	_cleanup_free_ char *name = name_text(segment);
	const struct seg_stat *st = &segment->st;
	char size[FORMAT_MAX], allocated[FORMAT_MAX], age[FORMAT_MAX], mode[8];
	const char *cells[] = {
		kind_text(st->kind),
		format_size(st->size, exact, size),
		format_size(st->allocated, exact, allocated),
		user_text(&listing->names, st->uid),
		mode,
		answers[segment->in_use + 1],
		format_age(listing->now - segment_since(segment)->tv_sec, age),
		name,
	};

	snprintf(mode, sizeof(mode), "%04o", (unsigned)st->mode & 07777);
	table_add(table, cells, colours[segment->in_use + 1]);
}

static void print_table(struct listing *listing, bool exact)
{
	_cleanup_table_ struct table table = { .columns = columns,
					       .n_columns = sizeof(columns) / sizeof(columns[0]) };

	for (size_t i = 0; i < listing->count; i++)
		add_row(&table, listing, &listing->segments[i], exact);
	table_print(&table);
}

static void print(struct listing *listing, const struct options *options)
{
	if (options->json) {
		print_json(listing);
	} else if (options->names) {
		for (size_t i = 0; i < listing->count; i++)
			print_ref(listing->segments[i].ref);
	} else {
		print_table(listing, options->bytes);
		listing_print_sums(listing, options->bytes);
	}
}

/* -- options -------------------------------------------------------------- */

enum { OPT_JSON = OPT_OWN, OPT_KIND, OPT_SORT };

static void parse(int argc, char **argv, struct options *options, struct listing *listing)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		{ "bytes", no_argument, NULL, 'b' },
		{ "names", no_argument, NULL, '1' },
		{ "kind", required_argument, NULL, OPT_KIND },
		{ "sort", required_argument, NULL, OPT_SORT },
		{ "reverse", no_argument, NULL, 'r' },
		HELP_OPTION,
		{ 0 },
	};
	int option;

	while ((option = next_option(argc, argv, "b1r", longs, &cmd_ls)) != -1) {
		if (option == OPT_JSON)
			options->json = true;
		else if (option == 'b')
			options->bytes = true;
		else if (option == '1')
			options->names = true;
		else if (option == OPT_KIND)
			listing->kind = kind_argument(optarg);
		else if (option == OPT_SORT)
			options->order.key = sort_key_argument(optarg);
		else
			options->order.reverse = true;
	}
	listing->selections = selection_arguments(argc, argv);
	listing->n_selections = argc - optind;
	if (listing->kind &&
	    selections_have_a_directory(listing->selections, listing->n_selections))
		usage_error(
			"--kind is about the segments of the machine, not those in a directory");
	listing->look = !options->names || options->json || sort_key_looks(options->order.key);
}

static int run(int argc, char **argv)
{
	_cleanup_listing_ struct listing listing = { .now = time(NULL) };
	struct options options = { .order.key = sort_key_argument(NULL) };
	int r;

	parse(argc, argv, &options, &listing);
	r = collect(&listing);
	open_store(&listing);
	listing_sort(&listing, &options.order);
	print(&listing, &options);
	return r < 0 ? STATUS_FAILURE : 0;
}

const struct command cmd_ls = {
	.name = "ls",
	.synopsis = "[OPTION]... [PATTERN | DIRECTORY]...",
	.summary = "list segments: how large, whose, in use or not",
	.help = "List the segments of this machine, or those that a PATTERN fits, or those in a\n"
		"DIRECTORY (a namespace that is mounted there): the largest first, and what they\n"
		"add up to. A path has a slash after its first byte (./teamA), and may end in a\n"
		"pattern: '/run/segfs/teamA/frames*'.\n"
		"\n"
		"      --json             an array of objects, with exact numbers\n"
		"  -b, --bytes            exact sizes\n"
		"  -1, --names            only the names, one a line\n"
		"      --kind=KIND        posix or sysv\n"
		"      --sort=KEY         allocated (the default), name, size, used, age or owner\n"
		"  -r, --reverse          the other way round\n" HELP_LINE "\n"
		"IN USE is ? where that can't be told: of others' segments it takes root, and an\n"
		"ephemeral one is not asked. Of System V segments it tells of attaches only.\n",
	.run = run,
};
