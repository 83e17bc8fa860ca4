/*
 * pool.c
 *	  Threads, their connections and their queue.
 *
 * Invariant, under the lock: jobs are in the queue only while a connection is up.
 */
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "backoff.h"
#include "random.h"

/* How often an idle thread looks whether its connection is still there. */
#define IDLE_LOOK_USEC (100 * USEC_PER_MS)

typedef struct PoolWorker
{
	struct Pool *pool;
	pthread_t thread;
	PgWriter *writer;
	Backoff backoff;
	Random random;
} PoolWorker;

struct Pool
{
	PoolConfig config;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	PoolJob *first;
	PoolJob **last;
	int queued;
	int connected;
	int started; /* threads */
	_Atomic bool stopping;
	PoolWorker *workers;
};

static struct timespec
as_timespec(MonoUsec at)
{
	return (struct timespec){.tv_sec = (time_t) (at / USEC_PER_SEC),
							 .tv_nsec = (long) (at % USEC_PER_SEC) * 1000};
}

/* Returns at "at" at the latest; the lock is held before and after. */
static void
wait_until(Pool *pool, MonoUsec at)
{
	struct timespec deadline = as_timespec(at);

	pthread_cond_timedwait(&pool->wake, &pool->lock, &deadline);
}

static PoolJob *
take_all(Pool *pool)
{
	PoolJob *jobs = pool->first;

	pool->first = NULL;
	pool->last = &pool->first;
	pool->queued = 0;
	return jobs;
}

static void
refuse(PoolJob *jobs, JobResult result)
{
	while (jobs != NULL)
	{
		PoolJob *next = jobs->next;

		jobs->result = result;
		jobs->done(jobs);
		jobs = next;
	}
}

/* -------------------------------------------------------------------------
 * a thread of the pool
 * ------------------------------------------------------------------------- */

/* Connects, again and again; false when the pool stops. */
static bool
connect_worker(PoolWorker *worker)
{
	Pool *pool = worker->pool;
	Error error;

	for (;;)
	{
		bool connected = pg_writer_connect(worker->writer, &error);
		MonoUsec again_at = 0;

		if (!connected)
			again_at = backoff_next(&worker->backoff, clock_mono(), &worker->random);
		pthread_mutex_lock(&pool->lock);
		if (connected && !pool->stopping)
			pool->connected++;
		while (!connected && !pool->stopping && clock_mono() < again_at)
			wait_until(pool, again_at);
		if (pool->stopping)
			connected = false;
		pthread_mutex_unlock(&pool->lock);
		if (connected)
		{
			backoff_reset(&worker->backoff);
			return true;
		}
		if (pool->stopping)
			return false;
	}
}

/* The connection is gone: with the last one goes the queue. */
static void
mark_disconnected(Pool *pool)
{
	PoolJob *jobs = NULL;

	pthread_mutex_lock(&pool->lock);
	if (--pool->connected == 0)
		jobs = take_all(pool);
	pthread_mutex_unlock(&pool->lock);
	refuse(jobs, JOB_AWAY);
}

/* The next job, or NULL when it is time to look at the connection or to stop. */
static PoolJob *
next_job(Pool *pool)
{
	PoolJob *job;

	pthread_mutex_lock(&pool->lock);
	if (pool->first == NULL && !pool->stopping)
		wait_until(pool, clock_mono() + IDLE_LOOK_USEC);
	job = pool->first;
	if (job != NULL)
	{
		pool->first = job->next;
		if (pool->first == NULL)
			pool->last = &pool->first;
		pool->queued--;
	}
	pthread_mutex_unlock(&pool->lock);
	return job;
}

/* Back to the head of the queue, for another connection, if there is one. */
static void
return_job(Pool *pool, PoolJob *job)
{
	pthread_mutex_lock(&pool->lock);
	job->next = pool->first;
	if (pool->first == NULL)
		pool->last = &job->next;
	pool->first = job;
	pool->queued++;
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
}

static JobResult
result_of(StoreResult result)
{
	switch (result)
	{
		case STORE_DONE:
			return JOB_STORED;
		case STORE_REFUSED:
			return JOB_AWAY;
		case STORE_INVALID:
			return JOB_INVALID;
		case STORE_UNKNOWN:
			break;
	}
	return JOB_UNKNOWN;
}

