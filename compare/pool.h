/*
 * pool.h
 *	  A bounded pool: a fixed number of threads with one connection each, and a
 *	  bounded queue in front of them.
 *
 * A job is refused at once when no connection is up or the queue is full, and
 * when it is taken only after it has waited too long.  A thread that lost its
 * connection takes no jobs and tries again on its own, soon, with a small backoff.
 */
#ifndef OUTBOX_COMPARE_POOL_H
#define OUTBOX_COMPARE_POOL_H

#include "clock.h"
#include "error.h"
#include "job_result.h"
#include "location.h"
#include "pg_writer.h"

typedef struct PoolJob PoolJob;

/* Called once for each job that was submitted with success, from a thread of the pool. */
typedef void (*PoolDone)(PoolJob *job);

struct PoolJob
{
	/* From the submitter, who owns the job until pool_submit() and again from done() on. */
	LocationReport report;
	MonoUsec deadline; /* no wait for the database outlasts it; MONO_NEVER: none */
	bool again;		   /* an earlier try may have stored it: see StoreOrder */
	PoolDone done;
	void *arg;

	/* From the pool. */
	JobResult result;
	int64_t version;
	MonoUsec queued_at;
	PoolJob *next;
};

typedef struct PoolConfig
{
	WriterConfig writer;
	int size;		   /* threads and connections */
	int queue_length;  /* jobs that wait */
	int64_t wait_usec; /* longest wait in the queue */
	int64_t reconnect_min_usec;
	int64_t reconnect_max_usec;
} PoolConfig;

typedef struct Pool Pool;

extern MUST_CHECK Pool *pool_start(const PoolConfig *config, Error *error);

/* False: refused, job->result says why (JOB_AWAY or JOB_BUSY) and done() is not called. */
extern MUST_CHECK bool pool_submit(Pool *pool, PoolJob *job);

/* How many connections are up. */
extern int pool_connected(Pool *pool);

/* Refuses what waits, waits for what is under way, frees everything; NULL is allowed. */
extern void pool_stop(Pool *pool);

#endif
