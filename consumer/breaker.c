/*
 * breaker.c
 *	  The circuit breaker, see the diagram in breaker.h.
 *
 * Invariants: failures counts only in CLOSED and successes only in HALF_OPEN;
 * wake_at is set exactly in OPEN (auto mode); each change of state queues one
 * transition.  When the caller takes none, the oldest are forgotten.
 */
#include "breaker.h"

#include <string.h>

static void
clear_window(Breaker *breaker)
{
	for (int i = 0; i < BREAKER_BUCKETS; i++)
		breaker->buckets[i] = (BreakerBucket){.index = -1};
}

static void
move_to(Breaker *breaker, BreakerState to, BreakerReason reason)
{
	BreakerTransition transition = {breaker->state, to, reason};

	if (breaker->state == to)
		return;
	breaker->state = to;
	breaker->failures = 0;
	breaker->successes = 0;
	breaker->wake_at = MONO_NEVER;
	clear_window(breaker);
	if (breaker->queued == BREAKER_TRANSITIONS)
	{
		memmove(breaker->queue, breaker->queue + 1,
				(BREAKER_TRANSITIONS - 1) * sizeof(breaker->queue[0]));
		breaker->queued--;
	}
	breaker->queue[breaker->queued++] = transition;
}

static int64_t
wait_usec(const Breaker *breaker, Random *random)
{
	const BreakerConfig *config = &breaker->config;
	double wait = (double) config->reset_usec;
	double most = (double) config->reset_max_usec;

	if (most < wait)
		most = wait;
	for (unsigned i = 0; i < breaker->reopened && wait < most; i++)
	{
		double grown = wait * config->growth_percent / 100.0;

		if (grown <= wait)
			break;
		wait = grown;
	}
	if (wait > most)
		wait = most;
	if (config->jitter)
		wait -= wait / 2 * random_unit(random);
	return (int64_t) wait;
}

static void
open_up(Breaker *breaker, MonoUsec now, BreakerReason reason, Random *random)
{
	if (breaker->state == BREAKER_HALF_OPEN && breaker->reopened < UINT32_MAX)
		breaker->reopened++;
	move_to(breaker, BREAKER_OPEN, reason);
	breaker->wake_at = now + wait_usec(breaker, random);
}

void
breaker_init(Breaker *breaker, const BreakerConfig *config)
{
	memset(breaker, 0, sizeof(*breaker));
	breaker->config = *config;
	breaker->wake_at = MONO_NEVER;
	clear_window(breaker);
}

BreakerVerdict
breaker_ask(Breaker *breaker, MonoUsec now)
{
	if (breaker->mode == BREAKER_DISABLED)
		return BREAKER_ADMIT;
	if (breaker->mode == BREAKER_FORCED_OPEN)
		return BREAKER_REJECT;
	if (breaker->state == BREAKER_OPEN && now >= breaker->wake_at)
		move_to(breaker, BREAKER_HALF_OPEN, BREAKER_BY_TIME);
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			return BREAKER_ADMIT;
		case BREAKER_HALF_OPEN:
			return BREAKER_PROBE;
		default:
			return BREAKER_REJECT;
	}
}

static void
count(Breaker *breaker, MonoUsec now, bool failed, bool slow)
{
	int64_t length = breaker->config.window_usec / BREAKER_BUCKETS;
	int64_t index = now / (length > 0 ? length : 1);
	BreakerBucket *bucket = &breaker->buckets[index % BREAKER_BUCKETS];

	if (bucket->index != index)
		*bucket = (BreakerBucket){.index = index};
	bucket->calls++;
	bucket->failures += failed;
	bucket->slow += slow;
}

