// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "format.h"

#include <ctype.h>
#include <err.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>
#include <wctype.h>

#include "../cleanup.h"
#include "segctl.h"

/* By hand and not with %f: a file system may be larger than a double is exact, and what
 * is printed here can be given to parse_size(), whatever the locale's decimal point. */
const char *format_size(uint64_t bytes, bool exact, char buf[static FORMAT_MAX])
{
	const char *letter = "\0KMGTPE";
	uint64_t unit = 1, whole, tenths;

	for (; bytes / unit >= 1024; letter++)
		unit *= 1024;
	whole = bytes / unit;
	tenths = (bytes % unit * 10 + unit - 1) / unit;
	if (whole >= 10 || tenths == 10) {
		whole += tenths > 0;
		tenths = 0;
	}
	if (whole == 1024) {
		whole = 1;
		letter++;
	}
	if (exact || !*letter)
		snprintf(buf, FORMAT_MAX, "%" PRIu64, bytes);
	else if (whole < 10)
		snprintf(buf, FORMAT_MAX, "%" PRIu64 ".%" PRIu64 "%c", whole, tenths, *letter);
	else
		snprintf(buf, FORMAT_MAX, "%" PRIu64 "%c", whole, *letter);
	return buf;
}

const char *format_age(int64_t seconds, char buf[static FORMAT_MAX])
{
	static const struct {
		int64_t seconds;
		char letter;
	} units[] = { { 31536000, 'y' }, { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	size_t i = 0;

	if (seconds < 0)
		seconds = 0;
	while (units[i].seconds > 1 && seconds < units[i].seconds)
		i++;
	snprintf(buf, FORMAT_MAX, "%" PRId64 "%c", seconds / units[i].seconds, units[i].letter);
	return buf;
}

const char *format_time(time_t time, char buf[static FORMAT_MAX])
{
	struct tm tm;

	if (!localtime_r(&time, &tm) || !strftime(buf, FORMAT_MAX, "%Y-%m-%d %H:%M:%S %z", &tm))
		snprintf(buf, FORMAT_MAX, "%lld", (long long)time);
	return buf;
}

/* -- names of segments ---------------------------------------------------- */

/* The bytes of the character at @s if it is text in this locale, else 0. */
static size_t text_length(const char *s)
{
	mbstate_t state = { 0 };
	wchar_t c;
	size_t n = mbrtowc(&c, s, MB_CUR_MAX, &state);

	if (n == 0 || n == (size_t)-1 || n == (size_t)-2)
		return 0;
	return iswprint((wint_t)c) ? n : 0;
}

static bool needs_quotes(const char *s)
{
	size_t n;

	if (!*s)
		return true;
	for (; *s; s += n) {
		n = text_length(s);
		if (n == 0 || (n == 1 && !isalnum((unsigned char)*s) && !strchr("/._-+:,@%", *s)))
			return true;
	}
	return false;
}

static void put_escaped(FILE *f, char c)
{
	static const char from[] = "\a\b\t\n\v\f\r\033", to[] = "abtnvfre";
	const char *at = strchr(from, c);

	if (at && *at)
		fprintf(f, "\\%c", to[at - from]);
	else
		fprintf(f, "\\%03o", (unsigned char)c);
}

enum quotes { QUOTES_NONE, QUOTES_PLAIN, QUOTES_ESCAPE };

static enum quotes switch_quotes(FILE *f, enum quotes from, enum quotes to)
{
	static const char *const opening[] = { "", "'", "$'" };

	if (from == to)
		return to;
	if (from != QUOTES_NONE)
		fputc('\'', f);
	fputs(opening[to], f);
	return to;
}

static void put_quoted(FILE *f, const char *s)
{
	enum quotes quotes = switch_quotes(f, QUOTES_NONE, QUOTES_PLAIN);
	size_t n;

	for (; *s; s += n ? n : 1) {
		n = text_length(s);
		if (n == 0) {
			quotes = switch_quotes(f, quotes, QUOTES_ESCAPE);
			put_escaped(f, *s);
		} else if (*s == '\'') {
			quotes = switch_quotes(f, quotes, QUOTES_NONE);
			fputs("\\'", f);
		} else {
			quotes = switch_quotes(f, quotes, QUOTES_PLAIN);
			fwrite(s, 1, n, f);
		}
	}
	switch_quotes(f, quotes, QUOTES_NONE);
}

char *quote(const char *name)
{
	char *text = NULL;
	size_t size;
	FILE *f;

	if (!needs_quotes(name))
		return xstrdup(name);
	f = open_memstream(&text, &size);
	if (!f)
		err(STATUS_FAILURE, NULL);
	put_quoted(f, name);
	if (fclose(f) != 0)
		err(STATUS_FAILURE, NULL);
	return text;
}

void print_ref(const char *ref)
{
	_cleanup_free_ char *quoted = quote(ref);

	puts(isatty(STDOUT_FILENO) ? quoted : ref);
}

bool use_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	if (no_color && *no_color)
		return false;
	return isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
}

/* -- names of users and groups -------------------------------------------- */

struct name {
	uint32_t id;
	bool is_group;
	bool is_number; /* there is no name; @text is the number */
	char *text;
};

static const struct name *add_name(struct names *names, uint32_t id, bool is_group)
{
	const struct passwd *user = is_group ? NULL : getpwuid(id);
	const struct group *group = is_group ? getgrgid(id) : NULL;
	const char *text = user ? user->pw_name : group ? group->gr_name : NULL;
	struct name *name;
	char number[16];

	snprintf(number, sizeof(number), "%" PRIu32, id);
	names->list = xrealloc(names->list, names->count + 1, sizeof(*names->list));
	name = &names->list[names->count++];
	*name = (struct name){ .id = id, .is_group = is_group, .is_number = !text };
	name->text = xstrdup(text ? text : number);
	return name;
}

static const struct name *find_name(struct names *names, uint32_t id, bool is_group)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->list[i].id == id && names->list[i].is_group == is_group)
			return &names->list[i];
	return add_name(names, id, is_group);
}

const char *user_name(struct names *names, uid_t uid)
{
	const struct name *name = find_name(names, uid, false);

	return name->is_number ? NULL : name->text;
}

const char *group_name(struct names *names, gid_t gid)
{
	const struct name *name = find_name(names, gid, true);

	return name->is_number ? NULL : name->text;
}

const char *user_text(struct names *names, uid_t uid)
{
	return find_name(names, uid, false)->text;
}

void names_free(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->list[i].text);
	free(names->list);
	*names = (struct names){ 0 };
}
