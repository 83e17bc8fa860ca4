/*
 * test_breaker_orders.c
 *	  The breaker and what somebody wants of it: modes, closing and trying by hand,
 *	  in a table of every condition and every input.
 */
#include "breaker_bench.h"

static void
modes_overrule_it(void **state)
{
	Breaker breaker;

	(void) state;
	breaker_init(&breaker, &plain);
	breaker_set_mode(&breaker, BREAKER_FORCED_OPEN, 1000 * SEC);
	assert_int_equal(breaker_ask(&breaker, 1000 * SEC), BREAKER_REJECT);
	assert_int_equal(breaker_wake_at(&breaker), MONO_NEVER);
	for (int i = 0; i < 10; i++)
		breaker_succeeded(&breaker, 1000 * SEC, 1, &dice);
	assert_int_equal(breaker.state, BREAKER_OPEN);

	breaker_set_mode(&breaker, BREAKER_DISABLED, 1000 * SEC);
	fail_times(&breaker, 100, 1000 * SEC);
	assert_int_equal(breaker_ask(&breaker, 1000 * SEC), BREAKER_ADMIT);
	assert_int_equal(breaker.state, BREAKER_CLOSED);

	breaker_set_mode(&breaker, BREAKER_AUTO, 1000 * SEC);
	fail_times(&breaker, 4, 1000 * SEC);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_times(&breaker, 1, 1000 * SEC);
	assert_int_equal(breaker.state, BREAKER_OPEN);
}

/* A breaker in each of its conditions; SLOW opens with rates. */
typedef enum Condition
{
	CLOSED_FRESH,
	CLOSED_AT_THE_EDGE, /* one failure more opens it */
	OPEN_WAITING,
	OPEN_DUE,
	HALF_FRESH,
	HALF_AT_THE_EDGE, /* one success more closes it */
	FORCED,
	DISABLED
} Condition;

#define AT (1000 * SEC)

static void
bring_to(Breaker *breaker, Condition condition)
{
	BreakerConfig config = plain;

	config.slow_rate_percent = 100;
	breaker_init(breaker, &config);
	if (condition == FORCED || condition == DISABLED)
	{
		breaker_set_mode(breaker, condition == FORCED ? BREAKER_FORCED_OPEN : BREAKER_DISABLED, AT);
		return;
	}
	if (condition == CLOSED_AT_THE_EDGE)
		fail_times(breaker, 4, AT);
	if (condition < OPEN_WAITING)
		return;
	fail_times(breaker, 5, condition == OPEN_WAITING ? AT : AT - 60 * SEC);
	if (condition < HALF_FRESH)
		return;
	assert_int_equal(breaker_ask(breaker, AT), BREAKER_PROBE);
	for (int i = 0; condition == HALF_AT_THE_EDGE && i < 2; i++)
		breaker_succeeded(breaker, AT, 1, &dice);
}

typedef enum Told
{
	T_ASK,
	T_GOOD,
	T_SLOW,
	T_BAD,
	T_FORCE,
	T_DISABLE,
	T_AUTO,
	T_CLOSE,
	T_TRY
} Told;

static BreakerVerdict
told(Breaker *breaker, Told input)
{
	bool open = breaker->state == BREAKER_OPEN;

	switch (input)
	{
		case T_ASK:
			return breaker_ask(breaker, AT);
		case T_GOOD:
			breaker_succeeded(breaker, AT, 1, &dice);
			break;
		case T_SLOW:
			breaker_succeeded(breaker, AT, 5 * SEC, &dice);
			break;
		case T_BAD:
			breaker_failed(breaker, AT, 1, &dice);
			break;
		case T_FORCE:
			breaker_set_mode(breaker, BREAKER_FORCED_OPEN, AT);
			break;
		case T_DISABLE:
			breaker_set_mode(breaker, BREAKER_DISABLED, AT);
			break;
		case T_AUTO:
			breaker_set_mode(breaker, BREAKER_AUTO, AT);
			break;
		case T_CLOSE:
			breaker_close(breaker, AT);
			break;
		case T_TRY:
			assert_int_equal(breaker_try_now(breaker, AT), open);
			break;
	}
	return breaker->state == BREAKER_CLOSED ? BREAKER_ADMIT
		   : breaker->state == BREAKER_OPEN ? BREAKER_REJECT
											: BREAKER_PROBE;
}

