/*
 * breaker_bench.h
 *	  For the tests of the circuit breaker: the settings of the contract, and dice.
 */
#ifndef OUTBOX_TEST_BREAKER_BENCH_H
#define OUTBOX_TEST_BREAKER_BENCH_H

#include "unit.h"

#include "breaker.h"

#define SEC USEC_PER_SEC

static const BreakerConfig plain = {.failures = 5,
									.successes = 3,
									.reset_usec = 60 * SEC,
									.reset_max_usec = 600 * SEC,
									.growth_percent = 100,
									.window_usec = 10 * SEC,
									.window_size = 20,
									.window_calls = 10,
									.slow_usec = 5 * SEC};

static Random dice;

static inline int
seed_dice(void **state)
{
	(void) state;
	random_seed(&dice, 7);
	return 0;
}

static inline void
fail_times(Breaker *breaker, int times, MonoUsec now)
{
	for (int i = 0; i < times; i++)
		breaker_failed(breaker, now, 1, &dice);
}

#endif
