/* SPDX-License-Identifier: MIT */
/* Segments by reference. Each function returns its result, or a negative errno. */
#ifndef SEGFS_NODE_NAMES_H
#define SEGFS_NODE_NAMES_H

#include <napi.h>

/* stat(ref): an object of the fields of struct seg_stat */
Napi::Value names_stat(const Napi::CallbackInfo &info);
/* list(kind, asBuffer): an array of such objects with a property ref */
Napi::Value names_list(const Napi::CallbackInfo &info);
/* destroy(ref, flags): 0 */
Napi::Value names_destroy(const Napi::CallbackInfo &info);
/* destroySame(ref, ino): 0; only if it is still that one, and nobody uses it */
Napi::Value names_destroy_same(const Napi::CallbackInfo &info);
/* resize(ref, size, flags): 0 */
Napi::Value names_resize(const Napi::CallbackInfo &info);
/* inUse(ref): 1 or 0 */
Napi::Value names_in_use(const Napi::CallbackInfo &info);
/* users(ref): { users, complete } */
Napi::Value names_users(const Napi::CallbackInfo &info);
/* gc(kind, pattern, uid, seconds, flags): as list(), with a property result */
Napi::Value names_gc(const Napi::CallbackInfo &info);

#endif
