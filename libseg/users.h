/* SPDX-License-Identifier: MIT */
#ifndef SEG_USERS_H
#define SEG_USERS_H

#include "backend.h"

/**
 * users_map_beside() - does a process other than @pid map this segment?
 *
 * Return: 0, 1, or -EPERM where not every process could be looked at. Those that a
 * security module hides even from CAP_SYS_PTRACE are not seen, and not missed.
 */
int users_map_beside(struct seg *seg, pid_t pid);

#endif
