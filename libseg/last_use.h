/* SPDX-License-Identifier: MIT */
#ifndef SEG_LAST_USE_H
#define SEG_LAST_USE_H

#include "seg.h"

/* When the kernel last noted a use: what seg_gc_filter.unused_for goes by. */
static inline time_t seg_last_use(const struct seg_stat *st)
{
	time_t last = st->ctime.tv_sec;

	if (st->atime.tv_sec > last)
		last = st->atime.tv_sec;
	return st->mtime.tv_sec > last ? st->mtime.tv_sec : last;
}

#endif
