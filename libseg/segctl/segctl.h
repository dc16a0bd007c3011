/* SPDX-License-Identifier: MIT */
/*
 * segctl: shared memory segments on the command line.
 *
 * A program like any other on libseg: it uses seg.h, and below it nothing but headers of
 * inline functions.
 */
#ifndef SEGCTL_H
#define SEGCTL_H

#include <getopt.h>
#include <stdbool.h>

#include "seg.h"

/* Exit statuses, besides 0: something could not be done; it was not even tried. */
#define STATUS_FAILURE 1
#define STATUS_USAGE   2

struct command {
	const char *name;
	const char *synopsis;              /* what follows the name */
	const char *summary;               /* one line of `segctl --help` */
	const char *help;                  /* options and what is to be known of them */
	int (*run)(int argc, char **argv); /* Return: the exit status */
};

extern const struct command cmd_cat, cmd_create, cmd_gc, cmd_ls, cmd_ns, cmd_resize, cmd_rm,
	cmd_stat, cmd_users, cmd_write;

/* Long options without a letter: the ones that every command has, then its own. */
enum { OPT_HELP = 256, OPT_OWN };

#define HELP_OPTION                                 \
	{                                           \
		"help", no_argument, NULL, OPT_HELP \
	}
#define HELP_LINE "      --help             show this and exit\n"

/** next_option() - getopt_long(3), which answers --help and what is no option itself. */
int next_option(int argc, char **argv, const char *letters, const struct option *longs,
		const struct command *command);

/** usage_error() - say what is wrong and where help is, and exit. */
_Noreturn void usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/** check_operands() - a usage error unless there are so many; @max < 0: any number. */
void check_operands(int argc, char **argv, int min, int max, const char *what);

struct json;

/**
 * each_operand() - @show each of them, in an array where there is a @json.
 * @show: returns an exit status
 *
 * Return: the exit status of all.
 */
int each_operand(int argc, char **argv, struct json *json, int (*show)(void *arg, const char *ref),
		 void *arg);

/** complain() - "segctl COMMAND: REF: reason" on stderr. @r: negative errno */
void complain(const char *ref, int r);

/** complain_hint() - complain(), and what is to be known or done (may be NULL). */
void complain_hint(const char *ref, int r, const char *hint);

/* Without memory a command line tool can do no more than say so: these exit. */
void *xrealloc(void *p, size_t count, size_t size);
char *xstrdup(const char *s);

#endif
