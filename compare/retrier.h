/*
 * retrier.h
 *	  Retries and a circuit breaker in front of a pool: what a careful client of a
 *	  database does.
 *
 *	request ──▶ breaker ──▶ pool ──▶ stored, or after a delay with full jitter again
 *	               │
 *	               └ open: refused at once
 *
 * A request that waits for its next try holds no connection.  Each try asks the
 * breaker (breaker.h), which opens by the share of failures in the last two seconds; an
 * exhausted pool is no failure of the database.
 */
#ifndef OUTBOX_COMPARE_RETRIER_H
#define OUTBOX_COMPARE_RETRIER_H

#include "breaker.h"
#include "pool.h"
#include "retry_policy.h"

typedef struct RetrierConfig
{
	RetryPolicy policy;
	BreakerConfig breaker;
	int64_t patience_usec; /* from a request's arrival to its last possible answer */
} RetrierConfig;

/* The client's numbers, for a patience and the time that a connect may take. */
extern RetrierConfig retrier_defaults(int64_t patience_usec);

typedef struct RetryJob RetryJob;

/* Called once for each job; result and version are those of job->job. */
typedef void (*RetryDone)(RetryJob *job);

struct RetryJob
{
	PoolJob job; /* its report is the submitter's; done and arg are not */
	RetryDone done;
	RetryState state;
	MonoUsec tried_at;
	MonoUsec next_at;
	bool probe; /* the breaker's, while it is half-open */
	struct Retrier *retrier;
	RetryJob *next;
};

typedef struct Retrier Retrier;

/* The pool stays the caller's, and must stay until retrier_stop(). */
extern MUST_CHECK Retrier *retrier_start(const RetrierConfig *config, Pool *pool, Error *error);
extern void retrier_submit(Retrier *retrier, RetryJob *job);
extern BreakerState retrier_breaker(Retrier *retrier);

/* Refuses what waits.  Call it before pool_stop(), and free it after that. */
extern void retrier_stop(Retrier *retrier);
extern void retrier_free(Retrier *retrier); /* NULL is allowed, for both */

#endif
