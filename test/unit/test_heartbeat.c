/*
 * test_heartbeat.c
 *	  Heartbeats on their way through the WAL.
 */
#include "unit.h"

#include "heartbeat.h"

static void
waits_until_its_lsn_is_confirmed(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	assert_null(heartbeats_confirmed(&heartbeats, 1000));
	heartbeats_take(&heartbeats, "10:20:10,15", 100, 7);
	assert_null(heartbeats_confirmed(&heartbeats, 99));
	assert_string_equal(heartbeats_confirmed(&heartbeats, 100)->snapshot, "10:20:10,15");
	assert_int_equal(heartbeats_confirmed(&heartbeats, 100)->at, 7);
	heartbeats_drop_confirmed(&heartbeats);
	assert_null(heartbeats_confirmed(&heartbeats, 1000));
	heartbeats_free(&heartbeats);
}

static void
keeps_the_first_and_the_last(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	heartbeats_take(&heartbeats, "1:1:", 100, 7);
	heartbeats_take(&heartbeats, "2:2:", 200, 7);
	heartbeats_take(&heartbeats, "3:3:", 300, 7);
	assert_string_equal(heartbeats_confirmed(&heartbeats, 150)->snapshot, "1:1:");
	heartbeats_drop_confirmed(&heartbeats);
	assert_null(heartbeats_confirmed(&heartbeats, 250));
	assert_string_equal(heartbeats_confirmed(&heartbeats, 300)->snapshot, "3:3:");
	heartbeats_free(&heartbeats);
}

static void
refuses_one_without_an_lsn(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	heartbeats_take(&heartbeats, "1:1:", LSN_INVALID, 7);
	assert_null(heartbeats_confirmed(&heartbeats, 1000));
	heartbeats_free(&heartbeats);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_until_its_lsn_is_confirmed),
		cmocka_unit_test(keeps_the_first_and_the_last),
		cmocka_unit_test(refuses_one_without_an_lsn),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