/* The state after each input, and whether a wait ends it. */
static void
every_state_and_input(void **state)
{
	enum
	{
		C = BREAKER_CLOSED,
		H = BREAKER_HALF_OPEN,
		O = BREAKER_OPEN
	};
	static const int after[][9] = {
		/*                      ask good slow bad force disable auto close try */
		[CLOSED_FRESH] = {C, C, C, C, O, C, C, C, C},
		[CLOSED_AT_THE_EDGE] = {C, C, C, O, O, C, C, C, C},
		[OPEN_WAITING] = {O, O, O, O, O, C, O, C, H},
		[OPEN_DUE] = {H, O, O, O, O, C, O, C, H},
		[HALF_FRESH] = {H, H, O, O, O, C, H, C, H},
		[HALF_AT_THE_EDGE] = {H, C, O, O, O, C, H, C, H},
		[FORCED] = {O, O, O, O, O, C, C, C, H},
		[DISABLED] = {C, C, C, C, O, C, C, C, C},
	};

	(void) state;
	for (size_t condition = 0; condition < LENGTH(after); condition++)
	{
		for (size_t input = 0; input < LENGTH(after[0]); input++)
		{
			BreakerState before;
			Breaker breaker;
			BreakerVerdict verdict;
			uint64_t counted = 0;

			bring_to(&breaker, (Condition) condition);
			before = breaker.state;
			memset(breaker.transitions, 0, sizeof(breaker.transitions));
			breaker.queued = 0;
			verdict = told(&breaker, (Told) input);
			if ((int) breaker.state != after[condition][input])
				fail_msg("condition %zu, input %zu: state is %s", condition, input,
						 breaker_state_name(breaker.state));
			assert_int_equal(verdict, breaker.state == BREAKER_CLOSED ? BREAKER_ADMIT
									  : breaker.state == BREAKER_OPEN ? BREAKER_REJECT
																	  : BREAKER_PROBE);
			for (int from = 0; from < BREAKER_STATES; from++)
				for (int to = 0; to < BREAKER_STATES; to++)
					counted += breaker.transitions[from][to];
			assert_int_equal(counted, before != breaker.state);
			assert_int_equal(breaker.queued, counted);
			assert_int_equal(breaker_wake_at(&breaker) != MONO_NEVER,
							 breaker.state == BREAKER_OPEN && breaker.mode == BREAKER_AUTO);
		}
	}
}

static void
too_many_transitions_are_counted_all_the_same(void **state)
{
	Breaker breaker;
	BreakerTransition transition;
	int taken = 0;

	(void) state;
	breaker_init(&breaker, &plain);
	for (int i = 0; i < 50; i++)
	{
		breaker_set_mode(&breaker, BREAKER_FORCED_OPEN, i * SEC);
		breaker_close(&breaker, i * SEC);
	}
	assert_int_equal(breaker.transitions[BREAKER_CLOSED][BREAKER_OPEN], 50);
	assert_int_equal(breaker.transitions[BREAKER_OPEN][BREAKER_CLOSED], 50);
	while (breaker_take_transition(&breaker, &transition))
		assert_int_equal(transition.to, taken++ % 2 == 0 ? BREAKER_OPEN : BREAKER_CLOSED);
	assert_int_equal(taken, BREAKER_TRANSITIONS);
}

static void
hands_close_and_try(void **state)
{
	BreakerConfig config = plain;
	Breaker breaker;

	(void) state;
	config.growth_percent = 200;
	breaker_init(&breaker, &config);
	assert_false(breaker_try_now(&breaker, 0));
	fail_times(&breaker, 5, 0);
	/* A try that fails is a probe that failed: the wait grows. */
	assert_true(breaker_try_now(&breaker, SEC));
	assert_false(breaker_try_now(&breaker, SEC));
	breaker_failed(&breaker, 2 * SEC, 1, &dice);
	assert_int_equal(breaker_wake_at(&breaker), 122 * SEC);
	/* Closed by hand, it has forgotten everything. */
	breaker_close(&breaker, 3 * SEC);
	assert_int_equal(breaker_ask(&breaker, 3 * SEC), BREAKER_ADMIT);
	fail_times(&breaker, 4, 3 * SEC);
	breaker_close(&breaker, 3 * SEC);
	fail_times(&breaker, 4, 3 * SEC);
	assert_int_equal(breaker.state, BREAKER_CLOSED);
	fail_times(&breaker, 1, 3 * SEC);
	assert_int_equal(breaker_wake_at(&breaker), 63 * SEC);
	/* A forced one may be tried, too. */
	breaker_set_mode(&breaker, BREAKER_FORCED_OPEN, 4 * SEC);
	assert_true(breaker_try_now(&breaker, 5 * SEC));
	assert_int_equal(breaker.mode, BREAKER_AUTO);
	assert_int_equal(breaker_ask(&breaker, 5 * SEC), BREAKER_PROBE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_overrule_it),
		cmocka_unit_test(every_state_and_input),
		cmocka_unit_test(too_many_transitions_are_counted_all_the_same),
		cmocka_unit_test(hands_close_and_try),
	};

	return cmocka_run_group_tests_name("breaker_orders", tests, seed_dice, NULL);
}
