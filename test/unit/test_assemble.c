/*
 * test_assemble.c
 *	  Messages to events: a server's own transaction in both formats, ordinals and
 *	  timelines, orders that cannot be, random orders.
 */
#include "assembling.h"

#include "random.h"

static void
expect_first_event(Fixture *fixture, const char *headers)
{
	static const uint8_t id[] = {0x01, 0x90, 0xb2, 0xc4, 0x11, 0x11, 0x72, 0x22,
								 0x83, 0x33, 0x44, 0x44, 0x55, 0x55, 0x66, 0x66};
	const OutboxEvent *event = &fixture->out.event;

	assert_memory_equal(event->id, id, sizeof(id));
	assert_view(event->aggregate_type, "ride");
	assert_view(event->aggregate_id, "r-1");
	assert_view(event->type, "started");
	assert_view(event->payload, "{\"z\": 1.50,  \"a\":2}");
	assert_view(event->headers, headers);
	assert_int_equal(event->position.generation, GENERATION);
	assert_int_equal(event->position.timeline, 1);
	assert_true(event->position.commit_lsn == WIRE_COMMIT_LSN);
	assert_int_equal(event->position.ordinal, 0);
	assert_true(event->commit_time == WIRE_COMMIT_TIME);
	assert_true(fixture->out.commit_lsn == WIRE_COMMIT_LSN);
}

static void
expect_second_event(Fixture *fixture)
{
	static const uint8_t payload[] = {0x00, 0xff, 0x5c, 0x41};
	const OutboxEvent *event = &fixture->out.event;

	assert_int_equal(event->id[15], 0x67);
	assert_null(event->aggregate_id.data);
	assert_null(event->type.data);
	assert_null(event->headers.data);
	assert_int_equal(event->payload.len, sizeof(payload));
	assert_memory_equal(event->payload.data, payload, sizeof(payload));
	assert_int_equal(event->position.ordinal, 1);
}

static void
assembles_a_transaction(void **state)
{
	Fixture *fixture = *state;

	expect(fixture, WIRE_FOREIGN_MESSAGE, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	assert_true(fixture->out.commit_lsn == WIRE_COMMIT_LSN);
	assert_true(fixture->out.commit_time == WIRE_COMMIT_TIME);
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_LEAF, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	expect_first_event(fixture, "{\"b\": \"x\", \"n\": 1.50, \"t\": true, \"z\": null}");
	expect(fixture, WIRE_ROW_BYTES, ASSEMBLED_EVENT);
	expect_second_event(fixture);
	expect(fixture, WIRE_HEARTBEAT, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_COMMIT, ASSEMBLED_COMMIT);
	assert_true(fixture->out.commit_lsn == WIRE_COMMIT_LSN);
	assert_true(fixture->out.end_lsn == WIRE_END_LSN);
	assert_true(fixture->out.commit_time == WIRE_COMMIT_TIME);
}

static void
text_format_gives_the_same_events(void **state)
{
	Fixture *fixture = *state;

	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW_TEXT, ASSEMBLED_EVENT);
	expect_first_event(fixture, "{\"b\": \"x\", \"n\": 1.50, \"t\": true, \"z\": null}");
	expect(fixture, WIRE_ROW_BYTES_HEX, ASSEMBLED_EVENT);
	expect_second_event(fixture);
	expect(fixture, WIRE_COMMIT, ASSEMBLED_COMMIT);

	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, WIRE_ROW_TEXT, ASSEMBLED_EVENT);
	expect(fixture, WIRE_ROW_BYTES_ESCAPE, ASSEMBLED_EVENT);
	expect_second_event(fixture);
}

