// SPDX-License-Identifier: MIT
#include "shared.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include <cerrno>

namespace
{

using Finalize = void (*)(void *data, void *hint);
using CreateShared = napi_status (*)(napi_env env, void *data, size_t length, Finalize finalize,
				     void *hint, napi_value *result);

// Not in the headers of Node-API 8, and not in every Node.js that this runs on.
CreateShared find_create()
{
	return reinterpret_cast<CreateShared>(
		dlsym(RTLD_DEFAULT, "node_api_create_external_sharedarraybuffer"));
}

// On any thread: the memory goes with the last of the workers that have it.
void release(void *, void *hint)
{
	std::unique_ptr<std::shared_ptr<Mapping>> mapping(
		static_cast<std::shared_ptr<Mapping> *>(hint));

	(*mapping)->unmap();
}

} // namespace

Napi::Value shared_is_native(const Napi::CallbackInfo &info)
{
	return Napi::Boolean::New(info.Env(), find_create() != nullptr);
}

Napi::Value make_shared_buffer(Napi::Env env, const std::shared_ptr<Mapping> &mapping)
{
	auto *hint = new std::shared_ptr<Mapping>(mapping);
	napi_value buffer;

	NAPI_THROW_IF_FAILED(
		env, find_create()(env, mapping->data(), mapping->size(), release, hint, &buffer),
		Napi::Value());
	return Napi::Value(env, buffer);
}

int overlay_pages(struct seg *seg, uint64_t offset, size_t length, unsigned flags, void *target)
{
	void *pages;
	int r = seg_map(seg, offset, length, flags, &pages);

	if (r < 0)
		return r;
	if (mremap(pages, length, length, MREMAP_MAYMOVE | MREMAP_FIXED, target) == MAP_FAILED) {
		r = -errno;
		seg_unmap(pages, length);
	}
	return r;
}
