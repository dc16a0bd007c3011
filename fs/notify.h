/* SPDX-License-Identifier: MIT */
#ifndef SEGFS_NOTIFY_H
#define SEGFS_NOTIFY_H

/* Tells a service manager that started us (Type=notify) that the mount is there; without
 * one nothing happens. The protocol is sd_notify(3)'s: a datagram. */
void notify_ready(void);

#endif