static void
ordinals_count_events_alone(void **state)
{
	static const ColumnSpec foreign[] = {{"id", 23}};
	static const ValueSpec foreign_row[] = {TEXT("1")};
	static const ValueSpec values[] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	open_transaction(fixture);
	assert_true(take_relation(fixture, 9, "public", "event", foreign, 1));
	for (uint64_t i = 0; i < 3000; i++)
	{
		assert_true(take_row(fixture, 9, foreign_row, 1));
		assert_int_equal(fixture->out.kind, ASSEMBLED_NOTHING);
		assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
		assert_int_equal(fixture->out.kind, ASSEMBLED_EVENT);
		assert_true(fixture->out.event.position.ordinal == i);
	}
	assert_true(take_commit(fixture, BIG_LSN));
	assert_true(take_begin(fixture, BIG_LSN + 100));
	assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
	assert_int_equal(fixture->out.event.position.ordinal, 0);
	assert_true(fixture->out.event.position.commit_lsn == BIG_LSN + 100);
}

static void
the_timeline_is_that_of_the_commit(void **state)
{
	static const char history[] = "1\t0/1000\n";
	ValueSpec values[FULL_COUNT] = {ID, TEXT("t"), NONE, NONE, NONE, NONE, NONE, NONE};
	Fixture *fixture = *state;

	assert_true(timeline_parse(&fixture->timelines, 2, history, strlen(history), &fixture->error));
	for (PgLsn lsn = BIG_LSN - 1; lsn <= BIG_LSN; lsn++)
	{
		assert_true(take_begin(fixture, lsn));
		assert_true(take_relation(fixture, EVENT_OID, "outbox", "event", full, FULL_COUNT));
		assert_true(take_row(fixture, EVENT_OID, values, FULL_COUNT));
		assert_int_equal(fixture->out.event.position.timeline, lsn < BIG_LSN ? 1 : 2);
		assert_true(take_commit(fixture, lsn));
	}
}

static void
refuses_orders_that_cannot_be(void **state)
{
	static const char *const cases[][4] = {
		{WIRE_COMMIT},
		{WIRE_HEARTBEAT},
		{WIRE_RELATION, WIRE_ROW},
		{WIRE_BEGIN, WIRE_BEGIN},
		{WIRE_BEGIN, WIRE_ROW},
		{WIRE_BEGIN, WIRE_LEAF, WIRE_ROW},
		{WIRE_BEGIN, WIRE_COMMIT, WIRE_COMMIT},
		{WIRE_BEGIN, "4300000000000153a599000000000153a5c8000303c17ad4e31b"},
	};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		int last = 0;

		assembler_reset(fixture->assembler);
		while (last < 3 && cases[i][last + 1] != NULL)
			assert_true(take(fixture, cases[i][last++]));
		expect_refused(fixture, take(fixture, cases[i][last]), ERROR_CLASS_BUG, 0);
	}
}

static void
foreign_messages_are_nothing(void **state)
{
	static const char *const foreign[] = {
		"4d01000000000153a558"
		"6f7468657200"
		"0000000131", /* transactional, "other" */
		"4d00000000000153a558"
		"70675f6f7574626f7800"
		"0000000131", /* "pg_outbox", not transactional */
		"4d00000000000153a558"
		"70675f6f7574626f782e68656172746265617400"
		"0000000131", /* not transactional */
	};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(foreign); i++)
		expect(fixture, foreign[i], ASSEMBLED_NOTHING);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	for (size_t i = 0; i < LENGTH(foreign); i++)
		expect(fixture, foreign[i], ASSEMBLED_NOTHING);
	expect(fixture, "4f", ASSEMBLED_NOTHING); /* origin */
	expect(fixture, "54", ASSEMBLED_NOTHING); /* truncate */
}

#define MESSAGE(transactional, content)                                                            \
	"4d" transactional "000000000153a55870675f6f7574626f7800" content
/* id 0190b2c4…65, "ride", no key, no type, no payload; then the same of version 2 */
#define EVENT_CONTENT                                                                              \
	"0000001810"                                                                                   \
	"0190b2c4111172228333444455556665"                                                             \
	"04000072696465"
