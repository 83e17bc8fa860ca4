/*
 * backoff.h
 *	  Capped exponential backoff with full jitter (M. Brooker, "Exponential
 *	  Backoff And Jitter", AWS Architecture Blog, 2015).
 *
 * The n-th delay is uniform in [floor, min(cap, base * 2^n)].  Pure: time and
 * randomness come in as arguments.
 */
#ifndef OUTBOX_COMMON_BACKOFF_H
#define OUTBOX_COMMON_BACKOFF_H

#include "clock.h"
#include "random.h"

typedef struct BackoffConfig
{
	int64_t floor_usec;
	int64_t base_usec;
	int64_t cap_usec;
} BackoffConfig;

typedef struct Backoff
{
	BackoffConfig config;
	unsigned attempts; /* failures since the last reset */
} Backoff;

extern void backoff_init(Backoff *backoff, const BackoffConfig *config);
extern void backoff_reset(Backoff *backoff);

/* Counts a failure and returns when to try again. */
extern MonoUsec backoff_next(Backoff *backoff, MonoUsec now, Random *random);

#endif
