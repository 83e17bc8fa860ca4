/*
 * path.h
 *	  One mode inside the ingest server: from a report to its end.
 *
 *	direct, outbox, outbox-wal		a pool (pool.h)
 *	direct-retry					a pool behind retries and a breaker (retrier.h)
 *	dual-write						a pool, and after it a message that nobody waits for
 *	kafka-first						a message (kafka_first.h)
 */
#ifndef OUTBOX_COMPARE_PATH_H
#define OUTBOX_COMPARE_PATH_H

#include "ingest_options.h"
#include "kafka_first.h"
#include "retrier.h"

typedef struct Path Path;
typedef struct PathJob PathJob;

/* Called once for each job, from any thread, also from within path_submit(). */
typedef void (*PathDone)(PathJob *job);

struct PathJob
{
	/* From the submitter, who owns the job until path_submit() and again from done() on. */
	LocationReport report;
	PathDone done;
	void *arg;

	/* From the path. */
	JobResult result;
	int64_t version;
	Path *path;
	union
	{
		RetryJob retry; /* its PoolJob is also that of a path without retries */
		KafkaJob kafka;
	} work;
};

extern MUST_CHECK Path *path_start(Mode mode, const IngestSettings *settings, Error *error);
extern void path_submit(Path *path, PathJob *job);

/* All that it needs is there. */
extern bool path_ready(const Path *path);
extern int path_connected(const Path *path);
extern int64_t path_queued(const Path *path); /* messages that Kafka has not acknowledged */
extern int path_breaker(const Path *path);	  /* of direct-retry; -1: it has none */

/* Ends all that is open; every job is done afterwards.  NULL is allowed. */
extern void path_stop(Path *path);

#endif
