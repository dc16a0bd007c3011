/* SPDX-License-Identifier: MIT */
/*
 * "Is anybody else using this file?", answered by the kernel.
 *
 * A write lease is granted only to the sole open file of an inode: while another
 * one exists anywhere, or a mapping of one whose descriptor is long closed, the
 * answer is no. Other opens wait as long as the lease is held.
 */
#ifndef SEG_LEASE_H
#define SEG_LEASE_H

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>

#include "cleanup.h"

struct lease {
	int fd; /* -1: not held */
	/* of the program around us, put back afterwards */
	sigset_t signals;
	bool had_signal; /* a SIGIO was pending for this thread */
	struct f_owner_ex owner;
	int signal;
};

#define LEASE_NONE       \
	(struct lease)   \
	{                \
		.fd = -1 \
	}

/**
 * lease_take() - be the only user of an open file.
 * @fd: not O_PATH. What shares its open file (dup, fork) is the same user.
 *
 * Until lease_drop() nothing may open the file again: in this thread that would be
 * waiting for itself.
 *
 * Return: 0, or -EBUSY (somebody else uses it), -EPERM (neither the owner nor
 * CAP_LEASE), -EOPNOTSUPP (no leases on this file system).
 */
int lease_take(int fd, struct lease *ret);
void lease_drop(struct lease *lease);

#define _cleanup_lease_ _cleanup_(lease_drop)

#endif
