// SPDX-License-Identifier: MIT
#include "json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* The bytes of the character at @s, or 0 if that is not UTF-8 (RFC 3629). */
static size_t utf8_length(const unsigned char *s)
{
	size_t n;

	if (s[0] < 0x80)
		return 1;
	if (s[0] < 0xc2 || s[0] > 0xf4)
		return 0;
	n = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0; /* longer than need be, half a surrogate pair, beyond U+10FFFF */
	return n;
}

/* DEL and the C1 controls are legal in JSON, and no good on a terminal. */
static void put_character(const unsigned char *s, size_t n)
{
	if (n == 0)
		fputs("\\ufffd", stdout);
	else if (*s == '"' || *s == '\\')
		printf("\\%c", *s);
	else if (*s < 0x20 || *s == 0x7f)
		printf("\\u%04x", *s);
	else if (s[0] == 0xc2 && s[1] < 0xa0)
		printf("\\u%04x", s[1]);
	else
		fwrite(s, 1, n, stdout);
}

static bool put_string(const char *string)
{
	const unsigned char *s = (const unsigned char *)string;
	bool is_utf8 = true;
	size_t n;

	putchar('"');
	for (; *s; s += n ? n : 1) {
		n = utf8_length(s);
		is_utf8 &= n > 0;
		put_character(s, n);
	}
	putchar('"');
	return is_utf8;
}

static void begin(struct json *json, const char *key)
{
	if (json->more)
		putchar(',');
	if (json->depth == 1)
		fputs("\n  ", stdout);
	else if (json->more)
		putchar(' ');
	if (key)
		printf("\"%s\": ", key);
	json->more = true;
}

void json_open(struct json *json, const char *key, char bracket)
{
	begin(json, key);
	putchar(bracket);
	json->depth++;
	json->more = false;
}

void json_close(struct json *json, char bracket)
{
	json->depth--;
	if (json->depth == 0)
		fputs(json->more ? "\n" : "", stdout);
	putchar(bracket);
	if (json->depth == 0)
		putchar('\n');
	json->more = true;
}

void json_number(struct json *json, const char *key, int64_t value)
{
	begin(json, key);
	printf("%" PRId64, value);
}

void json_size(struct json *json, const char *key, uint64_t value)
{
	begin(json, key);
	printf("%" PRIu64, value);
}

void json_octal(struct json *json, const char *key, mode_t mode)
{
	begin(json, key);
	printf("\"%04o\"", (unsigned)mode);
}

void json_time(struct json *json, const char *key, const struct timespec *time)
{
	begin(json, key);
	if (time->tv_nsec && time->tv_sec >= 0)
		printf("%lld.%09ld", (long long)time->tv_sec, time->tv_nsec);
	else
		printf("%lld", (long long)time->tv_sec);
}

void json_bool(struct json *json, const char *key, bool value)
{
	begin(json, key);
	fputs(value ? "true" : "false", stdout);
}

void json_null(struct json *json, const char *key)
{
	begin(json, key);
	fputs("null", stdout);
}

void json_maybe(struct json *json, const char *key, int value)
{
	if (value < 0)
		json_null(json, key);
	else
		json_bool(json, key, value);
}

void json_bytes(struct json *json, const char *key, const char *bytes)
{
	if (!bytes) {
		json_null(json, key);
		return;
	}
	begin(json, key);
	if (put_string(bytes))
		return;
	printf(", \"%s_hex\": \"", key);
	for (; *bytes; bytes++)
		printf("%02x", (unsigned char)*bytes);
	putchar('"');
}
