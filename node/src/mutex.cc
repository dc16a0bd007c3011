// SPDX-License-Identifier: MIT
#include "mutex.h"

#include <pthread.h>

#include <cerrno>
#include <climits>
#include <cstring>

#include "mapping.h"
#include "seg.h"
#include "tasks.h"
#include "words.h"

namespace
{

constexpr napi_type_tag mutex_tag = { 0xb3d0f2c9746e4c18, 0xa40e6d5721bb9f03 };

// How often a thread that waits for a lock looks whether it is still wanted.
constexpr long look_ns = 50000000;

constexpr size_t word_count = sizeof(pthread_mutex_t) / sizeof(uint32_t);

// What C programs get that set none: for glibc not the same as PTHREAD_MUTEX_NORMAL.
constexpr int no_type = -1;

struct Words {
	uint32_t at[word_count];
};

Words make_mutex(int type)
{
	pthread_mutexattr_t attr;
	pthread_mutex_t mutex;
	Words words;

	memset(&mutex, 0, sizeof(mutex));
	pthread_mutexattr_init(&attr);
	if (type != no_type)
		pthread_mutexattr_settype(&attr, type);
	pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&mutex, &attr);
	pthread_mutexattr_destroy(&attr);
	memcpy(&words, &mutex, sizeof(words));
	return words;
}

bool is_zero(const uint32_t *words)
{
	for (size_t i = 0; i < word_count; i++)
		if (__atomic_load_n(&words[i], __ATOMIC_RELAXED))
			return false;
	return true;
}

// A new mutex is zeroes but for one word, the kind. So writing that one, if it is zero,
// makes a mutex of zeroed memory, however many processes do it at once.
int prepare(void *address)
{
	const Words ours = make_mutex(PTHREAD_MUTEX_ERRORCHECK);
	const Words normal = make_mutex(PTHREAD_MUTEX_NORMAL), usual = make_mutex(no_type);
	auto *words = static_cast<uint32_t *>(address);
	size_t kind = 0;
	uint32_t found = 0;

	while (kind < word_count - 1 && !ours.at[kind])
		kind++;
	if (!is_zero(words) && !__atomic_load_n(&words[kind], __ATOMIC_ACQUIRE))
		return -EINVAL;
	if (__atomic_compare_exchange_n(&words[kind], &found, ours.at[kind], false,
					__ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return 0;
	for (const Words &known : { ours, normal, usual })
		if (found == known.at[kind])
			return 0;
	return -EINVAL;
}

struct timespec after(const struct timespec &step)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	now.tv_sec += step.tv_sec;
	now.tv_nsec += step.tv_nsec;
	if (now.tv_nsec >= 1000000000)
		now = { now.tv_sec + 1, now.tv_nsec - 1000000000 };
	return now;
}

// Who gets the lock of a dead holder is told so. If it dies itself, so is the next.
int settle(pthread_mutex_t *mutex, int r)
{
	if (r != EOWNERDEAD)
		return -r;
	pthread_mutex_consistent(mutex);
	return 1;
}

int lock(pthread_mutex_t *mutex, double ms)
{
	if (ms == 0)
		return settle(mutex, pthread_mutex_trylock(mutex));
	if (ms < 0)
		return settle(mutex, pthread_mutex_lock(mutex));
	struct timespec deadline = after(to_timespec(ms));
	return settle(mutex, pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &deadline));
}

// The lock belongs to the thread that has taken it, so this one stays until it is to be
// unlocked. If it ends before that, the kernel lets go of the lock, and tells the next.
class LockTask : public Task
{
public:
	LockTask(const std::shared_ptr<Mapping> &mapping, pthread_mutex_t *mutex, double timeout)
	    : Task(mapping), mutex_(mutex), timeout_(timeout)
	{
	}

	bool cancel() noexcept override
	{
		give(Order::leave);
		return true;
	}
	void end() noexcept override
	{
		give(Order::die);
		join();
	}
	int unlock() noexcept
	{
		give(Order::unlock);
		join();
		return unlocked_;
	}

private:
	// leave: nobody knows that it has the lock; die: with what it has
	enum class Order : uint32_t { none, unlock, leave, die };

	Order order() const noexcept
	{
		return static_cast<Order>(__atomic_load_n(&stop_, __ATOMIC_ACQUIRE));
	}

	void give(Order order) noexcept
	{
		__atomic_store_n(&stop_, static_cast<uint32_t>(order), __ATOMIC_RELEASE);
		seg_wake(&stop_, INT_MAX);
	}

