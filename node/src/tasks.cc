// SPDX-License-Identifier: MIT
#include "tasks.h"

#include <algorithm>
#include <climits>
#include <csignal>

#include "seg.h"

namespace
{

constexpr napi_type_tag task_tag = { 0x27f1ce04b1794a6d, 0x8c11d3f0a9be5172 };

constexpr size_t stack_size = 256 << 10;

// A signal handler belongs to a thread of Node.js.
int create_thread(pthread_t *thread, void *(*main)(void *), void *arg)
{
	sigset_t all, before;
	pthread_attr_t attr;

	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, stack_size);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(thread, &attr, main, arg);
	pthread_sigmask(SIG_SETMASK, &before, nullptr);
	pthread_attr_destroy(&attr);
	return -r;
}

Napi::Value cancel(const Napi::CallbackInfo &info)
{
	if (!info[0].IsExternal() || !info[0].As<Napi::External<TaskPtr>>().CheckTypeTag(&task_tag))
		throw Napi::TypeError::New(info.Env(), "Not a task of segfs");
	bool cancelled = (*info[0].As<Napi::External<TaskPtr>>().Data())->cancel();
	return Napi::Boolean::New(info.Env(), cancelled);
}

} // namespace

bool Task::cancel() noexcept
{
	__atomic_store_n(&stop_, 1, __ATOMIC_RELEASE);
	seg_wake(&stop_, INT_MAX);
	return true;
}

void Task::end() noexcept
{
	cancel();
	join();
}

void Task::report(int result) noexcept
{
	result_ = result;
	napi_call_threadsafe_function(owner_->channel_, this, napi_tsfn_nonblocking);
}

void Task::join() noexcept
{
	if (running_)
		pthread_join(thread_, nullptr);
	running_ = false;
	pin_ = Pin();
}

void *Task::main(void *task) noexcept
{
	static_cast<Task *>(task)->run();
	return nullptr;
}

void Tasks::init(Napi::Env env, Napi::Object exports)
{
	env.SetInstanceData(new Tasks);
	exports.Set("cancel", Napi::Function::New<cancel>(env, "cancel"));
}

Tasks &Tasks::of(Napi::Env env)
{
	return *env.GetInstanceData<Tasks>();
}

// Hooks run in the reverse order, so no thread reports to a channel that is closed.
void Tasks::open_channel(napi_env env)
{
	napi_value name;

	NAPI_THROW_IF_FAILED_VOID(env,
				  napi_create_string_utf8(env, "segfs", NAPI_AUTO_LENGTH, &name));
	NAPI_THROW_IF_FAILED_VOID(env, napi_create_threadsafe_function(env, nullptr, nullptr, name,
								       0, 1, nullptr, nullptr, this,
								       deliver, &channel_));
	napi_unref_threadsafe_function(env, channel_);
	NAPI_THROW_IF_FAILED_VOID(env, napi_add_env_cleanup_hook(env, end_all, this));
}

void Tasks::end_all(void *arg)
{
	auto *tasks = static_cast<Tasks *>(arg);

	for (const TaskPtr &task : tasks->running_)
		task->end();
	tasks->running_.clear();
}

Napi::Value Tasks::start(Napi::Env env, TaskPtr task)
{
	napi_value promise;

	if (!channel_)
		open_channel(env);
	NAPI_THROW_IF_FAILED(env, napi_create_promise(env, &task->deferred_, &promise),
			     Napi::Value());
	auto external = Napi::External<TaskPtr>::New(env, new TaskPtr(task),
						     [](Napi::Env, TaskPtr *p) { delete p; });
	external.TypeTag(&task_tag);
	Napi::Array both = Napi::Array::New(env, 2);
	both.Set(0u, Napi::Value(env, promise));
	both.Set(1u, external);

	task->owner_ = this;
	running_.insert(task);
	int r = create_thread(&task->thread_, Task::main, task.get());
	if (r < 0) {
		running_.erase(task);
		return Napi::Number::New(env, r);
	}
	task->running_ = true;
	if (pending_++ == 0)
		napi_ref_threadsafe_function(env, channel_);
	return both;
}

void Tasks::deliver(napi_env env, napi_value, void *context, void *data)
{
	auto *tasks = static_cast<Tasks *>(context);
	napi_value result;

	if (!env) // it is ending: end_all() has seen to the task
		return;
	auto it = std::find_if(tasks->running_.begin(), tasks->running_.end(),
			       [data](const TaskPtr &task) { return task.get() == data; });
	if (it == tasks->running_.end())
		return;
	TaskPtr task = *it;
	if (--tasks->pending_ == 0)
		napi_unref_threadsafe_function(env, tasks->channel_);
	napi_create_int32(env, task->result_, &result);
	napi_resolve_deferred(env, task->deferred_, result);
	if (!task->arrived())
		return;
	tasks->running_.erase(task);
	task->join();
}
