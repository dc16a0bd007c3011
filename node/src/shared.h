/* SPDX-License-Identifier: MIT */
/*
 * SharedArrayBuffers over mappings.
 *
 * A Node.js that has node_api_create_external_sharedarraybuffer() makes them as it makes
 * ArrayBuffers. For another one the pages are mapped a second time, over those of a shared
 * WebAssembly.Memory: that is whole pages which never move and are V8's to unmap.
 */
#ifndef SEGFS_NODE_SHARED_H
#define SEGFS_NODE_SHARED_H

#include <memory>

#include <napi.h>

#include "mapping.h"

/* hasExternalShared(): is there such a function? */
Napi::Value shared_is_native(const Napi::CallbackInfo &info);
Napi::Value make_shared_buffer(Napi::Env env, const std::shared_ptr<Mapping> &mapping);
/* Maps what seg_map() would, over whole pages that are there. */
int overlay_pages(struct seg *seg, uint64_t offset, size_t length, unsigned flags, void *target);

#endif
