/*
 * retry.h
 *	  How often and when a transaction that had bad luck is tried again: full
 *	  jitter, and after a number of attempts it counts as the target's failure.
 *	  Pure.
 */
#ifndef OUTBOX_CONSUMER_RETRY_H
#define OUTBOX_CONSUMER_RETRY_H

#include "backoff.h"

typedef enum RetryVerdict
{
	RETRY_LATER,	/* at retry_at */
	RETRY_EXHAUSTED /* the breaker counts a failure; the count starts anew */
} RetryVerdict;

typedef struct Retry
{
	Backoff backoff;
	unsigned attempts; /* allowed in a row */
	MonoUsec retry_at; /* not before; 0: now */
} Retry;

extern void retry_init(Retry *retry, int64_t min_usec, int64_t max_usec, unsigned attempts);
extern RetryVerdict retry_failed(Retry *retry, MonoUsec now, Random *random);
extern void retry_succeeded(Retry *retry);

#endif
