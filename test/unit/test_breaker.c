/*
 * test_breaker.c
 *	  The breaker by a table of (state, input, time), by its windows and its growth;
 *	  test_breaker_orders.c tells it something, test_breaker_model.c walks at random.
 */
#include "breaker_bench.h"

typedef enum Input
{
	ASK,
	GOOD,
	BAD
} Input;

typedef struct Row
{
	int64_t at_sec;
	Input input;
	BreakerVerdict verdict; /* of ASK */
	BreakerState state;		/* after it */
} Row;

static void
play(Breaker *breaker, const Row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
	{
		MonoUsec now = rows[i].at_sec * SEC;

		if (rows[i].input == ASK)
			assert_int_equal(breaker_ask(breaker, now), rows[i].verdict);
		else if (rows[i].input == GOOD)
			breaker_succeeded(breaker, now, 1, &dice);
		else
			breaker_failed(breaker, now, 1, &dice);
		if (breaker->state != rows[i].state)
			fail_msg("row %zu: state is %s", i, breaker_state_name(breaker->state));
	}
}

static void
five_failures_open_it_and_three_successes_close_it(void **state)
{
	static const Row rows[] = {
		{0, ASK, BREAKER_ADMIT, BREAKER_CLOSED},
		{0, BAD, 0, BREAKER_CLOSED},
		{1, BAD, 0, BREAKER_CLOSED},
		{2, BAD, 0, BREAKER_CLOSED},
		{3, BAD, 0, BREAKER_CLOSED},
		{3, ASK, BREAKER_ADMIT, BREAKER_CLOSED},
		{4, BAD, 0, BREAKER_OPEN},
		{4, ASK, BREAKER_REJECT, BREAKER_OPEN},
		{63, ASK, BREAKER_REJECT, BREAKER_OPEN},
		{64, ASK, BREAKER_PROBE, BREAKER_HALF_OPEN},
		{64, GOOD, 0, BREAKER_HALF_OPEN},
		{64, ASK, BREAKER_PROBE, BREAKER_HALF_OPEN},
		{65, GOOD, 0, BREAKER_HALF_OPEN},
		{66, GOOD, 0, BREAKER_CLOSED},
		{66, ASK, BREAKER_ADMIT, BREAKER_CLOSED},
		/* The count starts anew. */
		{67, BAD, 0, BREAKER_CLOSED},
		{67, BAD, 0, BREAKER_CLOSED},
		{67, BAD, 0, BREAKER_CLOSED},
		{67, BAD, 0, BREAKER_CLOSED},
		{67, BAD, 0, BREAKER_OPEN},
	};
	Breaker breaker;

	(void) state;
	breaker_init(&breaker, &plain);
	play(&breaker, rows, LENGTH(rows));
}

static void
a_success_forgets_failures(void **state)
{
	Breaker breaker;

	(void) state;
	breaker_init(&breaker, &plain);
	for (int i = 0; i < 100; i++)
	{
		if (i % 5 == 4)
			breaker_succeeded(&breaker, i, 1, &dice);
		else
			breaker_failed(&breaker, i, 1, &dice);
		assert_int_equal(breaker.state, BREAKER_CLOSED);
	}
}

static void
one_failed_probe_opens_it_again(void **state)
{
	static const Row rows[] = {
		{0, BAD, 0, BREAKER_CLOSED},
		{0, BAD, 0, BREAKER_CLOSED},
		{0, BAD, 0, BREAKER_CLOSED},
		{0, BAD, 0, BREAKER_CLOSED},
		{0, BAD, 0, BREAKER_OPEN},
		{60, ASK, BREAKER_PROBE, BREAKER_HALF_OPEN},
		{60, GOOD, 0, BREAKER_HALF_OPEN},
		{60, GOOD, 0, BREAKER_HALF_OPEN},
		{61, BAD, 0, BREAKER_OPEN},
		{120, ASK, BREAKER_REJECT, BREAKER_OPEN},
		{121, ASK, BREAKER_PROBE, BREAKER_HALF_OPEN},
		/* The successes before it don't count any more. */
		{121, GOOD, 0, BREAKER_HALF_OPEN},
		{121, GOOD, 0, BREAKER_HALF_OPEN},
		{121, GOOD, 0, BREAKER_CLOSED},
	};
	Breaker breaker;

	(void) state;
	breaker_init(&breaker, &plain);
	play(&breaker, rows, LENGTH(rows));
}

