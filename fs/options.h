/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_OPTIONS_H
#define SEGFS_OPTIONS_H

#include <fuse_opt.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What makes a private namespace; of `host` none can be given. */
struct store_options {
	uint64_t size;        /* bytes, never 0: that would be no limit */
	uint64_t nr_segments; /* 0: no limit of its own */
	const char *huge;     /* as tmpfs(5) has it, or NULL */
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

struct options {
	char *source;     /* "host", or the name of a private namespace */
	char *mountpoint; /* absolute */
	int foreground;
	int nopassthrough;
	int rm_if_unused;
	int preallocate;
	int noro;
	int help, version, check;
	int fake;         /* mount -f: all but the mount */
	bool private;     /* @source is one */
	dev_t mounts[16]; /* of workers before this one; the last comes first */
	struct store_options store;
	/* as given, for options_parse() to check */
	struct {
		char *size, *nr_segments, *huge, *uid, *gid, *mode;
	} text;
	struct fuse_args args; /* for fuse_session_new(): general mount options and ours */
};

/* Return: 0; else an exit status: what was wrong is on stderr. */
int options_parse(int argc, char **argv, struct options *ret);
void options_free(struct options *opts);

#endif
