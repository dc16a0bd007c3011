// SPDX-License-Identifier: MIT
/*
 * The addon's table of functions. index.js is its only caller: it has checked the
 * arguments, and gives the results their shape.
 *
 * No state is kept here, so that it loads in any number of workers. What belongs to
 * one of them are the finalizers of its handles and buffers, and those Node.js runs
 * when its environment ends.
 */
#include <napi.h>

#include "names.h"
#include "seg.h"
#include "segment.h"

namespace
{

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	exports.Set("create", Napi::Function::New<segment_create>(env, "create"));
	exports.Set("open", Napi::Function::New<segment_open>(env, "open"));
	exports.Set("map", Napi::Function::New<segment_map>(env, "map"));
	exports.Set("close", Napi::Function::New<segment_close>(env, "close"));
	exports.Set("stat", Napi::Function::New<names_stat>(env, "stat"));
	exports.Set("list", Napi::Function::New<names_list>(env, "list"));
	exports.Set("destroy", Napi::Function::New<names_destroy>(env, "destroy"));

	exports.Set("POSIX", static_cast<uint32_t>(SEG_POSIX));
	exports.Set("SYSV", static_cast<uint32_t>(SEG_SYSV));
	exports.Set("FILE", static_cast<uint32_t>(SEG_FILE));
	exports.Set("EXCLUSIVE", static_cast<uint32_t>(SEG_EXCLUSIVE));
	exports.Set("PREALLOCATE", static_cast<uint32_t>(SEG_PREALLOCATE));
	exports.Set("READ_ONLY", static_cast<uint32_t>(SEG_READ_ONLY));
	return exports;
}

} // namespace

NODE_API_MODULE(segfs, init)
