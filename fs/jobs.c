// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "jobs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "thread.h"

/* More at once would not be faster: it is the memory that they wait for. */
#define JOBS_MAX 8

struct job {
	struct jobs *jobs;
	void (*run)(void *arg);
	void *arg;
};

void jobs_init(struct jobs *jobs)
{
	*jobs = (struct jobs){ .lock = PTHREAD_MUTEX_INITIALIZER,
			       .ended = PTHREAD_COND_INITIALIZER };
}

static bool enter(struct jobs *jobs)
{
	bool entered;

	pthread_mutex_lock(&jobs->lock);
	entered = jobs->running < JOBS_MAX;
	jobs->running += entered;
	pthread_mutex_unlock(&jobs->lock);
	return entered;
}

static void leave(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	jobs->running--;
	pthread_cond_signal(&jobs->ended);
	pthread_mutex_unlock(&jobs->lock);
}

static void *run_job(void *arg)
{
	struct job job = *(struct job *)arg;

	free(arg);
	job.run(job.arg);
	leave(job.jobs);
	return NULL;
}

int jobs_start(struct jobs *jobs, void (*run)(void *arg), void *arg)
{
	pthread_t thread;
	struct job *job;

	if (!enter(jobs))
		return -EAGAIN;
	job = malloc(sizeof(*job));
	if (job)
		*job = (struct job){ .jobs = jobs, .run = run, .arg = arg };
	if (!job || thread_start(&thread, run_job, job) < 0) {
		free(job);
		leave(jobs);
		return -EAGAIN;
	}
	pthread_detach(thread);
	return 0;
}

void jobs_end(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	while (jobs->running > 0)
		pthread_cond_wait(&jobs->ended, &jobs->lock);
	pthread_mutex_unlock(&jobs->lock);
}
