// SPDX-License-Identifier: MIT
/* What people write is parsed strictly, and what they read is what they expect. */
#include <errno.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "format.h"
#include "parse.h"
#include "segctl.h"

/* What the program has in main.c. */
void usage_error(const char *format, ...)
{
	fail_msg("%s", format);
	abort();
}

void *xrealloc(void *p, size_t count, size_t size)
{
	return realloc(p, count * size);
}

char *xstrdup(const char *s)
{
	return strdup(s);
}

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define EIB ((uint64_t)1 << 60)

static void sizes_mean_what_truncate_takes_them_for(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} rows[] = {
		{ "0", 0 },
		{ "1", 1 },
		{ "4096", 4096 },
		{ "007", 7 },
		{ "64K", 64 * KIB },
		{ "64k", 64 * KIB },
		{ "64KiB", 64 * KIB },
		{ "64KB", 64000 },
		{ "64kB", 64000 },
		{ "4M", 4 * MIB },
		{ "10MB", 10000000 },
		{ "2GiB", 2 * GIB },
		{ "1.5G", GIB + GIB / 2 },
		{ "1.5K", 1536 },
		{ "0.5K", 512 },
		{ "1.1K", 1127 }, /* 1126.4 */
		{ "1.0001KB", 1001 },
		{ "0.000000001G", 2 },
		{ "3T", 3 * KIB * GIB },
		{ "3P", 3 * MIB * GIB },
		{ "1E", EIB },
		{ "15E", 15 * EIB },
		{ "15.999999999E", 18446744072556630112u }, /* 16 EiB - 1152921504.6 */
		{ "18EB", 18000000000000000000u },
		{ "18446744073709551615", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t bytes = 42;

		print_message("%s\n", rows[i].text);
		assert_int_equal(parse_size(rows[i].text, &bytes), 0);
		assert_int_equal(bytes, rows[i].bytes);
	}
}

static void what_is_no_size_is_refused(void **state)
{
	static const char *const invalid[] = {
		"",    " ",   "K",    "-1",   "+1",    " 1",     "1 ",
		"1 K", "1KK", "1Ki",  "1KIB", "1Kib",  "1Kb",    "1B",
		"1b",  "1Z",  "1Y",   "1i",   "1iB",   "0x10",   "1e3",
		"1.5", "1.",  "1.K",  ".5K",  "1..5K", "1,5K",   "1.-5K",
		"inf", "nan", "1K\n", "1\t",  "1G0",   "1.5.5G", "1.0000000001G",
	};
	static const char *const too_large[] = {
		"18446744073709551616",
		"99999999999999999999999",
		"16E",
		"15.9999999999E",
		"16384P",
		"19EB",
		"18446744073709551615K",
	};
	uint64_t bytes = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(invalid) / sizeof(invalid[0]); i++) {
		print_message("'%s'\n", invalid[i]);
		assert_int_equal(parse_size(invalid[i], &bytes), -EINVAL);
	}
	for (size_t i = 0; i < sizeof(too_large) / sizeof(too_large[0]); i++) {
		print_message("%s\n", too_large[i]);
		assert_true(parse_size(too_large[i], &bytes) < 0);
	}
	assert_int_equal(bytes, 42);
}

static void durations_have_one_unit(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds;
	} rows[] = {
		{ "0", 0 },       { "90", 90 },
		{ "90s", 90 },    { "15m", 900 },
		{ "1h", 3600 },   { "2d", 172800 },
		{ "1w", 604800 }, { "18446744073709551615", UINT64_MAX },
	};
	static const char *const wrong[] = {
		"",
		"h",
		"-1h",
		"+1h",
		" 1h",
		"1 h",
		"1h ",
		"1h30m",
		"1.5h",
		"1H",
		"1M",
		"1y",
		"1ms",
		"0x1h",
		"18446744073709551616",
		"18446744073709551615m",
		"5124095576030432h",
	};
	uint64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(parse_duration(rows[i].text, &seconds), 0);
		assert_int_equal(seconds, rows[i].seconds);
	}
	seconds = 42;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		print_message("'%s'\n", wrong[i]);
		assert_true(parse_duration(wrong[i], &seconds) < 0);
	}
	assert_int_equal(seconds, 42);
}

static void modes_are_nine_bits_in_octal(void **state)
{
	static const char *const wrong[] = { "",      "8",  "-1", "+7", "1000",   "01777",
					     "0x1ff", "rw", " 7", "7 ", "0000600" };
	mode_t mode;

	(void)state;
	assert_int_equal(parse_mode("0600", &mode), 0);
	assert_int_equal(mode, 0600);
	assert_int_equal(parse_mode("777", &mode), 0);
	assert_int_equal(mode, 0777);
	assert_int_equal(parse_mode("0", &mode), 0);
	assert_int_equal(mode, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_mode(wrong[i], &mode), -EINVAL);
}

