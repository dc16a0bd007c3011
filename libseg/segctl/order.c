// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "segctl.h"

/* What is worth a look comes first: the largest, the oldest. Equals go by name. */
struct sort_key {
	const char *name;
	int (*compare)(const struct segment *a, const struct segment *b);
	bool look;
};

#define COMPARE(a, b) (((a) > (b)) - ((a) < (b)))

static int by_name(const struct segment *a, const struct segment *b)
{
	return strcmp(a->ref, b->ref);
}

static int by_size(const struct segment *a, const struct segment *b)
{
	return COMPARE(b->st.size, a->st.size);
}

static int by_allocated(const struct segment *a, const struct segment *b)
{
	return COMPARE(b->st.allocated, a->st.allocated);
}

/* In use, not known, not in use. */
static int by_use(const struct segment *a, const struct segment *b)
{
	static const int rank[] = { 1, 2, 0 };
	int r = COMPARE(rank[a->in_use + 1], rank[b->in_use + 1]);

	return r ? r : by_allocated(a, b);
}

static int by_age(const struct segment *a, const struct segment *b)
{
	const struct timespec *x = segment_since(a), *y = segment_since(b);
	int r = COMPARE(x->tv_sec, y->tv_sec);

	return r ? r : COMPARE(x->tv_nsec, y->tv_nsec);
}

static int by_owner(const struct segment *a, const struct segment *b)
{
	int r = COMPARE(a->st.uid, b->st.uid);

	return r ? r : by_allocated(a, b);
}

static const struct sort_key keys[] = {
	{ "allocated", by_allocated, false }, /* the default */
	{ "name", by_name, false },
	{ "size", by_size, false },
	{ "used", by_use, true },
	{ "age", by_age, true },
	{ "owner", by_owner, false },
};

const struct sort_key *sort_key_argument(const char *name)
{
	if (!name)
		return keys;
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, name) == 0)
			return &keys[i];
	usage_error("invalid key: %s (allocated, name, size, used, age or owner)", name);
}

bool sort_key_looks(const struct sort_key *key)
{
	return key->look;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct order *order = arg;
	int r = order->key->compare(a, b);

	if (r == 0)
		r = by_name(a, b);
	return order->reverse ? -r : r;
}

void listing_sort(struct listing *listing, const struct order *order)
{
	if (listing->count)
		qsort_r(listing->segments, listing->count, sizeof(*listing->segments), compare,
			(void *)order);
}
