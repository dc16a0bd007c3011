// SPDX-License-Identifier: MIT
/* segctl stat: all that is known of a segment. */
#define _GNU_SOURCE
#include <inttypes.h>
#include <sys/sysmacros.h>

#include "../cleanup.h"
#include "segctl.h"
#include "segment.h"

struct options {
	bool json;
	struct json out;
	struct names names;
	time_t now;
};

static void print_size(const char *title, uint64_t bytes)
{
	char buf[FORMAT_MAX];

	printf("  %-12s%s (%" PRIu64 " bytes)\n", title, format_size(bytes, false, buf), bytes);
}

static void print_owner(const char *title, struct names *names, uid_t uid, gid_t gid)
{
	const char *user = user_name(names, uid), *group = group_name(names, gid);

	printf("  %-12suid %u (%s), gid %u (%s)\n", title, (unsigned)uid, user ? user : "?",
	       (unsigned)gid, group ? group : "?");
}

/* SysV has a 0 for what never happened. */
static void print_time(const char *title, time_t time, time_t now)
{
	char text[FORMAT_MAX], age[FORMAT_MAX];

	if (time == 0)
		printf("  %-12snever\n", title);
	else
		printf("  %-12s%s (%s ago)\n", title, format_time(time, text),
		       format_age(now - time, age));
}

static void print_answer(const char *title, int answer)
{
	printf("  %-12s%s\n", title, answer < 0 ? "?" : answer ? "yes" : "no");
}

static void print_file(const struct segment *segment, time_t now)
{
	const struct seg_stat *st = &segment->st;

	print_answer("ephemeral:", segment->ephemeral);
	printf("  %-12s%u\n", "names:", st->nlink);
	printf("  %-12s%" PRIu64 " on device %u:%u\n", "inode:", st->ino, major(st->dev),
	       minor(st->dev));
	if (segment->created.tv_sec != UNKNOWN)
		print_time("created:", segment->created.tv_sec, now);
	print_time("read:", st->atime.tv_sec, now);
	print_time("written:", st->mtime.tv_sec, now);
	print_time("changed:", st->ctime.tv_sec, now);
}

static void print_sysv(const struct seg_stat *st, struct names *names, time_t now)
{
	printf("  %-12s%u\n", "attaches:", st->nattch);
	printf("  %-12s%d\n", "id:", st->shmid);
	printf("  %-12s0x%08" PRIx32 "%s\n", "key:", (uint32_t)st->key,
	       st->flags & SEG_STAT_REMOVED ? " (removed: gone with its last attach)" : "");
	print_owner("creator:", names, st->cuid, st->cgid);
	printf("  %-12s%d created it, %d was the last to attach or detach\n", "pids:", st->cpid,
	       st->lpid);
	print_time("attached:", st->atime.tv_sec, now);
	print_time("detached:", st->mtime.tv_sec, now);
	print_time("changed:", st->ctime.tv_sec, now);
}

static void print(struct options *options, const struct segment *segment)
{
	_cleanup_free_ char *name = quote(segment->ref);
	const struct seg_stat *st = &segment->st;

	printf("%s\n  %-12s%s\n", name, "kind:", kind_text(st->kind));
	print_size("size:", st->size);
	print_size("allocated:", st->allocated);
	print_owner("owner:", &options->names, st->uid, st->gid);
	printf("  %-12s%04o\n", "mode:", (unsigned)st->mode);
	print_answer("in use:", segment->in_use);
	if (st->kind == SEG_SYSV)
		print_sysv(st, &options->names, options->now);
	else
		print_file(segment, options->now);
}

/* The handle knows the canonical reference of what was named in any way. */
static int look(const char *ref, struct segment *ret)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	int r;

	r = segment_find(ref, &st, &seg);
	if (r < 0)
		return r;
	return segment_look(seg_ref(seg), &st, ret);
}

static int show(void *arg, const char *ref)
{
	struct options *options = arg;
	_cleanup_segment_ struct segment segment = { 0 };
	int r;

	r = look(ref, &segment);
	if (r < 0) {
		complain(ref, r);
		return STATUS_FAILURE;
	}
	if (options->json)
		segment_json(&options->out, &options->names, &segment);
	else
		print(options, &segment);
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
	struct options options = { .now = time(NULL) };
	int status;

	while (next_option(argc, argv, "", longs, &cmd_stat) != -1)
		options.json = true;
	check_operands(argc, argv, 1, -1, "which segment?");
	status = each_operand(argc, argv, options.json ? &options.out : NULL, show, &options);
	names_free(&options.names);
	return status;
}

const struct command cmd_stat = {
	.name = "stat",
	.synopsis = "[--json] REF...",
	.summary = "tell all that is known of a segment",
	.help = "Tell all that is known of each segment, without opening it.\n"
		"\n"
		"      --json             an array of objects\n" HELP_LINE,
	.run = run,
};
