/*
 * test_pace.c
 *	  What waits is gathered; what is current never is.
 */
#include "unit.h"

#include "pace.h"

#define NOW (INT64_C(5000) * USEC_PER_SEC)

/* At NOW. */
static Pace
dry_and_behind(void)
{
	Pace pace;

	pace_init(&pace);
	pace_begin(&pace, USEC_PER_SEC);
	pace_read(&pace);
	pace_dry(&pace, NOW);
	return pace;
}

static void
a_current_stream_never_waits(void **state)
{
	Pace pace;

	(void) state;
	pace_init(&pace);
	pace_dry(&pace, NOW);
	assert_true(pace_gather_at(&pace, NOW) == MONO_NEVER);
	for (int i = 0; i < 1000; i++)
	{
		pace_begin(&pace, 99 * USEC_PER_MS);
		pace_read(&pace);
	}
	pace_dry(&pace, NOW);
	assert_true(pace_gather_at(&pace, NOW) == MONO_NEVER);
}

static void
a_backlog_is_gathered_in_steps(void **state)
{
	MonoUsec now = NOW;
	int steps = 0;
	Pace pace = dry_and_behind();

	(void) state;
	for (MonoUsec next; (next = pace_gather_at(&pace, now)) != MONO_NEVER; now = next)
	{
		assert_true(next > now && next - now <= 250);
		assert_true(++steps < 1000);
	}
	assert_true(now - NOW >= 5 * USEC_PER_MS && now - NOW <= 20 * USEC_PER_MS);
	assert_true(steps >= 20);
}

/* Somebody came late: it is read at once. */
static void
a_gathering_ends_in_time(void **state)
{
	Pace pace = dry_and_behind();

	(void) state;
	assert_true(pace_gather_at(&pace, NOW) != MONO_NEVER);
	assert_true(pace_gather_at(&pace, NOW + USEC_PER_SEC) == MONO_NEVER);
}

static void
the_end_of_a_backlog_is_waited_for_once(void **state)
{
	MonoUsec later = NOW + USEC_PER_SEC;
	Pace pace = dry_and_behind();

	(void) state;
	pace_dry(&pace, later);
	assert_true(pace_gather_at(&pace, later) == MONO_NEVER);
	pace_begin(&pace, 0);
	pace_read(&pace);
	pace_dry(&pace, later);
	assert_true(pace_gather_at(&pace, later) == MONO_NEVER);
}

/* Amid a large transaction no other one begins. */
static void
a_large_transaction_is_gathered_to_its_end(void **state)
{
	MonoUsec later = NOW + USEC_PER_SEC;
	Pace pace = dry_and_behind();

	(void) state;
	pace_read(&pace);
	pace_dry(&pace, later);
	assert_true(pace_gather_at(&pace, later) != MONO_NEVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_current_stream_never_waits),
		cmocka_unit_test(a_backlog_is_gathered_in_steps),
		cmocka_unit_test(a_gathering_ends_in_time),
		cmocka_unit_test(a_large_transaction_is_gathered_to_its_end),
		cmocka_unit_test(the_end_of_a_backlog_is_waited_for_once),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
