/* SPDX-License-Identifier: MIT */
/* How far a long copy is, on a terminal. */
#ifndef SEGCTL_PROGRESS_H
#define SEGCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
	bool wanted;
	bool visible;
	uint64_t total;         /* UINT64_MAX: not known */
	int64_t started, shown; /* ms */
};

/** progress_start() - nothing is shown in the first second, or if not @wanted. */
void progress_start(struct progress *progress, uint64_t total, bool wanted);
void progress_update(struct progress *progress, uint64_t done);

/** progress_end() - wipe it away. */
void progress_end(struct progress *progress);

#endif
