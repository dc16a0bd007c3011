/* SPDX-License-Identifier: MIT */
/* Handles on segments, and the memory that they map. */
#ifndef SEGFS_NODE_MAPPING_H
#define SEGFS_NODE_MAPPING_H

#include <memory>
#include <mutex>
#include <utility>

#include <napi.h>

#include "seg.h"

/* Mapped pages. The handle and the buffer share one of these: close() unmaps the pages, or
 * else the end of the buffer does. Any thread may be the one: each function locks. */
class Mapping
{
public:
	Mapping(void *address, size_t length, size_t lead)
	    : address_(static_cast<char *>(address)), length_(length), lead_(lead)
	{
	}
	~Mapping() { unmap(); }
	Mapping(const Mapping &) = delete;
	Mapping &operator=(const Mapping &) = delete;

	/* The byte that was asked for: mappings begin at a page, windows need not. */
	void *data() const noexcept;
	size_t size() const { return length_ - lead_; }
	void unmap() noexcept;
	/* Unmaps, and leaves empty private pages there, for a buffer that can't be detached. */
	void replace() noexcept;
	/* Leaves the pages mapped until the process ends. */
	void abandon() noexcept;
	/* While there are pins the pages stay; the last one ends what was asked meanwhile. */
	void pin() noexcept;
	void unpin() noexcept;

private:
	enum class Ending { none, unmap, replace };

	void end(Ending ending) noexcept; /* locked */
	void finish() noexcept;           /* locked */

	mutable std::mutex lock_;
	char *address_; /* nullptr once unmapped or abandoned */
	size_t length_;
	size_t lead_;
	unsigned pins_ = 0;
	Ending wanted_ = Ending::none;
};

/* Keeps a mapping where it is: for another thread that works on it, or for the kernel,
 * which looks at a lock when the thread that holds it ends. */
class Pin
{
public:
	Pin() = default;
	explicit Pin(std::shared_ptr<Mapping> mapping) : mapping_(std::move(mapping))
	{
		mapping_->pin();
	}
	Pin(Pin &&other) noexcept = default;
	Pin &operator=(Pin &&other) noexcept
	{
		std::swap(mapping_, other.mapping_);
		return *this;
	}
	~Pin()
	{
		if (mapping_)
			mapping_->unpin();
	}
	explicit operator bool() const { return mapping_ != nullptr; }

private:
	std::shared_ptr<Mapping> mapping_;
};

struct SegCloser {
	void operator()(struct seg *seg) const { seg_close(seg); }
};
using SegPtr = std::unique_ptr<struct seg, SegCloser>;

/* What JavaScript's Segment holds. */
struct Handle {
	SegPtr seg;                       /* until it is mapped */
	std::shared_ptr<Mapping> mapping; /* from then until close() */
	/* The same pages once more, in memory that belongs to V8 (see shared.h). */
	void *overlay = nullptr;
	bool shared = false; /* the buffer is a SharedArrayBuffer, which can't be detached */
};

/* Empty private pages in place of what is mapped. */
void replace_pages(void *address, size_t length) noexcept;

Napi::Object wrap_handle(Napi::Env env, SegPtr seg);
Handle &unwrap_handle(const Napi::Value &value);

/* An ArrayBuffer over a mapping; it keeps the mapping until it is collected. In a worker,
 * the mapping also survives the worker where the memory has moved on (see there). */
Napi::Value make_buffer(Napi::Env env, const std::shared_ptr<Mapping> &mapping, bool in_worker);

#endif
