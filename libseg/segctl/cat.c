// SPDX-License-Identifier: MIT
/* segctl cat: the contents of a segment to stdout. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "../cleanup.h"
#include "copy.h"
#include "format.h"
#include "segctl.h"

struct source {
	struct seg *seg;
	int own_fd; /* -1: there is none, or it is the handle's */
	struct end end;
	uint64_t size;
};

static void source_fini(struct source *source)
{
	if (source->own_fd >= 0)
		close(source->own_fd);
	if (source->end.map)
		seg_unmap(source->end.map, source->size);
	seg_close(source->seg);
}

#define _cleanup_source_ _cleanup_(source_fini)

/* By its descriptor, where we may have one: to read a hole by a mapping is to fill it. */
static int open_sysv(const char *ref, struct source *source)
{
	void *map;
	int r;

	r = seg_open(ref, SEG_PATH, &source->seg);
	if (r == 0) {
		source->own_fd = source->end.fd = seg_reopen(source->seg, O_RDONLY);
		if (source->own_fd >= 0)
			return 0;
		source->seg = seg_close(source->seg);
	}
	r = seg_open(ref, SEG_READ_ONLY, &source->seg);
	if (r == 0)
		r = seg_map(source->seg, 0, 0, SEG_READ_ONLY, &map);
	if (r == 0)
		source->end.map = map;
	return r;
}

static int open_file(const char *ref, struct source *source)
{
	int r = seg_open(ref, SEG_READ_ONLY, &source->seg);

	if (r == 0)
		source->end.fd = seg_fd(source->seg);
	return r;
}

/* The handle has the last word on the size: the name may be another segment's by now. */
static int open_source(const char *ref, struct source *source)
{
	struct seg_stat st;
	int r;

	r = seg_stat(ref, &st);
	if (r == 0)
		r = st.kind == SEG_SYSV ? open_sysv(ref, source) : open_file(ref, source);
	if (r == 0)
		r = seg_fstat(source->seg, &st);
	if (r == 0)
		source->size = st.size;
	return r;
}

/* A new file, or one that is written on at its end. */
static bool stdout_takes_holes(void)
{
	struct stat st;

	return fstat(STDOUT_FILENO, &st) == 0 && S_ISREG(st.st_mode) &&
	       !(fcntl(STDOUT_FILENO, F_GETFL) & O_APPEND) &&
	       lseek(STDOUT_FILENO, 0, SEEK_CUR) >= st.st_size;
}

static int run(int argc, char **argv)
{
	static const struct option longs[] = { HELP_OPTION, { 0 } };
	struct end to = { .name = "stdout", .fd = STDOUT_FILENO };
	_cleanup_source_ struct source source = { .own_fd = -1, .end.fd = -1 };
	uint64_t done;
	int r;

	next_option(argc, argv, "", longs, &cmd_cat);
	check_operands(argc, argv, 1, 1, "which segment?");
	source.end.name = argv[optind];
	r = open_source(argv[optind], &source);
	if (r < 0) {
		complain(argv[optind], r);
		return STATUS_FAILURE;
	}
	to.holes = stdout_takes_holes();
	r = copy(&source.end, &to, source.size, &done);
	if (r == 0 && done < source.size)
		complain_hint(argv[optind], -EIO, "it was made smaller while it was read");
	return r == 0 && done == source.size ? 0 : STATUS_FAILURE;
}

const struct command cmd_cat = {
	.name = "cat",
	.synopsis = "REF",
	.summary = "write the contents of a segment to standard output",
	.help = "Write the contents of a segment to standard output; into a file, with its holes.\n"
		"\n" HELP_LINE "\n"
		"    segctl cat /frames > FILE        saves it\n"
		"    segctl write /frames < FILE      loads it again\n",
	.run = run,
};
