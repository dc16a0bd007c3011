/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_OPTIONS_H
#define SEGFS_OPTIONS_H

#include <fuse_opt.h>

struct options {
	char *source;     /* "host" */
	char *mountpoint; /* absolute */
	int foreground;
	int nopassthrough;
	int rm_if_unused;
	int help, version;
	struct fuse_args args; /* for fuse_session_new(): general mount options and ours */
};

/* Return: 0; else an exit status: what was wrong is on stderr. */
int options_parse(int argc, char **argv, struct options *ret);
void options_free(struct options *opts);

#endif
