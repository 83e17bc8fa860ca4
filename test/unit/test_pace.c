/*
 * test_pace.c
 *	  What waits is gathered; what is current never is.
 */
#include "unit.h"

#include "pace.h"

#define NOW (INT64_C(5000) * USEC_PER_SEC)
#define FULL 50000 /* bytes in a socket */
#define BUSY_USEC (4 * USEC_PER_MS)

/* At NOW. */
static Pace
dry_and_behind(void)
{
	Pace pace;

	pace_init(&pace, 0);
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
	pace_init(&pace, 4 * USEC_PER_MS);
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
		assert_true(next > now && next - now <= 500);
		assert_true(++steps < 1000);
		pace_gathered(&pace, FULL);
	}
	assert_true(now - NOW >= 10 * USEC_PER_MS && now - NOW <= 40 * USEC_PER_MS);
	assert_true(steps >= 40);
}

/* Looks that find nothing cost more than they are worth; one that was late brings the next ones forward. */
static void
steps_are_as_long_as_there_is_room(void **state)
{
	Pace pace = dry_and_behind();
	MonoUsec first = pace_gather_at(&pace, NOW);

	(void) state;
	for (int i = 0; i < 20; i++)
		pace_gathered(&pace, 100);
	assert_true(pace_gather_at(&pace, NOW) >= NOW + 8 * (first - NOW));
	assert_true(pace_gather_at(&pace, NOW) <= NOW + 10 * USEC_PER_MS);
	for (int i = 0; i < 20; i++)
		pace_gathered(&pace, FULL / 3);
	assert_true(pace_gather_at(&pace, NOW) >= NOW + 8 * (first - NOW));
	for (int i = 0; i < 20; i++)
		pace_gathered(&pace, FULL);
	assert_true(pace_gather_at(&pace, NOW) > NOW);
	assert_true(pace_gather_at(&pace, NOW) <= first);
}

/* For a second; *now is when it ran dry last. */
static void
flow(Pace *pace, int per_sec, MonoUsec *now)
{
	for (int i = 0; i < per_sec; i++)
	{
		*now += USEC_PER_SEC / per_sec;
		pace_begin(pace, USEC_PER_MS);
		pace_read(pace);
		pace_dry(pace, *now);
	}
}

static void
what_is_busy_is_gathered(void **state)
{
	MonoUsec now = NOW;
	Pace pace;

	(void) state;
	pace_init(&pace, BUSY_USEC);
	flow(&pace, 1000, &now);
	assert_true(pace_gather_at(&pace, now) == MONO_NEVER);
	flow(&pace, 2000, &now);
	assert_true(pace_gather_at(&pace, now) == MONO_NEVER);
	flow(&pace, 5000, &now);
	assert_true(pace_gather_at(&pace, now) != MONO_NEVER);
	assert_true(pace_gather_at(&pace, now + BUSY_USEC) == MONO_NEVER);
	/* It goes on with some less, and then no more. */
	flow(&pace, 2000, &now);
	assert_true(pace_gather_at(&pace, now) != MONO_NEVER);
	flow(&pace, 1000, &now);
	assert_true(pace_gather_at(&pace, now) == MONO_NEVER);
}

/* However many at once: what came in a moment is no rate. */
static void
a_lot_at_once_is_not_busy(void **state)
{
	MonoUsec now = NOW;
	Pace pace;

	(void) state;
	pace_init(&pace, BUSY_USEC);
	for (int second = 0; second < 3; second++, now += USEC_PER_SEC)
	{
		for (int i = 0; i < 1000; i++)
			pace_begin(&pace, 0);
		pace_read(&pace);
		pace_dry(&pace, now);
		assert_true(pace_gather_at(&pace, now) == MONO_NEVER);
	}
}

static void
it_can_be_left_out(void **state)
{
	MonoUsec now = NOW;
	Pace pace;

	(void) state;
	pace_init(&pace, BUSY_USEC);
	pace_configure(&pace, 0);
	flow(&pace, 5000, &now);
	assert_true(pace_gather_at(&pace, now) == MONO_NEVER);
	pace_configure(&pace, BUSY_USEC);
	flow(&pace, 5000, &now);
	assert_true(pace_gather_at(&pace, now) != MONO_NEVER);
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

/* Large events: what is there by now is work enough, and memory. */
static void
a_gathering_ends_when_much_is_there(void **state)
{
	Pace pace = dry_and_behind();
	int looks = 0;

	(void) state;
	while (pace_gather_at(&pace, NOW) != MONO_NEVER)
	{
		pace_gathered(&pace, 256 * 1024);
		assert_true(++looks <= 16);
	}
	assert_true(looks >= 8);
	/* The next one begins anew. */
	pace_read(&pace);
	pace_dry(&pace, NOW);
	pace_gathered(&pace, 256 * 1024);
	assert_true(pace_gather_at(&pace, NOW) != MONO_NEVER);
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
		cmocka_unit_test(steps_are_as_long_as_there_is_room),
		cmocka_unit_test(what_is_busy_is_gathered),
		cmocka_unit_test(a_lot_at_once_is_not_busy),
		cmocka_unit_test(it_can_be_left_out),
		cmocka_unit_test(a_gathering_ends_in_time),
		cmocka_unit_test(a_large_transaction_is_gathered_to_its_end),
		cmocka_unit_test(a_gathering_ends_when_much_is_there),
		cmocka_unit_test(the_end_of_a_backlog_is_waited_for_once),
	};

	return cmocka_run_group_tests_name("pace", tests, NULL, NULL);
}
