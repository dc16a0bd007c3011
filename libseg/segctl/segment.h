/* SPDX-License-Identifier: MIT */
/* A segment and what is to be known of it, for `ls` and `stat`. */
#ifndef SEGCTL_SEGMENT_H
#define SEGCTL_SEGMENT_H

#include <stdlib.h>

#include "format.h"
#include "json.h"
#include "seg.h"

#define UNKNOWN (-1)

struct segment {
	char *ref; /* canonical; its own */
	struct seg_stat st;
	int in_use;              /* 1, 0, UNKNOWN */
	int ephemeral;           /* 1, 0, UNKNOWN */
	struct timespec created; /* tv_sec is UNKNOWN where the kernel does not tell */
};

/**
 * segment_open() - a handle that does not make us a user of the segment.
 *
 * SEG_PATH, or for SysV one that has attached nothing: good for all but data.
 *
 * Return: as seg_open().
 */
int segment_open(const char *ref, const struct seg_stat *st, struct seg **ret);

/** segment_find() - segment_open() of what somebody named; @st: seg_stat() of it. */
int segment_find(const char *ref, struct seg_stat *st, struct seg **ret);

/**
 * segment_look() - find out what seg_list() and seg_stat() do not tell.
 *
 * Nothing is changed by it, times and ephemeral segments included: SysV is in use when it
 * is attached (asking for more would attach it), and an ephemeral one is not asked at all:
 * the question is a use of it, after which a daemon would find it unused and destroy it.
 *
 * Return: 0; -ENOENT: it is gone. Whatever else is in the way leaves an UNKNOWN.
 */
int segment_look(const char *ref, const struct seg_stat *st, struct segment *ret);

/** segment_since() - when it was made, as far as the kernel tells. */
const struct timespec *segment_since(const struct segment *segment);

void segment_json(struct json *json, struct names *names, const struct segment *segment);

const char *kind_text(enum seg_kind kind);

/** file_system_of() - the f_type of statfs(2); 0: it can't be told. */
long file_system_of(const char *path);

static inline void segment_fini(struct segment *segment)
{
	free(segment->ref);
}

#define _cleanup_segment_ _cleanup_(segment_fini)

#endif
