/*
 * breaker.c
 *	  The circuit breaker: see the diagram in breaker.h.
 *
 * Invariants: failures and the window count only in CLOSED, successes only in
 * HALF_OPEN; wake_at is set exactly in OPEN (auto mode); FORCED_OPEN is OPEN and
 * DISABLED is CLOSED; each change of state is counted once and queues one
 * transition.
 */
#include "breaker.h"

#include <string.h>

#define CALL_FAILED 1
#define CALL_SLOW 2

/* -------------------------------------------------------------------------
 * the window
 * ------------------------------------------------------------------------- */

static void
clear_window(Breaker *breaker)
{
	for (int i = 0; i < BREAKER_BUCKETS; i++)
		breaker->buckets[i] = (BreakerBucket){.index = -1};
	breaker->call_next = 0;
	breaker->call_counts = (BreakerCounts){0};
}

static int64_t
bucket_index(const Breaker *breaker, MonoUsec now)
{
	int64_t length = breaker->config.window_usec / BREAKER_BUCKETS;

	return now / (length > 0 ? length : 1);
}

static void
count_in_time(Breaker *breaker, MonoUsec now, bool failed, bool slow)
{
	int64_t index = bucket_index(breaker, now);
	BreakerBucket *bucket = &breaker->buckets[index % BREAKER_BUCKETS];

	if (bucket->index != index)
		*bucket = (BreakerBucket){.index = index};
	bucket->counts.calls++;
	bucket->counts.failures += failed;
	bucket->counts.slow += slow;
}

/* The oldest call makes room. */
static void
count_in_calls(Breaker *breaker, bool failed, bool slow)
{
	BreakerCounts *counts = &breaker->call_counts;
	uint8_t *call = &breaker->calls[breaker->call_next];

	if (counts->calls == breaker->config.window_size)
	{
		counts->failures -= (*call & CALL_FAILED) != 0;
		counts->slow -= (*call & CALL_SLOW) != 0;
	}
	else
		counts->calls++;
	*call = (uint8_t) ((failed ? CALL_FAILED : 0) | (slow ? CALL_SLOW : 0));
	counts->failures += failed;
	counts->slow += slow;
	breaker->call_next = (breaker->call_next + 1) % breaker->config.window_size;
}

static void
count(Breaker *breaker, MonoUsec now, bool failed, int64_t took_usec)
{
	bool slow = took_usec >= breaker->config.slow_usec;

	if (breaker->config.window == BREAKER_WINDOW_COUNT)
		count_in_calls(breaker, failed, slow);
	else
		count_in_time(breaker, now, failed, slow);
}

BreakerCounts
breaker_window(const Breaker *breaker, MonoUsec now)
{
	int64_t index = bucket_index(breaker, now);
	BreakerCounts sum = {0};

	if (breaker->config.window == BREAKER_WINDOW_COUNT)
		return breaker->call_counts;
	for (int i = 0; i < BREAKER_BUCKETS; i++)
	{
		const BreakerBucket *bucket = &breaker->buckets[i];

		if (bucket->index < 0 || bucket->index <= index - BREAKER_BUCKETS)
			continue;
		sum.calls += bucket->counts.calls;
		sum.failures += bucket->counts.failures;
		sum.slow += bucket->counts.slow;
	}
	return sum;
}

double
breaker_rate(const Breaker *breaker, const BreakerCounts *window, unsigned calls)
{
	if (window->calls == 0 || window->calls < breaker->config.window_calls)
		return -1;
	return 100.0 * calls / window->calls;
}

static bool
too_many(unsigned calls, const BreakerCounts *window, unsigned percent)
{
	return percent > 0 && (uint64_t) calls * 100 >= (uint64_t) window->calls * percent;
}

/* Whether the window's rates are too high, and which. */
static bool
window_trips(const Breaker *breaker, MonoUsec now, BreakerReason *reason)
{
	const BreakerConfig *config = &breaker->config;
	BreakerCounts window = breaker_window(breaker, now);

	if (window.calls < config->window_calls || window.calls == 0)
		return false;
	if (too_many(window.failures, &window, config->failure_rate_percent))
	{
		*reason = BREAKER_BY_FAILURE_RATE;
		return true;
	}
	if (too_many(window.slow, &window, config->slow_rate_percent))
	{
		*reason = BREAKER_BY_SLOW_RATE;
		return true;
	}
	return false;
}

/* -------------------------------------------------------------------------
 * transitions
 * ------------------------------------------------------------------------- */

static void
forget(Breaker *breaker)
{
	breaker->failures = 0;
	breaker->successes = 0;
	breaker->wake_at = MONO_NEVER;
	clear_window(breaker);
}

