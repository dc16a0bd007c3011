// SPDX-License-Identifier: MIT
#include "../cleanup.h"
#include "parse.h"
#include "segctl.h"
#include "segment.h"

static const char *hint_for(int r, unsigned flags)
{
	if (r == -EBUSY && flags & SEG_FORCE)
		return "through a mount it can't be forced; by its own name it can";
	if (r == -EBUSY)
		return "somebody maps it, and would be killed; --force does it all the same";
	if (r == -EOPNOTSUPP)
		return "the size of a System V segment is fixed";
	return NULL;
}

static int resize(const char *ref, uint64_t size, unsigned flags)
{
	_cleanup_seg_ struct seg *seg = NULL;
	struct seg_stat st;
	int r;

	r = segment_find(ref, &st, &seg);
	return r < 0 ? r : seg_resize(seg, size, flags);
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' },
		HELP_OPTION,
		{ 0 },
	};
	unsigned flags = 0;
	int r;

	while (next_option(argc, argv, "f", longs, &cmd_resize) != -1)
		flags = SEG_FORCE;
	check_operands(argc, argv, 2, 2, "REF SIZE");
	r = resize(argv[optind], size_argument(argv[optind + 1]), flags);
	if (r == 0)
		return 0;
	complain_hint(argv[optind], r, hint_for(r, flags));
	return STATUS_FAILURE;
}

const struct command cmd_resize = {
	.name = "resize",
	.synopsis = "[--force] REF SIZE",
	.summary = "set the size of a POSIX segment",
	.help = "Set the size of a POSIX segment. Making it smaller is refused while somebody "
		"else\n"
		"maps it: touching what was cut off would kill them.\n"
		"\n"
		"  -f, --force            make it smaller all the same\n" HELP_LINE,
	.run = run,
};
