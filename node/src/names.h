/* SPDX-License-Identifier: MIT */
/* Segments by reference. Each function returns its result, or a negative errno. */
#ifndef SEGFS_NODE_NAMES_H
#define SEGFS_NODE_NAMES_H

#include <napi.h>

/* stat(ref): an object of the fields of struct seg_stat */
Napi::Value names_stat(const Napi::CallbackInfo &info);
/* list(kind, asBuffer): an array of such objects with a property ref */
Napi::Value names_list(const Napi::CallbackInfo &info);
/* destroy(ref): 0 */
Napi::Value names_destroy(const Napi::CallbackInfo &info);

#endif
