/* SPDX-License-Identifier: MIT */
/* Columns for people. The last one is the name: it may be as long and odd as it likes. */
#ifndef SEGCTL_TABLE_H
#define SEGCTL_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS_MAX 8

struct column {
	const char *title;
	int right; /* numbers: flush right */
};

struct table {
	const struct column *columns;
	size_t n_columns;
	struct row *rows;
	size_t count, room;
};

/* As they are written to a terminal. */
#define COLOUR_NONE  ""
#define COLOUR_BOLD  "\033[1m"
#define COLOUR_FAINT "\033[2m"
#define COLOUR_WARN  "\033[33m"

/** table_add() - one row. @cells: copied, one for each column; @colour: a constant. */
void table_add(struct table *table, const char *const *cells, const char *colour);

/** table_print() - with its titles, unless it is empty. */
void table_print(const struct table *table);

void table_free(struct table *table);

#define _cleanup_table_ _cleanup_(table_free)

#endif
