/*
 * test_doctor_server.c
 *	  What doctor says about PostgreSQL: each finding from its facts, with its line.
 *	  What it says about slot and standbys: test_doctor_slot.c.
 */
#include "doctoring.h"

#include "pg_refusal.h"

static void
is_content_with_what_is_as_it_must_be(void **state)
{
	ServerFacts facts = good();

	(void) state;
	look(&facts);
	for (int i = 0; i < found.count; i++)
	{
		if (found.all[i].severity != FINDING_OK)
			fail_msg("%s: %s", found.all[i].check, found.all[i].found);
	}
	assert_non_null(find(&found, "slot"));
	assert_non_null(find(&found, "clock"));
	assert_null(find(&found, "catalogs"));
	assert_null(find(&found, "standby settings"));
}

static void
says_why_there_is_no_connection(void **state)
{
	static const char no_entry[] =
		"could not connect to PostgreSQL: FATAL:  28000: no pg_hba.conf entry for host "
		"\"10.0.0.7\", user \"relay\", database \"app\", no encryption";
	char line[256];

	(void) state;
	EXPECT(
		{
			error_permanent(&facts.connection, EXIT_PERMISSION, "%s", no_entry);
			SET(connection.sqlstate, "28000");
		},
		"connection", FINDING_ERROR, REMEDY_HBA,
		"host \"app\" \"relay\" 10.0.0.7/32 scram-sha-256");
	assert_int_equal(found.count, 1); /* the rest is unknown */
	EXPECT(
		{
			error_permanent(&facts.connection, EXIT_PERMISSION, "password");
			SET(connection.sqlstate, "28P01");
		},
		"connection", FINDING_ERROR, REMEDY_ADVICE, NULL);
	EXPECT(error_transient(&facts.connection, "refused"), "connection", FINDING_ERROR,
		   REMEDY_ADVICE, NULL);
	assert_true(pg_refusal_hba_line("pg_hba.conf \"::1\" \"u\" \"d\"", line, sizeof(line)));
	assert_string_equal(line, "host \"d\" \"u\" ::1/128 scram-sha-256");
	assert_true(pg_refusal_hba_line("pg_hba.conf \"[local]\" \"u\" \"d\"", line, sizeof(line)));
	assert_string_equal(line, "local \"d\" \"u\" scram-sha-256");
	assert_false(pg_refusal_hba_line("role \"u\" does not exist", line, sizeof(line)));
	assert_false(pg_refusal_hba_line("pg_hba.conf \"a\" \"b\" \"c", line, sizeof(line)));
	assert_false(pg_refusal_hba_line("pg_hba.conf \"[local]\" \"u\" \"d\"", line, 10));
}

static void
says_why_there_is_no_replication(void **state)
{
	(void) state;
	EXPECT(
		{
			error_permanent(&facts.replication, EXIT_PERMISSION, "role");
			SET(replication.sqlstate, "42501");
		},
		"replication connection", FINDING_ERROR, REMEDY_SQL, "ALTER ROLE relay REPLICATION");
	assert_null(find(&found, "identity"));
	assert_null(find(&found, "synchronous_standby_names"));
	EXPECT(
		{
			error_transient(&facts.replication, "too many");
			SET(replication.sqlstate, "53300");
		},
		"replication connection", FINDING_ERROR, REMEDY_RESTART, "max_wal_senders = 15");
}

static void
knows_the_server(void **state)
{
	(void) state;
	EXPECT(facts.relay.server_version = 140020, "server version", FINDING_ERROR, REMEDY_ADVICE,
		   NULL);
	EXPECT(SET(relay.wal_level, "replica"), "wal_level", FINDING_ERROR, REMEDY_RESTART,
		   "wal_level = logical");
	EXPECT(
		{
			facts.relay.server_version = 190000;
			SET(relay.wal_level, "minimal");
		},
		"wal_level", FINDING_ERROR, REMEDY_RESTART, "wal_level = replica");
	EXPECT(SET(plugins, "test_decoding"), "output plugin", FINDING_ERROR, REMEDY_RELOAD,
		   "output_plugin_libraries = 'test_decoding, pgoutput'");
	EXPECT(SET(plugins, ""), "output plugin", FINDING_ERROR, REMEDY_RELOAD,
		   "output_plugin_libraries = 'pgoutput'");
	EXPECT(SET(plugins, "pgoutput2, \"wal2json\""), "output plugin", FINDING_ERROR, REMEDY_RELOAD,
		   "output_plugin_libraries = 'pgoutput2, \"wal2json\", pgoutput'");
	EXPECT(facts.senders = 10, "max_wal_senders", FINDING_ERROR, REMEDY_RESTART,
		   "max_wal_senders = 15");
	EXPECT(facts.senders = 9, "max_wal_senders", FINDING_WARNING, REMEDY_RESTART,
		   "max_wal_senders = 15");
	EXPECT(facts.relay.wal_sender_timeout_ms = 0, "wal_sender_timeout", FINDING_WARNING,
		   REMEDY_RELOAD, "wal_sender_timeout = 60s");
	EXPECT(facts.relay.wal_sender_timeout_ms = 1000, "wal_sender_timeout", FINDING_WARNING,
		   REMEDY_RELOAD, "wal_sender_timeout = 60s");
	EXPECT(facts.clock_ahead_usec = -5 * USEC_PER_SEC, "clock", FINDING_WARNING, REMEDY_SHELL,
		   "chronyc makestep");
}