static void
the_wait_grows_to_its_limit_and_falls_back(void **state)
{
	static const int64_t waits[] = {60, 120, 240, 480, 600, 600};
	BreakerConfig config = plain;
	Breaker breaker;
	MonoUsec now = 0;

	(void) state;
	config.growth_percent = 200;
	breaker_init(&breaker, &config);
	fail_times(&breaker, 5, now);
	for (size_t i = 0; i < LENGTH(waits); i++)
	{
		assert_int_equal(breaker_wake_at(&breaker), now + waits[i] * SEC);
		now = breaker_wake_at(&breaker);
		assert_int_equal(breaker_ask(&breaker, now), BREAKER_PROBE);
		assert_int_equal(breaker_wake_at(&breaker), MONO_NEVER);
		breaker_failed(&breaker, now, 1, &dice);
	}
	now = breaker_wake_at(&breaker);
	assert_int_equal(breaker_ask(&breaker, now), BREAKER_PROBE);
	for (int i = 0; i < 3; i++)
		breaker_succeeded(&breaker, now, 1, &dice);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_times(&breaker, 5, now);
	assert_int_equal(breaker_wake_at(&breaker), now + 60 * SEC);
}

static void
jitter_takes_at_most_half(void **state)
{
	BreakerConfig config = plain;
	MonoUsec least = MONO_NEVER;
	MonoUsec most = 0;

	(void) state;
	config.jitter = true;
	for (int i = 0; i < 1000; i++)
	{
		Breaker breaker;

		breaker_init(&breaker, &config);
		fail_times(&breaker, 5, 0);
		least = breaker.wake_at < least ? breaker.wake_at : least;
		most = breaker.wake_at > most ? breaker.wake_at : most;
	}
	assert_in_range(least, 30 * SEC, 32 * SEC);
	assert_in_range(most, 58 * SEC, 60 * SEC);
}

static void
a_failure_rate_opens_it(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;
	BreakerTransition transition;

	(void) state;
	config.failure_rate_percent = 50;
	breaker_init(&breaker, &config);
	/* Every second call fails, never two in a row: the tenth call completes the evidence. */
	for (int i = 0; i < 9; i++)
	{
		if (i % 2 == 0)
			breaker_failed(&breaker, i * SEC / 2, 1, &dice);
		else
			breaker_succeeded(&breaker, i * SEC / 2, 1, &dice);
		assert_int_equal(breaker.state, BREAKER_CLOSED);
	}
	breaker_succeeded(&breaker, 5 * SEC, 1, &dice);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_FAILURE_RATE);
}

static void
what_left_the_window_does_not_count(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;

	(void) state;
	config.failure_rate_percent = 30;
	breaker_init(&breaker, &config);
	for (int i = 0; i < 4; i++)
		breaker_failed(&breaker, 0, 1, &dice);
	for (int i = 0; i < 30; i++)
	{
		breaker_succeeded(&breaker, 11 * SEC + i, 1, &dice);
		assert_int_equal(breaker.state, BREAKER_CLOSED);
	}
}

static void
slow_calls_open_it(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;
	BreakerTransition transition;

	(void) state;
	config.slow_rate_percent = 80;
	breaker_init(&breaker, &config);
	for (int i = 0; i < 10; i++)
	{
		assert_int_equal(breaker.state, BREAKER_CLOSED);
		breaker_succeeded(&breaker, i, i < 2 ? 1 : 5 * SEC, &dice);
	}
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_SLOW_RATE);
	/* And a slow probe isn't good enough. */
	assert_int_equal(breaker_ask(&breaker, 100 * SEC), BREAKER_PROBE);
	breaker_succeeded(&breaker, 100 * SEC, 5 * SEC, &dice);
	assert_int_equal(breaker.state, BREAKER_OPEN);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_SLOW_PROBE);
}

