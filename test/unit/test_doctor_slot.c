/*
 * test_doctor_slot.c
 *	  What doctor says about registration, slot, retained WAL, and what standbys make of it.
 */
#include "doctoring.h"

static void
knows_the_slot(void **state)
{
	(void) state;
	EXPECT(
		{
			facts.relay.registered = facts.relay.slot_found = false;
			facts.slots = 9;
		},
		"registration", FINDING_ERROR, REMEDY_SHELL, "outbox-relay init");
	EXPECT(facts.relay.registered = false, "registration", FINDING_ERROR, REMEDY_ADVICE, NULL);
	{
		ServerFacts facts = good();

		/* Another database's: nobody is told to drop it. */
		facts.relay.registered = facts.relay.slot_here = false;
		look(&facts);
		assert_null(strstr(find(&found, "registration")->remedy, "drop"));
		assert_non_null(strstr(find(&found, "registration")->remedy, "postgres.slot"));
		assert_null(strstr(find(&found, "max_replication_slots")->found, "ours"));
	}
	EXPECT(facts.relay.creating = true, "registration", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init");
	EXPECT(facts.relay.slot_found = false, "slot", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(facts.relay.slot_here = false, "slot", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(facts.relay.slot_lost = true, "slot", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(facts.relay.slot_confirmed = 501, "slot", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(SET(system_identifier, "78"), "identity", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(facts.timeline = 2, "identity", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init --accept-gap");
	EXPECT(facts.slot_two_phase = true, "two-phase", FINDING_ERROR, REMEDY_SQL,
		   "SELECT pg_drop_replication_slot('slot')");
	EXPECT(
		{
			facts.slot_two_phase = true;
			facts.relay.server_version = 180006;
		},
		"two-phase", FINDING_ERROR, REMEDY_REPLICATION,
		"ALTER_REPLICATION_SLOT slot (TWO_PHASE false)");
	{
		ServerFacts facts = good();

		/* All slots are taken and ours is gone: two things to mend. */
		facts.relay.slot_found = false;
		facts.slots = 10;
		look(&facts);
		assert_string_equal(find(&found, "max_replication_slots")->remedy,
							"max_replication_slots = 15");
		assert_int_equal(find(&found, "slot")->severity, FINDING_ERROR);
	}
}

static void
knows_what_the_slot_keeps(void **state)
{
	const int64_t mb = 1024 * 1024;

	(void) state;
	EXPECT(facts.slot_keep_mb = -1, "max_slot_wal_keep_size", FINDING_WARNING, REMEDY_RELOAD,
		   "max_slot_wal_keep_size = 10240MB");
	EXPECT(
		{
			facts.slot_keep_mb = -1;
			facts.max_wal_mb = 10000;
		},
		"max_slot_wal_keep_size", FINDING_WARNING, REMEDY_RELOAD,
		"max_slot_wal_keep_size = 40000MB");
	EXPECT(
		{
			facts.retained_bytes = 3100 * mb;
			facts.safe_wal_size = 1024 * mb;
		},
		"max_slot_wal_keep_size", FINDING_WARNING, REMEDY_RELOAD,
		"max_slot_wal_keep_size = 14392MB");
	EXPECT(
		{
			facts.slot_keep_mb = 64;
			facts.retained_bytes = 70 * mb;
			facts.safe_wal_size = -6 * mb;
		},
		"max_slot_wal_keep_size", FINDING_ERROR, REMEDY_RELOAD, "max_slot_wal_keep_size = 1024MB");
}

/* A primary of version 17 with a standby, as it should be. */
static ServerFacts
with_standby(void)
{
	ServerFacts facts = good();

	facts.relay.server_version = 170011;
	facts.slot_failover = true;
	SET(physical_slots, "s1, s2");
	SET(standby_slots, "s1");
	return facts;
}

static void
knows_what_a_promotion_would_do(void **state)
{
	ServerFacts facts = with_standby();

	(void) state;
	look(&facts);
	assert_int_equal(found.ok, found.count);
	SET(failover_problem, "the standby is away");
	expect(&facts, "failover", FINDING_ERROR, REMEDY_ADVICE, NULL);
	SET(standby_slots, " ");
	expect(&facts, "failover", FINDING_WARNING, REMEDY_RELOAD,
		   "synchronized_standby_slots = 's1, s2'");
	facts.slot_failover = false;
	expect(&facts, "failover", FINDING_WARNING, REMEDY_REPLICATION,
		   "ALTER_REPLICATION_SLOT slot (FAILOVER true)");
	facts.slot_failover = true;
	SET(physical_slots, "");
	look(&facts);
	assert_int_equal(found.ok, found.count); /* nobody to copy it */
	SET(failover_grant, "GRANT EXECUTE");
	expect(&facts, "failover", FINDING_WARNING, REMEDY_SQL, "GRANT EXECUTE");
	facts = good();
	SET(failover_problem, "no copies before 17");
	look(&facts);
	assert_int_equal(found.ok, found.count);
}

static void
knows_a_standby(void **state)
{
	ServerFacts facts = with_standby();
	const Finding *finding;

	(void) state;
	facts.relay.in_recovery = true;
	facts.relay.slot_found = false; /* a copy may come later */
	SET(sync_slots, "off");
	SET(standby_feedback, "off");
	for (int step = 0; step < 5; step++)
	{
		look(&facts);
		assert_int_equal(find(&found, "server role")->severity, FINDING_WARNING);
		assert_null(find(&found, "slot"));
		finding = find(&found, "standby settings");
		assert_int_equal(finding->severity, step == 4 ? FINDING_OK : FINDING_WARNING);
		switch (step)
		{
			case 0:
				assert_string_equal(finding->remedy, "sync_replication_slots = on");
				SET(sync_slots, "on");
				break;
			case 1:
				assert_string_equal(finding->remedy, "hot_standby_feedback = on");
				SET(standby_feedback, "on");
				break;
			case 2:
				assert_int_equal(finding->place, REMEDY_ADVICE);
				SET(primary_slot, "s1");
				facts.primary_dbname_known = true;
				break;
			case 3:
				assert_string_equal(finding->remedy, "add dbname=app to primary_conninfo");
				facts.primary_dbname = true;
				break;
			default:
				break;
		}
	}
}

static void
knows_when_commits_wait_for_kafka(void **state)
{
	(void) state;
	EXPECT(
		{
			SET(synchronous_standby_names, "*");
			SET(standbys, "\"s1\"");
		},
		"synchronous_standby_names", FINDING_ERROR, REMEDY_RELOAD,
		"synchronous_standby_names = 'FIRST 1 (\"s1\")'");
	EXPECT(SET(synchronous_standby_names, "\"outbox-relay\""), "synchronous_standby_names",
		   FINDING_ERROR, REMEDY_RELOAD, "synchronous_standby_names = ''");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_the_slot),
		cmocka_unit_test(knows_what_the_slot_keeps),
		cmocka_unit_test(knows_what_a_promotion_would_do),
		cmocka_unit_test(knows_a_standby),
		cmocka_unit_test(knows_when_commits_wait_for_kafka),
	};

	return cmocka_run_group_tests_name("doctor_slot", tests, NULL, NULL);
}
