/*
 * test_relay_check.c
 *	  Each rule that keeps a relay from streaming over a gap.
 */
#include "unit.h"

#include "exit_codes.h"
#include "relay_facts.h"

static void
expect(const RelayFacts *facts, ErrorClass error_class, int exit_code)
{
	Error error;

	error_clear(&error);
	assert_int_equal(relay_check_facts(facts, "slot", "pub", &error),
					 error_class == ERROR_CLASS_NONE);
	assert_int_equal(error.error_class, error_class);
	if (error_class == ERROR_CLASS_PERMANENT)
		assert_int_equal(error.exit_code, exit_code);
}

static void
takes_what_is_as_it_must_be(void **state)
{
	RelayFacts facts = sound_relay_facts();

	(void) state;
	expect(&facts, ERROR_CLASS_NONE, 0);
	facts.slot_confirmed = facts.mark_lsn;
	expect(&facts, ERROR_CLASS_NONE, 0);
	facts.backfill = true;
	facts.slot_pid = 4711; /* in use: the conductor stands by */
	expect(&facts, ERROR_CLASS_NONE, 0);
}

static void
knows_which_wal_level_a_version_needs(void **state)
{
	static const struct
	{
		int version;
		const char *wal_level;
		bool fine;
	} rows[] = {
		{150020, "logical", true},	{150020, "replica", false}, {180006, "replica", false},
		{190000, "replica", true},	{190000, "logical", true},	{190000, "minimal", false},
		{180006, "minimal", false},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		RelayFacts facts = sound_relay_facts();
		Error error;

		facts.server_version = rows[i].version;
		snprintf(facts.wal_level, sizeof(facts.wal_level), "%s", rows[i].wal_level);
		error_clear(&error);
		assert_int_equal(relay_check_server(&facts, &error), rows[i].fine);
		assert_int_equal(error.exit_code, rows[i].fine ? 0 : EXIT_SERVER);
		if (!rows[i].fine)
			assert_non_null(strstr(error.hint, rows[i].version >= 190000 ? "replica" : "logical"));
	}
}

static void
has_an_exit_code_for_each_fault(void **state)
{
	RelayFacts facts;

	(void) state;
	facts = sound_relay_facts();
	facts.server_version = 140099;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_SERVER);
	facts = sound_relay_facts();
	facts.in_recovery = true;
	expect(&facts, ERROR_CLASS_TRANSIENT, 0);
	facts = sound_relay_facts();
	snprintf(facts.wal_level, sizeof(facts.wal_level), "replica");
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_SERVER);
	facts = sound_relay_facts();
	facts.extension_found = false;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED);
	facts = sound_relay_facts();
	facts.registered = false;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED);
	facts = sound_relay_facts();
	facts.creating = true;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED);
	facts = sound_relay_facts();
	facts.publication_found = false;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_PUBLICATION);
	facts = sound_relay_facts();
	snprintf(facts.publication_problem, sizeof(facts.publication_problem), "it is empty");
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_PUBLICATION);
	facts = sound_relay_facts();
	facts.slot_found = false;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
	facts = sound_relay_facts();
	facts.slot_here = false;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
	facts = sound_relay_facts();
	facts.slot_lost = true;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
	facts = sound_relay_facts();
	facts.slot_confirmed = facts.mark_lsn + 1;
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
}

/* What a promotion leaves of a mark whose commit the standby didn't get any more. */
static void
follows_a_promotion(void **state)
{
	RelayFacts facts = sound_relay_facts();

	(void) state;
	assert_int_equal(relay_settled(&facts), 500);
	facts.slot_confirmed = 600;
	assert_int_equal(relay_settled(&facts), 500);
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
	facts.slot_synced = true; /* means nothing on a server that was not promoted since */
	facts.server_timeline = 3;
	assert_int_equal(relay_settled(&facts), 500);
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
	facts.server_timeline = 4;
	assert_int_equal(relay_settled(&facts), 600);
	expect(&facts, ERROR_CLASS_NONE, 0);
	facts.slot_confirmed = 400;
	assert_int_equal(relay_settled(&facts), 500);
	facts.slot_confirmed = 600;
	facts.slot_synced = false; /* somebody made it there */
	expect(&facts, ERROR_CLASS_PERMANENT, EXIT_GAP);
}

static void
wants_both_connections_on_one_server(void **state)
{
	RelayFacts facts = sound_relay_facts();
	Error error;

	(void) state;
	snprintf(facts.started, sizeof(facts.started), "1795271000.123456");
	error_clear(&error);
	assert_true(relay_check_same_server(&facts, "1795271000.123456", &error));
	assert_false(relay_check_same_server(&facts, "1795271000.123457", &error));
	assert_int_equal(error.error_class, ERROR_CLASS_TRANSIENT);
}

static void
expect_identity(const RelayMemory *memory, const char *system, uint32_t timeline, PgLsn flushed,
				bool fine)
{
	RelayFacts facts = sound_relay_facts();
	Error error;

	error_clear(&error);
	assert_int_equal(relay_check_identity(&facts, memory, system, timeline, flushed, &error), fine);
	if (!fine)
		assert_int_equal(error.exit_code, EXIT_GAP);
}

