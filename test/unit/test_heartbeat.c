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
	assert_true(heartbeats_take(&heartbeats, "10:20:10,15", 100, 7));
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
	assert_true(heartbeats_take(&heartbeats, "1:1:", 100, 7));
	assert_true(heartbeats_take(&heartbeats, "2:2:", 200, 7));
	assert_true(heartbeats_take(&heartbeats, "3:3:", 300, 7));
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
	assert_true(heartbeats_take(&heartbeats, "1:1:", LSN_INVALID, 7));
	assert_null(heartbeats_confirmed(&heartbeats, 1000));
	heartbeats_free(&heartbeats);
}

static void
asks_for_another_until_what_was_read_is_seen(void **state)
{
	static const struct
	{
		const char *snapshot;
		bool sees; /* transaction 15 */
	} cases[] = {
		{"10:15:", false},
		{"10:16:", true},
		{"15:16:15", false},
		{"10:20:15", false},
		{"10:20:12,15", false},
		{"10:20:15,16", false},
		{"10:20:12,16", true},
		{"10:20:5,1,150", true},
		{"16:20:", true},
		{"4294967311:4294967311:", false}, /* of the next epoch, which is as far as it can be */
	};

	(void) state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
	{
		Heartbeats heartbeats = {0};

		heartbeats_read(&heartbeats, 15);
		assert_int_equal(heartbeats_take(&heartbeats, cases[i].snapshot, 100, 7), cases[i].sees);
		assert_true(heartbeats_take(&heartbeats, "21:21:", 101, 7));
		heartbeats_free(&heartbeats);
	}
}

static void
sees_across_an_epoch(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	heartbeats_read(&heartbeats, UINT32_MAX);
	assert_false(heartbeats_take(&heartbeats, "4294967295:4294967299:4294967295", 100, 7));
	assert_true(heartbeats_take(&heartbeats, "4294967298:4294967299:", 101, 7));
	heartbeats_read(&heartbeats, 3);
	assert_false(heartbeats_take(&heartbeats, "4294967298:4294967299:", 102, 7));
	assert_true(heartbeats_take(&heartbeats, "4294967300:4294967300:", 103, 7));
	heartbeats_free(&heartbeats);
}

static void
looks_for_the_last_that_were_read_in_every_session(void **state)
{
	Heartbeats heartbeats = {0};

	(void) state;
	for (uint32_t xid = 100; xid < 100 + 2 * HEARTBEAT_XIDS; xid++)
		heartbeats_read(&heartbeats, xid);
	heartbeats_free(&heartbeats);
	/* 163 was read too long ago, 164 wasn't. */
	assert_false(heartbeats_take(&heartbeats, "163:300:163,164", 100, 7));
	assert_true(heartbeats_take(&heartbeats, "163:300:163", 101, 7));
	/* What was seen isn't looked for again. */
	assert_true(heartbeats_take(&heartbeats, "3:4:3", 102, 7));
	heartbeats_free(&heartbeats);
}

/* What is no snapshot sees nothing, and is asked for again. */
static void
snapshots_that_are_none(void **state)
{
	static const char *const snapshots[] = {"", "x", "10", "10:", "10:x"};

	(void) state;
	for (size_t i = 0; i < LENGTH(snapshots); i++)
	{
		Heartbeats heartbeats = {0};

		heartbeats_read(&heartbeats, 15);
		assert_false(heartbeats_take(&heartbeats, snapshots[i], 100, 1));
		heartbeats_free(&heartbeats);
	}
	for (int listed = 0; listed < 2; listed++)
	{
		Heartbeats heartbeats = {0};

		heartbeats_read(&heartbeats, 15);
		assert_true(heartbeats_take(&heartbeats, listed ? "10:20:12,15" : "10:20:12,", 100, 1) ==
					(listed == 0));
		heartbeats_free(&heartbeats);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(snapshots_that_are_none),
		cmocka_unit_test(waits_until_its_lsn_is_confirmed),
		cmocka_unit_test(keeps_the_first_and_the_last),
		cmocka_unit_test(refuses_one_without_an_lsn),
		cmocka_unit_test(asks_for_another_until_what_was_read_is_seen),
		cmocka_unit_test(sees_across_an_epoch),
		cmocka_unit_test(looks_for_the_last_that_were_read_in_every_session),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