#define NEWER_CONTENT                                                                              \
	"0000001820"                                                                                   \
	"0190b2c4111172228333444455556665"                                                             \
	"04000072696465"

static void
messages_are_events_when_they_are_taken(void **state)
{
	Fixture *fixture = *state;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	/* Outside of transactions, or not of one: somebody else's. */
	expect(fixture, MESSAGE("00", EVENT_CONTENT), ASSEMBLED_NOTHING);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, MESSAGE("00", EVENT_CONTENT), ASSEMBLED_NOTHING);
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 0);
	expect(fixture, WIRE_FOREIGN_MESSAGE, ASSEMBLED_NOTHING);
	expect(fixture, MESSAGE("01", EVENT_CONTENT), ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.id[15], 0x65);
	assert_view(fixture->out.event.aggregate_type, "ride");
	assert_null(fixture->out.event.payload.data);
	assert_int_equal(fixture->out.event.position.generation, GENERATION);
	assert_int_equal(fixture->out.event.position.timeline, 1);
	assert_true(fixture->out.event.position.commit_lsn == WIRE_COMMIT_LSN);
	assert_int_equal(fixture->out.event.position.ordinal, 1);
	assert_true(fixture->out.event.commit_time == WIRE_COMMIT_TIME);
	assert_true(fixture->out.commit_lsn == WIRE_COMMIT_LSN);
	expect(fixture, WIRE_ROW_BYTES, ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 2);
	expect(fixture, WIRE_COMMIT, ASSEMBLED_COMMIT);
	expect_refused(fixture, take(fixture, MESSAGE("01", EVENT_CONTENT)), ERROR_CLASS_BUG, 0);
}

/* What isn't taken has its ordinal all the same, whatever it is. */
static void
messages_that_are_not_taken_are_counted(void **state)
{
	Fixture *fixture = *state;
	const PgLsn befores[] = {LSN_INVALID, WIRE_COMMIT_LSN};

	for (size_t i = 0; i < sizeof(befores) / sizeof(befores[0]); i++)
	{
		assembler_take_messages(fixture->assembler, befores[i]);
		expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
		expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
		expect(fixture, MESSAGE("01", EVENT_CONTENT), ASSEMBLED_NOTHING);
		expect(fixture, MESSAGE("01", NEWER_CONTENT), ASSEMBLED_NOTHING);
		expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
		assert_int_equal(fixture->out.event.position.ordinal, 2);
		expect(fixture, WIRE_COMMIT, ASSEMBLED_COMMIT);
	}
	assembler_take_messages(fixture->assembler, WIRE_COMMIT_LSN + 1);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, MESSAGE("01", EVENT_CONTENT), ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 0);
}

static void
refuses_messages_that_are_no_events(void **state)
{
	Fixture *fixture = *state;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, MESSAGE("01", EVENT_CONTENT), ASSEMBLED_EVENT);
	expect_refused(fixture, take(fixture, MESSAGE("01", NEWER_CONTENT)), ERROR_CLASS_PERMANENT,
				   EXIT_MESSAGE);
	assert_non_null(strstr(fixture->error.message, "version 2"));
	assert_non_null(strstr(fixture->error.detail, "0/153A598"));
	assert_non_null(strstr(fixture->error.detail, "event 1 "));
}