static void owners_are_names_or_numbers(void **state)
{
	static const char *const wrong[] = { "",    "no-such-user", "-1",         "+0",
					     "0x0", "4294967295",   "99999999999" };
	uid_t uid;

	(void)state;
	assert_int_equal(parse_owner("root", &uid), 0);
	assert_int_equal(uid, 0);
	assert_int_equal(parse_owner("4294967294", &uid), 0);
	assert_int_equal(uid, 4294967294);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse_owner(wrong[i], &uid), -EINVAL);
}

static void sizes_look_as_ls_shows_them(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} rows[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1.0K" },
		{ 1025, "1.1K" },
		{ 1536, "1.5K" },
		{ 10 * KIB - 1, "10K" },
		{ 10 * KIB, "10K" },
		{ 10 * KIB + 1, "11K" },
		{ 64 * KIB, "64K" },
		{ MIB - 1, "1.0M" },
		{ 4 * MIB, "4.0M" },
		{ 1023 * MIB + 1, "1.0G" },
		{ GIB + GIB / 2, "1.5G" },
		{ 9 * GIB + GIB * 95 / 100, "10G" },
		{ EIB, "1.0E" },
		{ UINT64_MAX, "16E" },
	};
	char buf[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(format_size(rows[i].bytes, false, buf), rows[i].text);
	assert_string_equal(format_size(UINT64_MAX, true, buf), "18446744073709551615");
	assert_string_equal(format_size(0, true, buf), "0");
}

static void what_is_shown_can_be_given(void **state)
{
	char buf[FORMAT_MAX];

	(void)state;
	for (uint64_t bytes = 1; bytes < EIB; bytes += bytes / 3 + 1) {
		uint64_t parsed;

		assert_int_equal(parse_size(format_size(bytes, false, buf), &parsed), 0);
		assert_in_range(parsed, bytes, bytes + bytes / 10 + 1);
	}
}

static void ages_have_one_unit(void **state)
{
	static const struct {
		int64_t seconds;
		const char *text;
	} rows[] = {
		{ INT64_MIN, "0s" },     { -5, "0s" },          { 0, "0s" },
		{ 59, "59s" },           { 60, "1m" },          { 3599, "59m" },
		{ 3600, "1h" },          { 86399, "23h" },      { 86400, "1d" },
		{ 364 * 86400, "364d" }, { 365 * 86400, "1y" }, { INT64_MAX, "292471208677y" },
	};
	char buf[FORMAT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(format_age(rows[i].seconds, buf), rows[i].text);
}

static void times_that_no_calendar_has_are_numbers(void **state)
{
	char buf[FORMAT_MAX];

	(void)state;
	assert_string_equal(format_time(0, buf), "1970-01-01 00:00:00 +0000");
	assert_string_equal(format_time(INT64_MAX, buf), "9223372036854775807");
}

static void names_are_quoted_for_a_shell(void **state)
{
	static const struct {
		const char *name, *text;
	} rows[] = {
		{ "/frames", "/frames" },
		{ "", "''" },
		{ "a b", "'a b'" },
		{ "it's", "'it'\\''s'" },
		{ "'", "''\\'" },
		{ "a\nb", "'a'$'\\n''b'" },
		{ "\n\t\033\001", "''$'\\n\\t\\e\\001'" },
		{ "\xff", "''$'\\377'" },
		{ "\xc3\xa9", "\xc3\xa9" },
		{ "\xc3", "''$'\\303'" },
		{ "~", "'~'" },
		{ "$x", "'$x'" },
	};

	(void)state;
	assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *text = quote(rows[i].name);

		assert_string_equal(text, rows[i].text);
		free(text);
	}
}

static void patterns_are_for_canonical_references(void **state)
{
	static const struct {
		const char *text, *pattern;
	} rows[] = {
		{ "frames*", "/frames*" },
		{ "/frames", "/frames" },
		{ "*frames", "*frames" },
		{ "?rames", "/?rames" },
		{ "sysv:*", "sysv:*" },
		{ "sysv:0x[0-9]", "sysv:0x[0-9]" },
		{ "sysvx", "/sysvx" },
		{ "sysv:bad", "sysv:bad" },
		{ "", "/" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *pattern = pattern_argument(rows[i].text);

		assert_string_equal(pattern, rows[i].pattern);
		free(pattern);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_mean_what_truncate_takes_them_for),
		cmocka_unit_test(what_is_no_size_is_refused),
		cmocka_unit_test(durations_have_one_unit),
		cmocka_unit_test(modes_are_nine_bits_in_octal),
		cmocka_unit_test(owners_are_names_or_numbers),
		cmocka_unit_test(sizes_look_as_ls_shows_them),
		cmocka_unit_test(what_is_shown_can_be_given),
		cmocka_unit_test(ages_have_one_unit),
		cmocka_unit_test(times_that_no_calendar_has_are_numbers),
		cmocka_unit_test(names_are_quoted_for_a_shell),
		cmocka_unit_test(patterns_are_for_canonical_references),
	};

	setenv("TZ", "UTC", 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
