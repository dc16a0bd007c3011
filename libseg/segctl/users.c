// SPDX-License-Identifier: MIT
/* segctl users: which processes use a segment, and how. */
#define _GNU_SOURCE
#include <err.h>
#include <string.h>

#include "../cleanup.h"
#include "segctl.h"
#include "segment.h"
#include "table.h"

static const struct column columns[] = {
	{ "PID", true },  { "USER", false },    { "COMMAND", false },
	{ "HOW", false }, { "THROUGH", false }, { "NAME", false },
};

struct users {
	bool as_json;
	struct json json;
	struct table table;
	struct names names;
};

/* One segment's. */
struct found {
	struct users *users;
	const char *ref;
	size_t count;
};

struct word {
	unsigned bit;
	const char *text;
};

static const struct word how_words[] = {
	{ SEG_USER_OPEN, "open" },
	{ SEG_USER_MAPPED, "mapped" },
	{ SEG_USER_ATTACHED, "attached" },
	{ 0 },
};

static const struct word through_words[] = {
	{ SEG_USER_DIRECT, "direct" },
	{ SEG_USER_MOUNT, "mount" },
	{ 0 },
};

static const char *join(const struct word *words, unsigned bits, char buf[static FORMAT_MAX])
{
	char *end = buf;

	*end = '\0';
	for (; words->bit; words++)
		if (bits & words->bit)
			end = stpcpy(stpcpy(end, end == buf ? "" : ","), words->text);
	return buf;
}

static void words_json(struct json *json, const char *key, const struct word *words, unsigned bits)
{
	json_open(json, key, '[');
	for (; words->bit; words++)
		if (bits & words->bit)
			json_bytes(json, NULL, words->text);
	json_close(json, ']');
}

static void user_json(struct json *json, struct names *names, const struct seg_user *user)
{
	json_open(json, NULL, '{');
	json_number(json, "pid", user->pid);
	json_number(json, "uid", user->uid);
	json_bytes(json, "user", user_name(names, user->uid));
	json_bytes(json, "command", user->command);
	words_json(json, "how", how_words, user->how);
	words_json(json, "through", through_words, user->how);
	json_close(json, '}');
}

static void user_row(struct users *users, const char *ref, const struct seg_user *user)
{
	_cleanup_free_ char *name = quote(ref), *command = quote(user->command);
	char pid[FORMAT_MAX], how[FORMAT_MAX], through[FORMAT_MAX];
	const char *cells[] = {
		pid,
		user_text(&users->names, user->uid),
		command,
		join(how_words, user->how, how),
		join(through_words, user->how, through),
		name,
	};

	snprintf(pid, sizeof(pid), "%d", user->pid);
	table_add(&users->table, cells, COLOUR_NONE);
}

static int on_user(const struct seg_user *user, void *arg)
{
	struct found *found = arg;

	found->count++;
	if (found->users->as_json)
		user_json(&found->users->json, &found->users->names, user);
	else
		user_row(found->users, found->ref, user);
	return 0;
}

/* The kernel knows of users that /proc does not show here. An ephemeral segment is not
 * asked: see segment_look(). */
static bool has_hidden_user(const struct found *found, const struct seg_stat *st)
{
	_cleanup_segment_ struct segment segment = { 0 };

	return found->count == 0 && segment_look(found->ref, st, &segment) == 0 &&
	       segment.in_use == 1;
}

static void note_incomplete(const struct found *found, const struct seg_stat *st, bool complete)
{
	_cleanup_free_ char *name = quote(found->ref);

	if (has_hidden_user(found, st))
		warnx("%s: used by a process that can't be told: it can't be seen from here, or "
		      "came through the mount of a daemon that has died",
		      name);
	else if (!complete)
		warnx("%s: not every process could be looked at (the host's root sees all)", name);
}

/* Return: 1 all processes were looked at, 0 not all, or a negative errno. */
static int find(struct found *found, const struct seg_stat *st)
{
	_cleanup_seg_ struct seg *seg = NULL;
	int r;

	r = segment_open(found->ref, st, &seg);
	if (r == 0)
		r = seg_users(seg, on_user, found);
	return r < 0 ? r : r == 0;
}

static int show_json(struct found *found, const struct seg_stat *st)
{
	struct json *json = &found->users->json;
	int r;

	json_open(json, NULL, '{');
	json_bytes(json, "ref", found->ref);
	json_open(json, "users", '[');
	r = find(found, st);
	json_close(json, ']');
	json_bool(json, "complete", r == 1);
	json_close(json, '}');
	return r;
}

static int show(void *arg, const char *ref)
{
	struct users *users = arg;
	struct found found = { .users = users, .ref = ref };
	struct seg_stat st;
	int r;

	r = seg_stat(ref, &st);
	if (r == 0)
		r = users->as_json ? show_json(&found, &st) : find(&found, &st);
	if (r < 0) {
		complain(ref, r);
		return STATUS_FAILURE;
	}
	note_incomplete(&found, &st, r == 1);
	return 0;
}

enum { OPT_JSON = OPT_OWN };

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "json", no_argument, NULL, OPT_JSON },
		HELP_OPTION,
		{ 0 },
	};
	struct users users = { .table = { .columns = columns,
					  .n_columns = sizeof(columns) / sizeof(columns[0]) } };
	int status;

	while (next_option(argc, argv, "", longs, &cmd_users) != -1)
		users.as_json = true;
	check_operands(argc, argv, 1, -1, "which segment?");
	status = each_operand(argc, argv, users.as_json ? &users.json : NULL, show, &users);
	table_print(&users.table);
	table_free(&users.table);
	names_free(&users.names);
	return status;
}

const struct command cmd_users = {
	.name = "users",
	.synopsis = "[--json] REF...",
	.summary = "list the processes that use a segment",
	.help = "List the processes that have a segment open, mapped or attached, and whether "
		"they\n"
		"do so directly or through a segfs mount. What could not be seen is said on "
		"standard\n"
		"error, and is no failure.\n"
		"\n"
		"      --json             an array of objects\n" HELP_LINE,
	.run = run,
};
