/*
 * retry_policy.h
 *	  Whether a request that was not stored is tried again, and when.
 *
 * Full jitter between tries (backoff.h), and none that could not end before the
 * deadline, which is the client's patience.  Once a try may have stored it, the
 * next ones have to look first, and only they can say that it is stored: a
 * refusal then is no promise that nothing was.
 *
 * Pure: time and randomness are arguments.
 */
#ifndef OUTBOX_COMPARE_RETRY_POLICY_H
#define OUTBOX_COMPARE_RETRY_POLICY_H

#include <stdbool.h>

#include "backoff.h"
#include "error.h"
#include "job_result.h"

typedef struct RetryPolicy
{
	BackoffConfig backoff;
	int64_t attempt_usec; /* with less time left no try is worth while */
} RetryPolicy;

typedef struct RetryState
{
	Backoff backoff;
	MonoUsec deadline;
	bool maybe_stored;
} RetryState;

extern void retry_begin(RetryState *state, const RetryPolicy *policy, MonoUsec deadline);

/* After a try: true when there will be another one, at *at. */
extern MUST_CHECK bool retry_again(RetryState *state, const RetryPolicy *policy, JobResult result,
								   MonoUsec now, Random *random, MonoUsec *at);

/* What the client is told when there is no other try. */
extern JobResult retry_conclude(const RetryState *state, JobResult result);

#endif
