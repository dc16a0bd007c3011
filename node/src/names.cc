// SPDX-License-Identifier: MIT
#include "names.h"

#include <cerrno>
#include <climits>
#include <new>
#include <utility>
#include <vector>

#include "mapping.h"
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

struct User {
	struct seg_user user;
	std::string command;
};
using Users = std::vector<User>;

int add_user(const struct seg_user *user, void *arg) noexcept
{
	try {
		static_cast<Users *>(arg)->push_back({ *user, user->command });
		return 0;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
}

struct Entry {
	std::string ref;
	struct seg_stat stat;
	int result;
};
using Collected = std::vector<Entry>;

int add_collected(const char *ref, const struct seg_stat *stat, int result, void *arg) noexcept
{
	try {
		static_cast<Collected *>(arg)->push_back({ ref, *stat, result });
		return 0;
	} catch (const std::bad_alloc &) {
		return -ENOMEM;
	}
}

Napi::Object from_user(Napi::Env env, const User &from)
{
	Napi::Object object = Napi::Object::New(env);
	auto is = [&](unsigned bit) { return Napi::Boolean::New(env, (from.user.how & bit) != 0); };

	object.Set("pid", from.user.pid);
	object.Set("uid", from.user.uid);
	object.Set("command", from.command);
	object.Set("open", is(SEG_USER_OPEN));
	object.Set("mapped", is(SEG_USER_MAPPED));
	object.Set("attached", is(SEG_USER_ATTACHED));
	object.Set("direct", is(SEG_USER_DIRECT));
	object.Set("mount", is(SEG_USER_MOUNT));
	return object;
}

// Without becoming a user. For System V that takes a capability, and an open handle of it
// is no user anyway.
int open_path(const std::string &ref, SegPtr &ret)
{
	struct seg_stat st;
	struct seg *seg;
	int r = seg_stat(ref.c_str(), &st);

	if (r == 0)
		r = seg_open(ref.c_str(),
			     st.kind == SEG_SYSV ? unsigned{ SEG_READ_ONLY } : unsigned{ SEG_PATH },
			     &seg);
	if (r == 0)
		ret.reset(seg);
	return r;
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
	int r = info[2].IsUndefined()
			? seg_list(kind, add_entry, &entries)
			: seg_list_directory(to_reference(info[2]).c_str(), add_entry, &entries);

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
	return Napi::Number::New(info.Env(), seg_destroy(to_reference(info[0]).c_str(),
							 info[1].As<Napi::Number>().Uint32Value()));
}

Napi::Value names_destroy_same(const Napi::CallbackInfo &info)
{
	struct seg_stat st;
	SegPtr seg;
	int r = open_path(to_reference(info[0]), seg);

	if (r == 0)
		r = seg_fstat(seg.get(), &st);
	if (r == 0 && static_cast<double>(st.ino) != info[1].As<Napi::Number>().DoubleValue())
		r = -ENOENT;
	if (r == 0)
		r = seg_unlinkat(nullptr, seg.get(), SEG_IF_UNUSED);
	return Napi::Number::New(info.Env(), r);
}

// In a shrink this process's own mappings count like anybody's: JavaScript has no use for
// a buffer that kills.
Napi::Value names_resize(const Napi::CallbackInfo &info)
{
	constexpr pid_t nobody = INT_MAX;
	SegPtr seg;
	int r = open_path(to_reference(info[0]), seg);

	if (r == 0)
		r = seg_resize_for(seg.get(), to_size(info[1]),
				   info[2].As<Napi::Number>().Uint32Value(), nobody);
	return Napi::Number::New(info.Env(), r);
}

Napi::Value names_in_use(const Napi::CallbackInfo &info)
{
	SegPtr seg;
	int r = open_path(to_reference(info[0]), seg);

	if (r == 0)
		r = seg_in_use(seg.get());
	return Napi::Number::New(info.Env(), r);
}

Napi::Value names_users(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Users users;
	SegPtr seg;
	int r = open_path(to_reference(info[0]), seg);

	if (r == 0)
		r = seg_users(seg.get(), add_user, &users);
	if (r < 0)
		return Napi::Number::New(env, r);
	Napi::Array array = Napi::Array::New(env, users.size());
	for (uint32_t i = 0; i < users.size(); i++)
		array.Set(i, from_user(env, users[i]));
	Napi::Object object = Napi::Object::New(env);
	object.Set("users", array);
	object.Set("complete", r == 0);
	return object;
}

Napi::Value names_gc(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	std::string pattern = info[1].IsUndefined() ? "" : to_reference(info[1]);
	struct seg_gc_filter filter = {};
	Collected collected;

	filter.kind = static_cast<enum seg_kind>(info[0].As<Napi::Number>().Uint32Value());
	filter.pattern = info[1].IsUndefined() ? nullptr : pattern.c_str();
	filter.uid = static_cast<uid_t>(info[2].As<Napi::Number>().Int64Value());
	filter.unused_for = to_size(info[3]);
	filter.flags = info[4].As<Napi::Number>().Uint32Value();
	int r = info[5].IsUndefined() ? seg_gc(&filter, add_collected, &collected)
				      : seg_gc_directory(to_reference(info[5]).c_str(), &filter,
							 add_collected, &collected);
	if (r < 0)
		return Napi::Number::New(env, r);
	Napi::Array array = Napi::Array::New(env, collected.size());
	for (uint32_t i = 0; i < collected.size(); i++) {
		Napi::HandleScope scope(env);
		Napi::Object entry = from_stat(env, collected[i].stat);

		entry.Set("ref", from_reference(env, collected[i].ref.c_str(), false));
		entry.Set("result", collected[i].result);
		array.Set(i, entry);
	}
	return array;
}
