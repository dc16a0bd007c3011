/* SPDX-License-Identifier: MIT */
/*
 * What may sleep for as long as it likes, each on a thread of its own: never in libuv's
 * pool, whose four threads serve fs, dns and zlib.
 */
#ifndef SEGFS_NODE_TASKS_H
#define SEGFS_NODE_TASKS_H

#include <pthread.h>

#include <memory>
#include <set>

#include <napi.h>

#include "mapping.h"

class Tasks;

class Task
{
public:
	virtual ~Task() = default;
	Task(const Task &) = delete;
	Task &operator=(const Task &) = delete;

	/* JavaScript's thread: nobody waits for the result any more. False: it has come, so
	 * that it should not be lost. */
	virtual bool cancel() noexcept;
	/* The environment ends: cancels, and does not return before the thread has ended. */
	virtual void end() noexcept;

protected:
	/* The memory that it works on. */
	explicit Task(std::shared_ptr<Mapping> mapping) : pin_(std::move(mapping)) {}

	/* The thread: ends with report(), or goes on after it. */
	virtual void run() noexcept = 0;
	/* JavaScript's thread: the result has come; true if the thread is at its end. */
	virtual bool arrived() noexcept { return true; }

	void report(int result) noexcept; /* once; 0 or more, or a negative errno */
	void join() noexcept;
	bool is_stopped() const noexcept { return __atomic_load_n(&stop_, __ATOMIC_ACQUIRE); }

	uint32_t stop_ = 0; /* a futex: see seg_wait_unless() */
	int result_ = 0;    /* the thread's until it is reported */

private:
	friend class Tasks;

	static void *main(void *task) noexcept;

	Pin pin_; /* until the thread has ended */
	Tasks *owner_ = nullptr;
	napi_deferred deferred_ = nullptr;
	pthread_t thread_{};
	bool running_ = false;
};
using TaskPtr = std::shared_ptr<Task>;

/* Those of one environment. They keep its event loop alive until they have reported. */
class Tasks
{
public:
	static void init(Napi::Env env, Napi::Object exports);
	static Tasks &of(Napi::Env env);

	/* [a promise of the task's result, what cancel() takes]; or a negative errno. */
	Napi::Value start(Napi::Env env, TaskPtr task);
	/* Forgets a task that went on after its report. */
	void forget(const TaskPtr &task) noexcept { running_.erase(task); }

private:
	friend class Task;

	static void deliver(napi_env env, napi_value, void *tasks, void *task);
	static void end_all(void *tasks);
	void open_channel(napi_env env);

	napi_threadsafe_function channel_ = nullptr;
	unsigned pending_ = 0;
	std::set<TaskPtr> running_;
};

#endif