/* Whether the window's rates are too high, and which. */
static bool
window_trips(const Breaker *breaker, MonoUsec now, BreakerReason *reason)
{
	const BreakerConfig *config = &breaker->config;
	int64_t length = config->window_usec / BREAKER_BUCKETS;
	int64_t index = now / (length > 0 ? length : 1);
	uint64_t calls = 0;
	uint64_t failures = 0;
	uint64_t slow = 0;

	for (int i = 0; i < BREAKER_BUCKETS; i++)
	{
		const BreakerBucket *bucket = &breaker->buckets[i];

		if (bucket->index < 0 || bucket->index <= index - BREAKER_BUCKETS)
			continue;
		calls += bucket->calls;
		failures += bucket->failures;
		slow += bucket->slow;
	}
	if (calls < config->window_calls || calls == 0)
		return false;
	if (config->failure_rate_percent > 0 && failures * 100 >= calls * config->failure_rate_percent)
	{
		*reason = BREAKER_BY_FAILURE_RATE;
		return true;
	}
	if (config->slow_rate_percent > 0 && slow * 100 >= calls * config->slow_rate_percent)
	{
		*reason = BREAKER_BY_SLOW_RATE;
		return true;
	}
	return false;
}

void
breaker_succeeded(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random)
{
	bool slow = took_usec >= breaker->config.slow_usec;
	BreakerReason reason;

	if (breaker->mode != BREAKER_AUTO)
		return;
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			breaker->failures = 0;
			count(breaker, now, false, slow);
			if (window_trips(breaker, now, &reason))
				open_up(breaker, now, reason, random);
			break;
		case BREAKER_HALF_OPEN:
			/* A probe that was too slow is no reason to let everything in. */
			if (slow && breaker->config.slow_rate_percent > 0)
				open_up(breaker, now, BREAKER_BY_PROBE_FAILURE, random);
			else if (++breaker->successes >= breaker->config.successes)
			{
				breaker->reopened = 0;
				move_to(breaker, BREAKER_CLOSED, BREAKER_BY_SUCCESSES);
			}
			break;
		case BREAKER_OPEN:
			break;
	}
}

void
breaker_failed(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random)
{
	BreakerReason reason;

	if (breaker->mode != BREAKER_AUTO)
		return;
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			breaker->failures++;
			count(breaker, now, true, took_usec >= breaker->config.slow_usec);
			if (breaker->failures >= breaker->config.failures)
				open_up(breaker, now, BREAKER_BY_FAILURES, random);
			else if (window_trips(breaker, now, &reason))
				open_up(breaker, now, reason, random);
			break;
		case BREAKER_HALF_OPEN:
			open_up(breaker, now, BREAKER_BY_PROBE_FAILURE, random);
			break;
		case BREAKER_OPEN:
			break;
	}
}

MonoUsec
breaker_wake_at(const Breaker *breaker)
{
	if (breaker->mode != BREAKER_AUTO || breaker->state != BREAKER_OPEN)
		return MONO_NEVER;
	return breaker->wake_at;
}

void
breaker_set_mode(Breaker *breaker, BreakerMode mode)
{
	if (breaker->mode == mode)
		return;
	breaker->mode = mode;
	breaker->reopened = 0;
	if (mode == BREAKER_FORCED_OPEN)
		move_to(breaker, BREAKER_OPEN, BREAKER_BY_MODE);
	else
		move_to(breaker, BREAKER_CLOSED, BREAKER_BY_MODE);
	breaker->wake_at = MONO_NEVER;
	breaker->failures = 0;
	clear_window(breaker);
}

bool
breaker_take_transition(Breaker *breaker, BreakerTransition *transition)
{
	if (breaker->queued == 0)
		return false;
	*transition = breaker->queue[0];
	breaker->queued--;
	memmove(breaker->queue, breaker->queue + 1,
			(size_t) breaker->queued * sizeof(breaker->queue[0]));
	return true;
}

const char *
breaker_state_name(BreakerState state)
{
	static const char *const names[] = {"closed", "half-open", "open"};

	return names[state];
}

const char *
breaker_reason_name(BreakerReason reason)
{
	static const char *const names[] = {"failures in a row", "failure rate", "slow-call rate",
										"wait is over",		 "probe failed", "successes",
										"mode was set"};

	return names[reason];
}
