/* SPDX-License-Identifier: MIT */
/* Bytes into segments and out of them. */
#ifndef SEGCTL_COPY_H
#define SEGCTL_COPY_H

#include <stdbool.h>
#include <stdint.h>

struct end {
	const char *name; /* for people */
	int fd;           /* -1: @map */
	char *map;
	uint64_t at; /* in @map */
	/* Of the one that is written: it holds zeros already, and what is skipped stays a
	 * hole that takes no memory. */
	bool holes;
};

/**
 * copy() - from the one, where it stands, to the other; and show how far it is.
 *
 * A segment is read and written by its descriptor where it has one: it may be made smaller
 * meanwhile, and a mapping would be SIGBUS.
 *
 * @length: at most so many bytes
 * @done:   how many there were; set on failure as well
 *
 * Return: 0 (also if there was less to read), or a negative errno, which is on stderr.
 */
int copy(struct end *from, struct end *to, uint64_t length, uint64_t *done);

#endif
