/* SPDX-License-Identifier: MIT */
/* Waiting at a word of a segment. Each function returns its result, or a negative errno.
 * A timeout is in milliseconds, negative for none. */
#ifndef SEGFS_NODE_WORDS_H
#define SEGFS_NODE_WORDS_H

#include <ctime>

#include <napi.h>

/* wait(handle, offset, expected, timeout): 0 */
Napi::Value words_wait(const Napi::CallbackInfo &info);
/* waitAsync(handle, offset, expected, timeout): see Tasks::start(); 0 */
Napi::Value words_wait_async(const Napi::CallbackInfo &info);
/* notify(handle, offset, count): how many were woken */
Napi::Value words_notify(const Napi::CallbackInfo &info);

struct timespec to_timespec(double ms);

#endif
