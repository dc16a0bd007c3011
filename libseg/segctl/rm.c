// SPDX-License-Identifier: MIT
#include "../cleanup.h"
#include "format.h"
#include "segctl.h"

struct options {
	bool force, verbose;
	unsigned flags;
};

static int destroy(void *arg, const char *ref)
{
	const struct options *options = arg;
	int r = seg_destroy(ref, options->flags);

	if (r == -ENOENT && options->force)
		return 0;
	if (r < 0) {
		complain(ref, r);
		return STATUS_FAILURE;
	}
	if (options->verbose) {
		_cleanup_free_ char *name = quote(ref);

		printf("removed %s\n", name);
	}
	return 0;
}

enum { OPT_IF_UNUSED = OPT_OWN };

static int run(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "force", no_argument, NULL, 'f' },
		{ "if-unused", no_argument, NULL, OPT_IF_UNUSED },
		{ "verbose", no_argument, NULL, 'v' },
		HELP_OPTION,
		{ 0 },
	};
	struct options options = { 0 };
	int option;

	while ((option = next_option(argc, argv, "fv", longs, &cmd_rm)) != -1) {
		if (option == 'f')
			options.force = true;
		else if (option == OPT_IF_UNUSED)
			options.flags = SEG_IF_UNUSED;
		else
			options.verbose = true;
	}
	check_operands(argc, argv, options.force ? 0 : 1, -1, "which segment?");
	return each_operand(argc, argv, NULL, destroy, &options);
}

const struct command cmd_rm = {
	.name = "rm",
	.synopsis = "[OPTION]... REF...",
	.summary = "remove segments, in use or not",
	.help = "Remove segments: their names at once, their memory when the last user lets go.\n"
		"\n"
		"      --if-unused        only those that nobody uses\n"
		"  -f, --force            those that do not exist are no failure\n"
		"  -v, --verbose          tell what was removed\n" HELP_LINE,
	.run = run,
};
