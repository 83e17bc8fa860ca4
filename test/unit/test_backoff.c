/*
 * test_backoff.c
 *	  Delays grow to the cap, stay within floor and cap, and use the range.
 */
#include "unit.h"

#include "backoff.h"

static const BackoffConfig config = {10, 100, 1000};

static void
delays_stay_in_their_range(void **state)
{
	static const int64_t tops[] = {100, 200, 400, 800, 1000, 1000, 1000};
	Random random;

	(void) state;
	random_seed(&random, 1);
	for (int round = 0; round < 2000; round++)
	{
		Backoff backoff;

		backoff_init(&backoff, &config);
		for (size_t i = 0; i < LENGTH(tops); i++)
		{
			MonoUsec at = backoff_next(&backoff, 5000, &random);

			assert_true(at >= 5000 + config.floor_usec);
			assert_true(at <= 5000 + tops[i]);
			assert_int_equal(backoff.attempts, i + 1);
		}
	}
}

static void
jitter_is_full(void **state)
{
	MonoUsec least = MONO_NEVER;
	MonoUsec most = 0;
	Random random;

	(void) state;
	random_seed(&random, 2);
	for (int i = 0; i < 20000; i++)
	{
		Backoff backoff;
		MonoUsec at;

		backoff_init(&backoff, &config);
		at = backoff_next(&backoff, 0, &random);
		least = at < least ? at : least;
		most = at > most ? at : most;
	}
	assert_int_equal(least, 10);
	assert_int_equal(most, 100);
}

static void
reset_starts_again(void **state)
{
	Backoff backoff;
	Random random;

	(void) state;
	random_seed(&random, 3);
	backoff_init(&backoff, &config);
	for (int i = 0; i < 10; i++)
		backoff_next(&backoff, 0, &random);
	backoff_reset(&backoff);
	assert_int_equal(backoff.attempts, 0);
	for (int i = 0; i < 1000; i++)
	{
		backoff_reset(&backoff);
		assert_true(backoff_next(&backoff, 0, &random) <= 100);
	}
}

static void
never_overflows(void **state)
{
	static const BackoffConfig wide = {0, INT64_MAX / 2, INT64_MAX};
	Backoff backoff;
	Random random;

	(void) state;
	random_seed(&random, 4);
	backoff_init(&backoff, &wide);
	for (int i = 0; i < 200; i++)
		assert_true(backoff_next(&backoff, INT64_MAX / 2, &random) >= INT64_MAX / 2);

	backoff_init(&backoff, &config);
	backoff.attempts = UINT32_MAX;
	assert_true(backoff_next(&backoff, 0, &random) <= 1000);
	assert_true(backoff.attempts == UINT32_MAX);
}

static void
odd_settings(void **state)
{
	static const BackoffConfig fixed = {500, 500, 500};
	static const BackoffConfig low_cap = {500, 100, 200};
	static const BackoffConfig zero = {0, 0, 0};
	Backoff backoff;
	Random random;

	(void) state;
	random_seed(&random, 5);
	for (int i = 0; i < 100; i++)
	{
		backoff_init(&backoff, &fixed);
		assert_int_equal(backoff_next(&backoff, 0, &random), 500);
		backoff_init(&backoff, &low_cap); /* the floor holds */
		assert_int_equal(backoff_next(&backoff, 0, &random), 500);
		backoff_init(&backoff, &zero);
		assert_int_equal(backoff_next(&backoff, 77, &random), 77);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_stay_in_their_range),
		cmocka_unit_test(jitter_is_full),
		cmocka_unit_test(reset_starts_again),
		cmocka_unit_test(never_overflows),
		cmocka_unit_test(odd_settings),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
