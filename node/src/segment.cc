// SPDX-License-Identifier: MIT
#include "segment.h"

#include <unistd.h>

#include "mapping.h"
#include "shared.h"
#include "values.h"

namespace
{

Napi::Value describe(Napi::Env env, SegPtr seg)
{
	uint64_t size;
	int r = seg_size(seg.get(), &size);

	if (r < 0)
		return Napi::Number::New(env, r);
	Napi::String ref = Napi::String::New(env, seg_ref(seg.get()));
	auto kind = static_cast<uint32_t>(seg_kind(seg.get()));
	Napi::Object handle = wrap_handle(env, std::move(seg));

	handle.Set("size", static_cast<double>(size));
	handle.Set("kind", kind);
	handle.Set("ref", ref);
	return handle;
}

} // namespace

Napi::Value segment_inode(const Napi::CallbackInfo &info)
{
	struct seg_stat st;
	int r = seg_fstat(unwrap_handle(info[0]).seg.get(), &st);

	return Napi::Number::New(info.Env(), r < 0 ? r : static_cast<double>(st.ino));
}

Napi::Value segment_create(const Napi::CallbackInfo &info)
{
	struct seg *seg;
	int r = seg_create(to_reference(info[0]).c_str(), to_size(info[1]),
			   info[2].As<Napi::Number>().Uint32Value(),
			   info[3].As<Napi::Number>().Uint32Value(), &seg);

	if (r < 0)
		return Napi::Number::New(info.Env(), r);
	return describe(info.Env(), SegPtr(seg));
}

Napi::Value segment_open(const Napi::CallbackInfo &info)
{
	struct seg *seg;
	int r = seg_open(to_reference(info[0]).c_str(), info[1].As<Napi::Number>().Uint32Value(),
			 &seg);

	if (r < 0)
		return Napi::Number::New(info.Env(), r);
	return describe(info.Env(), SegPtr(seg));
}

Napi::Value segment_map(const Napi::CallbackInfo &info)
{
	Handle &handle = unwrap_handle(info[0]);
	uint64_t offset = to_size(info[1]);
	size_t lead = offset % static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
	size_t length = to_size(info[2]) + lead;
	uint32_t flags = info[3].As<Napi::Number>().Uint32Value();
	void *address;
	int r = seg_map(handle.seg.get(), offset - lead, length, flags, &address);

	if (r == 0 && info[5].IsTypedArray()) {
		auto view = info[5].As<Napi::Uint8Array>();

		r = overlay_pages(handle.seg.get(), offset, length, flags, view.Data());
		if (r < 0)
			seg_unmap(address, length);
		else
			handle.overlay = view.Data();
	}
	if (r < 0)
		return Napi::Number::New(info.Env(), r);
	handle.mapping = std::make_shared<Mapping>(address, length, lead);
	handle.seg.reset(); // the mapping needs no descriptor
	handle.shared = info[5].ToBoolean();
	if (handle.overlay)
		return info[5].As<Napi::TypedArray>().Get("buffer");
	if (handle.shared)
		return make_shared_buffer(info.Env(), handle.mapping);
	return make_buffer(info.Env(), handle.mapping, info[4].ToBoolean());
}

// A buffer that has been transferred is detached already, and its memory belongs to
// another ArrayBuffer: that one's finalizer unmaps it. A SharedArrayBuffer can't be
// detached: what is left of it is memory of its own.
Napi::Value segment_close(const Napi::CallbackInfo &info)
{
	Handle &handle = unwrap_handle(info[0]);
	std::shared_ptr<Mapping> mapping = std::move(handle.mapping);

	handle.seg.reset();
	if (!mapping)
		return info.Env().Undefined();
	if (handle.overlay) {
		replace_pages(handle.overlay, mapping->size());
	} else if (handle.shared) {
		mapping->replace();
		return info.Env().Undefined();
	} else if (info[1].IsArrayBuffer()) {
		auto buffer = info[1].As<Napi::ArrayBuffer>();

		if (buffer.Data() != mapping->data())
			return info.Env().Undefined();
		buffer.Detach();
	}
	mapping->unmap();
	return info.Env().Undefined();
}