static void
a_window_of_calls(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;
	BreakerCounts window;

	(void) state;
	config.window = BREAKER_WINDOW_COUNT;
	config.failure_rate_percent = 40;
	breaker_init(&breaker, &config);
	/* 3 of 10 and of 20 failures are fine, however long ago, */
	for (int i = 0; i < 20; i++)
	{
		if (i < 3)
			breaker_failed(&breaker, i * 100 * SEC, 1, &dice);
		else
			breaker_succeeded(&breaker, i * 100 * SEC, 1, &dice);
		assert_int_equal(breaker.state, BREAKER_CLOSED);
	}
	window = breaker_window(&breaker, 1);
	assert_int_equal(window.calls, 20);
	assert_int_equal(window.failures, 3);
	/* those that left the last 20 don't count, */
	for (int i = 0; i < 3; i++)
		breaker_succeeded(&breaker, 3000 * SEC, 1, &dice);
	window = breaker_window(&breaker, 1);
	assert_int_equal(window.calls, 20);
	assert_int_equal(window.failures, 0);
	/* and 8 of the last 20 are too many. */
	for (int i = 0; i < 16; i++)
	{
		assert_int_equal(breaker.state, BREAKER_CLOSED);
		if (i % 2 == 0)
			breaker_succeeded(&breaker, 3000 * SEC, 1, &dice);
		else
			breaker_failed(&breaker, 3000 * SEC, 1, &dice);
	}
	assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void
rates_are_unknown_with_few_calls(void **state)
{
	Breaker breaker;
	BreakerCounts window;

	(void) state;
	breaker_init(&breaker, &plain);
	window = breaker_window(&breaker, 0);
	assert_true(breaker_rate(&breaker, &window, window.failures) < 0);
	for (int i = 0; i < 9; i++)
		breaker_succeeded(&breaker, 0, i < 3 ? 5 * SEC : 1, &dice);
	window = breaker_window(&breaker, 0);
	assert_true(breaker_rate(&breaker, &window, window.slow) < 0);
	breaker_failed(&breaker, 0, 1, &dice);
	window = breaker_window(&breaker, 0);
	assert_true(breaker_rate(&breaker, &window, window.failures) == 10.0);
	assert_true(breaker_rate(&breaker, &window, window.slow) == 30.0);
}

static void
without_a_limit_of_failures_rates_decide(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;

	(void) state;
	config.failures = 0;
	config.failure_rate_percent = 100;
	breaker_init(&breaker, &config);
	fail_times(&breaker, 9, 0);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_times(&breaker, 1, 0);
	assert_int_equal(breaker.state, BREAKER_OPEN);
}

static void
a_transition_has_its_numbers(void **state)
{
	Breaker breaker;
	BreakerTransition transition;

	(void) state;
	breaker_init(&breaker, &plain);
	breaker_succeeded(&breaker, 0, 6 * SEC, &dice);
	fail_times(&breaker, 5, 2 * SEC);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_FAILURES);
	assert_int_equal(transition.failures, 5);
	assert_int_equal(transition.window.calls, 6);
	assert_int_equal(transition.window.failures, 5);
	assert_int_equal(transition.window.slow, 1);
	assert_int_equal(transition.lasted_usec, -1);
	assert_int_equal(transition.wait_usec, 60 * SEC);
	assert_int_equal(breaker_ask(&breaker, 70 * SEC), BREAKER_PROBE);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_TIME);
	assert_int_equal(transition.lasted_usec, 68 * SEC);
	assert_int_equal(transition.wait_usec, -1);
	for (int i = 0; i < 3; i++)
		breaker_succeeded(&breaker, 71 * SEC, 1, &dice);
	assert_true(breaker_take_transition(&breaker, &transition));
	assert_int_equal(transition.reason, BREAKER_BY_SUCCESSES);
	assert_int_equal(transition.successes, 3);
	assert_int_equal(transition.lasted_usec, SEC);
	assert_false(breaker_take_transition(&breaker, &transition));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(five_failures_open_it_and_three_successes_close_it),
		cmocka_unit_test(a_success_forgets_failures),
		cmocka_unit_test(one_failed_probe_opens_it_again),
		cmocka_unit_test(the_wait_grows_to_its_limit_and_falls_back),
		cmocka_unit_test(jitter_takes_at_most_half),
		cmocka_unit_test(a_failure_rate_opens_it),
		cmocka_unit_test(what_left_the_window_does_not_count),
		cmocka_unit_test(slow_calls_open_it),
		cmocka_unit_test(a_window_of_calls),
		cmocka_unit_test(rates_are_unknown_with_few_calls),
		cmocka_unit_test(without_a_limit_of_failures_rates_decide),
		cmocka_unit_test(a_transition_has_its_numbers),
	};

	return cmocka_run_group_tests_name("breaker", tests, seed_dice, NULL);
}