/* Whether or not the state is another one, nothing is counted afterwards. */
static void
move_to(Breaker *breaker, BreakerState to, BreakerReason reason, MonoUsec now, int64_t wait_usec)
{
	BreakerTransition transition = {
		.from = breaker->state,
		.to = to,
		.reason = reason,
		.failures = breaker->failures,
		.successes = breaker->successes,
		.window = breaker_window(breaker, now),
		.lasted_usec = breaker->since >= 0 ? now - breaker->since : -1,
		.wait_usec = wait_usec,
	};

	forget(breaker);
	if (wait_usec >= 0)
		breaker->wake_at = now + wait_usec;
	if (to == BREAKER_CLOSED)
		breaker->reopened = 0;
	if (breaker->state == to)
		return;
	breaker->transitions[breaker->state][to]++;
	breaker->state = to;
	breaker->since = now;
	if (breaker->queued == BREAKER_TRANSITIONS)
	{
		memmove(breaker->queue, breaker->queue + 1,
				(BREAKER_TRANSITIONS - 1) * sizeof(breaker->queue[0]));
		breaker->queued--;
	}
	breaker->queue[breaker->queued++] = transition;
}

static int64_t
next_wait(const Breaker *breaker, Random *random)
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
	move_to(breaker, BREAKER_OPEN, reason, now, next_wait(breaker, random));
}

/* -------------------------------------------------------------------------
 * calls
 * ------------------------------------------------------------------------- */

void
breaker_init(Breaker *breaker, const BreakerConfig *config)
{
	memset(breaker, 0, sizeof(*breaker));
	breaker->config = *config;
	breaker->since = -1;
	if (breaker->config.window_size < 1)
		breaker->config.window_size = 1;
	if (breaker->config.window_size > BREAKER_WINDOW_MAX)
		breaker->config.window_size = BREAKER_WINDOW_MAX;
	forget(breaker);
}

BreakerVerdict
breaker_ask(Breaker *breaker, MonoUsec now)
{
	if (breaker->state == BREAKER_OPEN && now >= breaker_wake_at(breaker))
		move_to(breaker, BREAKER_HALF_OPEN, BREAKER_BY_TIME, now, -1);
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

void
breaker_succeeded(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random)
{
	const BreakerConfig *config = &breaker->config;
	BreakerReason reason;

	if (breaker->mode != BREAKER_AUTO)
		return;
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			breaker->failures = 0;
			count(breaker, now, false, took_usec);
			if (window_trips(breaker, now, &reason))
				open_up(breaker, now, reason, random);
			break;
		case BREAKER_HALF_OPEN:
			/* A probe that was too slow is no reason to let everything in. */
			if (config->slow_rate_percent > 0 && took_usec >= config->slow_usec)
				open_up(breaker, now, BREAKER_BY_SLOW_PROBE, random);
			else if (++breaker->successes >= config->successes)
				move_to(breaker, BREAKER_CLOSED, BREAKER_BY_SUCCESSES, now, -1);
			break;
		case BREAKER_OPEN:
			break;
	}
}

void
breaker_failed(Breaker *breaker, MonoUsec now, int64_t took_usec, Random *random)
{
	const BreakerConfig *config = &breaker->config;
	BreakerReason reason;

	if (breaker->mode != BREAKER_AUTO)
		return;
	switch (breaker->state)
	{
		case BREAKER_CLOSED:
			if (breaker->failures < UINT32_MAX)
				breaker->failures++;
			count(breaker, now, true, took_usec);
			if (config->failures > 0 && breaker->failures >= config->failures)
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
	return breaker->wake_at;
}

/* -------------------------------------------------------------------------
 * orders
 * ------------------------------------------------------------------------- */

void
breaker_set_mode(Breaker *breaker, BreakerMode mode, MonoUsec now)
{
	if (breaker->mode == mode)
		return;
	breaker->mode = mode;
	move_to(breaker, mode == BREAKER_FORCED_OPEN ? BREAKER_OPEN : BREAKER_CLOSED, BREAKER_BY_MODE,
			now, -1);
}

void
breaker_close(Breaker *breaker, MonoUsec now)
{
	breaker->mode = BREAKER_AUTO;
	move_to(breaker, BREAKER_CLOSED, BREAKER_BY_HAND, now, -1);
}

bool
breaker_try_now(Breaker *breaker, MonoUsec now)
{
	if (breaker->state != BREAKER_OPEN)
		return false;
	breaker->mode = BREAKER_AUTO;
	move_to(breaker, BREAKER_HALF_OPEN, BREAKER_BY_HAND, now, -1);
	return true;
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

/* -------------------------------------------------------------------------
 * names
 * ------------------------------------------------------------------------- */

const char *
breaker_state_name(BreakerState state)
{
	static const char *const names[] = {"closed", "half-open", "open"};

	return names[state];
}

const char *
breaker_mode_name(BreakerMode mode)
{
	static const char *const names[] = {"auto", "forced-open", "disabled"};

	return names[mode];
}

const char *
breaker_reason_name(BreakerReason reason)
{
	static const char *const names[] = {"failures in a row", "failure rate", "slow-call rate",
										"wait is over",		 "probe failed", "probe was slow",
										"successes",		 "mode was set", "by hand"};

	return names[reason];
}
