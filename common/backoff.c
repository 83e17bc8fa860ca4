/*
 * backoff.c
 *	  Capped exponential backoff with full jitter.
 */
#include "backoff.h"

void
backoff_init(Backoff *backoff, const BackoffConfig *config)
{
	backoff->config = *config;
	backoff->attempts = 0;
}

void
backoff_reset(Backoff *backoff)
{
	backoff->attempts = 0;
}

/* min(cap, base * 2^attempts), never below the floor. */
static int64_t
ceiling(const Backoff *backoff)
{
	int64_t floor_usec = backoff->config.floor_usec;
	int64_t base = backoff->config.base_usec;
	int64_t cap = backoff->config.cap_usec;
	int64_t top;

	if (backoff->attempts >= 62 || base > (cap >> backoff->attempts))
		top = cap;
	else
		top = base << backoff->attempts;
	return top > floor_usec ? top : floor_usec;
}

MonoUsec
backoff_next(Backoff *backoff, MonoUsec now, Random *random)
{
	int64_t floor_usec = backoff->config.floor_usec;
	int64_t span = ceiling(backoff) - floor_usec;
	int64_t delay = floor_usec + (int64_t) random_below(random, (uint64_t) span + 1);

	if (backoff->attempts < UINT32_MAX)
		backoff->attempts++;
	return now > MONO_NEVER - delay ? MONO_NEVER : now + delay;
}
