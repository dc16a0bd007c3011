/* SPDX-License-Identifier: MIT */
/*
 * Mutexes in segments: pthread_mutex_t, shared between processes and robust, so that C
 * programs lock the same one, and the kernel lets go of it for a holder that dies. Each
 * function returns its result, or a negative errno. A timeout is in milliseconds, negative
 * for none; lock functions return 0, or 1 where the holder before died with it.
 */
#ifndef SEGFS_NODE_MUTEX_H
#define SEGFS_NODE_MUTEX_H

#include <napi.h>

/* mutexOpen(handle, offset): an object for the functions below; zeroes become a mutex */
Napi::Value mutex_open(const Napi::CallbackInfo &info);
/* mutexLock(mutex, timeout); a timeout of 0 only tries: -EBUSY */
Napi::Value mutex_lock(const Napi::CallbackInfo &info);
/* mutexLockAsync(mutex, timeout): see Tasks::start() */
Napi::Value mutex_lock_async(const Napi::CallbackInfo &info);
/* mutexUnlock(mutex): 0 */
Napi::Value mutex_unlock(const Napi::CallbackInfo &info);

#endif
