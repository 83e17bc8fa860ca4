/*
 * path.c
 *	  Puts each mode together from its parts.
 */
#include "path.h"

#include <stddef.h>
#include <stdlib.h>

/* As librdkafka has it unless it is told otherwise. */
#define DUAL_LINGER_MS 5
#define FLUSH_WAIT_USEC (2 * USEC_PER_SEC)

struct Path
{
	Mode mode;
	int pool_size;
	Pool *pool;
	Retrier *retrier;
	KafkaProducer *producer; /* of dual-write */
	KafkaFirst *first;
};

static void
finish(PathJob *job, JobResult result, int64_t version)
{
	job->result = result;
	job->version = version;
	job->done(job);
}

static void
on_pool_done(PoolJob *job)
{
	finish(job->arg, job->result, job->version);
}

static void
on_retry_done(RetryJob *job)
{
	PathJob *path_job = (PathJob *) ((char *) job - offsetof(PathJob, work));

	finish(path_job, job->job.result, job->job.version);
}

/* Between these two writes nothing holds them together: that is what the path is there to show. */
static void
on_dual_done(PoolJob *job)
{
	PathJob *path_job = job->arg;

	bool sent =
		job->result == JOB_STORED &&
		kafka_producer_send(path_job->path->producer, &path_job->report, job->version, NULL);

	/* The transaction has committed, and the answer says so whatever became of the message. */
	(void) sent;
	finish(path_job, job->result, job->version);
}

static void
on_dual_delivered(JobResult result, void *arg)
{
	/* The request was answered long ago. */
	(void) result;
	(void) arg;
}

static void
on_kafka_done(KafkaJob *job)
{
	finish(job->arg, job->result, job->version);
}

/* -------------------------------------------------------------------------
 * start and end
 * ------------------------------------------------------------------------- */

static bool
start_pool(Path *path, const IngestSettings *settings, Error *error)
{
	const IngestLimits *limits = &settings->limits;
	PoolConfig config = {.writer = {.mode = path->mode,
									.conninfo = mode_writes_target(path->mode)
													? settings->target_conninfo
													: settings->source_conninfo,
									.connect_timeout_usec = limits->connect_timeout_usec,
									.statement_timeout_usec = limits->statement_timeout_usec,
									.tcp_user_timeout_usec = limits->tcp_user_timeout_usec},
						 .size = limits->pool_size,
						 .queue_length = limits->pool_queue,
						 .wait_usec = limits->pool_wait_usec,
						 .reconnect_min_usec = limits->reconnect_min_usec,
						 .reconnect_max_usec = limits->reconnect_max_usec};

	path->pool = pool_start(&config, error);
	return path->pool != NULL;
}

static bool
start_retrier(Path *path, const IngestSettings *settings, Error *error)
{
	RetrierConfig config = retrier_defaults(settings->limits.client_timeout_usec);

	path->retrier = retrier_start(&config, path->pool, error);
	return path->retrier != NULL;
}

static bool
start_producer(Path *path, const IngestSettings *settings, Error *error)
{
	KafkaProducerConfig config = {.brokers = settings->brokers,
								  .topic = mode_topic(path->mode),
								  .linger_ms = DUAL_LINGER_MS,
								  .delivered = on_dual_delivered};

	path->producer = kafka_producer_start(&config, error);
	return path->producer != NULL;
}

/* As many requests at once as a pool allows, and as long as a client waits. */
static bool
start_first(Path *path, const IngestSettings *settings, Error *error)
{
	const IngestLimits *limits = &settings->limits;
	KafkaFirstConfig config = {.brokers = settings->brokers,
							   .topic = mode_topic(path->mode),
							   .limit = limits->pool_size + limits->pool_queue,
							   /* The answer needs its time, too. */
							   .timeout_usec =
								   limits->client_timeout_usec - limits->client_timeout_usec / 20};

	path->first = kafka_first_start(&config, error);
	return path->first != NULL;
}

static bool
start_parts(Path *path, const IngestSettings *settings, Error *error)
{
	if (path->mode == MODE_KAFKA_FIRST)
		return start_first(path, settings, error);
	return start_pool(path, settings, error) &&
		   (path->mode != MODE_DIRECT_RETRY || start_retrier(path, settings, error)) &&
		   (path->mode != MODE_DUAL_WRITE || start_producer(path, settings, error));
}

Path *
path_start(Mode mode, const IngestSettings *settings, Error *error)
{
	Path *path = calloc(1, sizeof(*path));

	if (path == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	path->mode = mode;
	path->pool_size = settings->limits.pool_size;
	if (start_parts(path, settings, error))
		return path;
	path_stop(path);
	return NULL;
}

void
path_stop(Path *path)
{
	if (path == NULL)
		return;
	retrier_stop(path->retrier);
	pool_stop(path->pool);
	retrier_free(path->retrier);
	kafka_first_stop(path->first);
	kafka_producer_stop(path->producer, FLUSH_WAIT_USEC);
	free(path);
}

/* -------------------------------------------------------------------------
 * jobs
 * ------------------------------------------------------------------------- */

static void
submit_pool(Path *path, PathJob *job)
{
	PoolJob *pool_job = &job->work.retry.job;

	pool_job->report = job->report;
	if (path->retrier != NULL)
	{
		job->work.retry.done = on_retry_done;
		retrier_submit(path->retrier, &job->work.retry);
		return;
	}
	pool_job->deadline = MONO_NEVER;
	pool_job->again = false;
	pool_job->done = path->producer != NULL ? on_dual_done : on_pool_done;
	pool_job->arg = job;
	if (!pool_submit(path->pool, pool_job))
		finish(job, pool_job->result, 0);
}

void
path_submit(Path *path, PathJob *job)
{
	job->path = path;
	if (path->first == NULL)
	{
		submit_pool(path, job);
		return;
	}
	job->work.kafka = (KafkaJob){.report = job->report, .done = on_kafka_done, .arg = job};
	if (!kafka_first_submit(path->first, &job->work.kafka))
		finish(job, job->work.kafka.result, 0);
}

/* -------------------------------------------------------------------------
 * how it is
 * ------------------------------------------------------------------------- */

int
path_connected(const Path *path)
{
	if (path->first != NULL)
		return kafka_first_connected(path->first) ? 1 : 0;
	return pool_connected(path->pool);
}

bool
path_ready(const Path *path)
{
	if (path->first != NULL)
		return kafka_first_connected(path->first);
	return pool_connected(path->pool) == path->pool_size &&
		   (path->producer == NULL || kafka_producer_connected(path->producer));
}

int64_t
path_queued(const Path *path)
{
	if (path->first != NULL)
		return kafka_first_queued(path->first);
	return path->producer != NULL ? kafka_producer_queued(path->producer) : 0;
}

int
path_breaker(const Path *path)
{
	return path->retrier != NULL ? (int) retrier_breaker(path->retrier) : -1;
}
