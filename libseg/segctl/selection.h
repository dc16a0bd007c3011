/* SPDX-License-Identifier: MIT */
/* Which segments `ls` and `gc` are about. */
#ifndef SEGCTL_SELECTION_H
#define SEGCTL_SELECTION_H

#include <stdbool.h>

/* What an operand stands for: segments of the machine, or those in a
 * directory. */
struct selection {
	char *directory; /* NULL: the machine */
	char *pattern;   /* of references, or for a directory of a slash and the name; NULL: all */
};

/** selection_arguments() - those of all operands, for selections_free(); NULL: none. */
struct selection *selection_arguments(int argc, char **argv);
void selections_free(struct selection *selections, int n);

/** selections_have_a_directory() - is any of them about one? */
bool selections_have_a_directory(const struct selection *selections, int n);

/** selection_fits() - @ref: as a listing of its directory, or of the machine, tells it. */
bool selection_fits(const struct selection *selection, const char *ref);

/** selection_same_place() - are they of one directory, or both of the machine? */
bool selection_same_place(const struct selection *a, const struct selection *b);

#endif
