// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "parse.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "segctl.h"

/* So many that a remainder times the fraction fits into 64 bits. */
#define FRACTION_DIGITS_MAX 9

/* Digits only: strtoull() alone would take blanks and signs. */
static int parse_digits(const char **text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!isdigit((unsigned char)**text))
		return -EINVAL;
	for (; isdigit((unsigned char)**text); (*text)++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(**text - '0'), &v))
			return -ERANGE;
	*ret = v;
	return 0;
}

/* ".25" is 25 and 100. */
static int parse_fraction(const char **text, uint64_t *numerator, uint64_t *denominator)
{
	const char *start;
	int r;

	*numerator = 0;
	*denominator = 1;
	if (**text != '.')
		return 0;
	start = ++*text;
	r = parse_digits(text, numerator);
	if (r < 0 || *text - start > FRACTION_DIGITS_MAX)
		return -EINVAL;
	for (ptrdiff_t i = 0; i < *text - start; i++)
		*denominator *= 10;
	return 0;
}

static int parse_size_unit(const char *text, uint64_t *ret)
{
	static const char letters[] = "KMGTPE";
	const char *letter = strchr(letters, toupper((unsigned char)*text));
	uint64_t base;

	*ret = 1;
	if (!*text)
		return 0;
	if (!letter)
		return -EINVAL;
	if (!text[1] || strcmp(text + 1, "iB") == 0)
		base = 1024;
	else if (strcmp(text + 1, "B") == 0)
		base = 1000;
	else
		return -EINVAL;
	for (; letter >= letters; letter--)
		*ret *= base;
	return 0;
}

/* unit * numerator / denominator, rounded up. */
static uint64_t part_of(uint64_t unit, uint64_t numerator, uint64_t denominator)
{
	return unit / denominator * numerator +
	       (unit % denominator * numerator + denominator - 1) / denominator;
}

int parse_size(const char *text, uint64_t *ret)
{
	uint64_t whole, numerator = 0, denominator = 1, unit = 1, v;
	int r;

	r = parse_digits(&text, &whole);
	if (r == 0)
		r = parse_fraction(&text, &numerator, &denominator);
	if (r == 0)
		r = parse_size_unit(text, &unit);
	if (r < 0)
		return r;
	if (unit == 1 && denominator > 1)
		return -EINVAL;
	if (__builtin_mul_overflow(whole, unit, &v) ||
	    __builtin_add_overflow(v, part_of(unit, numerator, denominator), &v))
		return -ERANGE;
	*ret = v;
	return 0;
}

static int parse_time_unit(const char *text, uint64_t *ret)
{
	static const struct {
		char name[2];
		uint64_t seconds;
	} units[] = {
		{ "", 1 }, { "s", 1 }, { "m", 60 }, { "h", 3600 }, { "d", 86400 }, { "w", 604800 },
	};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		if (strcmp(units[i].name, text) == 0) {
			*ret = units[i].seconds;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_duration(const char *text, uint64_t *ret)
{
	uint64_t v, unit = 1;
	int r;

	r = parse_digits(&text, &v);
	if (r == 0)
		r = parse_time_unit(text, &unit);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(v, unit, &v))
		return -ERANGE;
	*ret = v;
	return 0;
}

int parse_mode(const char *text, mode_t *ret)
{
	size_t length = strlen(text);

	if (length == 0 || length > 5 || strspn(text, "01234567") != length)
		return -EINVAL;
	if (strtoul(text, NULL, 8) > 0777)
		return -EINVAL;
	*ret = (mode_t)strtoul(text, NULL, 8);
	return 0;
}

int parse_kind(const char *text, enum seg_kind *ret)
{
	if (strcmp(text, "posix") == 0)
		*ret = SEG_POSIX;
	else if (strcmp(text, "sysv") == 0)
		*ret = SEG_SYSV;
	else
		return -EINVAL;
	return 0;
}

int parse_owner(const char *text, uid_t *ret)
{
	const struct passwd *user = getpwnam(text);
	uint64_t v;

	if (user) {
		*ret = user->pw_uid;
		return 0;
	}
	/* The last one, (uid_t)-1, is nobody's: to seg_gc() it means everybody. */
	if (parse_digits(&text, &v) < 0 || *text || v >= UINT32_MAX)
		return -EINVAL;
	*ret = (uid_t)v;
	return 0;
}

uint64_t size_argument(const char *text)
{
	uint64_t v = 0;
	int r = parse_size(text, &v);

	if (r < 0)
		usage_error(r == -ERANGE ? "size too large: %s" : "invalid size: %s", text);
	return v;
}

uint64_t duration_argument(const char *text)
{
	uint64_t v = 0;
	int r = parse_duration(text, &v);

	if (r < 0)
		usage_error(r == -ERANGE ? "duration too long: %s" : "invalid duration: %s", text);
	return v;
}

mode_t mode_argument(const char *text)
{
	mode_t mode = 0;

	if (parse_mode(text, &mode) < 0)
		usage_error("invalid mode: %s (octal, 0777 at most)", text);
	return mode;
}

enum seg_kind kind_argument(const char *text)
{
	enum seg_kind kind = 0;

	if (parse_kind(text, &kind) < 0)
		usage_error("invalid kind: %s (posix or sysv)", text);
	return kind;
}

uid_t owner_argument(const char *text)
{
	uid_t uid = 0;

	if (parse_owner(text, &uid) < 0)
		usage_error("no such user: %s", text);
	return uid;
}

static char *canonical_sysv(const char *ref)
{
	struct seg_stat st;
	char *text = NULL;

	if (seg_stat(ref, &st) < 0)
		return xstrdup(ref);
	if (st.key ? asprintf(&text, "sysv:0x%08" PRIx32, (uint32_t)st.key) < 0
		   : asprintf(&text, "sysv:id:%d", st.shmid) < 0)
		return xstrdup(ref);
	return text;
}

char *pattern_argument(const char *text)
{
	bool is_sysv = strncmp(text, "sysv:", 5) == 0;
	char *pattern;

	if (is_sysv && !strpbrk(text, "*?[\\"))
		return canonical_sysv(text);
	if (is_sysv || *text == '/' || *text == '*')
		return xstrdup(text);
	pattern = xrealloc(NULL, strlen(text) + 2, 1);
	pattern[0] = '/';
	strcpy(pattern + 1, text);
	return pattern;
}
