/* SPDX-License-Identifier: MIT */
/* Which mounts are segfs, from /proc/PID/mountinfo. */
#ifndef SEG_MOUNTS_H
#define SEG_MOUNTS_H

#include <stdbool.h>
#include <sys/types.h>

/* The device of a line of mountinfo that is a segfs, else 0; @host: the host's. */
dev_t mounts_segfs_device(const char *line, bool *host);

/* Is it the device of a segfs that this process sees? */
bool mounts_is_segfs(dev_t dev, bool *host);

#endif
