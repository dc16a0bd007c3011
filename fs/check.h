/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_CHECK_H
#define SEGFS_CHECK_H

/* `segfs --check`: says on stdout what this machine can do, each tried for real where it
 * can be, and how to get what is missing. Return: 0 if segfs can mount here, else 1. */
int check_machine(void);

#endif
