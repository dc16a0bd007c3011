// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>

#include "../cleanup.h"
#include "listing.h"
#include "segctl.h"

#define OWNERS_SHOWN 3

struct share {
	uid_t uid;
	uint64_t allocated;
};

struct sums {
	uint64_t allocated, unused, files; /* bytes; files: all but System V */
	size_t n_unused;
	struct share *shares; /* the largest first */
	size_t n_shares;
};

static struct share *share_of(struct sums *sums, uid_t uid)
{
	for (size_t i = 0; i < sums->n_shares; i++)
		if (sums->shares[i].uid == uid)
			return &sums->shares[i];
	sums->shares = xrealloc(sums->shares, sums->n_shares + 1, sizeof(*sums->shares));
	sums->shares[sums->n_shares] = (struct share){ .uid = uid };
	return &sums->shares[sums->n_shares++];
}

static int compare_shares(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (y->allocated > x->allocated) - (y->allocated < x->allocated);
}

static void add_up(const struct listing *listing, struct sums *sums)
{
	for (size_t i = 0; i < listing->count; i++) {
		const struct segment *segment = &listing->segments[i];
		const struct seg_stat *st = &segment->st;
		/* With several names it is listed several times. */
		uint64_t allocated = st->nlink > 1 ? st->allocated / st->nlink : st->allocated;

		sums->allocated += allocated;
		share_of(sums, st->uid)->allocated += allocated;
		if (st->kind != SEG_SYSV)
			sums->files += allocated;
		if (segment->in_use == 0) {
			sums->unused += allocated;
			sums->n_unused++;
		}
	}
	if (sums->n_shares)
		qsort(sums->shares, sums->n_shares, sizeof(*sums->shares), compare_shares);
}

/* Whatever else there may be in a directory, memory is what these give away. */
static bool holds_segments_only(const char *place)
{
	long type = file_system_of(place);

	return type == TMPFS_MAGIC || type == FUSE_SUPER_MAGIC;
}

static void print_owners(struct listing *listing, const struct sums *sums, bool exact)
{
	uint64_t others = sums->allocated;
	char buf[FORMAT_MAX];
	size_t i;

	for (i = 0; i < sums->n_shares && i < OWNERS_SHOWN; i++) {
		printf("%s%s %s", i ? ", " : ": ", user_text(&listing->names, sums->shares[i].uid),
		       format_size(sums->shares[i].allocated, exact, buf));
		others -= sums->shares[i].allocated;
	}
	if (i < sums->n_shares)
		printf(", others %s", format_size(others, exact, buf));
}

/* Memory that a store has given away and no name here stands for is the answer to why it
 * is full when nothing in it is large. */
static void print_store(const struct listing *listing, const struct sums *sums, bool exact)
{
	_cleanup_free_ char *place = quote(listing->place);
	uint64_t size, used;
	char buf[FORMAT_MAX];
	struct statvfs st;

	if (seg_statvfs(listing->store, SEG_POSIX, &st) < 0 || st.f_blocks == 0)
		return;
	size = st.f_blocks * st.f_frsize;
	used = (st.f_blocks - st.f_bfree) * st.f_frsize;
	printf("%s: %s used", place, format_size(used, exact, buf));
	printf(" of %s, %.0f%%", format_size(size, exact, buf), (double)used * 100 / (double)size);
	if (used > sums->files)
		printf("; %s of it by what is not listed (removed and still in use, or no segment)",
		       format_size(used - sums->files, exact, buf));
	putchar('\n');
}

void listing_print_sums(struct listing *listing, bool exact)
{
	struct sums sums = { 0 };
	char buf[FORMAT_MAX];

	add_up(listing, &sums);
	printf("%s%zu segment%s, %s allocated", listing->count ? "\n" : "", listing->count,
	       listing->count == 1 ? "" : "s", format_size(sums.allocated, exact, buf));
	if (sums.n_shares > 1)
		print_owners(listing, &sums, exact);
	if (sums.n_unused)
		printf("\nnot in use: %zu, %s", sums.n_unused,
		       format_size(sums.unused, exact, buf));
	putchar('\n');
	if (listing->store && holds_segments_only(listing->place))
		print_store(listing, &sums, exact);
	free(sums.shares);
}
