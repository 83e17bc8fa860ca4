/*
 * test_breaker.c
 *	  The breaker by a table of (state, input, time), by its window and growth, and
 *	  by random walks against a model of a few lines.
 */
#include "unit.h"

#include "breaker.h"

#define SEC USEC_PER_SEC

static const BreakerConfig plain = {.failures = 5,
									.successes = 3,
									.reset_usec = 60 * SEC,
									.reset_max_usec = 600 * SEC,
									.growth_percent = 100,
									.window_usec = 10 * SEC,
									.window_calls = 10,
									.slow_usec = 5 * SEC};

static Random dice;

static int
seed_dice(void **state)
{
	(void) state;
	random_seed(&dice, 7);
	return 0;
}

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
fail_times(Breaker *breaker, int times, MonoUsec now)
{
	for (int i = 0; i < times; i++)
		breaker_failed(breaker, now, 1, &dice);
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
	config.failure_rate_percent = 50;
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
}

static void
modes_overrule_it(void **state)
{
	Breaker breaker;

	(void) state;
	breaker_init(&breaker, &plain);
	breaker_set_mode(&breaker, BREAKER_FORCED_OPEN);
	assert_int_equal(breaker_ask(&breaker, 1000 * SEC), BREAKER_REJECT);
	assert_int_equal(breaker_wake_at(&breaker), MONO_NEVER);
	for (int i = 0; i < 10; i++)
		breaker_succeeded(&breaker, 1000 * SEC, 1, &dice);
	assert_int_equal(breaker.state, BREAKER_OPEN);

	breaker_set_mode(&breaker, BREAKER_DISABLED);
	fail_times(&breaker, 100, 1000 * SEC);
	assert_int_equal(breaker_ask(&breaker, 1000 * SEC), BREAKER_ADMIT);
	assert_int_equal(breaker.state, BREAKER_CLOSED);

	breaker_set_mode(&breaker, BREAKER_AUTO);
	fail_times(&breaker, 4, 1000 * SEC);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_times(&breaker, 1, 1000 * SEC);
	assert_int_equal(breaker.state, BREAKER_OPEN);
}

/* The breaker again, as naively as can be: no window, growth or jitter. */
typedef struct Model
{
	BreakerState state;
	int failures;
	int successes;
	MonoUsec opened_at;
} Model;

static void
model_step(Model *model, Input input, MonoUsec now)
{
	if (input == ASK)
	{
		if (model->state == BREAKER_OPEN && now - model->opened_at >= plain.reset_usec)
			*model = (Model){.state = BREAKER_HALF_OPEN};
	}
	else if (model->state == BREAKER_CLOSED)
	{
		model->failures = input == GOOD ? 0 : model->failures + 1;
		if (model->failures == 5)
			*model = (Model){.state = BREAKER_OPEN, .opened_at = now};
	}
	else if (model->state == BREAKER_HALF_OPEN)
	{
		if (input == BAD)
			*model = (Model){.state = BREAKER_OPEN, .opened_at = now};
		else if (++model->successes == 3)
			*model = (Model){.state = BREAKER_CLOSED};
	}
}

static void
random_walks_agree_with_a_model(void **state)
{
	int seen[3] = {0, 0, 0};

	(void) state;
	for (int walk = 0; walk < 300; walk++)
	{
		Model model = {.state = BREAKER_CLOSED};
		unsigned bad_percent = (unsigned) random_below(&dice, 100);
		Breaker breaker;
		MonoUsec now = 0;

		breaker_init(&breaker, &plain);
		for (int i = 0; i < 500; i++)
		{
			Input input = random_below(&dice, 2) == 0			   ? ASK
						  : random_below(&dice, 100) < bad_percent ? BAD
																   : GOOD;
			BreakerState before = model.state;
			BreakerTransition transition;

			now += (MonoUsec) random_below(&dice, 20 * SEC);
			model_step(&model, input, now);
			if (input == ASK)
				assert_int_equal(breaker_ask(&breaker, now),
								 model.state == BREAKER_CLOSED ? BREAKER_ADMIT
								 : model.state == BREAKER_OPEN ? BREAKER_REJECT
															   : BREAKER_PROBE);
			else if (input == GOOD)
				breaker_succeeded(&breaker, now, 1, &dice);
			else
				breaker_failed(&breaker, now, 1, &dice);
			assert_int_equal(breaker.state, model.state);
			/* Each change is told once. */
			if (before != model.state)
			{
				assert_true(breaker_take_transition(&breaker, &transition));
				assert_int_equal(transition.from, before);
				assert_int_equal(transition.to, model.state);
			}
			assert_false(breaker_take_transition(&breaker, &transition));
			seen[model.state]++;
		}
	}
	for (int i = 0; i < 3; i++)
		assert_true(seen[i] > 1000);
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
		cmocka_unit_test(modes_overrule_it),
		cmocka_unit_test(random_walks_agree_with_a_model),
	};

	return cmocka_run_group_tests_name("breaker", tests, seed_dice, NULL);
}
