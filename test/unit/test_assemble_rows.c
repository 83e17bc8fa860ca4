/*
 * test_assemble_rows.c
 *	  What outbox.event and its rows may look like.
 */
#include "assembling.h"

static void
columns_are_found_by_name(void **state)
{
	static const ColumnSpec moved[] = {{"note", 12345},			{"type", 1043},
									   {"payload", 3802},		{"id", 2950},
									   {"aggregatetype", 1043}, {"aggregateid", 25}};
	static const ValueSpec row[] = {BINARY("anything"), TEXT("created"), BINARY("\1{\"a\": 1}"), ID,
									TEXT("order"),		TEXT("")};
	static const ValueSpec old_row[] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	open_transaction(fixture);
	assert_true(take_relation(fixture, EVENT_OID, "outbox", "event", moved, 6));
	assert_true(take_row(fixture, EVENT_OID, row, 6));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	assert_view(fixture->out.event.type, "created");
	assert_view(fixture->out.event.payload, "{\"a\": 1}");
	assert_view(fixture->out.event.aggregate_type, "order");
	assert_view(fixture->out.event.aggregate_id, ""); /* empty, not NULL */
	assert_null(fixture->out.event.headers.data);
	/* The new shape counts: a row of the old one is refused. */
	expect_refused(fixture, take_row(fixture, EVENT_OID, old_row, FULL_COUNT), ERROR_CLASS_BUG, 0);
}

static void
a_new_table_has_a_new_oid(void **state)
{
	ValueSpec values[FULL_COUNT] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	open_transaction(fixture);
	assert_true(take_relation(fixture, EVENT_OID + 1, "outbox", "event", full, FULL_COUNT));
	assert_true(take_row(fixture, EVENT_OID + 1, values, FULL_COUNT));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	/* An oid may come to mean something else. */
	assert_true(take_relation(fixture, EVENT_OID, "public", "other", full, FULL_COUNT));
	assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
	assert_int_equal(fixture->out.kind, ASSEMBLED_NOTHING);
}

static void
refuses_relations_that_are_no_outbox(void **state)
{
	static const struct
	{
		const char *column;
		const char *becomes;
		uint32_t type_oid;
		bool accepted;
	} cases[] = {
		{"id", "uid", 2950, false},		   {"id", "id", 25, false},
		{"aggregatetype", "x", 25, false}, {"aggregatetype", "aggregatetype", 19, false},
		{"aggregateid", "x", 25, false},   {"aggregateid", "aggregateid", 20, false},
		{"type", "x", 25, false},		   {"type", "type", 17, false},
		{"payload", "x", 114, false},	   {"payload", "payload", 17, false},
		{"payload", "payload", 25, true},  {"payload_bytes", "payload_bytes", 25, false},
		{"payload_bytes", "x", 25, true},  {"headers", "headers", 25, false},
		{"headers", "headers", 114, true}, {"headers", "x", 25, true},
		{"created_at", "x", 25, true},	   {"created_at", "created_at", 25, true},
		{"created_at", "id", 2950, false}, /* twice */
	};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ColumnSpec columns[FULL_COUNT];
		bool taken;

		memcpy(columns, full, sizeof(columns));
		for (int j = 0; j < FULL_COUNT; j++)
		{
			if (strcmp(columns[j].name, cases[i].column) == 0)
				columns[j] = (ColumnSpec){cases[i].becomes, cases[i].type_oid};
		}
		assembler_reset(fixture->assembler);
		taken = take_relation(fixture, EVENT_OID, "outbox", "event", columns, FULL_COUNT);
		if (cases[i].accepted)
			assert_true(taken);
		else
			expect_refused(fixture, taken, ERROR_CLASS_PERMANENT, EXIT_PUBLICATION);
		/* Nobody asks what other tables look like. */
		assert_true(take_relation(fixture, 1, "public", "event", columns, FULL_COUNT));
		assert_true(take_relation(fixture, 2, "outbox", "relay", columns, FULL_COUNT));
	}
}

static void
refuses_rows_under_a_partition_s_name(void **state)
{
	ValueSpec values[FULL_COUNT] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	open_transaction(fixture);
	assert_true(take_relation(fixture, 501, "outbox", "event_2", full, FULL_COUNT));
	expect_refused(fixture, take_row(fixture, 501, values, FULL_COUNT), ERROR_CLASS_PERMANENT,
				   EXIT_PUBLICATION);
}

