// SPDX-License-Identifier: MIT
#include "words.h"

#include <cerrno>

#include "mapping.h"
#include "seg.h"
#include "tasks.h"

namespace
{

uint32_t *word_of(const Handle &handle, const Napi::Value &offset)
{
	auto *data = static_cast<char *>(handle.mapping->data());

	return reinterpret_cast<uint32_t *>(data + offset.As<Napi::Number>().Int64Value());
}

class WaitTask : public Task
{
public:
	WaitTask(const Handle &handle, uint32_t *word, uint32_t expected, double timeout)
	    : Task(handle.mapping), word_(word), expected_(expected),
	      timeout_(to_timespec(timeout)), forever_(timeout < 0)
	{
	}

	// Waits, microseconds, until the thread is off the word: a notify() that follows is
	// not to count it.
	bool cancel() noexcept override
	{
		Task::cancel();
		join();
		return result_ != 0;
	}

private:
	void run() noexcept override
	{
		report(seg_wait_unless(word_, expected_, forever_ ? nullptr : &timeout_, &stop_));
	}

	uint32_t *word_;
	uint32_t expected_;
	struct timespec timeout_;
	bool forever_;
};

} // namespace

struct timespec to_timespec(double ms)
{
	auto seconds = static_cast<time_t>(ms / 1e3);

	return { seconds,
		 static_cast<long>((ms - static_cast<double>(seconds) * 1e3) * 1e6) % 1000000000 };
}

Napi::Value words_wait(const Napi::CallbackInfo &info)
{
	Handle &handle = unwrap_handle(info[0]);
	double ms = info[3].As<Napi::Number>().DoubleValue();
	struct timespec timeout = to_timespec(ms);
	int r = seg_wait(word_of(handle, info[1]), info[2].As<Napi::Number>().Uint32Value(),
			 ms < 0 ? nullptr : &timeout);

	return Napi::Number::New(info.Env(), r);
}

Napi::Value words_wait_async(const Napi::CallbackInfo &info)
{
	Handle &handle = unwrap_handle(info[0]);
	auto task = std::make_shared<WaitTask>(handle, word_of(handle, info[1]),
					       info[2].As<Napi::Number>().Uint32Value(),
					       info[3].As<Napi::Number>().DoubleValue());

	return Tasks::of(info.Env()).start(info.Env(), task);
}

Napi::Value words_notify(const Napi::CallbackInfo &info)
{
	Handle &handle = unwrap_handle(info[0]);
	int r = seg_wake(word_of(handle, info[1]), info[2].As<Napi::Number>().Int32Value());

	return Napi::Number::New(info.Env(), r);
}
