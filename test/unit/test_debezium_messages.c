/*
 * test_debezium_messages.c
 *	  What people who come from Debezium rely on in the stream: operations that aren't events,
 *	  other tables, and events as logical messages.  docs/debezium.md names the cases.
 */
#include "assembling.h"

#define EVENT_PREFIX "pg_outbox"
#define MESSAGE_HEADER                                                                             \
	"10"                                                                                           \
	"0190b2c4111172228333444455556666"

static void
begin_with_the_outbox(Fixture *fixture)
{
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
}

static bool
take_message_of(Fixture *fixture, bool transactional, const char *content)
{
	ByteView bytes = wire_unhex(content);
	Buffer *build = &fixture->build;
	bool taken;

	buffer_reset(build);
	buffer_append_u8(build, 'M');
	buffer_append_u8(build, transactional ? 1 : 0);
	buffer_append_u64(build, WIRE_COMMIT_LSN);
	wire_put_cstring(build, EVENT_PREFIX);
	buffer_append_u32(build, (uint32_t) bytes.len);
	buffer_append(build, bytes.data, bytes.len);
	taken = take_bytes(fixture, buffer_view(build));
	wire_free(bytes);
	return taken;
}

/* A publication of ours sends neither; were it altered, they would still be no events. */
static void
updates_deletes_and_truncates_are_no_events(void **state)
{
	Fixture *fixture = *state;

	begin_with_the_outbox(fixture);
	expect(fixture,
		   "5500004001"
		   "4e0000",
		   ASSEMBLED_NOTHING); /* UPDATE */
	expect(fixture,
		   "4400004001"
		   "4b0000",
		   ASSEMBLED_NOTHING); /* DELETE */
	expect(fixture,
		   "5400000001"
		   "00"
		   "00004001",
		   ASSEMBLED_NOTHING); /* TRUNCATE */
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 0);
	expect(fixture, WIRE_COMMIT, ASSEMBLED_COMMIT);
}

static void
rows_of_other_tables_are_no_events(void **state)
{
	static const ColumnSpec columns[] = {{"id", 23}};
	static const char *const names[][2] = {
		{"public", "event"}, {"outbox", "events"}, {"outbox", "relay"}, {"Outbox", "event"}};
	Fixture *fixture = *state;

	begin_with_the_outbox(fixture);
	for (uint32_t i = 0; i < LENGTH(names); i++)
	{
		Buffer *build = &fixture->build;

		assert_true(take_relation(fixture, 900 + i, names[i][0], names[i][1], columns, 1));
		buffer_reset(build);
		buffer_append_u8(build, 'I');
		buffer_append_u32(build, 900 + i);
		buffer_append_u8(build, 'N');
		buffer_append_u16(build, 1);
		buffer_append_u8(build, 'n');
		assert_true(take_bytes(fixture, buffer_view(build)));
		assert_int_equal(fixture->out.kind, ASSEMBLED_NOTHING);
	}
}

static void
an_outbox_without_its_columns_is_refused(void **state)
{
	static const ColumnSpec columns[] = {{"id", 2950}, {"aggregatetype", 25}};
	Fixture *fixture = *state;

	expect_refused(fixture, take_relation(fixture, EVENT_OID, "outbox", "event", columns, 2),
				   ERROR_CLASS_PERMANENT, EXIT_PUBLICATION);
	assert_non_null(strstr(fixture->error.message, "aggregateid"));
}

static void
an_empty_message_is_no_event(void **state)
{
	Fixture *fixture = *state;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	begin_with_the_outbox(fixture);
	assert_true(take_message_of(fixture, true, ""));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	assert_non_null(fixture->out.event.problem);
	assert_int_equal(fixture->out.event.problem->exit_code, EXIT_MESSAGE);
}

/* It belongs to no transaction, so it has no place in the commit order. */
static void
a_message_outside_of_transactions_is_no_event(void **state)
{
	Fixture *fixture = *state;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	assert_true(take_message_of(fixture, false,
								MESSAGE_HEADER "040000"
											   "72696465"));
	assert_int_equal(fixture->out.kind, ASSEMBLED_NOTHING);
	begin_with_the_outbox(fixture);
	assert_true(take_message_of(fixture, false, "7b7d"));
	assert_int_equal(fixture->out.kind, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 0);
}

/* 'ride', 'r-1', 'started', payload {"z": 1.50,  "a":2} */
static void
a_message_is_the_same_event_as_a_row(void **state)
{
	Fixture *fixture = *state;
	OutboxEvent *event = &fixture->out.event;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	begin_with_the_outbox(fixture);
	assert_true(take_message_of(fixture, true,
								"11"
								"0190b2c4111172228333444455556666"
								"040408"
								"72696465"
								"722d31"
								"73746172746564"
								"7b227a223a20312e35302c20202261223a327d"));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	assert_view(event->aggregate_type, "ride");
	assert_view(event->aggregate_id, "r-1");
	assert_view(event->type, "started");
	assert_view(event->payload, "{\"z\": 1.50,  \"a\":2}");
	assert_false(event->payload_is_bytes);
	assert_null(event->headers.data);
}

static void
nulls_in_a_message_are_nulls(void **state)
{
	Fixture *fixture = *state;
	OutboxEvent *event = &fixture->out.event;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	begin_with_the_outbox(fixture);
	assert_true(take_message_of(fixture, true,
								MESSAGE_HEADER "040000"
											   "72696465"));
	assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
	assert_view(event->aggregate_type, "ride");
	assert_null(event->aggregate_id.data);
	assert_null(event->type.data);
	assert_null(event->payload.data);
	assert_false(event->payload_is_bytes);
}

static void
bytes_are_told_from_text_in_rows_and_messages(void **state)
{
	Fixture *fixture = *state;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	begin_with_the_outbox(fixture);
	expect(fixture, WIRE_ROW_BYTES, ASSEMBLED_EVENT);
	assert_true(fixture->out.event.payload_is_bytes);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assert_false(fixture->out.event.payload_is_bytes);
	assert_true(take_message_of(fixture, true,
								"13"
								"0190b2c4111172228333444455556666"
								"040000"
								"72696465"
								"00ff5c41"));
	assert_true(fixture->out.event.payload_is_bytes);
	assert_int_equal(fixture->out.event.payload.len, 4);
	assert_int_equal(fixture->out.event.position.ordinal, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(updates_deletes_and_truncates_are_no_events),
		WITH_FIXTURE(rows_of_other_tables_are_no_events),
		WITH_FIXTURE(an_outbox_without_its_columns_is_refused),
		WITH_FIXTURE(an_empty_message_is_no_event),
		WITH_FIXTURE(a_message_outside_of_transactions_is_no_event),
		WITH_FIXTURE(a_message_is_the_same_event_as_a_row),
		WITH_FIXTURE(nulls_in_a_message_are_nulls),
		WITH_FIXTURE(bytes_are_told_from_text_in_rows_and_messages),
	};

	return cmocka_run_group_tests_name("debezium_messages", tests, NULL, NULL);
}
