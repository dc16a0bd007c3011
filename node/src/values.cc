// SPDX-License-Identifier: MIT
#include "values.h"

#include <cstring>

namespace
{

double to_ms(const struct timespec &ts)
{
	return static_cast<double>(ts.tv_sec) * 1e3 + static_cast<double>(ts.tv_nsec) / 1e6;
}

void add_sysv(Napi::Object &object, const struct seg_stat &st)
{
	object.Set("shmid", st.shmid);
	object.Set("key", static_cast<uint32_t>(st.key));
	object.Set("nattch", st.nattch);
	object.Set("cuid", st.cuid);
	object.Set("cgid", st.cgid);
	object.Set("cpid", st.cpid);
	object.Set("lpid", st.lpid);
	object.Set("removed", (st.flags & SEG_STAT_REMOVED) != 0);
}

} // namespace

std::string to_reference(const Napi::Value &value)
{
	if (!value.IsTypedArray())
		return value.ToString().Utf8Value();
	auto bytes = value.As<Napi::Uint8Array>();
	return std::string(reinterpret_cast<const char *>(bytes.Data()), bytes.ElementLength());
}

Napi::Value from_reference(Napi::Env env, const char *ref, bool as_buffer)
{
	if (as_buffer)
		return Napi::Buffer<char>::Copy(env, ref, strlen(ref));
	return Napi::String::New(env, ref);
}

uint64_t to_size(const Napi::Value &value)
{
	return static_cast<uint64_t>(value.As<Napi::Number>().Int64Value());
}

Napi::Object from_stat(Napi::Env env, const struct seg_stat &st)
{
	Napi::Object object = Napi::Object::New(env);

	object.Set("kind", static_cast<uint32_t>(st.kind));
	object.Set("size", static_cast<double>(st.size));
	object.Set("allocated", static_cast<double>(st.allocated));
	object.Set("mode", st.mode);
	object.Set("nlink", st.nlink);
	object.Set("uid", st.uid);
	object.Set("gid", st.gid);
	object.Set("dev", static_cast<double>(st.dev));
	object.Set("ino", static_cast<double>(st.ino));
	object.Set("atimeMs", to_ms(st.atime));
	object.Set("mtimeMs", to_ms(st.mtime));
	object.Set("ctimeMs", to_ms(st.ctime));
	if (st.kind == SEG_SYSV)
		add_sysv(object, st);
	return object;
}