/* What can't be decoded in its body is given on, whole; the version is the relay's business. */
static void
gives_messages_that_cannot_be_decoded_with_their_problem(void **state)
{
	Fixture *fixture = *state;
	const OutboxEvent *event = &fixture->out.event;

	assembler_take_messages(fixture->assembler, ASSEMBLE_ALL_MESSAGES);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, MESSAGE("01", "000000031f0102"), ASSEMBLED_EVENT);
	assert_non_null(event->problem);
	assert_int_equal(event->problem->error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(event->problem->exit_code, EXIT_MESSAGE);
	assert_non_null(strstr(event->problem->detail, "event 0 "));
	assert_true(event->no_id);
	assert_null(event->aggregate_type.data);
	assert_true(event->payload_is_bytes);
	assert_int_equal(event->payload.len, 3);
	assert_int_equal(event->payload.data[0], 0x1f);
	assert_int_equal(event->position.ordinal, 0);
	expect(fixture, MESSAGE("01", "00000000"), ASSEMBLED_EVENT);
	assert_non_null(event->problem);
	assert_int_equal(event->position.ordinal, 1);
	expect(fixture, MESSAGE("01", EVENT_CONTENT), ASSEMBLED_EVENT);
	assert_null(event->problem);
	assert_int_equal(event->position.ordinal, 2);
}

static void
a_new_stream_starts_from_nothing(void **state)
{
	Fixture *fixture = *state;

	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assembler_reset(fixture->assembler);
	expect(fixture, WIRE_BEGIN, ASSEMBLED_BEGIN);
	expect_refused(fixture, take(fixture, WIRE_ROW), ERROR_CLASS_BUG, 0); /* not announced again */
	expect(fixture, WIRE_RELATION, ASSEMBLED_NOTHING);
	expect(fixture, WIRE_ROW, ASSEMBLED_EVENT);
	assert_int_equal(fixture->out.event.position.ordinal, 0);
}

/* Whatever the order: an event lies in a transaction, and ordinals leave none out. */
static void
random_orders_keep_the_ordinals(void **state)
{
	static const char *const messages[] = {
		WIRE_BEGIN,		WIRE_COMMIT,   WIRE_RELATION,	   WIRE_LEAF,	   WIRE_ROW,
		WIRE_ROW_BYTES, WIRE_ROW_TEXT, WIRE_ROW_BYTES_HEX, WIRE_HEARTBEAT, WIRE_FOREIGN_MESSAGE};
	Fixture *fixture = *state;
	Random random;
	bool open = false;
	uint64_t next = 0;
	int events = 0;
	int refused = 0;

	random_seed(&random, 3);
	for (int i = 0; i < 30000; i++)
	{
		if (random_below(&random, 100) == 0)
		{
			assembler_reset(fixture->assembler);
			open = false;
		}
		if (!take(fixture, messages[random_below(&random, LENGTH(messages))]))
		{
			assert_int_equal(fixture->error.error_class, ERROR_CLASS_BUG);
			refused++;
			continue;
		}
		switch (fixture->out.kind)
		{
			case ASSEMBLED_BEGIN:
				assert_false(open);
				open = true;
				next = 0;
				break;
			case ASSEMBLED_EVENT:
				assert_true(open);
				assert_true(fixture->out.event.position.ordinal == next);
				next++;
				events++;
				break;
			case ASSEMBLED_COMMIT:
				assert_true(open);
				open = false;
				break;
			case ASSEMBLED_NOTHING:
				break;
		}
	}
	assert_in_range(events, 1000, 30000);
	assert_in_range(refused, 1000, 30000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(assembles_a_transaction),
		WITH_FIXTURE(text_format_gives_the_same_events),
		WITH_FIXTURE(ordinals_count_events_alone),
		WITH_FIXTURE(the_timeline_is_that_of_the_commit),
		WITH_FIXTURE(refuses_orders_that_cannot_be),
		WITH_FIXTURE(foreign_messages_are_nothing),
		WITH_FIXTURE(messages_are_events_when_they_are_taken),
		WITH_FIXTURE(messages_that_are_not_taken_are_counted),
		WITH_FIXTURE(refuses_messages_that_are_no_events),
		WITH_FIXTURE(gives_messages_that_cannot_be_decoded_with_their_problem),
		WITH_FIXTURE(a_new_stream_starts_from_nothing),
		WITH_FIXTURE(random_orders_keep_the_ordinals),
	};

	return cmocka_run_group_tests_name("assemble", tests, NULL, NULL);
}