static void
the_number_of_relations_is_bounded(void **state)
{
	Fixture *fixture = *state;
	uint32_t oid = 1;

	/* The same one again and again, after each of many invalidations, is one. */
	for (int i = 0; i < 1000; i++)
		assert_true(take_relation(fixture, 1, "public", "t", full, FULL_COUNT));
	while (oid < 10000 && take_relation(fixture, oid, "public", "t", full, FULL_COUNT))
		oid++;
	assert_in_range(oid, 50, 1000);
	expect_refused(fixture, false, ERROR_CLASS_PERMANENT, EXIT_PUBLICATION);
	assert_true(take_relation(fixture, 1, "public", "t", full, FULL_COUNT)); /* known already */
}

static void
judges_rows(void **state)
{
	static const struct
	{
		const char *what;
		int column;
		ValueSpec value;
		ErrorClass error_class; /* NONE: an event; PERMANENT: one with a problem */
	} cases[] = {
		{"null id", 0, NONE, ERROR_CLASS_PERMANENT},
		{"short uuid", 0, BINARY("\1\2\3"), ERROR_CLASS_BUG},
		{"long uuid", 0, BINARY("12345678901234567"), ERROR_CLASS_BUG},
		{"uuid text in binary", 0, BINARY("0190b2c4-1111-7222-8333-444455556666"), ERROR_CLASS_BUG},
		{"bad uuid text", 0, TEXT("0190b2c4-1111-7222-8333-44445555666g"), ERROR_CLASS_BUG},
		{"unchanged id", 0, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"null aggregate type", 1, NONE, ERROR_CLASS_PERMANENT},
		{"unchanged aggregate id", 2, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"two payloads", 4, TEXT("\"secret\""), ERROR_CLASS_PERMANENT},
		{"unchanged bytes", 5, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"odd hexadecimal", 5, TEXT("\\x0"), ERROR_CLASS_BUG},
		{"bad hexadecimal", 5, TEXT("\\x0g"), ERROR_CLASS_BUG},
		{"upper hexadecimal", 5, TEXT("\\xAB"), ERROR_CLASS_NONE},
		{"no bytes", 5, TEXT("\\x"), ERROR_CLASS_NONE},
		{"escape at the end", 5, TEXT("a\\"), ERROR_CLASS_BUG},
		{"half an octet", 5, TEXT("a\\01"), ERROR_CLASS_BUG},
		{"octet too large", 5, TEXT("a\\400"), ERROR_CLASS_BUG},
		{"octet", 5, TEXT("\\000"), ERROR_CLASS_NONE},
		{"octet of no digits", 5, TEXT("\\/00"), ERROR_CLASS_BUG},
		{"octet without a second", 5, TEXT("\\0/0"), ERROR_CLASS_BUG},
		{"octet with a large second", 5, TEXT("\\080"), ERROR_CLASS_BUG},
		{"octet without a third", 5, TEXT("\\00/"), ERROR_CLASS_BUG},
		{"octet with a large third", 5, TEXT("\\008"), ERROR_CLASS_BUG},
		{"bad first digit", 5, TEXT("\\xg0"), ERROR_CLASS_BUG},
		{"a backslash and no x", 5, TEXT("\\y"), ERROR_CLASS_BUG},
		{"one character", 5, TEXT("a"), ERROR_CLASS_NONE},
		{"unchanged payload", 4, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"unchanged aggregate type", 1, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"unchanged type", 3, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"unchanged time", 7, {'u', NULL, 0}, ERROR_CLASS_BUG},
		{"jsonb of version 2", 6, BINARY("\2{}"), ERROR_CLASS_BUG},
		{"jsonb without version", 6, BINARY(""), ERROR_CLASS_BUG},
		{"jsonb as text", 6, TEXT("{}"), ERROR_CLASS_NONE},
		{"created_at of any kind", 7, BINARY("x"), ERROR_CLASS_NONE},
	};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		ValueSpec values[FULL_COUNT] = {ID,	  TEXT("secret"), TEXT("secret"), TEXT("secret"),
										NONE, TEXT("\\x01"),  NONE,			  NONE};
		bool taken;

		values[cases[i].column] = cases[i].value;
		open_transaction(fixture);
		taken = take_row(fixture, EVENT_OID, values, FULL_COUNT);
		if (taken == (cases[i].error_class == ERROR_CLASS_BUG))
			fail_msg("wrong about %s: %s", cases[i].what, fixture->error.message);
		if (!taken)
		{
			expect_refused(fixture, taken, cases[i].error_class, EXIT_POISON);
			continue;
		}
		assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
		if ((fixture->out.event.problem != NULL) != (cases[i].error_class == ERROR_CLASS_PERMANENT))
			fail_msg("wrong about %s", cases[i].what);
	}
}

