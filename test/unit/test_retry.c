/*
 * test_retry.c
 *	  Attempts are counted, delays are spread from nothing to a growing top.
 */
#include "unit.h"

#include "retry.h"

static void
it_is_exhausted_after_its_attempts_and_starts_anew(void **state)
{
	Random random;
	Retry retry;

	(void) state;
	random_seed(&random, 1);
	retry_init(&retry, 100, 1000, 3);
	for (int round = 0; round < 3; round++)
	{
		assert_int_equal(retry_failed(&retry, 0, &random), RETRY_LATER);
		assert_int_equal(retry_failed(&retry, 0, &random), RETRY_LATER);
		assert_int_equal(retry_failed(&retry, 0, &random), RETRY_EXHAUSTED);
	}
	assert_int_equal(retry_failed(&retry, 0, &random), RETRY_LATER);
	retry_succeeded(&retry);
	assert_int_equal(retry.retry_at, 0);
	assert_int_equal(retry_failed(&retry, 0, &random), RETRY_LATER);
	assert_int_equal(retry_failed(&retry, 0, &random), RETRY_LATER);
	assert_int_equal(retry_failed(&retry, 0, &random), RETRY_EXHAUSTED);
}

static void
delays_use_the_whole_range(void **state)
{
	static const int64_t tops[] = {100, 200, 400, 800, 1000, 1000};
	MonoUsec least[LENGTH(tops)];
	MonoUsec most[LENGTH(tops)] = {0};
	Random random;

	(void) state;
	random_seed(&random, 1);
	for (size_t i = 0; i < LENGTH(tops); i++)
		least[i] = MONO_NEVER;
	for (int round = 0; round < 3000; round++)
	{
		Retry retry;

		retry_init(&retry, 100, 1000, 100);
		for (size_t i = 0; i < LENGTH(tops); i++)
		{
			MonoUsec delay;

			assert_int_equal(retry_failed(&retry, 5000, &random), RETRY_LATER);
			delay = retry.retry_at - 5000;
			assert_in_range(delay, 0, tops[i]);
			least[i] = delay < least[i] ? delay : least[i];
			most[i] = delay > most[i] ? delay : most[i];
		}
	}
	for (size_t i = 0; i < LENGTH(tops); i++)
	{
		assert_true(least[i] < tops[i] / 20);
		assert_true(most[i] > tops[i] - tops[i] / 20);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_exhausted_after_its_attempts_and_starts_anew),
		cmocka_unit_test(delays_use_the_whole_range),
	};

	return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
