/*
 * test_heartbeat.c
 *	  Heartbeats on their way through the WAL.
 */
#include "unit.h"

#include "heartbeat.h"

static void
pass(Heartbeats *heartbeats, const char *content, PgLsn end_lsn)
{
	heartbeats_take(heartbeats, "slot", view_of(content));
	heartbeats_commit(heartbeats, end_lsn, 7);
}

static void
waits_until_its_transaction_is_confirmed(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	heartbeats_take(&heartbeats, "slot", view_of("slot 10:20:10,15"));
	assert_null(heartbeats_confirmed(&heartbeats, 1000));
	heartbeats_commit(&heartbeats, 100, 7);
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
	pass(&heartbeats, "slot 1:1:", 100);
	pass(&heartbeats, "slot 2:2:", 200);
	pass(&heartbeats, "slot 3:3:", 300);
	assert_string_equal(heartbeats_confirmed(&heartbeats, 150)->snapshot, "1:1:");
	heartbeats_drop_confirmed(&heartbeats);
	assert_null(heartbeats_confirmed(&heartbeats, 250));
	assert_string_equal(heartbeats_confirmed(&heartbeats, 300)->snapshot, "3:3:");
	heartbeats_free(&heartbeats);
}

static void
ignores_what_is_not_ours_or_no_snapshot(void **state)
{
	static const char *const contents[] = {
		"",			"slot",		  "slot ",		 "slo 1:1:",   "slott 1:1:",
		"slot 1:1", "slot 1:1:x", "slot 1:1:1:", "slot 1,1::", "slot '; DROP 1:1:"};
	Heartbeats heartbeats = {0};

	(void) state;
	for (size_t i = 0; i < LENGTH(contents); i++)
	{
		pass(&heartbeats, contents[i], 100);
		assert_null(heartbeats_confirmed(&heartbeats, 100));
	}
	heartbeats_free(&heartbeats);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_until_its_transaction_is_confirmed),
		cmocka_unit_test(keeps_the_first_and_the_last),
		cmocka_unit_test(ignores_what_is_not_ours_or_no_snapshot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
