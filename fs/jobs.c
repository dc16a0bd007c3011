// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "jobs.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

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

static void *run_job(void *arg)
{
	struct job job = *(struct job *)arg;

	free(arg);
	job.run(job.arg);
	pthread_mutex_lock(&job.jobs->lock);
	job.jobs->running--;
	pthread_cond_signal(&job.jobs->ended);
	pthread_mutex_unlock(&job.jobs->lock);
	return NULL;
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
	pthread_mutex_unlock(&jobs->lock);
}

static int start_thread(struct job *job)
{
	pthread_attr_t attr;
	sigset_t all, old;
	pthread_t thread;
	int r;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* Signals are the request loop's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = pthread_create(&thread, &attr, run_job, job);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return r ? -EAGAIN : 0;
}

int jobs_start(struct jobs *jobs, void (*run)(void *arg), void *arg)
{
	struct job *job;
	int r;

	if (!enter(jobs))
		return -EAGAIN;
	job = malloc(sizeof(*job));
	r = -EAGAIN;
	if (job) {
		*job = (struct job){ .jobs = jobs, .run = run, .arg = arg };
		r = start_thread(job);
	}
	if (r < 0) {
		free(job);
		leave(jobs);
	}
	return r;
}

void jobs_end(struct jobs *jobs)
{
	pthread_mutex_lock(&jobs->lock);
	while (jobs->running > 0)
		pthread_cond_wait(&jobs->ended, &jobs->lock);
	pthread_mutex_unlock(&jobs->lock);
}
