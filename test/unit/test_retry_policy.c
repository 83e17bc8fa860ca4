/*
 * test_retry_policy.c
 *	  What is tried again and when, and what the client is told in the end.
 */
#include "unit.h"

#include "random.h"
#include "retry_policy.h"

#define MS USEC_PER_MS

static const RetryPolicy policy = {
	.backoff = {.floor_usec = 10 * MS, .base_usec = 50 * MS, .cap_usec = 400 * MS},
	.attempt_usec = 50 * MS};

static void
ends_are_ends(void **state)
{
	RetryState retry;
	Random random;
	MonoUsec at;

	(void) state;
	random_seed(&random, 1);
	retry_begin(&retry, &policy, 10 * USEC_PER_SEC);
	assert_false(retry_again(&retry, &policy, JOB_STORED, 0, &random, &at));
	assert_false(retry_again(&retry, &policy, JOB_INVALID, 0, &random, &at));
	assert_int_equal(retry_conclude(&retry, JOB_STORED), JOB_STORED);
	assert_int_equal(retry_conclude(&retry, JOB_INVALID), JOB_INVALID);
	assert_int_equal(retry_conclude(&retry, JOB_AWAY), JOB_AWAY);
	assert_int_equal(retry_conclude(&retry, JOB_BUSY), JOB_BUSY);
}

/* Once it may be stored, only a look can say that it is; nothing says that it isn't. */
static void
a_doubt_stays(void **state)
{
	RetryState retry;
	Random random;
	MonoUsec at;

	(void) state;
	random_seed(&random, 1);
	retry_begin(&retry, &policy, 10 * USEC_PER_SEC);
	assert_true(retry_again(&retry, &policy, JOB_AWAY, 0, &random, &at));
	assert_false(retry.maybe_stored);
	assert_true(retry_again(&retry, &policy, JOB_UNKNOWN, at, &random, &at));
	assert_true(retry.maybe_stored);
	assert_true(retry_again(&retry, &policy, JOB_AWAY, at, &random, &at));
	assert_true(retry.maybe_stored);
	assert_int_equal(retry_conclude(&retry, JOB_AWAY), JOB_UNKNOWN);
	assert_int_equal(retry_conclude(&retry, JOB_BUSY), JOB_UNKNOWN);
	assert_int_equal(retry_conclude(&retry, JOB_INVALID), JOB_UNKNOWN);
	assert_int_equal(retry_conclude(&retry, JOB_STORED), JOB_STORED);
}

/* Every next try is between floor and cap, ends within the patience, and they are not all alike. */
static void
delays_are_drawn(void **state)
{
	Random random;
	MonoUsec first_min = MONO_NEVER;
	MonoUsec first_max = 0;

	(void) state;
	random_seed(&random, 42);
	for (int round = 0; round < 200; round++)
	{
		MonoUsec now = 5 * USEC_PER_SEC;
		MonoUsec deadline = now + 3 * USEC_PER_SEC;
		RetryState retry;
		MonoUsec at;
		int tries = 0;

		retry_begin(&retry, &policy, deadline);
		while (retry_again(&retry, &policy, JOB_AWAY, now, &random, &at))
		{
			assert_true(at - now >= policy.backoff.floor_usec);
			assert_true(at - now <= policy.backoff.cap_usec);
			assert_true(at + policy.attempt_usec <= deadline);
			if (tries == 0)
			{
				assert_true(at - now <= policy.backoff.base_usec);
				first_min = at < first_min ? at : first_min;
				first_max = at > first_max ? at : first_max;
			}
			now = at;
			tries++;
		}
		assert_true(tries > 5);
		assert_true(now > deadline - policy.backoff.cap_usec - policy.attempt_usec);
	}
	assert_true(first_max - first_min > 30 * MS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_are_ends),
		cmocka_unit_test(a_doubt_stays),
		cmocka_unit_test(delays_are_drawn),
	};

	return cmocka_run_group_tests_name("retry_policy", tests, NULL, NULL);
}
