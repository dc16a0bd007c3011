// SPDX-License-Identifier: MIT
#include "mapping.h"

#include <sys/mman.h>

namespace
{

// Any object may come back from JavaScript as a handle: this tells ours.
constexpr napi_type_tag handle_tag = { 0x5f0c3b8a41d24e97, 0x9d6a7710c2e85b34 };

void free_handle(napi_env, void *data, void *)
{
	delete static_cast<Handle *>(data);
}

// What hangs on an ArrayBuffer, until nothing has its memory any more.
struct BufferOwner {
	std::shared_ptr<Mapping> mapping;
	napi_ref buffer = nullptr; // weak: it must not keep what it watches
	napi_ref guard = nullptr;  // strong; in workers
};
using OwnerPtr = std::shared_ptr<BufferOwner>;

void release_buffer(napi_env env, void *, void *hint)
{
	std::unique_ptr<OwnerPtr> owner(static_cast<OwnerPtr *>(hint));

	(*owner)->mapping->unmap();
	if (!(*owner)->guard)
		return;
	napi_delete_reference(env, (*owner)->guard);
	napi_delete_reference(env, std::exchange((*owner)->buffer, nullptr));
}

// The memory may have moved to another ArrayBuffer, by transfer(), and with that one to
// another thread. When the worker that made it ends, Node.js calls release_buffer() even
// so, and the other thread would crash. So what is not for certain in its own ArrayBuffer
// by then stays mapped.
//
// Only here can that be seen: Node.js first detaches each buffer itself and runs its
// finalizer, and cleanup hooks come after that. But it begins with the youngest, and the
// guard is younger than the buffer.
void release_guard(napi_env env, void *, void *hint)
{
	std::unique_ptr<OwnerPtr> owner(static_cast<OwnerPtr *>(hint));
	napi_value buffer = nullptr;
	void *data = nullptr;

	if (!(*owner)->buffer)
		return; // released already: the worker goes on
	napi_get_reference_value(env, (*owner)->buffer, &buffer);
	if (buffer)
		napi_get_arraybuffer_info(env, buffer, &data, nullptr);
	if (data != (*owner)->mapping->data())
		(*owner)->mapping->abandon();
}

napi_value make_external(napi_env env, void *data, size_t length, napi_finalize finalize,
			 const OwnerPtr &owner)
{
	auto *hint = new OwnerPtr(owner);
	napi_value buffer;

	// Where that fails, whether the finalizer has run differs between the causes, so
	// the hint is left to it: a few bytes lost are better than freed twice.
	NAPI_THROW_IF_FAILED(
		env, napi_create_external_arraybuffer(env, data, length, finalize, hint, &buffer),
		nullptr);
	return buffer;
}

void add_guard(napi_env env, napi_value buffer, const OwnerPtr &owner)
{
	NAPI_THROW_IF_FAILED_VOID(env, napi_create_reference(env, buffer, 0, &owner->buffer));
	napi_value guard = make_external(env, owner.get(), 1, release_guard, owner);
	NAPI_THROW_IF_FAILED_VOID(env, napi_create_reference(env, guard, 1, &owner->guard));
}

} // namespace

void *Mapping::data() const noexcept
{
	std::lock_guard<std::mutex> guard(lock_);

	return address_ ? address_ + lead_ : nullptr;
}

void Mapping::unmap() noexcept
{
	end(Ending::unmap);
}

void Mapping::replace() noexcept
{
	end(Ending::replace);
}

void Mapping::abandon() noexcept
{
	std::lock_guard<std::mutex> guard(lock_);

	address_ = nullptr;
}

void Mapping::pin() noexcept
{
	std::lock_guard<std::mutex> guard(lock_);

	pins_++;
}

void Mapping::unpin() noexcept
{
	std::lock_guard<std::mutex> guard(lock_);

	if (--pins_ == 0)
		finish();
}

void Mapping::end(Ending ending) noexcept
{
	std::lock_guard<std::mutex> guard(lock_);

	if (wanted_ != Ending::unmap)
		wanted_ = ending;
	if (pins_ == 0)
		finish();
}

void Mapping::finish() noexcept
{
	if (!address_ || wanted_ == Ending::none)
		return;
	if (wanted_ == Ending::replace) {
		replace_pages(address_, length_);
		wanted_ = Ending::none; // the buffer is still to end
		return;
	}
	seg_unmap(address_, length_);
	address_ = nullptr;
}

void replace_pages(void *address, size_t length) noexcept
{
	mmap(address, length, PROT_READ | PROT_WRITE,
	     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

Napi::Object wrap_handle(Napi::Env env, SegPtr seg)
{
	auto handle = std::make_unique<Handle>();
	Napi::Object object = Napi::Object::New(env);

	handle->seg = std::move(seg);
	object.TypeTag(&handle_tag);
	NAPI_THROW_IF_FAILED(env,
			     napi_wrap(env, object, handle.get(), free_handle, nullptr, nullptr),
			     Napi::Object());
	handle.release();
	return object;
}

Handle &unwrap_handle(const Napi::Value &value)
{
	void *handle = nullptr;

	if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&handle_tag) ||
	    napi_unwrap(value.Env(), value, &handle) != napi_ok)
		throw Napi::TypeError::New(value.Env(), "Not a handle of segfs");
	return *static_cast<Handle *>(handle);
}

Napi::Value make_buffer(Napi::Env env, const std::shared_ptr<Mapping> &mapping, bool in_worker)
{
	auto owner = std::make_shared<BufferOwner>();

	owner->mapping = mapping;
	napi_value buffer =
		make_external(env, mapping->data(), mapping->size(), release_buffer, owner);
	if (in_worker)
		add_guard(env, buffer, owner);
	return Napi::Value(env, buffer);
}
