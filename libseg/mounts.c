// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "mounts.h"

#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"

dev_t mounts_segfs_device(const char *line, bool *host)
{
	unsigned major, minor;

	if (!strstr(line, " - fuse.segfs ") || sscanf(line, "%*s %*s %u:%u", &major, &minor) != 2)
		return 0;
	*host = strstr(line, " - fuse.segfs host ");
	return makedev(major, minor);
}

bool mounts_is_segfs(dev_t dev, bool *host)
{
	_cleanup_fclose_ FILE *f = fopen("/proc/self/mountinfo", "re");
	_cleanup_free_ char *line = NULL;
	size_t size = 0;

	while (f && getline(&line, &size, f) > 0)
		if (mounts_segfs_device(line, host) == dev)
			return true;
	return false;
}
