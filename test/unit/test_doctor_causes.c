/*
 * test_doctor_causes.c
 *	  What doctor says to do about each refusal of a connection, and about standbys that are not as
 *	  they should be.
 */
#include "doctoring.h"

static const Finding *
finding_of(const ServerFacts *facts, const char *check)
{
	const Finding *finding;

	look(facts);
	finding = find(&found, check);
	if (finding == NULL)
		fail_msg("%s: nothing was said", check);
	return finding;
}

static void
fail_with(Error *error, const char *sqlstate, const char *hint)
{
	error_clear(error);
	error_permanent(error, EXIT_PERMISSION, "refused");
	snprintf(error->sqlstate, sizeof(error->sqlstate), "%s", sqlstate);
	error_hint(error, "%s", hint);
}

static void
connections(void **state)
{
	static const struct
	{
		const char *sqlstate;
		const char *hint;
		const char *advice;
	} cases[] = {
		{"28P01", "", "the right password"},
		{"28000", "", "CREATE ROLE ... LOGIN REPLICATION"},
		{"", "Mend the certificate.", "Mend the certificate."},
		{"", "", "start the server"},
		{"3D000", "", "a database that exists"},
		{"53300", "", "raise max_connections"},
		{"57P03", "The server's own hint.", "start the server"},
	};
	ServerFacts facts = good();

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const Finding *finding;

		fail_with(&facts.connection, cases[i].sqlstate, cases[i].hint);
		finding = finding_of(&facts, "connection");
		assert_int_equal(finding->severity, FINDING_ERROR);
		assert_int_equal(finding->place, REMEDY_ADVICE);
		if (strstr(finding->remedy, cases[i].advice) == NULL)
			fail_msg("%s: %s", cases[i].sqlstate, finding->remedy);
	}
}

static void
replication(void **state)
{
	static const struct
	{
		const char *sqlstate;
		RemedyPlace place;
		const char *remedy;
	} cases[] = {
		{"42501", REMEDY_SQL, "ALTER ROLE relay REPLICATION"},
		{"28000", REMEDY_SQL, "ALTER ROLE relay REPLICATION"},
		{"53300", REMEDY_RESTART, "max_wal_senders = "},
		{"XX000", REMEDY_ADVICE, "look at its log"},
	};
	ServerFacts facts = good();
	const Finding *finding;

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		fail_with(&facts.replication, cases[i].sqlstate, "");
		finding = finding_of(&facts, "replication connection");
		assert_int_equal(finding->place, cases[i].place);
		assert_non_null(strstr(finding->remedy, cases[i].remedy));
	}
	error_permanent(&facts.replication, EXIT_PERMISSION,
					"no pg_hba.conf entry for host \"::1\", user \"relay\", database \"app\"");
	finding = finding_of(&facts, "replication connection");
	assert_int_equal(finding->place, REMEDY_HBA);
	assert_string_equal(finding->remedy, "host \"app\" \"relay\" ::1/128 scram-sha-256");
}

/* Of a standby each setting is looked at by itself. */
static void
a_standby(void **state)
{
	ServerFacts facts = good();
	const Finding *finding;

	(void) state;
	facts.relay.server_version = 170002;
	facts.relay.in_recovery = true;
	SET(primary_slot, "s1");
	SET(sync_slots, "on");
	SET(standby_feedback, "on");
	finding = finding_of(&facts, "standby settings");
	assert_int_equal(finding->severity, FINDING_OK);
	assert_non_null(strstr(finding->found, "can't be seen"));
	facts.primary_dbname_known = true;
	finding = finding_of(&facts, "standby settings");
	assert_int_equal(finding->severity, FINDING_WARNING);
	assert_string_equal(finding->remedy, "add dbname=app to primary_conninfo");
	facts.primary_dbname = true;
	assert_int_equal(finding_of(&facts, "standby settings")->severity, FINDING_OK);
	SET(primary_slot, "");
	assert_int_equal(finding_of(&facts, "standby settings")->place, REMEDY_ADVICE);
	/* What would be wrong of a promotion is for people to read about. */
	SET(failover_problem, "no copy of the slot");
	finding = finding_of(&facts, "failover");
	assert_int_equal(finding->severity, FINDING_WARNING);
	assert_non_null(strstr(finding->remedy, "docs/operations.md"));
	facts.relay.server_version = 160000;
	look(&facts);
	assert_null(find(&found, "standby settings"));
}

/* A slot that isn't there was said already. */
static void
a_slot_that_is_gone(void **state)
{
	ServerFacts facts = good();

	(void) state;
	facts.relay.server_version = 170002;
	SET(failover_problem, "the slot is not a failover slot");
	facts.relay.slot_found = false;
	look(&facts);
	assert_null(find(&found, "failover"));
	facts.relay.slot_found = true;
	facts.relay.slot_lost = true;
	look(&facts);
	assert_null(find(&found, "failover"));
}

static void
events(void **state)
{
	ServerFacts facts = good();
	const Finding *finding;

	(void) state;
	for (int messages = 0; messages < 2; messages++)
	{
		for (int superuser = 0; superuser < 2; superuser++)
		{
			bool said = false;

			facts.messages_public = true;
			facts.relay.wal_messages = messages == 1;
			facts.superuser = superuser == 1;
			look(&facts);
			for (int i = 0; i < found.count; i++)
			{
				finding = &found.all[i];
				if (strstr(finding->found, messages ? "can forge one" : "almost 1 GB") == NULL)
					continue;
				said = true;
				assert_int_equal(finding->severity, FINDING_WARNING);
				assert_non_null(strstr(finding->remedy, "init --revoke-messages"));
				assert_true((strstr(finding->remedy, "superuser") == NULL) == (superuser == 1));
			}
			assert_true(said);
		}
	}
}

static void
versions_and_rows(void **state)
{
	ServerFacts facts = good();

	(void) state;
	SET(extension_available, "");
	assert_int_equal(finding_of(&facts, "extension")->severity, FINDING_OK);
	facts.relay.backfill = true;
	assert_non_null(strstr(finding_of(&facts, "registration")->found, "rows from before the slot"));
}

/* Each size in the unit that makes it shortest. */
static void
sizes(void **state)
{
	static const struct
	{
		int64_t bytes;
		const char *text;
	} cases[] = {{100, "now 100 bytes"},
				 {10240, "now 10 kB"},
				 {INT64_C(10240) * 1024, "now 10 MB"},
				 {INT64_C(10240) * 1024 * 1024, "now 10 GB"},
				 {INT64_C(10240) * 1024 * 1024 * 1024, "now 10 TB"},
				 {INT64_C(102400) * 1024 * 1024 * 1024 * 1024, "now 102400 TB"}};
	ServerFacts facts = good();

	(void) state;
	facts.slot_keep_mb = -1;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bool said = false;

		facts.retained_bytes = cases[i].bytes;
		look(&facts);
		for (int n = 0; n < found.count; n++)
			said |= strstr(found.all[n].found, cases[i].text) != NULL;
		if (!said)
			fail_msg("nothing says \"%s\"", cases[i].text);
	}
	facts = good();
	facts.safe_wal_known = false;
	assert_string_equal(finding_of(&facts, "max_slot_wal_keep_size")->found, "4096 MB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(versions_and_rows),
		cmocka_unit_test(sizes),
		cmocka_unit_test(connections),
		cmocka_unit_test(replication),
		cmocka_unit_test(a_standby),
		cmocka_unit_test(a_slot_that_is_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
