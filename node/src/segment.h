/* SPDX-License-Identifier: MIT */
/* Open segments. Each function returns its result, or a negative errno. */
#ifndef SEGFS_NODE_SEGMENT_H
#define SEGFS_NODE_SEGMENT_H

#include <napi.h>

/* create(ref, size, mode, flags): a handle with the properties size, kind and ref */
Napi::Value segment_create(const Napi::CallbackInfo &info);
/* open(ref, flags): a handle, as above */
Napi::Value segment_open(const Napi::CallbackInfo &info);
/* map(handle, offset, length, inWorker): an ArrayBuffer; closes the segment's descriptor */
Napi::Value segment_map(const Napi::CallbackInfo &info);
/* close(handle, buffer): detaches the ArrayBuffer that map() gave, if it did, and unmaps */
Napi::Value segment_close(const Napi::CallbackInfo &info);

#endif
