/*
 * test_pg_ids.c
 *	  Ids on their way into the target: which of a batch are recorded, and which
 *	  are judged.
 */
#include "unit.h"

#include "pg_encode.h"

#define SECOND INT64_C(1000000)

static Handlers handlers;
static Batch batch;
static PgParams params;
static TargetApply apply;

static int
start(void **state)
{
	Error error;

	(void) state;
	error_clear(&error);
	handlers_init(&handlers);
	batch_init(&batch, 100, 100000);
	pg_params_init(&params);
	for (const char *topic = "p\0i\0n\0q\0"; *topic != '\0'; topic += 2)
		assert_true(handlers_add(&handlers, topic, NULL, NULL, "SELECT id FROM batch", "", &error));
	assert_true(handlers_set_rules(&handlers, 1, "id", "apply", &error));
	assert_true(handlers_set_rules(&handlers, 2, "none", NULL, &error));
	apply = (TargetApply){.batch = &batch};
	return 0;
}

static int
end(void **state)
{
	(void) state;
	pg_params_free(&params);
	batch_free(&batch);
	handlers_free(&handlers);
	return 0;
}

/* A uuid of sixteen times the same byte; 0: none. */
static BatchRecord *
add(int topic, int byte)
{
	BatchRecord *record = batch_append(&batch);

	record->topic = topic;
	record->has_uuid = byte != 0;
	memset(record->uuid, byte, UUID_SIZE);
	batch_commit(&batch);
	apply.count++;
	return record;
}

static BatchRecord *
add_positioned(int topic, int byte)
{
	BatchRecord *record = add(topic, byte);

	record->has_position = true;
	return record;
}

static uint32_t
u32_at(int index, size_t offset)
{
	const uint8_t *bytes = (const uint8_t *) params.values[index] + offset;

	return (uint32_t) bytes[0] << 24 | (uint32_t) bytes[1] << 16 | (uint32_t) bytes[2] << 8 |
		   bytes[3];
}

/* The element of an array, as text of its bytes; "NULL". */
static const char *
element(int index, uint32_t wanted)
{
	static char text[100];
	size_t at = 20;

	assert_true(wanted < u32_at(index, 12));
	for (uint32_t n = 0; n < wanted; n++)
	{
		uint32_t len = u32_at(index, at);

		at += 4 + (len == UINT32_MAX ? 0 : len);
	}
	if (u32_at(index, at) == UINT32_MAX)
		return "NULL";
	snprintf(text, sizeof(text), "%.*s", (int) u32_at(index, at), params.values[index] + at + 4);
	return text;
}

static void
expect_uuid(const void *found, int byte)
{
	uint8_t uuid[UUID_SIZE];

	memset(uuid, byte, UUID_SIZE);
	assert_memory_equal(found, uuid, UUID_SIZE);
}

static void
ids_applied_by_position_are_recorded(void **state)
{
	bool wanted;

	(void) state;
	add_positioned(0, 9); /* was applied before */
	batch_take(&batch, 1);
	apply.count = 0;
	add_positioned(0, 5);
	add_positioned(0, 2);
	add_positioned(0, 7);
	add(0, 1);			  /* without a position */
	add_positioned(0, 0); /* without an id */
	add_positioned(0, 1)->repeated = true;
	add_positioned(0, 1)->dropped = true;
	add_positioned(0, 1)->dead = true;
	add_positioned(0, 1)->by_id = true;
	add_positioned(1, 1)->by_id = true; /* its topic goes by ids */
	add_positioned(2, 1);				/* and this one's by nothing */
	assert_true(pg_encode_ids(&params, "g", 3 * SECOND, &handlers, 0, &apply, &wanted));
	assert_true(wanted);
	assert_int_equal(params.count, 6);
	assert_memory_equal(params.values[1], "p", 1);
	assert_int_equal(params.lengths[2], 8);
	assert_int_equal(u32_at(2, 4), 3 * SECOND);
	expect_uuid(params.values[3], 2);
	expect_uuid(params.values[4], 7);
	assert_int_equal(u32_at(5, 12), 3);
	expect_uuid(params.values[5] + 24, 5);
	expect_uuid(params.values[5] + 24 + 2 * 20, 7);
	for (int topic = 1; topic < 4; topic++)
	{
		assert_true(pg_encode_ids(&params, "g", SECOND, &handlers, topic, &apply, &wanted));
		assert_false(wanted);
	}
}

