// SPDX-License-Identifier: MIT
#include "table.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "segctl.h"

struct row {
	char *cells[TABLE_COLUMNS_MAX];
	const char *colour;
};

void table_add(struct table *table, const char *const *cells, const char *colour)
{
	struct row *row;

	if (table->count == table->room) {
		table->room = table->room ? 2 * table->room : 64;
		table->rows = xrealloc(table->rows, table->room, sizeof(*table->rows));
	}
	row = &table->rows[table->count++];
	*row = (struct row){ .colour = colour };
	for (size_t i = 0; i < table->n_columns; i++)
		row->cells[i] = xstrdup(cells[i]);
}

static int width_of(const struct table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title);

	for (size_t i = 0; i < table->count; i++)
		if (strlen(table->rows[i].cells[column]) > width)
			width = strlen(table->rows[i].cells[column]);
	return (int)width;
}

static void print_row(const struct table *table, const int *widths, const struct row *row,
		      bool coloured)
{
	bool is_coloured = coloured && *row->colour;
	size_t last = table->n_columns - 1;

	fputs(is_coloured ? row->colour : "", stdout);
	for (size_t i = 0; i < last; i++)
		printf("%*s  ", table->columns[i].right ? widths[i] : -widths[i], row->cells[i]);
	printf("%s%s\n", row->cells[last], is_coloured ? "\033[0m" : "");
}

void table_print(const struct table *table)
{
	struct row titles = { .colour = COLOUR_BOLD };
	int widths[TABLE_COLUMNS_MAX];
	bool coloured = use_colour();

	if (table->count == 0)
		return;
	for (size_t i = 0; i < table->n_columns; i++) {
		widths[i] = width_of(table, i);
		titles.cells[i] = (char *)table->columns[i].title;
	}
	print_row(table, widths, &titles, coloured);
	for (size_t i = 0; i < table->count; i++)
		print_row(table, widths, &table->rows[i], coloured);
}

void table_free(struct table *table)
{
	for (size_t i = 0; i < table->count; i++)
		for (size_t j = 0; j < table->n_columns; j++)
			free(table->rows[i].cells[j]);
	free(table->rows);
}
