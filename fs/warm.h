/* SPDX-License-Identifier: MIT */
/*
 * Between LOOKUP and OPEN.
 *
 * The kernel opens what it looked up a moment ago, and by then the name may have been
 * removed or be another segment's. A local file system opens the old one all the same,
 * because the kernel's look-up holds it; here nothing would, and the answer could only
 * be ESTALE, which the kernel hides once and not twice. So the last few segments that
 * were looked up stay open (O_PATH: no user of them) for some milliseconds.
 *
 * That keeps the memory of a segment that is removed meanwhile for as long. Where the one
 * who removes it is the only one who looked it up, as in `rm`, it does not.
 */
#ifndef SEGFS_WARM_H
#define SEGFS_WARM_H

#include "node.h"

/* After a LOOKUP by @pid; takes over *seg where the node has none yet. */
void warm_keep(struct nodes *nodes, struct node *node, struct seg **seg, pid_t pid);

/* The node is opened, which keeps it better, or freed. */
void warm_forget(struct nodes *nodes, struct node *node);

/* @pid took a name away. */
void warm_unlinked(struct nodes *nodes, const char *ref, pid_t pid);

/* Lets go of what is old. Return: milliseconds until there is more to let go, or -1. */
int warm_expire(struct nodes *nodes);

#endif
