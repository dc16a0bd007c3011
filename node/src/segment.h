/* SPDX-License-Identifier: MIT */
/* Open segments. Each function returns its result, or a negative errno. */
#ifndef SEGFS_NODE_SEGMENT_H
#define SEGFS_NODE_SEGMENT_H

#include <napi.h>

/* create(ref, size, mode, flags): a handle with the properties size, kind and ref */
Napi::Value segment_create(const Napi::CallbackInfo &info);
/* open(ref, flags): a handle, as above */
Napi::Value segment_open(const Napi::CallbackInfo &info);
/* inode(handle): its inode number, as long as it is not mapped */
Napi::Value segment_inode(const Napi::CallbackInfo &info);
/* map(handle, offset, length, flags, inWorker, shared): its buffer; closes the segment's
 * descriptor. shared: true, or a Uint8Array of the pages of a WebAssembly.Memory. */
Napi::Value segment_map(const Napi::CallbackInfo &info);
/* close(handle, buffer): detaches the buffer that map() gave, if it can be, and unmaps */
Napi::Value segment_close(const Napi::CallbackInfo &info);

#endif