/* Nothing of it is applied, and that is worth knowing where ids are kept. */
static void
a_dead_letter_opens_its_topic(void **state)
{
	TargetLetter letter = {.topic = "p"};
	bool wanted;

	(void) state;
	for (int topic = 0; topic < 3; topic++)
	{
		batch_clear(&batch);
		apply.count = 0;
		add_positioned(topic, 1)->dead = true;
		apply.letter = NULL;
		assert_true(pg_encode_ids(&params, "g", SECOND, &handlers, topic, &apply, &wanted));
		assert_false(wanted);
		apply.letter = &letter;
		assert_true(pg_encode_ids(&params, "g", SECOND, &handlers, topic, &apply, &wanted));
		assert_int_equal(wanted, topic < 2);
		if (wanted)
			assert_int_equal(u32_at(5, 0), 0); /* dimensions: an empty array */
		assert_true(pg_encode_ids(&params, "g", SECOND, &handlers, 3, &apply, &wanted));
		assert_false(wanted);
	}
}

static void
what_is_judged(void **state)
{
	BatchRecord *record;

	(void) state;
	add_positioned(0, 5);
	record = add(0, 0xAB);
	record->by_id = true;
	record->flagged = true;
	record->created_at = view_of("2026-11-21T00:00:00.000Z");
	snprintf(record->id, sizeof(record->id), "ABABABAB-ABAB-ABAB-ABAB-ABABABABABAB");
	record = add(1, 0);
	record->by_id = true;
	snprintf(record->id, sizeof(record->id), "no uuid");
	record = add(0, 3);
	record->by_id = true;
	record->dropped = true;
	record = add(0, 3); /* it isn't applied: whoever sends it again is right */
	record->by_id = true;
	record->dead = true;
	record = add(0, 4);
	record->by_id = true;
	record->known = true; /* by an earlier attempt */
	/* As many answers are taken as questions are asked. */
	assert_false(batch_record_is_judged(&batch.records[0]));
	assert_false(batch_record_is_judged(&batch.records[3]));
	assert_false(batch_record_is_judged(&batch.records[4]));
	assert_true(batch_record_is_judged(&batch.records[5]));
	assert_true(pg_encode_claims(&params, "g", SECOND, &handlers, &apply));
	assert_int_equal(params.count, 9);
	for (int i = 2; i < 9; i++)
		assert_int_equal(u32_at(i, 12), 3);
	assert_string_equal(element(2, 0), "p");
	assert_string_equal(element(2, 1), "i");
	/* A uuid in its one spelling. */
	assert_string_equal(element(3, 0), "abababab-abab-abab-abab-abababababab");
	assert_string_equal(element(3, 1), "no uuid");
	assert_string_equal(element(3, 2), "04040404-0404-0404-0404-040404040404");
	assert_string_equal(element(4, 1), "NULL");
	assert_string_equal(element(5, 0), "\1");
	assert_string_equal(element(5, 1), "");
	assert_string_equal(element(6, 0), "2026-11-21T00:00:00.000Z");
	assert_string_equal(element(6, 1), "NULL");
	/* Deep: what is flagged, and topics that go by ids. */
	assert_string_equal(element(7, 0), "\1");
	assert_string_equal(element(7, 1), "\1");
	assert_string_equal(element(7, 2), "");
	assert_string_equal(element(8, 0), "stop");
	assert_string_equal(element(8, 1), "apply");
}

static void
topics_without_ids_are_named(void **state)
{
	size_t count;

	(void) state;
	add(0, 1);
	add(2, 1)->dropped = true;
	assert_true(pg_encode_forgotten(&params, "g", &handlers, &apply, &count));
	assert_int_equal(count, 0);
	add(2, 1);
	add(2, 2);
	assert_true(pg_encode_forgotten(&params, "g", &handlers, &apply, &count));
	assert_int_equal(count, 1);
	assert_int_equal(u32_at(1, 12), 1);
	assert_string_equal(element(1, 0), "n");
}

static void
handlers_get_what_is_not_known(void **state)
{
	Batch *records = apply.batch;

	(void) state;
	add(0, 1)->by_id = true;
	add(0, 2)->by_id = true;
	records->records[0].known = true;
	assert_false(batch_record_runs(&records->records[0]));
	assert_true(batch_record_runs(&records->records[1]));
	records->records[1].repeated = true;
	assert_false(batch_record_runs(&records->records[1]));
	add(0, 3)->dead = true;
	assert_false(batch_record_runs(&records->records[2]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ids_applied_by_position_are_recorded, start, end),
		cmocka_unit_test_setup_teardown(a_dead_letter_opens_its_topic, start, end),
		cmocka_unit_test_setup_teardown(what_is_judged, start, end),
		cmocka_unit_test_setup_teardown(topics_without_ids_are_named, start, end),
		cmocka_unit_test_setup_teardown(handlers_get_what_is_not_known, start, end),
	};

	return cmocka_run_group_tests_name("pg_ids", tests, NULL, NULL);
}
