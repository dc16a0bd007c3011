/* SPDX-License-Identifier: MIT */
/* What `ls` lists: its order, and what it adds up to. */
#ifndef SEGCTL_LISTING_H
#define SEGCTL_LISTING_H

#include "segment.h"
#include "selection.h"

struct listing {
	struct seg_store *store; /* of which all is listed; NULL: there is none */
	const char *place;       /* its path */
	enum seg_kind kind;      /* 0: both */
	struct selection *selections;
	int n_selections;
	bool look; /* also find out what takes a handle */
	struct segment *segments;
	size_t count, room;
	struct names names;
	time_t now;
};

struct order {
	const struct sort_key *key;
	bool reverse;
};

/** sort_key_argument() - one of the keys of --sort; NULL: the first. */
const struct sort_key *sort_key_argument(const char *name);

/** sort_key_looks() - does it take segment_look() to sort by it? */
bool sort_key_looks(const struct sort_key *key);

void listing_sort(struct listing *listing, const struct order *order);

/** listing_print_sums() - how much it is, whose, and how much could be had back. */
void listing_print_sums(struct listing *listing, bool exact);

#endif
