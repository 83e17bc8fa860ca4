/*
 * test_clock_watch.c
 *	  A wall clock that is set back is told of once, and nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock_watch.h"

#define HOUR (3600 * USEC_PER_SEC)
#define START INT64_C(1790000000000000)

static void
tells_of_a_step_back_once(void **state)
{
	ClockWatch watch = {0};

	(void) state;
	assert_false(clock_watch_set_back(&watch, 10, START));
	assert_false(clock_watch_set_back(&watch, 10 + USEC_PER_SEC, START + USEC_PER_SEC));
	assert_true(
		clock_watch_set_back(&watch, 10 + 2 * USEC_PER_SEC, START + 2 * USEC_PER_SEC - HOUR));
	assert_false(
		clock_watch_set_back(&watch, 10 + 3 * USEC_PER_SEC, START + 3 * USEC_PER_SEC - HOUR));
	/* The same again, from there. */
	assert_true(
		clock_watch_set_back(&watch, 10 + 4 * USEC_PER_SEC, START + 4 * USEC_PER_SEC - 2 * HOUR));
}

static void
tells_of_the_way_back_from_a_step_ahead(void **state)
{
	ClockWatch watch = {0};

	(void) state;
	assert_false(clock_watch_set_back(&watch, 0, START));
	assert_false(clock_watch_set_back(&watch, 1, START + HOUR));
	assert_true(clock_watch_set_back(&watch, 2, START));
}

static void
bears_what_readings_differ_by(void **state)
{
	ClockWatch watch = {0};

	(void) state;
	assert_false(clock_watch_set_back(&watch, 0, START));
	assert_false(
		clock_watch_set_back(&watch, USEC_PER_SEC, START + USEC_PER_SEC - CLOCK_STEP_USEC + 1));
	assert_true(clock_watch_set_back(&watch, 2 * USEC_PER_SEC,
									 START + 2 * USEC_PER_SEC - 2 * CLOCK_STEP_USEC + 1));
}

/* A machine that slept: both clocks are as far apart as ever, or the wall clock is ahead. */
static void
bears_long_times_between_looks(void **state)
{
	ClockWatch watch = {0};

	(void) state;
	assert_false(clock_watch_set_back(&watch, 0, START));
	assert_false(clock_watch_set_back(&watch, 10 * HOUR, START + 10 * HOUR));
	assert_false(clock_watch_set_back(&watch, 11 * HOUR, START + 30 * HOUR));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_of_a_step_back_once),
		cmocka_unit_test(tells_of_the_way_back_from_a_step_ahead),
		cmocka_unit_test(bears_what_readings_differ_by),
		cmocka_unit_test(bears_long_times_between_looks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
