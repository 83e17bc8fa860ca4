/*
 * test_lag.c
 *	  Seconds behind: idle, behind, without Kafka, without PostgreSQL.
 */
#include "unit.h"

#include "lag.h"

#define SEC USEC_PER_SEC

static LagClock lag;

static double
seconds(MonoUsec now)
{
	return lag_seconds(&lag, 0, now);
}

static void
counts_from_the_start_without_a_stream(void **state)
{
	(void) state;
	lag_init(&lag, 10 * SEC);
	assert_true(seconds(10 * SEC) == 0);
	assert_true(seconds(15 * SEC) == 5);
	/* What was written while nobody looked was there from the start on, for all we know. */
	lag_stream(&lag, 5000, 1000, 20 * SEC);
	assert_true(seconds(21 * SEC) == 11);
	lag_confirmed(&lag, 4000);
	assert_true(seconds(22 * SEC) == 12);
	lag_confirmed(&lag, 5000);
	assert_true(seconds(22 * SEC) == 0);
}

static void
is_zero_at_rest(void **state)
{
	(void) state;
	lag_init(&lag, 0);
	lag_stream(&lag, 1000, 1000, SEC);
	assert_true(seconds(3600 * SEC) == 0);
	lag_server_at(&lag, 1000, 1000, 3600 * SEC);
	/* The end of a page isn't ahead of its last record. */
	lag_server_at(&lag, 1040, 1000, 3700 * SEC);
	assert_true(seconds(9999 * SEC) == 0);
}

static void
grows_while_the_server_is_ahead(void **state)
{
	(void) state;
	lag_init(&lag, 0);
	lag_stream(&lag, 1000, 1000, SEC);
	lag_server_at(&lag, 2000, 1000, 10 * SEC);
	assert_true(seconds(12 * SEC) == 2);
	/* A later look doesn't start it anew. */
	lag_server_at(&lag, 3000, 1500, 20 * SEC);
	assert_true(seconds(25 * SEC) == 15);
	/* What was seen first is passed: now the later look counts. */
	lag_confirmed(&lag, 2000);
	assert_true(seconds(25 * SEC) == 5);
	lag_confirmed(&lag, 3000);
	assert_true(seconds(25 * SEC) == 0);
}

static void
the_oldest_event_counts_when_it_is_older(void **state)
{
	(void) state;
	lag_init(&lag, 0);
	lag_stream(&lag, 1000, 1000, SEC);
	assert_true(lag_seconds(&lag, 7 * SEC, 2 * SEC) == 7);
	lag_server_at(&lag, 2000, 1000, 10 * SEC);
	assert_true(lag_seconds(&lag, 7 * SEC, 12 * SEC) == 7);
	assert_true(lag_seconds(&lag, 7 * SEC, 20 * SEC) == 10);
	/* A clock of the server that is ahead of ours. */
	lag_confirmed(&lag, 2000);
	assert_true(lag_seconds(&lag, -3 * SEC, 20 * SEC) == 0);
}

static void
grows_while_the_server_is_away(void **state)
{
	(void) state;
	lag_init(&lag, 0);
	lag_stream(&lag, 1000, 1000, SEC);
	lag_no_stream(&lag, 100 * SEC);
	lag_no_stream(&lag, 130 * SEC);
	assert_true(seconds(160 * SEC) == 60);
	lag_server_at(&lag, 9000, 1000, 161 * SEC);
	assert_true(seconds(170 * SEC) == 70);
	/* It is back, and nothing was written. */
	lag_stream(&lag, 1000, 1000, 170 * SEC);
	assert_true(seconds(171 * SEC) == 0);

	/* Lost again and again while it was behind: from when it was behind first. */
	lag_server_at(&lag, 2000, 1000, 200 * SEC);
	lag_no_stream(&lag, 210 * SEC);
	lag_stream(&lag, 3000, 1000, 220 * SEC);
	lag_no_stream(&lag, 230 * SEC);
	assert_true(seconds(240 * SEC) == 40);
	lag_stream(&lag, 3000, 1000, 250 * SEC);
	lag_confirmed(&lag, 3000);
	assert_true(seconds(260 * SEC) == 0);
}

static void
standing_by_is_nobodys_lag(void **state)
{
	(void) state;
	lag_init(&lag, 0);
	for (int i = 1; i <= 100; i++)
		lag_stand_by(&lag, i * SEC);
	lag_stream(&lag, 2000, 1000, 101 * SEC);
	assert_true(seconds(102 * SEC) == 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_from_the_start_without_a_stream),
		cmocka_unit_test(is_zero_at_rest),
		cmocka_unit_test(grows_while_the_server_is_ahead),
		cmocka_unit_test(the_oldest_event_counts_when_it_is_older),
		cmocka_unit_test(grows_while_the_server_is_away),
		cmocka_unit_test(standing_by_is_nobodys_lag),
	};

	return cmocka_run_group_tests_name("lag", tests, NULL, NULL);
}
