/*
 * retrier.c
 *	  The breaker, the tries and those that wait for their next one.
 *
 * The breaker, the waiting jobs and the flag of the probe are under the lock; the
 * pool and a job's done() are called without it.  A thread submits what is due.
 */
#include "retrier.h"

#include <pthread.h>
#include <stdlib.h>

#include "random.h"

#define IDLE_USEC (100 * USEC_PER_MS)

struct Retrier
{
	RetrierConfig config;
	Pool *pool;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	Breaker breaker;
	Random random;
	RetryJob *waiting; /* by next_at */
	bool probing;	   /* one is under way */
	bool stopping;
};

RetrierConfig
retrier_defaults(int64_t patience_usec)
{
	return (RetrierConfig){
		.policy = {.backoff = {.floor_usec = 10 * USEC_PER_MS,
							   .base_usec = 50 * USEC_PER_MS,
							   .cap_usec = USEC_PER_SEC},
				   .attempt_usec = 50 * USEC_PER_MS},
		.breaker = {.successes = 1,
					.reset_usec = 100 * USEC_PER_MS,
					.reset_max_usec = 100 * USEC_PER_MS,
					.growth_percent = 100,
					.window = BREAKER_WINDOW_TIME,
					.window_usec = 2 * USEC_PER_SEC,
					.window_calls = 10,
					.failure_rate_percent = 80},
		/* The answer needs its time, too. */
		.patience_usec = patience_usec - patience_usec / 20,
	};
}

static void
conclude(RetryJob *job, JobResult result)
{
	job->job.result = retry_conclude(&job->state, result);
	job->done(job);
}

/* Whether a try may go out; the lock is held. */
static bool
admit(Retrier *retrier, RetryJob *job, MonoUsec now)
{
	BreakerVerdict verdict = breaker_ask(&retrier->breaker, now);

	job->probe = verdict == BREAKER_PROBE;
	if (retrier->stopping || verdict == BREAKER_REJECT || (job->probe && retrier->probing))
		return false;
	if (job->probe)
		retrier->probing = true;
	return true;
}

/* The breaker hears of it; the lock is held. */
static void
note(Retrier *retrier, RetryJob *job, JobResult result, MonoUsec now)
{
	int64_t took = now - job->tried_at;

	if (job->probe)
		retrier->probing = false;
	job->probe = false;
	if (result == JOB_STORED || result == JOB_INVALID)
		breaker_succeeded(&retrier->breaker, now, took, &retrier->random);
	else if (result != JOB_BUSY)
		breaker_failed(&retrier->breaker, now, took, &retrier->random);
}

/* In its place by time; the lock is held. */
static void
put_back(Retrier *retrier, RetryJob *job)
{
	RetryJob **place = &retrier->waiting;

	while (*place != NULL && (*place)->next_at <= job->next_at)
		place = &(*place)->next;
	job->next = *place;
	*place = job;
	pthread_cond_signal(&retrier->wake);
}

static void
tried(RetryJob *job, JobResult result)
{
	Retrier *retrier = job->retrier;
	MonoUsec now = clock_mono();
	bool again;

	pthread_mutex_lock(&retrier->lock);
	note(retrier, job, result, now);
	again = !retrier->stopping && retry_again(&job->state, &retrier->config.policy, result, now,
											  &retrier->random, &job->next_at);
	if (again)
		put_back(retrier, job);
	pthread_mutex_unlock(&retrier->lock);
	if (!again)
		conclude(job, result);
}

static void
on_pool_done(PoolJob *job)
{
	tried(job->arg, job->result);
}

static void
try_now(Retrier *retrier, RetryJob *job)
{
	bool admitted;

	job->tried_at = clock_mono();
	pthread_mutex_lock(&retrier->lock);
	admitted = admit(retrier, job, job->tried_at);
	pthread_mutex_unlock(&retrier->lock);
	if (!admitted)
	{
		conclude(job, JOB_AWAY);
		return;
	}
	job->job.again = job->state.maybe_stored;
	if (!pool_submit(retrier->pool, &job->job))
		tried(job, job->job.result);
}

void
retrier_submit(Retrier *retrier, RetryJob *job)
{
	job->retrier = retrier;
	job->job.done = on_pool_done;
	job->job.arg = job;
	job->job.deadline = clock_mono() + retrier->config.patience_usec;
	retry_begin(&job->state, &retrier->config.policy, job->job.deadline);
	try_now(retrier, job);
}

/* The first that is due, or NULL after a while; the lock is held before and after. */
static RetryJob *
next_due(Retrier *retrier)
{
	RetryJob *job = retrier->waiting;
	MonoUsec now = clock_mono();
	MonoUsec until = now + IDLE_USEC;
	struct timespec deadline;

	if (job != NULL && job->next_at <= now)
	{
		retrier->waiting = job->next;
		return job;
	}
	if (job != NULL && job->next_at < until)
		until = job->next_at;
	deadline = (struct timespec){.tv_sec = (time_t) (until / USEC_PER_SEC),
								 .tv_nsec = (long) (until % USEC_PER_SEC) * 1000};
	pthread_cond_timedwait(&retrier->wake, &retrier->lock, &deadline);
	return NULL;
}

static void *
run_retrier(void *arg)
{
	Retrier *retrier = arg;

	pthread_mutex_lock(&retrier->lock);
	while (!retrier->stopping)
	{
		RetryJob *job = next_due(retrier);

		if (job == NULL)
			continue;
		pthread_mutex_unlock(&retrier->lock);
		try_now(retrier, job);
		pthread_mutex_lock(&retrier->lock);
	}
	pthread_mutex_unlock(&retrier->lock);
	return NULL;
}

Retrier *
retrier_start(const RetrierConfig *config, Pool *pool, Error *error)
{
	Retrier *retrier = calloc(1, sizeof(*retrier));
	pthread_condattr_t attributes;

	if (retrier == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	retrier->config = *config;
	retrier->pool = pool;
	breaker_init(&retrier->breaker, &config->breaker);
	random_seed(&retrier->random, random_seed_from_system());
	pthread_mutex_init(&retrier->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&retrier->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	if (pthread_create(&retrier->thread, NULL, run_retrier, retrier) != 0)
	{
		error_bug(error, "could not start the thread for retries");
		retrier->stopping = true;
		retrier_free(retrier);
		return NULL;
	}
	return retrier;
}

BreakerState
retrier_breaker(Retrier *retrier)
{
	BreakerState state;

	pthread_mutex_lock(&retrier->lock);
	state = retrier->breaker.state;
	pthread_mutex_unlock(&retrier->lock);
	return state;
}

void
retrier_stop(Retrier *retrier)
{
	RetryJob *jobs;

	if (retrier == NULL)
		return;
	pthread_mutex_lock(&retrier->lock);
	retrier->stopping = true;
	jobs = retrier->waiting;
	retrier->waiting = NULL;
	pthread_cond_broadcast(&retrier->wake);
	pthread_mutex_unlock(&retrier->lock);
	pthread_join(retrier->thread, NULL);
	while (jobs != NULL)
	{
		RetryJob *next = jobs->next;

		conclude(jobs, JOB_AWAY);
		jobs = next;
	}
}

void
retrier_free(Retrier *retrier)
{
	if (retrier == NULL)
		return;
	pthread_cond_destroy(&retrier->wake);
	pthread_mutex_destroy(&retrier->lock);
	free(retrier);
}
