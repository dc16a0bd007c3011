// SPDX-License-Identifier: MIT
/* segctl: the table of commands, and what they have in common. */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cleanup.h"
#include "format.h"
#include "json.h"
#include "segctl.h"

static const struct command *const commands[] = {
	&cmd_ls, &cmd_stat, &cmd_users, &cmd_create, &cmd_resize,
	&cmd_rm, &cmd_gc,   &cmd_cat,   &cmd_write,  &cmd_ns,
};

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char help_head[] =
	"Usage: segctl COMMAND [OPTION]... [REF]...\n"
	"Shared memory segments, POSIX and System V: what there is, who uses it, and the\n"
	"end of what nobody does.\n"
	"\n"
	"Commands:\n";

static const char help_tail[] =
	"\n"
	"A REF is /NAME (POSIX), sysv:KEY or sysv:id:ID (System V), or the path of a file,\n"
	"such as one on a segfs mount. A SIZE is a number of bytes, or 64K, 1.5G (K = 1024,\n"
	"KB = 1000).\n"
	"\n"
	"  -h, --help     show this and exit; 'segctl COMMAND --help' tells more\n"
	"  -V, --version  show the version and exit\n"
	"\n"
	"Exit status: 0 all went well, 1 something could not be done, 2 usage.\n";

static void show_help(void)
{
	fputs(help_head, stdout);
	for (size_t i = 0; i < N_COMMANDS; i++)
		printf("  %-7s  %s\n", commands[i]->name, commands[i]->summary);
	fputs(help_tail, stdout);
}

static void show_command_help(const struct command *command)
{
	printf("Usage: segctl %s %s\n%s", command->name, command->synopsis, command->help);
}

/* What is on its way to stdout may meet a full disk at the very end. */
static int finish_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	warn("write error");
	return STATUS_FAILURE;
}

_Noreturn static void try_help(void)
{
	fprintf(stderr, "Try '%s --help' for more information.\n", program_invocation_short_name);
	exit(STATUS_USAGE);
}

void usage_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vwarnx(format, args);
	va_end(args);
	try_help();
}

int next_option(int argc, char **argv, const char *letters, const struct option *longs,
		const struct command *command)
{
	int option = getopt_long(argc, argv, letters, longs, NULL);

	if (option == '?')
		try_help();
	if (option == OPT_HELP) {
		show_command_help(command);
		exit(finish_output(EXIT_SUCCESS));
	}
	return option;
}

void check_operands(int argc, char **argv, int min, int max, const char *what)
{
	if (argc - optind < min)
		usage_error("missing operand: %s", what);
	if (max >= 0 && argc - optind > max)
		usage_error("unexpected operand %s", argv[optind + max]);
}

int each_operand(int argc, char **argv, struct json *json, int (*show)(void *arg, const char *ref),
		 void *arg)
{
	int status = 0;

	if (json)
		json_open(json, NULL, '[');
	for (int i = optind; i < argc; i++)
		status |= show(arg, argv[i]);
	if (json)
		json_close(json, ']');
	return status;
}

void complain_hint(const char *ref, int r, const char *hint)
{
	_cleanup_free_ char *name = quote(ref);

	if (hint)
		warnx("%s: %s (%s)", name, strerror(-r), hint);
	else
		warnx("%s: %s", name, strerror(-r));
}

void complain(const char *ref, int r)
{
	complain_hint(ref, r, NULL);
}

void *xrealloc(void *p, size_t count, size_t size)
{
	p = reallocarray(p, count, size);
	if (!p)
		err(STATUS_FAILURE, NULL);
	return p;
}

char *xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		err(STATUS_FAILURE, NULL);
	return copy;
}

/* Where a standard stream is closed, a segment would be opened in its place, and be read
 * or written for it. What is opened here instead can't be used for what it is there for. */
static void fill_standard_streams(void)
{
	static const int flags[] = { O_WRONLY, O_RDONLY, O_RDONLY };

	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
			_exit(STATUS_FAILURE);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	return NULL;
}

/* getopt() takes the name for its messages from argv[0], and err.h from the libc. */
static int run(const struct command *command, int argc, char **argv)
{
	char name[32];
	int status;

	snprintf(name, sizeof(name), "segctl %s", command->name);
	program_invocation_short_name = argv[0] = name;
	status = finish_output(command->run(argc, argv));
	program_invocation_short_name = (char *)"segctl";
	return status;
}

int main(int argc, char **argv)
{
	const struct command *command;

	fill_standard_streams();
	setlocale(LC_ALL, "");
	program_invocation_short_name = (char *)"segctl";
	if (argc < 2)
		usage_error("which command?");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		return show_help(), finish_output(EXIT_SUCCESS);
	if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)
		return puts("segctl " SEGFS_VERSION), finish_output(EXIT_SUCCESS);
	command = find_command(argv[1]);
	if (!command)
		usage_error(argv[1][0] == '-' ? "unknown option %s" : "unknown command %s",
			    argv[1]);
	return run(command, argc - 1, argv + 1);
}