static void
do_job(PoolWorker *worker, PoolJob *job)
{
	StoreOrder order = {.report = &job->report, .deadline = job->deadline, .again = job->again};
	MonoUsec now = clock_mono();
	Error error;

	if (now - job->queued_at > worker->pool->config.wait_usec || now >= job->deadline)
		job->result = JOB_BUSY;
	else
		job->result = result_of(pg_writer_store(worker->writer, &order, &job->version, &error));
	job->done(job);
}

static void *
run_worker(void *arg)
{
	PoolWorker *worker = arg;
	Pool *pool = worker->pool;

	while (connect_worker(worker))
	{
		while (!pool->stopping && pg_writer_alive(worker->writer))
		{
			PoolJob *job = next_job(pool);

			/* A connection that broke while it was idle costs the job nothing. */
			if (job != NULL && !pg_writer_alive(worker->writer))
				return_job(pool, job);
			else if (job != NULL)
				do_job(worker, job);
		}
		mark_disconnected(pool);
	}
	return NULL;
}

/* -------------------------------------------------------------------------
 * the pool
 * ------------------------------------------------------------------------- */

static bool
start_worker(Pool *pool, PoolWorker *worker)
{
	BackoffConfig backoff = {.floor_usec = pool->config.reconnect_min_usec,
							 .base_usec = pool->config.reconnect_min_usec,
							 .cap_usec = pool->config.reconnect_max_usec};

	worker->pool = pool;
	worker->writer = pg_writer_create(&pool->config.writer);
	backoff_init(&worker->backoff, &backoff);
	random_seed(&worker->random, random_seed_from_system());
	return worker->writer != NULL && pthread_create(&worker->thread, NULL, run_worker, worker) == 0;
}

static void
free_pool(Pool *pool)
{
	for (int i = 0; pool->workers != NULL && i < pool->config.size; i++)
		pg_writer_free(pool->workers[i].writer);
	pthread_cond_destroy(&pool->wake);
	pthread_mutex_destroy(&pool->lock);
	free(pool->workers);
	free(pool);
}

Pool *
pool_start(const PoolConfig *config, Error *error)
{
	Pool *pool = calloc(1, sizeof(*pool));
	pthread_condattr_t attributes;

	if (pool == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	pool->config = *config;
	pool->last = &pool->first;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&pool->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	pool->workers = calloc((size_t) config->size, sizeof(*pool->workers));
	for (int i = 0; i < config->size; i++)
	{
		if (pool->workers == NULL || !start_worker(pool, &pool->workers[i]))
		{
			error_bug(error, "could not start the threads of the pool");
			pool_stop(pool);
			return NULL;
		}
		pool->started++;
	}
	return pool;
}

bool
pool_submit(Pool *pool, PoolJob *job)
{
	bool queued = false;

	pthread_mutex_lock(&pool->lock);
	if (pool->connected == 0 || pool->stopping)
		job->result = JOB_AWAY;
	else if (pool->queued >= pool->config.queue_length)
		job->result = JOB_BUSY;
	else
	{
		job->queued_at = clock_mono();
		job->next = NULL;
		*pool->last = job;
		pool->last = &job->next;
		pool->queued++;
		queued = true;
		pthread_cond_signal(&pool->wake);
	}
	pthread_mutex_unlock(&pool->lock);
	return queued;
}

int
pool_connected(Pool *pool)
{
	int connected;

	pthread_mutex_lock(&pool->lock);
	connected = pool->connected;
	pthread_mutex_unlock(&pool->lock);
	return connected;
}

void
pool_stop(Pool *pool)
{
	PoolJob *jobs;

	if (pool == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	jobs = take_all(pool);
	pthread_cond_broadcast(&pool->wake);
	pthread_mutex_unlock(&pool->lock);
	refuse(jobs, JOB_AWAY);
	for (int i = 0; i < pool->started; i++)
		pthread_join(pool->workers[i].thread, NULL);
	free_pool(pool);
}