static void
knows_its_server(void **state)
{
	RelayMemory none = {0};
	RelayMemory memory = {true, 2, 3, 500, 600};
	RelayMemory other = {true, 1, 3, 500, 600};
	RelayMemory later = {true, 2, 3, 501, 600};
	RelayMemory newer = {true, 2, 4, 500, 600};

	(void) state;
	expect_identity(&none, "77", 3, 1000, true);
	expect_identity(&none, "78", 3, 1000, false);
	expect_identity(&none, "77", 2, 1000, false);
	expect_identity(&newer, "77", 3, 1000, false); /* the former primary again */
	expect_identity(&none, "77", 4, 1000, true);
	expect_identity(&memory, "77", 3, 600, true);
	expect_identity(&memory, "77", 3, 599, false); /* Kafka has more than the server */
	expect_identity(&memory, "77", 4, 599, true);  /* a promotion: its mark counts */
	expect_identity(&other, "77", 3, 1000, false); /* registered anew */
	expect_identity(&later, "77", 3, 1000, false); /* the mark went back */
}

static void
expect_tail(uint32_t generation, uint32_t timeline, PgLsn lsn, bool fine)
{
	Position tail = {generation, timeline, lsn, 0};
	Error error;

	error_clear(&error);
	assert_int_equal(relay_check_tail(&tail, "t", 0, 2, 3, 1000, &error), fine);
	if (!fine)
		assert_int_equal(error.exit_code, EXIT_GAP);
}

static void
refuses_a_kafka_that_is_ahead(void **state)
{
	(void) state;
	expect_tail(2, 3, 999, true);
	expect_tail(2, 3, 1000, false);
	expect_tail(2, 2, 5000, true); /* of an older epoch */
	expect_tail(1, 9, 5000, true);
	expect_tail(2, 4, 10, false);
	expect_tail(3, 1, 10, false);
}

static void
expect_letter(const char *position, bool fine)
{
	RelayFacts facts = {.generation = 2, .timeline = 3};
	RelayMemory memory = {0};
	Error error;

	error_clear(&error);
	snprintf(facts.system_identifier, sizeof(facts.system_identifier), "1");
	snprintf(facts.last_dead_letter, sizeof(facts.last_dead_letter), "%s", position);
	assert_int_equal(relay_check_identity(&facts, &memory, "1", 3, 0x1000, &error), fine);
	assert_int_equal(error.exit_code, fine ? 0 : EXIT_GAP);
}

static void
refuses_a_dead_letter_that_is_ahead(void **state)
{
	(void) state;
	expect_letter("", true);
	expect_letter("shop/2.3/0/FFF/0", true);
	expect_letter("shop/2.3/0/1000/0", false);
	expect_letter("shop/2.1/0/2000/7", false);
	expect_letter("shop/1.3/0/2000/0", true); /* the stream has another generation */
}

static void
keeps_recorded_partition_counts(void **state)
{
	Error error;
	bool grew;

	(void) state;
	error_clear(&error);
	assert_true(relay_check_topic("t", 3, 3, &grew, &error));
	assert_false(grew);
	assert_true(relay_check_topic("t", 3, 4, &grew, &error));
	assert_true(grew);
	assert_false(relay_check_topic("t", 3, 2, &grew, &error));
	assert_int_equal(error.exit_code, EXIT_ROUTING);
	assert_false(relay_check_topic("t", 3, 0, &grew, &error));
	assert_int_equal(error.exit_code, EXIT_ROUTING);
}

static void
wants_a_table_for_dead_letters(void **state)
{
	RelayFacts facts = sound_relay_facts();
	Error error;

	(void) state;
	error_clear(&error);
	assert_false(relay_check_dead_letters(&facts, &error));
	assert_int_equal(error.exit_code, EXIT_NOT_INITIALIZED);
	facts.dead_letters_found = true;
	assert_false(relay_check_dead_letters(&facts, &error));
	assert_int_equal(error.exit_code, EXIT_PERMISSION);
	assert_non_null(strstr(error.message, "read"));
	facts.dead_letters_readable = true;
	assert_false(relay_check_dead_letters(&facts, &error));
	assert_int_equal(error.exit_code, EXIT_PERMISSION);
	assert_non_null(strstr(error.message, "written"));
	facts.dead_letters_writable = true;
	assert_true(relay_check_dead_letters(&facts, &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_is_as_it_must_be),
		cmocka_unit_test(knows_which_wal_level_a_version_needs),
		cmocka_unit_test(has_an_exit_code_for_each_fault),
		cmocka_unit_test(follows_a_promotion),
		cmocka_unit_test(wants_both_connections_on_one_server),
		cmocka_unit_test(knows_its_server),
		cmocka_unit_test(refuses_a_kafka_that_is_ahead),
		cmocka_unit_test(refuses_a_dead_letter_that_is_ahead),
		cmocka_unit_test(keeps_recorded_partition_counts),
		cmocka_unit_test(wants_a_table_for_dead_letters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
