// SPDX-License-Identifier: MIT
#include "names.h"

#include <cerrno>
#include <new>
#include <utility>
#include <vector>

#include "values.h"

namespace
{

using Entries = std::vector<std::pair<std::string, struct seg_stat>>;

// Only gathers: an exception must not pass through libseg's frames.
int add_entry(const char *ref, const struct seg_stat *stat, void *arg) noexcept
{
	try {
		static_cast<Entries *>(arg)->emplace_back(ref, *stat);
		return 0;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
}

} // namespace

Napi::Value names_stat(const Napi::CallbackInfo &info)
{
	struct seg_stat st;
	int r = seg_stat(to_reference(info[0]).c_str(), &st);

	if (r < 0)
		return Napi::Number::New(info.Env(), r);
	return from_stat(info.Env(), st);
}

Napi::Value names_list(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	auto kind = static_cast<enum seg_kind>(info[0].As<Napi::Number>().Uint32Value());
	bool as_buffer = info[1].ToBoolean();
	Entries entries;
	int r = seg_list(kind, add_entry, &entries);

	if (r < 0)
		return Napi::Number::New(env, r);
	Napi::Array array = Napi::Array::New(env, entries.size());
	for (uint32_t i = 0; i < entries.size(); i++) {
		Napi::HandleScope scope(env);
		Napi::Object entry = from_stat(env, entries[i].second);

		entry.Set("ref", from_reference(env, entries[i].first.c_str(), as_buffer));
		array.Set(i, entry);
	}
	return array;
}

Napi::Value names_destroy(const Napi::CallbackInfo &info)
{
	return Napi::Number::New(info.Env(), seg_destroy(to_reference(info[0]).c_str(), 0));
}
