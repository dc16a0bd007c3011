// SPDX-License-Identifier: MIT
#include <errno.h>
#include <libgen.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../cleanup.h"
#include "format.h"
#include "parse.h"
#include "segctl.h"
#include "segment.h"

struct options {
	mode_t mode;
	unsigned flags;
};

enum { OPT_EPHEMERAL = OPT_OWN, OPT_PREALLOCATE };

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "ephemeral", no_argument, NULL, OPT_EPHEMERAL },
		{ "exclusive", no_argument, NULL, 'x' },
		{ "mode", required_argument, NULL, 'm' },
		{ "preallocate", no_argument, NULL, OPT_PREALLOCATE },
		HELP_OPTION,
		{ 0 },
	};
	int option;

	while ((option = next_option(argc, argv, "m:x", longs, &cmd_create)) != -1) {
		if (option == OPT_EPHEMERAL) /* our own handle must not be its last user */
			options->flags |= SEG_EPHEMERAL | SEG_PATH;
		else if (option == 'x')
			options->flags |= SEG_EXCLUSIVE;
		else if (option == OPT_PREALLOCATE)
			options->flags |= SEG_PREALLOCATE;
		else
			options->mode = mode_argument(optarg);
	}
	check_operands(argc, argv, 2, 2, "REF SIZE");
}

static const char *hint_for(int r, const char *ref, uint64_t size, unsigned flags)
{
	struct seg_stat st;

	if (r == -EINVAL && seg_stat(ref, &st) == 0 && st.size < size)
		return "there is a smaller one already";
	if (r == -EINVAL && size == 0)
		return "a System V segment has at least one byte";
	if (r == -EOPNOTSUPP && flags & SEG_EPHEMERAL)
		return "only POSIX segments can be ephemeral, from Linux 6.6 on";
	return NULL;
}

/* There its maker is its first user, who has done with it before anybody else comes. */
static void refuse_ephemeral_on_mount(const char *ref)
{
	_cleanup_free_ char *copy = xstrdup(ref);
	bool is_path = *ref && strchr(ref + 1, '/');

	if (file_system_of(is_path ? dirname(copy) : "/dev/shm") != FUSE_SUPER_MAGIC)
		return;
	complain_hint(ref, -EOPNOTSUPP,
		      "made through a mount it would go at once, with its maker: have the first "
		      "user make it");
	exit(STATUS_FAILURE);
}

static int run(int argc, char **argv)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct options options = { .mode = 0600 };
	uint64_t size;
	int r;

	parse(argc, argv, &options);
	size = size_argument(argv[optind + 1]);
	if (options.flags & SEG_EPHEMERAL)
		refuse_ephemeral_on_mount(argv[optind]);
	umask(0); /* a mode that was asked for is meant, as with mkdir -m */
	r = seg_create(argv[optind], size, options.mode, options.flags, &seg);
	if (r < 0) {
		complain_hint(argv[optind], r, hint_for(r, argv[optind], size, options.flags));
		return STATUS_FAILURE;
	}
	print_ref(seg_ref(seg));
	return 0;
}

const struct command cmd_create = {
	.name = "create",
	.synopsis = "[OPTION]... REF SIZE",
	.summary = "create a segment",
	.help = "Create a segment of SIZE bytes, all zero, and print its canonical reference; of\n"
		"sysv:0, which has no key, that is how to learn the id. One that is there already\n"
		"and at least as large is left as it is.\n"
		"\n"
		"  -m, --mode=MODE        permissions, octal (default: 0600)\n"
		"  -x, --exclusive        fail if it exists\n"
		"      --preallocate      take all the memory now, or fail\n"
		"      --ephemeral        destroyed when its last user is gone (POSIX)\n" HELP_LINE,
	.run = run,
};
