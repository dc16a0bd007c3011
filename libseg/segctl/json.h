/* SPDX-License-Identifier: MIT */
/*
 * What programs read: an array, with an object on each line.
 *
 * A string of bytes that is UTF-8 is itself. Of any other, each byte that is not is
 * U+FFFD, and "KEY_hex" beside "KEY" has all of its bytes: so nothing is lost, and every
 * parser takes it, which can't be said of unpaired surrogates.
 */
#ifndef SEGCTL_JSON_H
#define SEGCTL_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct json {
	int depth;
	bool more; /* something stands in this array or object already */
};

/* Keys are NULL in arrays. */
void json_open(struct json *json, const char *key, char bracket);
void json_close(struct json *json, char bracket);
void json_number(struct json *json, const char *key, int64_t value);
void json_size(struct json *json, const char *key, uint64_t value);
void json_octal(struct json *json, const char *key, mode_t mode); /* "0600" */
void json_time(struct json *json, const char *key, const struct timespec *time);
void json_bool(struct json *json, const char *key, bool value);
void json_maybe(struct json *json, const char *key, int value); /* 1, 0; < 0: null */
void json_null(struct json *json, const char *key);
void json_bytes(struct json *json, const char *key, const char *bytes); /* NULL: null */

#endif
