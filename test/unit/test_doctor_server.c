/*
 * test_doctor_server.c
 *	  What doctor says about PostgreSQL: each finding from its facts, with its line.
 */
#include "unit.h"

#include "doctor_intern.h"
#include "exit_codes.h"

static const DoctorSetup setup = {.slot = "slot", .publication = "pub", .kafka_servers = "k:9092"};

static ServerFacts
good(void)
{
	return (ServerFacts){
		.version = "15.20",
		.database = "app",
		.role = "relay",
		.slots = 1,
		.slots_max = 10,
		.senders = 1,
		.senders_max = 10,
		.plugins = "pgoutput, test_decoding",
		.plugins_listed = true,
		.extension_version = "0.2.0",
		.extension_available = "0.2.0",
		.schema_found = true,
		.max_event_bytes = 921600,
		.relay = {.server_version = 150020,
				  .wal_level = "logical",
				  .wal_sender_timeout_ms = 60000,
				  .extension_found = true,
				  .publication_found = true,
				  .slot_found = true,
				  .slot_here = true,
				  .slot_confirmed = 400,
				  .registered = true,
				  .generation = 2,
				  .source_id = "src",
				  .system_identifier = "77",
				  .timeline = 3,
				  .start_lsn = 100,
				  .mark_lsn = 500},
		.system_identifier = "77",
		.timeline = 3,
		.flushed = 1000,
		.application_name = "outbox-relay",
		.wal_status = "reserved",
		.slot_keep_mb = 4096,
		.max_wal_mb = 1024,
		.safe_wal_known = true,
		.safe_wal_size = INT64_C(4096) * 1024 * 1024,
	};
}

/* What was found, by the name of its check. */
typedef struct Found
{
	int count;
	int ok;
	Finding all[40];
} Found;

static void
take(const Finding *finding, void *arg)
{
	Found *found = arg;

	assert_true(found->count < (int) LENGTH(found->all));
	assert_true(finding->found[0] != '\0');
	/* Whatever isn't fine has something to do, and whatever is fine has nothing. */
	if ((finding->severity == FINDING_OK) != (finding->place == REMEDY_NONE))
		fail_msg("%s: %s", finding->check, finding->found);
	found->ok += finding->severity == FINDING_OK ? 1 : 0;
	found->all[found->count++] = *finding;
}

static const Finding *
find(const Found *found, const char *check)
{
	for (int i = 0; i < found->count; i++)
	{
		if (strcmp(found->all[i].check, check) == 0)
			return &found->all[i];
	}
	return NULL;
}

static Found found;

static void
look(const ServerFacts *facts)
{
	memset(&found, 0, sizeof(found));
	doctor_check_server(facts, &setup, take, &found);
}

/* Only this check isn't fine. */
static void
expect(const ServerFacts *facts, const char *check, FindingSeverity severity, RemedyPlace place,
	   const char *remedy)
{
	const Finding *finding;

	look(facts);
	finding = find(&found, check);
	if (finding == NULL)
		fail_msg("%s: nothing was said", check);
	assert_int_equal(finding->severity, severity);
	assert_int_equal(finding->place, place);
	if (remedy != NULL)
		assert_string_equal(finding->remedy, remedy);
	for (int i = 0; i < found.count; i++)
	{
		if (found.all[i].severity != FINDING_OK && strcmp(found.all[i].check, check) != 0)
			fail_msg("%s: also %s: %s", check, found.all[i].check, found.all[i].found);
	}
}

/* The facts change in one place, then that check says so. */
#define EXPECT(change, check, severity, place, remedy)                                             \
	do                                                                                             \
	{                                                                                              \
		ServerFacts facts = good();                                                                \
                                                                                                   \
		change;                                                                                    \
		expect(&facts, check, severity, place, remedy);                                            \
	} while (0)