	int take() noexcept
	{
		struct timespec deadline = after(to_timespec(timeout_ < 0 ? 0 : timeout_));

		while (!is_stopped()) {
			struct timespec until = after({ 0, look_ns });
			bool last = timeout_ >= 0 && (deadline.tv_sec < until.tv_sec ||
						      (deadline.tv_sec == until.tv_sec &&
						       deadline.tv_nsec <= until.tv_nsec));

			int r = pthread_mutex_clocklock(mutex_, CLOCK_MONOTONIC,
							last ? &deadline : &until);
			if (r != ETIMEDOUT || last)
				return settle(mutex_, r);
		}
		return -ECANCELED;
	}

	void run() noexcept override
	{
		int taken = take();

		report(taken);
		if (taken < 0)
			return;
		while (!is_stopped())
			seg_wait(&stop_, 0, nullptr);
		// One that came from a dead holder must not be left as if all were well.
		if (order() == Order::unlock || (order() == Order::leave && taken == 0))
			unlocked_ = -pthread_mutex_unlock(mutex_);
	}

	bool arrived() noexcept override { return result_ < 0 || is_stopped(); }

	pthread_mutex_t *mutex_;
	double timeout_;
	int unlocked_ = 0;
};

struct Mutex {
	std::shared_ptr<Mapping> mapping;
	size_t offset;
	Pin pin;                        // while this thread holds it
	std::shared_ptr<LockTask> task; // that holds it, or tries to

	pthread_mutex_t *get() const
	{
		auto *data = static_cast<char *>(mapping->data());

		return data ? reinterpret_cast<pthread_mutex_t *>(data + offset) : nullptr;
	}
};

// JavaScript keeps a mutex that is held, so if this one is, its thread is about to end.
// The kernel then lets go of the lock, for which its memory must still be there.
void free_mutex(napi_env, void *data, void *)
{
	std::unique_ptr<Mutex> mutex(static_cast<Mutex *>(data));

	if (mutex->pin)
		new Pin(std::move(mutex->pin));
}

Mutex &unwrap_mutex(const Napi::Value &value)
{
	void *mutex = nullptr;

	if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&mutex_tag) ||
	    napi_unwrap(value.Env(), value, &mutex) != napi_ok)
		throw Napi::TypeError::New(value.Env(), "Not a mutex of segfs");
	return *static_cast<Mutex *>(mutex);
}

} // namespace

Napi::Value mutex_open(const Napi::CallbackInfo &info)
{
	Napi::Env env = info.Env();
	Handle &handle = unwrap_handle(info[0]);
	auto mutex = std::make_unique<Mutex>();

	mutex->mapping = handle.mapping;
	mutex->offset = static_cast<size_t>(info[1].As<Napi::Number>().Int64Value());
	int r = prepare(mutex->get());
	if (r < 0)
		return Napi::Number::New(env, r);
	Napi::Object object = Napi::Object::New(env);
	object.TypeTag(&mutex_tag);
	NAPI_THROW_IF_FAILED(env, napi_wrap(env, object, mutex.get(), free_mutex, nullptr, nullptr),
			     Napi::Value());
	mutex.release();
	return object;
}

Napi::Value mutex_lock(const Napi::CallbackInfo &info)
{
	Mutex &mutex = unwrap_mutex(info[0]);
	Pin pin(mutex.mapping);
	pthread_mutex_t *address = mutex.get();
	int r = address ? lock(address, info[1].As<Napi::Number>().DoubleValue()) : -EFAULT;

	if (r >= 0) {
		mutex.pin = std::move(pin);
		mutex.task.reset();
	}
	return Napi::Number::New(info.Env(), r);
}

Napi::Value mutex_lock_async(const Napi::CallbackInfo &info)
{
	Mutex &mutex = unwrap_mutex(info[0]);
	auto task = std::make_shared<LockTask>(mutex.mapping, mutex.get(),
					       info[1].As<Napi::Number>().DoubleValue());

	mutex.task = task;
	return Tasks::of(info.Env()).start(info.Env(), task);
}

Napi::Value mutex_unlock(const Napi::CallbackInfo &info)
{
	Mutex &mutex = unwrap_mutex(info[0]);
	std::shared_ptr<LockTask> task = std::move(mutex.task);

	if (task) {
		int r = task->unlock();

		Tasks::of(info.Env()).forget(task);
		return Napi::Number::New(info.Env(), r);
	}
	Pin pin = std::move(mutex.pin);
	return Napi::Number::New(info.Env(), -pthread_mutex_unlock(mutex.get()));
}
