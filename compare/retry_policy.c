/*
 * retry_policy.c
 *	  The decision after a try.
 */
#include "retry_policy.h"

void
retry_begin(RetryState *state, const RetryPolicy *policy, MonoUsec deadline)
{
	*state = (RetryState){.deadline = deadline};
	backoff_init(&state->backoff, &policy->backoff);
}

bool
retry_again(RetryState *state, const RetryPolicy *policy, JobResult result, MonoUsec now,
			Random *random, MonoUsec *at)
{
	if (result == JOB_STORED || result == JOB_INVALID)
		return false;
	if (result == JOB_UNKNOWN)
		state->maybe_stored = true;
	*at = backoff_next(&state->backoff, now, random);
	return *at + policy->attempt_usec <= state->deadline;
}

JobResult
retry_conclude(const RetryState *state, JobResult result)
{
	return state->maybe_stored && result != JOB_STORED ? JOB_UNKNOWN : result;
}
