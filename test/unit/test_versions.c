/*
 * test_versions.c
 *	  Versions rise, driver by driver, whatever the clock does.
 */
#include "unit.h"

#include <stdio.h>

#include "random.h"
#include "versions.h"

static void
the_time_or_one_more(void **state)
{
	Versions versions = {.entries = NULL};

	(void) state;
	assert_int_equal(versions_next(&versions, "driver-1", 1000), 1000);
	assert_int_equal(versions_next(&versions, "driver-1", 1000), 1001);
	assert_int_equal(versions_next(&versions, "driver-1", 900), 1002); /* the clock went back */
	assert_int_equal(versions_next(&versions, "driver-2", 900), 900);
	assert_int_equal(versions_next(&versions, "driver-1", 2000), 2000);
	versions_free(&versions);
}

static void
many_drivers(void **state)
{
	enum
	{
		DRIVERS = 5000
	};
	static int64_t last[DRIVERS];
	Versions versions = {.entries = NULL};
	Random random;

	(void) state;
	random_seed(&random, 3);
	for (int i = 0; i < 40000; i++)
	{
		uint32_t driver = (uint32_t) random_below(&random, DRIVERS);
		UnixUsec now = 1 + (UnixUsec) random_below(&random, 100000);
		char name[DRIVER_ID_SIZE];
		int64_t version;

		snprintf(name, sizeof(name), "driver-%04u", (unsigned) driver);
		version = versions_next(&versions, name, now);
		assert_true(version > last[driver]);
		assert_true(version == now || version == last[driver] + 1);
		last[driver] = version;
	}
	assert_true(2 * versions.used <= versions.size);
	versions_free(&versions);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_time_or_one_more),
		cmocka_unit_test(many_drivers),
	};

	return cmocka_run_group_tests_name("versions", tests, NULL, NULL);
}
