// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "selection.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "parse.h"
#include "seg.h"
#include "segctl.h"

/* A path, as libseg takes one: with a slash that is not the first character. */
static bool is_path(const char *text)
{
	return strcmp(text, ".") == 0 || strcmp(text, "..") == 0 ||
	       (*text && strncmp(text, "sysv:", 5) != 0 && strchr(text + 1, '/'));
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* "/seg" may be both: a directory, where there is no segment of that name. */
static bool is_directory_and_no_segment(const char *text)
{
	struct seg_stat st;

	return *text == '/' && is_directory(text) && seg_stat(text, &st) == -ENOENT;
}

static char *without_slashes_at_the_end(const char *text)
{
	char *copy = xstrdup(text);
	size_t length = strlen(copy);

	while (length > 1 && copy[length - 1] == '/')
		copy[--length] = '\0';
	return copy;
}

/* Is the end of a path a pattern, or the name of a file, and not of a directory? A symbolic
 * link is a name, as for rm(1): whoever made it should not choose what is removed. What
 * cannot be looked at is left to whoever opens it, who can say why. */
static bool ends_in_a_pattern(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (!slash || slash[1] == '\0')
		return false;
	if (lstat(path, &st) == 0)
		return !S_ISDIR(st.st_mode);
	return errno == ENOENT && strpbrk(slash, "*?[\\");
}

/* What was found by this name is meant, whatever a pattern of the name would fit. */
static char *pattern_of_file(const char *name)
{
	char *pattern = xrealloc(NULL, strlen(name) + 1, 2), *p = pattern;

	for (; *name; *p++ = *name++)
		if (strchr("*?[\\", *name))
			*p++ = '\\';
	*p = '\0';
	return pattern;
}

static bool is_there(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static struct selection selection_argument(const char *text)
{
	struct selection ret = { 0 };
	char *slash;

	if (!is_path(text) && !is_directory_and_no_segment(text)) {
		ret.pattern = pattern_argument(text);
		return ret;
	}
	if (!is_path(text) || !ends_in_a_pattern(text)) {
		ret.directory = without_slashes_at_the_end(text);
		return ret;
	}
	ret.directory = xstrdup(text);
	slash = strrchr(ret.directory, '/');
	ret.pattern = is_there(text) ? pattern_of_file(slash) : xstrdup(slash);
	slash[slash == ret.directory] = '\0';
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

bool selections_have_a_directory(const struct selection *selections, int n)
{
	for (int i = 0; i < n; i++)
		if (selections[i].directory)
			return true;
	return false;
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
