/* SPDX-License-Identifier: MIT */
/* What people write, strictly: digits and a unit, and nothing before or after. */
#ifndef SEGCTL_PARSE_H
#define SEGCTL_PARSE_H

#include <stdint.h>
#include <sys/types.h>

#include "seg.h"

/**
 * parse_size() - bytes: "4096", "64K", "1.5G", "10MB", "2GiB".
 *
 * As GNU truncate(1) has it: K, M, G, T, P, E and KiB, MiB, ... are powers of 1024, KB,
 * MB, ... of 1000. A fraction (with a unit only) is rounded up to a whole byte.
 *
 * Return: 0, -EINVAL, -ERANGE (beyond 64 bits).
 */
int parse_size(const char *text, uint64_t *ret);

/** parse_duration() - seconds: "90", "90s", "15m", "1h", "2d", "1w". As parse_size(). */
int parse_duration(const char *text, uint64_t *ret);

/** parse_mode() - the nine permission bits, octal. Return: 0, -EINVAL. */
int parse_mode(const char *text, mode_t *ret);

/** parse_kind() - "posix" or "sysv". Return: 0, -EINVAL. */
int parse_kind(const char *text, enum seg_kind *ret);

/** parse_owner() - a user's name, or else a uid. Return: 0, -EINVAL (no such user). */
int parse_owner(const char *text, uid_t *ret);

/* As the above; what can't be parsed is a usage error. */
uint64_t size_argument(const char *text);
uint64_t duration_argument(const char *text);
mode_t mode_argument(const char *text);
enum seg_kind kind_argument(const char *text);
uid_t owner_argument(const char *text);

/**
 * pattern_argument() - a pattern for canonical references, from one of segment names.
 *
 * "frames*" becomes "/frames*", as the reference frames is /frames; "sysv:1024" (without
 * wildcards, and if there is such a segment) becomes "sysv:0x00000400".
 *
 * Return: a string for free().
 */
char *pattern_argument(const char *text);

#endif