static void
is_content_with_what_only_looks_bad(void **state)
{
	ServerFacts facts = good();

	(void) state;
	facts.relay.server_version = 190000;
	SET(relay.wal_level, "replica");
	facts.plugins_listed = false;
	SET(plugins, "");
	facts.slots = facts.slots_max; /* ours is one of them */
	facts.senders = 9;
	facts.relay.slot_pid = 4711; /* and one is the relay's */
	facts.clock_ahead_usec = 5 * USEC_PER_SEC;
	facts.clock_error_usec = 4 * USEC_PER_SEC; /* the answer took its time */
	SET(extension_version, "");
	SET(synchronous_standby_names, "s1");
	facts.routing_recorded = false; /* no relay has run yet */
	look(&facts);
	assert_int_equal(found.ok, found.count);
}

static void
offers_the_extension(void **state)
{
	ServerFacts facts = good();

	(void) state;
	SET(extension_version, "");
	facts.schema_found = facts.relay.extension_found = false;
	expect(&facts, "extension", FINDING_ERROR, REMEDY_SQL, "CREATE EXTENSION pg_outbox");
	assert_null(find(&found, "publication"));
	SET(extension_available, "");
	expect(&facts, "extension", FINDING_ERROR, REMEDY_ADVICE, NULL);
}

static void
knows_the_database(void **state)
{
	(void) state;
	EXPECT(SET(extension_version, "0.1.0"), "extension", FINDING_WARNING, REMEDY_SQL,
		   "ALTER EXTENSION pg_outbox UPDATE");
	EXPECT(
		{
			SET(missing_grants, "GRANT USAGE ON SCHEMA outbox TO relay");
			error_permanent(&facts.relay_error, EXIT_PERMISSION, "denied");
		},
		"privileges", FINDING_ERROR, REMEDY_SQL, "GRANT USAGE ON SCHEMA outbox TO relay");
	EXPECT(SET(status_grants, "GRANT SELECT ON outbox.status TO relay"), "status privileges",
		   FINDING_WARNING, REMEDY_SQL, "GRANT SELECT ON outbox.status TO relay");
	EXPECT(error_transient(&facts.relay_error, "time-out"), "tables", FINDING_ERROR, REMEDY_ADVICE,
		   NULL);
	EXPECT(error_transient(&facts.server, "time-out"), "catalogs", FINDING_ERROR, REMEDY_ADVICE,
		   NULL);
	EXPECT(facts.relay.publication_found = false, "publication", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init # as a superuser or the owner of outbox.event: add "
		   "--postgres-conninfo");
	EXPECT(
		{
			facts.superuser = true;
			facts.relay.publication_found = false;
		},
		"publication", FINDING_ERROR, REMEDY_SHELL, "outbox-relay init");
	EXPECT(SET(relay.publication_problem, "it has a row filter"), "publication", FINDING_ERROR,
		   REMEDY_SHELL,
		   "outbox-relay init # as a superuser or the owner of outbox.event: add "
		   "--postgres-conninfo");
	EXPECT(facts.messages_public = true, "logical messages", FINDING_WARNING, REMEDY_SHELL,
		   "outbox-relay init --revoke-messages # as a superuser: add --postgres-conninfo");
	EXPECT(
		{
			facts.max_event_bytes = EVENT_BYTES_UNKNOWN;
			SET(event_grant, "GRANT EXECUTE");
		},
		"max_event_bytes", FINDING_WARNING, REMEDY_SQL, "GRANT EXECUTE");
	EXPECT(facts.relay.routing_kept = false, "routing settings", FINDING_WARNING, REMEDY_SQL,
		   "ALTER EXTENSION pg_outbox UPDATE");
	EXPECT(error_permanent(&facts.routing, EXIT_ROUTING, "they differ"), "routing settings",
		   FINDING_ERROR, REMEDY_SHELL, "outbox-relay repartition");
	EXPECT(facts.relay.gap_open = true, "gap", FINDING_WARNING, REMEDY_SHELL,
		   "outbox-relay replay --gap");
}

static void
knows_where_dead_letters_go(void **state)
{
	DoctorSetup buries = setup;
	ServerFacts facts = good();
	Finding finding;

	(void) state;
	buries.dead_letters = true;
	finding_begin(&finding, "dead letters");
	doctor_check_dead_letters(&facts, &setup, &finding);
	assert_int_equal(finding.severity, FINDING_OK);
	doctor_check_dead_letters(&facts, &buries, &finding);
	assert_int_equal(finding.severity, FINDING_ERROR);
	assert_string_equal(finding.remedy, "ALTER EXTENSION pg_outbox UPDATE");
	facts.relay.dead_letters_found = facts.relay.dead_letters_readable = true;
	doctor_check_dead_letters(&facts, &buries, &finding);
	assert_int_equal(finding.severity, FINDING_ERROR);
	assert_int_equal(finding.place, REMEDY_SQL);
	assert_string_equal(finding.remedy, "GRANT SELECT, INSERT ON outbox.dead_letter TO relay");
	facts.relay.dead_letters_writable = true;
	finding_begin(&finding, "dead letters");
	doctor_check_dead_letters(&facts, &buries, &finding);
	assert_int_equal(finding.severity, FINDING_OK);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(is_content_with_what_is_as_it_must_be),
		cmocka_unit_test(says_why_there_is_no_connection),
		cmocka_unit_test(says_why_there_is_no_replication),
		cmocka_unit_test(knows_the_server),
		cmocka_unit_test(is_content_with_what_only_looks_bad),
		cmocka_unit_test(offers_the_extension),
		cmocka_unit_test(knows_the_database),
		cmocka_unit_test(knows_where_dead_letters_go),
	};

	return cmocka_run_group_tests_name("doctor_server", tests, NULL, NULL);
}
