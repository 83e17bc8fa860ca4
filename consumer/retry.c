/*
 * retry.c
 *	  Attempts with full jitter.
 */
#include "retry.h"

void
retry_init(Retry *retry, int64_t min_usec, int64_t max_usec, unsigned attempts)
{
	BackoffConfig config = {.floor_usec = 0, .base_usec = min_usec, .cap_usec = max_usec};

	backoff_init(&retry->backoff, &config);
	retry->attempts = attempts;
	retry->retry_at = 0;
}

RetryVerdict
retry_failed(Retry *retry, MonoUsec now, Random *random)
{
	retry->retry_at = backoff_next(&retry->backoff, now, random);
	if (retry->backoff.attempts < retry->attempts)
		return RETRY_LATER;
	backoff_reset(&retry->backoff);
	return RETRY_EXHAUSTED;
}

void
retry_succeeded(Retry *retry)
{
	backoff_reset(&retry->backoff);
	retry->retry_at = 0;
}
