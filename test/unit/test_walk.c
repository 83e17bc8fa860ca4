/*
 * test_walk.c
 *	  Drivers stay in the city, move no faster than they can, and go the same ways
 *	  for the same seed.
 */
#include "unit.h"

#include <math.h>

#include "walk.h"

#define DRIVERS 20
#define STEPS 20000

static double
metres_between(const LocationReport *a, const LocationReport *b)
{
	double north = (a->latitude - b->latitude) * 111320;
	double east = (a->longitude - b->longitude) * 111320 * cos(a->latitude * 3.14159265 / 180);

	return sqrt(north * north + east * east);
}

static uint32_t
driver_of(const LocationReport *report)
{
	return (uint32_t) strtoul(report->driver_id + strlen("driver-"), NULL, 10);
}

static void
plausible_paths(void **state)
{
	LocationReport last[DRIVERS];
	int64_t last_at[DRIVERS] = {0};
	bool seen[DRIVERS] = {false};
	double moved = 0;
	Walk walk;

	(void) state;
	assert_true(walk_init(&walk, &walk_berlin, DRIVERS, 5));
	for (int64_t step = 0; step < STEPS; step++)
	{
		int64_t at = step * 20000;
		LocationReport report;
		uint32_t driver;

		walk_next(&walk, 0, at, &report);
		driver = driver_of(&report);
		assert_true(driver < DRIVERS);
		assert_true(report.latitude >= walk_berlin.south && report.latitude <= walk_berlin.north);
		assert_true(report.longitude >= walk_berlin.west && report.longitude <= walk_berlin.east);
		assert_true(report.heading >= 0 && report.heading < 360);
		assert_true(report.speed >= 0 && report.speed <= WALK_MAX_SPEED);
		assert_true(report.accuracy >= 3 && report.accuracy <= 15);
		assert_true(driver_status_valid(report.status));
		if (seen[driver])
		{
			double seconds = (double) (at - last_at[driver]) / USEC_PER_SEC;

			moved += metres_between(&report, &last[driver]);
			assert_true(metres_between(&report, &last[driver]) <=
						WALK_MAX_SPEED * seconds * 1.02 + 0.01);
		}
		last[driver] = report;
		last_at[driver] = at;
		seen[driver] = true;
	}
	for (size_t i = 0; i < DRIVERS; i++)
		assert_true(seen[i]);
	assert_true(moved > 1000);
	walk_free(&walk);
}

static void
a_small_city_holds_too(void **state)
{
	static const CityBounds village = {52.500, 13.400, 52.501, 13.401};
	Walk walk;

	(void) state;
	assert_true(walk_init(&walk, &village, 3, 6));
	/* Steps of ten seconds: up to 220 m, in a village of 110 by 68. */
	for (int64_t step = 0; step < 2000; step++)
	{
		LocationReport report;

		walk_next(&walk, 0, step * 10 * USEC_PER_SEC, &report);
		assert_true(report.latitude >= village.south && report.latitude <= village.north);
		assert_true(report.longitude >= village.west && report.longitude <= village.east);
	}
	walk_free(&walk);
}

static void
seed_decides(void **state)
{
	Walk one;
	Walk same;
	Walk other;
	int different = 0;

	(void) state;
	assert_true(walk_init(&one, &walk_berlin, DRIVERS, 1));
	assert_true(walk_init(&same, &walk_berlin, DRIVERS, 1));
	assert_true(walk_init(&other, &walk_berlin, DRIVERS, 2));
	for (int64_t step = 0; step < 100; step++)
	{
		LocationReport a = {.latitude = 0};
		LocationReport b = {.latitude = 0};
		LocationReport c = {.latitude = 0};

		walk_next(&one, 0, step * 20000, &a);
		walk_next(&same, 0, step * 20000, &b);
		walk_next(&other, 0, step * 20000, &c);
		assert_string_equal(a.driver_id, b.driver_id);
		assert_true(a.latitude == b.latitude && a.longitude == b.longitude);
		assert_true(a.speed == b.speed && a.heading == b.heading);
		assert_string_equal(a.time, b.time);
		if (a.latitude != c.latitude)
			different++;
	}
	assert_true(different > 95);
	walk_free(&one);
	walk_free(&same);
	walk_free(&other);
}

static void
time_is_the_intended_start(void **state)
{
	LocationReport report;
	Walk walk;

	(void) state;
	assert_true(walk_init(&walk, &walk_berlin, 1, 1));
	walk_next(&walk, INT64_C(1769862896000000), 789000, &report);
	assert_string_equal(report.time, "2026-01-31T12:34:56.789Z");
	assert_string_equal(report.driver_id, "driver-0000");
	walk_free(&walk);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plausible_paths),
		cmocka_unit_test(a_small_city_holds_too),
		cmocka_unit_test(seed_decides),
		cmocka_unit_test(time_is_the_intended_start),
	};

	return cmocka_run_group_tests_name("walk", tests, NULL, NULL);
}
