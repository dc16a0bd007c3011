/* SPDX-License-Identifier: MIT */
/* Handles on segments, and the memory that they map. */
#ifndef SEGFS_NODE_MAPPING_H
#define SEGFS_NODE_MAPPING_H

#include <memory>

#include <napi.h>

#include "seg.h"

/* Mapped pages. The handle and the ArrayBuffer share one of these: close() unmaps the
 * pages, or else the end of the ArrayBuffer does. */
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
	void *data() const { return address_ ? address_ + lead_ : nullptr; }
	size_t size() const { return length_ - lead_; }
	void unmap() noexcept;
	/* Leaves the pages mapped until the process ends. */
	void abandon() noexcept { address_ = nullptr; }

private:
	char *address_; /* nullptr once unmapped or abandoned */
	size_t length_;
	size_t lead_;
};

struct SegCloser {
	void operator()(struct seg *seg) const { seg_close(seg); }
};
using SegPtr = std::unique_ptr<struct seg, SegCloser>;

/* What JavaScript's Segment holds. */
struct Handle {
	SegPtr seg;                       /* until it is mapped */
	std::shared_ptr<Mapping> mapping; /* from then until close() */
};

Napi::Object wrap_handle(Napi::Env env, SegPtr seg);
Handle &unwrap_handle(const Napi::Value &value);

/* An ArrayBuffer over a mapping; it keeps the mapping until it is collected. In a worker,
 * the mapping also survives the worker where the memory has moved on (see there). */
Napi::Value make_buffer(Napi::Env env, const std::shared_ptr<Mapping> &mapping, bool in_worker);

#endif