/* It has its position and all that is known of it, and what follows is not disturbed. */
static void
gives_what_is_no_event_with_its_problem(void **state)
{
	const ValueSpec wrong[FULL_COUNT] = {NONE,
										 TEXT("ride"),
										 TEXT("k"),
										 TEXT("Made"),
										 TEXT("\"secret\""),
										 TEXT("\\x0102"),
										 NONE,
										 BINARY("\0\0\0\0\0\0\1\2")};
	const ValueSpec right[FULL_COUNT] = {ID,   TEXT("ride"),	TEXT("k"), TEXT("Made"),
										 NONE, TEXT("\\x0102"), NONE,	   NONE};
	Fixture *fixture = *state;
	const OutboxEvent *event = &fixture->out.event;

	open_transaction(fixture);
	assert_true(take_row(fixture, EVENT_OID, wrong, FULL_COUNT));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	assert_true(event->no_id);
	assert_non_null(event->problem);
	assert_int_equal(event->problem->error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(event->problem->exit_code, EXIT_POISON);
	assert_non_null(strstr(event->problem->message, "id is null")); /* the first one counts */
	assert_null(strstr(event->problem->message, "secret"));
	assert_null(strstr(event->problem->detail, "secret"));
	assert_true(view_equals(event->aggregate_type, view_of("ride")));
	assert_true(view_equals(event->payload, view_of("\"secret\"")));
	assert_false(event->payload_is_bytes);
	assert_int_equal(event->other_payload.len, 2);
	assert_int_equal(event->created_at, 0x102);
	assert_int_equal(event->position.ordinal, 0);

	assert_true(take_row(fixture, EVENT_OID, right, FULL_COUNT));
	assert_null(event->problem);
	assert_false(event->no_id);
	assert_true(event->payload_is_bytes);
	assert_null(event->other_payload.data);
	assert_int_equal(event->created_at, 0);
	assert_int_equal(event->position.ordinal, 1);
}

static void
no_payload_is_a_tombstone_and_an_empty_one_is_not(void **state)
{
	ValueSpec values[FULL_COUNT] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	open_transaction(fixture);
	assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
	assert_null(fixture->out.event.payload.data);
	values[5] = (ValueSpec) TEXT("\\x");
	assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
	assert_view(fixture->out.event.payload, "");
	values[5] = (ValueSpec) BINARY("");
	assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
	assert_view(fixture->out.event.payload, "");
}

static void
a_large_bytea_in_text_is_decoded(void **state)
{
	enum
	{
		SIZE = 300000
	};
	ValueSpec values[FULL_COUNT] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;
	char *text = malloc(2 + 2 * SIZE + 1);

	assert_non_null(text);
	memcpy(text, "\\x", 2);
	for (int i = 0; i < SIZE; i++)
		memcpy(text + 2 + 2 * i, "0123456789abcdef" + i % 15, 2);
	open_transaction(fixture);
	for (int round = 0; round < 3; round++)
	{
		values[5] = (ValueSpec){'t', text, 2 + 2 * SIZE};
		assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
		assert_int_equal(fixture->out.event.payload.len, SIZE);
		assert_int_equal(fixture->out.event.payload.data[0], 0x01);
		assert_int_equal(fixture->out.event.payload.data[SIZE - 1], 0xef);
		values[5] = (ValueSpec) TEXT("\\x07");
		assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
		assert_int_equal(fixture->out.event.payload.len, 1);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(columns_are_found_by_name),
		WITH_FIXTURE(a_new_table_has_a_new_oid),
		WITH_FIXTURE(refuses_relations_that_are_no_outbox),
		WITH_FIXTURE(refuses_rows_under_a_partition_s_name),
		WITH_FIXTURE(the_number_of_relations_is_bounded),
		WITH_FIXTURE(judges_rows),
		WITH_FIXTURE(gives_what_is_no_event_with_its_problem),
		WITH_FIXTURE(no_payload_is_a_tombstone_and_an_empty_one_is_not),
		WITH_FIXTURE(a_large_bytea_in_text_is_decoded),
	};

	return cmocka_run_group_tests_name("assemble_rows", tests, NULL, NULL);
}
