/* SPDX-License-Identifier: MIT */
/* What people read. */
#ifndef SEGCTL_FORMAT_H
#define SEGCTL_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#define FORMAT_MAX 64

/** format_size() - as `ls -h`: "512", "1.5K", "64K", "2.0G", rounded up; or exact bytes. */
const char *format_size(uint64_t bytes, bool exact, char buf[static FORMAT_MAX]);

/** format_age() - the largest unit: "5s", "3m", "3h", "2d", "4y". Below 0 is "0s". */
const char *format_age(int64_t seconds, char buf[static FORMAT_MAX]);

/** format_time() - "2026-01-31 12:00:00 +0100". */
const char *format_time(time_t time, char buf[static FORMAT_MAX]);

/**
 * quote() - a name as a shell takes it, as `ls` writes it on a terminal: as it is, or in
 * quotes, with control characters and what is no text in this locale as $'\n', $'\377'.
 *
 * Return: a string for free().
 */
char *quote(const char *name);

/** print_ref() - a reference on a line of its own: its bytes; on a terminal, quoted. */
void print_ref(const char *ref);

/** use_colour() - is stdout a terminal that wants it? (NO_COLOR, see no-color.org) */
bool use_colour(void);

/* Names of users and groups; each is looked up once. */
struct names {
	struct name *list;
	size_t count;
};

const char *user_name(struct names *names, uid_t uid);  /* NULL: it has none */
const char *group_name(struct names *names, gid_t gid); /* NULL: it has none */

/** user_text() - its name, or its number. Valid until names_free(). */
const char *user_text(struct names *names, uid_t uid);

void names_free(struct names *names);

#define _cleanup_names_ _cleanup_(names_free)

#endif
