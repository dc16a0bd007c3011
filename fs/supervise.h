/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_SUPERVISE_H
#define SEGFS_SUPERVISE_H

#include "options.h"

/**
 * supervise() - serve a private namespace with a worker of its own, and with another one
 * if that is killed: the segments live in the store, which stays with this process.
 * @store: its descriptor
 * @ready: gets a byte when the mount answers; -1: nobody waits
 *
 * Return: an exit status; what was wrong is on stderr.
 */
int supervise(struct options *opts, int store, int ready);

#endif
