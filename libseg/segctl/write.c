// SPDX-License-Identifier: MIT
/* segctl write: stdin into a segment. */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/stat.h>

#include "../cleanup.h"
#include "copy.h"
#include "format.h"
#include "parse.h"
#include "segctl.h"

#define UNKNOWN_LENGTH UINT64_MAX

struct options {
	bool create, has_size;
	uint64_t size;
	mode_t mode;
};

struct target {
	struct seg *seg;
	bool is_new;
	uint64_t size; /* UNKNOWN_LENGTH: as large as it becomes */
	struct end end;
};

static void target_fini(struct target *target)
{
	if (target->end.map)
		seg_unmap(target->end.map, target->size);
	seg_close(target->seg);
}

#define _cleanup_target_ _cleanup_(target_fini)

static uint64_t input_length(void)
{
	struct stat st;
	off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);

	if (at < 0 || fstat(STDIN_FILENO, &st) < 0 || !S_ISREG(st.st_mode))
		return UNKNOWN_LENGTH;
	return st.st_size > at ? (uint64_t)(st.st_size - at) : 0;
}

/* A POSIX segment for an input whose length nobody knows grows with it. */
static int create(const char *ref, const struct options *options, uint64_t length,
		  struct target *target)
{
	uint64_t size = options->has_size ? options->size : length;
	int r;

	umask(0);
	r = seg_create(ref, size == UNKNOWN_LENGTH ? 0 : size, options->mode, SEG_EXCLUSIVE,
		       &target->seg);
	target->is_new = r == 0;
	target->size = size;
	return r;
}

static int open_existing(const char *ref, struct target *target)
{
	struct seg_stat st;
	int r;

	r = seg_open(ref, 0, &target->seg);
	if (r == 0)
		r = seg_fstat(target->seg, &st);
	if (r == 0)
		target->size = st.size;
	return r;
}

static int open_or_create(const char *ref, const struct options *options, uint64_t length,
			  struct target *target)
{
	int r = open_existing(ref, target);

	if (r != -ENOENT || !options->create)
		return r;
	r = create(ref, options, length, target);
	return r == -EEXIST ? open_existing(ref, target) : r; /* somebody was faster */
}

static int set_end(const char *ref, struct target *target)
{
	void *map;
	int r;

	target->end = (struct end){ .name = ref, .fd = -1, .holes = target->is_new };
	if (seg_kind(target->seg) != SEG_SYSV) {
		/* One that grows has its end where the last byte was written. */
		target->end.holes = target->is_new && target->size != UNKNOWN_LENGTH;
		target->end.fd = seg_fd(target->seg);
		return 0;
	}
	r = seg_map(target->seg, 0, 0, 0, &map);
	if (r == 0)
		target->end.map = map;
	return r;
}

static int complain_too_large(const char *ref, uint64_t size)
{
	char hint[FORMAT_MAX + 32], buf[FORMAT_MAX];

	snprintf(hint, sizeof(hint), "the segment has only %s", format_size(size, false, buf));
	complain_hint(ref, -EFBIG, hint);
	return -EFBIG;
}

static int fill(const char *ref, struct target *target)
{
	struct end from = { .name = "stdin", .fd = STDIN_FILENO };
	uint64_t done;
	char byte;
	int r;

	r = copy(&from, &target->end, target->size, &done);
	if (r < 0)
		return r;
	if (done == target->size && read(STDIN_FILENO, &byte, 1) == 1)
		return complain_too_large(ref, target->size);
	return 0;
}

static const char *hint_for(int r, const struct options *options, uint64_t length)
{
	if (r == -ENOENT && !options->create)
		return "--create makes it";
	if (r == -EINVAL && !options->has_size && length == UNKNOWN_LENGTH)
		return "a System V segment needs a --size when the input is a pipe";
	return NULL;
}

static int load(const char *ref, const struct options *options)
{
	_cleanup_target_ struct target target = { .end.fd = -1 };
	uint64_t length = input_length();
	int r;

	r = open_or_create(ref, options, length, &target);
	if (r == 0)
		r = set_end(ref, &target);
	if (r < 0) {
		complain_hint(ref, r, hint_for(r, options, length));
	} else if (length != UNKNOWN_LENGTH && length > target.size) {
		r = complain_too_large(ref, target.size);
	} else {
		r = fill(ref, &target);
	}
	if (r < 0 && target.is_new)
		seg_unlinkat(NULL, target.seg, 0);
	return r;
}

static void parse(int argc, char **argv, struct options *options)
{
	static const struct option longs[] = {
		{ "create", no_argument, NULL, 'c' },
		{ "mode", required_argument, NULL, 'm' },
		{ "size", required_argument, NULL, 's' },
		HELP_OPTION,
		{ 0 },
	};
	int option;

	while ((option = next_option(argc, argv, "cm:s:", longs, &cmd_write)) != -1) {
		if (option == 'c') {
			options->create = true;
		} else if (option == 'm') {
			options->mode = mode_argument(optarg);
		} else {
			options->has_size = true;
			options->size = size_argument(optarg);
		}
	}
	check_operands(argc, argv, 1, 1, "which segment?");
}

static int run(int argc, char **argv)
{
	struct options options = { .mode = 0600 };

	parse(argc, argv, &options);
	return load(argv[optind], &options) < 0 ? STATUS_FAILURE : 0;
}

const struct command cmd_write = {
	.name = "write",
	.synopsis = "[OPTION]... REF",
	.summary = "write standard input into a segment",
	.help = "Write standard input into a segment, from its first byte on. What the input is "
		"too\n"
		"short for stays as it is; an input that is too long is an error.\n"
		"\n"
		"  -c, --create           create the segment if there is none, as large as the "
		"input\n"
		"  -m, --mode=MODE        permissions of a new one, octal (default: 0600)\n"
		"  -s, --size=SIZE        size of a new one\n" HELP_LINE,
	.run = run,
};
