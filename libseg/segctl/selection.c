// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "selection.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "segctl.h"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A path, as libseg takes one: with a slash that is not the first character. */
static bool is_path(const char *text)
{
	return strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
	       (*text && strncmp(text, "sysv:", 5) != 0 && strchr(text + 1, '/'));
}

static struct selection selection_argument(const char *text)
{
	struct selection ret = { 0 };
	const char *slash;

	if (!is_path(text)) {
		ret.pattern = pattern_argument(text);
		return ret;
	}
	ret.directory = xstrdup(text);
	slash = strrchr(text, '/');
	if (is_directory(text) || slash[1] == '\0')
		return ret;
	ret.pattern = xstrdup(slash);
	ret.directory[slash > text ? slash - text : 1] = '\0';
	return ret;
}

struct selection *selection_arguments(int argc, char **argv)
{
	struct selection *selections = NULL;

	if (argc > optind)
		selections = xrealloc(NULL, (size_t)(argc - optind), sizeof(*selections));
	for (int i = optind; i < argc; i++)
		selections[i - optind] = selection_argument(argv[i]);
	return selections;
}

void selections_free(struct selection *selections, int n)
{
	for (int i = 0; i < n; i++) {
		free(selections[i].directory);
		free(selections[i].pattern);
	}
	free(selections);
}

bool selection_fits(const struct selection *selection, const char *ref)
{
	if (selection->directory)
		ref = strrchr(ref, '/');
	return !selection->pattern || fnmatch(selection->pattern, ref, 0) == 0;
}

bool selection_same_place(const struct selection *a, const struct selection *b)
{
	if (!a->directory || !b->directory)
		return a->directory == b->directory;
	return strcmp(a->directory, b->directory) == 0;
}
