// SPDX-License-Identifier: MIT
/*
 * The addon's table of functions. index.js is its only caller: it has checked the
 * arguments, and gives the results their shape.
 *
 * No state is shared, so that it loads in any number of workers. What belongs to one of
 * them are its threads (tasks.h) and the finalizers of its handles and buffers, and those
 * Node.js runs when its environment ends.
 */
#include <napi.h>

#include "mutex.h"
#include "names.h"
#include "seg.h"
#include "segment.h"
#include "shared.h"
#include "tasks.h"
#include "words.h"

namespace
{

Napi::Object init(Napi::Env env, Napi::Object exports)
{
	exports.Set("create", Napi::Function::New<segment_create>(env, "create"));
	exports.Set("open", Napi::Function::New<segment_open>(env, "open"));
	exports.Set("inode", Napi::Function::New<segment_inode>(env, "inode"));
	exports.Set("map", Napi::Function::New<segment_map>(env, "map"));
	exports.Set("close", Napi::Function::New<segment_close>(env, "close"));
	exports.Set("stat", Napi::Function::New<names_stat>(env, "stat"));
	exports.Set("list", Napi::Function::New<names_list>(env, "list"));
	exports.Set("destroy", Napi::Function::New<names_destroy>(env, "destroy"));
	exports.Set("destroySame", Napi::Function::New<names_destroy_same>(env, "destroySame"));
	exports.Set("resize", Napi::Function::New<names_resize>(env, "resize"));
	exports.Set("inUse", Napi::Function::New<names_in_use>(env, "inUse"));
	exports.Set("users", Napi::Function::New<names_users>(env, "users"));
	exports.Set("gc", Napi::Function::New<names_gc>(env, "gc"));
	exports.Set("hasExternalShared", Napi::Function::New<shared_is_native>(env));
	exports.Set("wait", Napi::Function::New<words_wait>(env, "wait"));
	exports.Set("waitAsync", Napi::Function::New<words_wait_async>(env, "waitAsync"));
	exports.Set("notify", Napi::Function::New<words_notify>(env, "notify"));
	exports.Set("mutexOpen", Napi::Function::New<mutex_open>(env, "mutexOpen"));
	exports.Set("mutexLock", Napi::Function::New<mutex_lock>(env, "mutexLock"));
	exports.Set("mutexLockAsync", Napi::Function::New<mutex_lock_async>(env, "mutexLockAsync"));
	exports.Set("mutexUnlock", Napi::Function::New<mutex_unlock>(env, "mutexUnlock"));
	exports.Set("MUTEX_BYTES", static_cast<uint32_t>(sizeof(pthread_mutex_t)));
	Tasks::init(env, exports);

	exports.Set("POSIX", static_cast<uint32_t>(SEG_POSIX));
	exports.Set("SYSV", static_cast<uint32_t>(SEG_SYSV));
	exports.Set("FILE", static_cast<uint32_t>(SEG_FILE));
	exports.Set("EXCLUSIVE", static_cast<uint32_t>(SEG_EXCLUSIVE));
	exports.Set("PREALLOCATE", static_cast<uint32_t>(SEG_PREALLOCATE));
	exports.Set("READ_ONLY", static_cast<uint32_t>(SEG_READ_ONLY));
	exports.Set("EPHEMERAL", static_cast<uint32_t>(SEG_EPHEMERAL));
	exports.Set("POPULATE", static_cast<uint32_t>(SEG_POPULATE));
	exports.Set("PRIVATE", static_cast<uint32_t>(SEG_PRIVATE));
	exports.Set("HUGE", static_cast<uint32_t>(SEG_HUGE));
	exports.Set("IF_UNUSED", static_cast<uint32_t>(SEG_IF_UNUSED));
	exports.Set("FORCE", static_cast<uint32_t>(SEG_FORCE));
	exports.Set("GC_DRY_RUN", static_cast<uint32_t>(SEG_GC_DRY_RUN));
	exports.Set("GC_EPHEMERAL", static_cast<uint32_t>(SEG_GC_EPHEMERAL));
	return exports;
}

} // namespace

NODE_API_MODULE(segfs, init)