#define SET(field, text) snprintf(facts.field, sizeof(facts.field), "%s", text)

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
	assert_true(doctor_hba_line("pg_hba.conf \"::1\" \"u\" \"d\"", line, sizeof(line)));
	assert_string_equal(line, "host \"d\" \"u\" ::1/128 scram-sha-256");
	assert_true(doctor_hba_line("pg_hba.conf \"[local]\" \"u\" \"d\"", line, sizeof(line)));
	assert_string_equal(line, "local \"d\" \"u\" scram-sha-256");
	assert_false(doctor_hba_line("role \"u\" does not exist", line, sizeof(line)));
	assert_false(doctor_hba_line("pg_hba.conf \"a\" \"b\" \"c", line, sizeof(line)));
	assert_false(doctor_hba_line("pg_hba.conf \"[local]\" \"u\" \"d\"", line, 10));
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
	EXPECT(error_transient(&facts.relay_error, "time-out"), "tables", FINDING_ERROR, REMEDY_ADVICE,
		   NULL);
	EXPECT(error_transient(&facts.server, "time-out"), "catalogs", FINDING_ERROR, REMEDY_ADVICE,
		   NULL);
	EXPECT(facts.relay.publication_found = false, "publication", FINDING_ERROR, REMEDY_SHELL,
		   "outbox-relay init");
	EXPECT(SET(relay.publication_problem, "it has a row filter"), "publication", FINDING_ERROR,
		   REMEDY_SHELL, "outbox-relay init");
	EXPECT(facts.messages_public = true, "logical messages", FINDING_WARNING, REMEDY_SHELL,
		   "outbox-relay init --revoke-messages");
	EXPECT(
		{
			facts.max_event_bytes = EVENT_BYTES_UNKNOWN;
			SET(event_grant, "GRANT EXECUTE");
		},
		"max_event_bytes", FINDING_WARNING, REMEDY_SQL, "GRANT EXECUTE");
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

static void
runs_its_commands_with_the_same_file(void **state)
{
	static const struct
	{
		const char *file;
		const char *line;
	} rows[] = {
		{"relay.conf", "outbox-relay --config relay.conf init"},
		{"/etc/my relay.conf", "outbox-relay --config '/etc/my relay.conf' init"},
		{"it's", "outbox-relay --config 'it'\\''s' init"},
	};
	Finding finding;

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		DoctorSetup with_file = setup;

		with_file.config_file = rows[i].file;
		finding_begin(&finding, "x");
		finding_mend_by_relay(&finding, &with_file, "init");
		assert_string_equal(finding.remedy, rows[i].line);
	}
}

static void
makes_one_word_of_any_text(void **state)
{
	char out[16];

	(void) state;
	assert_true(finding_shell_word("a:1,b:2", out, sizeof(out)));
	assert_string_equal(out, "a:1,b:2");
	assert_true(finding_shell_word("a:1, b:2", out, sizeof(out)));
	assert_string_equal(out, "'a:1, b:2'");
	assert_true(finding_shell_word("$(x)", out, sizeof(out)));
	assert_string_equal(out, "'$(x)'");
	assert_true(finding_shell_word("", out, sizeof(out)));
	assert_false(finding_shell_word("a b c d e f g h i", out, sizeof(out)));
	assert_false(finding_shell_word("abcdefghijklmnop", out, sizeof(out)));
	assert_false(finding_shell_word("a b", out, 4));
}

static void
never_shows_half_a_line(void **state)
{
	char text[sizeof(((Finding *) 0)->remedy) + 1];
	Finding finding;

	(void) state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	finding_begin(&finding, "x");
	finding_mend(&finding, REMEDY_SQL, "%s", text);
	assert_int_equal(finding.place, REMEDY_ADVICE);
	finding_mend(&finding, REMEDY_SQL, "%s", text + 1);
	assert_int_equal(finding.place, REMEDY_SQL);
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
		cmocka_unit_test(knows_the_slot),
		cmocka_unit_test(knows_what_the_slot_keeps),
		cmocka_unit_test(knows_what_a_promotion_would_do),
		cmocka_unit_test(knows_a_standby),
		cmocka_unit_test(knows_when_commits_wait_for_kafka),
		cmocka_unit_test(runs_its_commands_with_the_same_file),
		cmocka_unit_test(makes_one_word_of_any_text),
		cmocka_unit_test(never_shows_half_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
