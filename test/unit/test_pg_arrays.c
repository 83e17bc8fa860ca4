/*
 * test_pg_arrays.c
 *	  Arrays to the byte, and batches as arrays.
 */
#include "unit.h"

#include "clock.h"
#include "pg_arrays.h"
#include "pg_encode.h"
#include "raw_headers.h"

static void
bytes_of_an_array(void **state)
{
	static const uint8_t expected[] = {0,	0, 0, 1, 0, 0,	 0,	  1,   0,	0,	 0,
									   23,	0, 0, 0, 3, 0,	 0,	  0,   1, /* head, with NULLs */
									   0,	0, 0, 4, 0, 0,	 0,	  7,   255, 255, 255,
									   255, 0, 0, 0, 4, 255, 255, 255, 254};
	Buffer out;
	ArrayWriter array;

	(void) state;
	buffer_init(&out, 1000);
	array_open(&array, &out, PG_TYPE_INT4);
	array_put_int4(&array, 7);
	array_put_null(&array);
	array_put_int4(&array, -2);
	array_close(&array);
	assert_false(out.failed);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.data, expected, sizeof(expected));
	buffer_free(&out);
}

static void
an_empty_array_has_no_dimension(void **state)
{
	static const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 25};
	Buffer out;
	ArrayWriter array;

	(void) state;
	buffer_init(&out, 1000);
	array_open(&array, &out, PG_TYPE_TEXT);
	array_close(&array);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.data, expected, sizeof(expected));
	buffer_free(&out);
}

static void
elements(void **state)
{
	static const uint8_t uuid[UUID_SIZE] = {1, 2, 3};
	static const uint8_t jsonb[] = {0, 0, 0, 3, 1, '{', '}'};
	Buffer out;
	ArrayWriter array;

	(void) state;
	buffer_init(&out, 1000);
	array_open(&array, &out, PG_TYPE_JSONB);
	array_put_jsonb(&array, view_of("{}"));
	assert_memory_equal(out.data + 20, jsonb, sizeof(jsonb));
	array_put_jsonb(&array, view_of(NULL));
	array_put_bytes(&array, view_of(NULL));
	array_put_unix_ms(&array, -1);
	assert_int_equal(array.nulls, 3);
	out.len = 20;
	array_put_uuid(&array, uuid);
	assert_int_equal(out.len, 20 + 4 + UUID_SIZE);
	out.len = 20;
	/* 2000-01-01 is zero. */
	array_put_unix_ms(&array, PG_EPOCH_UNIX_USEC / USEC_PER_MS + 1);
	assert_int_equal((uint8_t) out.data[20 + 10], 1000 >> 8);
	assert_int_equal((uint8_t) out.data[20 + 11], 1000 & 0xff);
	buffer_free(&out);
}

/* -------------------------------------------------------------------------
 * batches
 * ------------------------------------------------------------------------- */

static TargetPlace
place(int slot, void *arg)
{
	(void) arg;
	return (TargetPlace){"t", slot};
}

/* The values of an array of texts, as "a b NULL". */
static void
texts(const char *value, int len, char *out, size_t size)
{
	Reader reader;
	uint32_t dimensions;
	uint32_t count;
	size_t used = 0;

	out[0] = '\0';
	reader_init(&reader, value, (size_t) len);
	dimensions = reader_u32(&reader);
	reader_u32(&reader);
	reader_u32(&reader);
	if (dimensions == 0)
	{
		assert_true(reader_done(&reader));
		return;
	}
	count = reader_u32(&reader);
	assert_int_equal(reader_u32(&reader), 1);
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t item = reader_u32(&reader);
		ByteView text = item == UINT32_MAX ? view_of("NULL") : reader_bytes(&reader, item);

		used += (size_t) snprintf(out + used, size - used, "%s%.*s", i > 0 ? " " : "",
								  (int) text.len, (const char *) text.data);
	}
	assert_true(reader_done(&reader));
}

static void
add(Batch *batch, int topic, const char *key, const char *value, bool repeated)
{
	BatchRecord *record = batch_append(batch);

	record->topic = topic;
	record->repeated = repeated;
	assert_true(batch_copy(batch, view_of(key), &record->key));
	assert_true(batch_copy(batch, view_of(value), &record->value));
	batch_commit(batch);
}

static void
expect_texts(const PgParams *params, int index, const char *expected)
{
	char found[200];

	texts(params->values[index], params->lengths[index], found, sizeof(found));
	assert_string_equal(found, expected);
}

static void
latest_keeps_the_last_of_each_key(void **state)
{
	Handlers handlers;
	Batch batch;
	PgParams params;
	TargetApply apply = {.batch = &batch, .place = place};
	Error error;

	(void) state;
	handlers_init(&handlers);
	error_clear(&error);
	assert_true(handlers_add(&handlers, "t", NULL, "text",
							 "SELECT key, payload FROM batch UNION ALL SELECT key, payload FROM "
							 "batch_latest",
							 "", &error));
	assert_true(handlers_add(&handlers, "u", NULL, "text", "SELECT key FROM batch", "", &error));
	batch_init(&batch, 100, 100000);
	add(&batch, 0, "gone", "0", false); /* was applied before */
	add(&batch, 0, "a", "1", false);
	add(&batch, 0, "b", "2", false);
	add(&batch, 0, NULL, "3", false);
	add(&batch, 1, "a", "4", false); /* another topic's */
	add(&batch, 0, "a", "5", false);
	add(&batch, 0, "b", "6", true); /* a repetition */
	add(&batch, 0, NULL, "7", false);
	add(&batch, 0, "", "8", false);
	add(&batch, 0, "b", NULL, false);
	add(&batch, 0, "a", "9", false); /* beyond this transaction */
	batch.records[2].dropped = true;
	batch_take(&batch, 1);
	apply.count = 9;

	pg_params_init(&params);
	assert_true(pg_encode_handler(&params, &handlers.items[0], &apply));
	assert_int_equal(params.count, 4);
	expect_texts(&params, 0, "a NULL a NULL  b");
	expect_texts(&params, 1, "1 3 5 7 8 NULL");
	expect_texts(&params, 2, "NULL a NULL  b");
	expect_texts(&params, 3, "3 5 7 8 NULL");
	pg_params_free(&params);
	batch_free(&batch);
	handlers_free(&handlers);
}

static void
many_keys(void **state)
{
	Handlers handlers;
	Batch batch;
	PgParams params;
	TargetApply apply = {.batch = &batch, .count = 5000, .place = place};
	Error error;
	char key[16];

	(void) state;
	handlers_init(&handlers);
	error_clear(&error);
	assert_true(
		handlers_add(&handlers, "t", NULL, "text", "SELECT payload FROM batch_latest", "", &error));
	batch_init(&batch, 10000, 1 << 24);
	for (int i = 0; i < 5000; i++)
	{
		snprintf(key, sizeof(key), "key %d", i % 1237);
		add(&batch, 0, key, "v", false);
	}
	pg_params_init(&params);
	assert_true(pg_encode_handler(&params, &handlers.items[0], &apply));
	assert_int_equal(params.latest_count, 1237);
	for (size_t i = 0; i < params.latest_count; i++)
		assert_int_equal(params.latest[i], 5000 - 1237 + i);
	pg_params_free(&params);
	batch_free(&batch);
	handlers_free(&handlers);
}

static void
moves_and_places(void **state)
{
	TargetMove moves[] = {{"a", 0, -1, 5, 4, 1000, "x"}, {"b", 2, 7, 9, 8, -1, ""}};
	TargetPlace places[] = {{"a", 0}, {"b", 2}};
	TargetApply apply = {.moves = moves, .move_count = 2};
	PgParams params;

	(void) state;
	pg_params_init(&params);
	assert_true(pg_encode_moves(&params, "group", &apply));
	assert_int_equal(params.count, 8);
	assert_int_equal(params.lengths[0], 5);
	assert_memory_equal(params.values[0], "group", 5);
	expect_texts(&params, 1, "a b");
	expect_texts(&params, 7, "x NULL");
	/* The first has no expected offset: NULL, then 7. */
	assert_int_equal(params.lengths[3], 20 + 4 + 12);
	assert_true(pg_encode_places(&params, "group", places, 2));
	assert_int_equal(params.count, 3);
	expect_texts(&params, 1, "a b");
	pg_params_free(&params);
}

/* Where the letter is, or what it is: never both. */
static void
letters(void **state)
{
	static const InboxHeader headers[] = {{{(const uint8_t *) "a", 1}, {NULL, 0}},
										  {{(const uint8_t *) "b", 1}, {(const uint8_t *) "B", 1}}};
	TargetLetter letter = {.topic = "t",
						   .partition = 1,
						   .offset = 2,
						   .timestamp_ms = -1,
						   .sqlstate = "22P02",
						   .message = "bad",
						   .letter_topic = "dead",
						   .letter_partition = 3,
						   .letter_offset = 4,
						   .refusal = "stale",
						   .key = view_of("key"),
						   .value = view_of("value")};
	PgParams params;
	Buffer raw;

	(void) state;
	pg_params_init(&params);
	buffer_init(&raw, 100);
	raw_headers_put_all(&raw, headers, LENGTH(headers));
	letter.raw_headers = buffer_view(&raw);
	for (int in_topic = 1; in_topic >= 0; in_topic--)
	{
		letter.letter_topic = in_topic ? "dead" : NULL;
		assert_true(pg_encode_letter(&params, "group", &letter));
		assert_int_equal(params.count, 17);
		expect_texts(&params, 1, "t");
		expect_texts(&params, 4, "NULL"); /* no id, no handler, no time */
		expect_texts(&params, 5, "NULL");
		expect_texts(&params, 6, "NULL");
		expect_texts(&params, 7, "22P02");
		expect_texts(&params, 8, "bad");
		expect_texts(&params, 9, in_topic ? "dead" : "NULL");
		/* int4 and int8, or NULL. */
		assert_int_equal(params.lengths[10], 20 + 4 + (in_topic ? 4 : 0));
		assert_int_equal(params.lengths[11], 20 + 4 + (in_topic ? 8 : 0));
		expect_texts(&params, 12, in_topic ? "NULL" : "stale");
		expect_texts(&params, 13, in_topic ? "NULL" : "key");
		expect_texts(&params, 14, in_topic ? "NULL" : "value");
		expect_texts(&params, 15, in_topic ? "" : "a b");
		expect_texts(&params, 16, in_topic ? "" : "NULL B");
	}
	buffer_free(&raw);
	pg_params_free(&params);
}

static void
positions(void **state)
{
	TargetPosition items[] = {{"a", 0, "s", {1, 2, 0x16B374D8, 7}}, {"b", 2, "t", {3, 4, 5, 6}}};
	TargetApply apply = {.positions = items, .position_count = 2};
	static const uint8_t lsn[] = {0, 0, 0, 8, 0, 0, 0, 0, 0x16, 0xB3, 0x74, 0xD8};
	PgParams params;

	(void) state;
	pg_params_init(&params);
	assert_true(pg_encode_positions(&params, "group", &apply));
	assert_int_equal(params.count, 8);
	expect_texts(&params, 1, "a b");
	expect_texts(&params, 3, "s t");
	assert_memory_equal(params.values[6] + 20, lsn, sizeof(lsn));
	pg_params_free(&params);
}

/* Every column of a record that has all, and of one that has none. */
static void
all_columns(void **state)
{
	static const uint32_t types[] = {20, 2950, 25, 23, 20, 25, 25, 3802, 3802, 25, 1184};
	Handlers handlers;
	Batch batch;
	PgParams params;
	TargetApply apply = {.batch = &batch, .count = 2, .place = place};
	BatchRecord *full;
	Error error;

	(void) state;
	handlers_init(&handlers);
	error_clear(&error);
	assert_true(handlers_add(&handlers, "t", NULL, "jsonb", "TABLE batch", "", &error));
	batch_init(&batch, 100, 100000);
	add(&batch, 0, "k", "1", false);
	add(&batch, 0, NULL, NULL, false);
	full = &batch.records[0];
	full->has_uuid = true;
	full->type = view_of("made");
	full->headers = view_of("{}");
	full->position_text = view_of("s/1.1/0/1/0");
	full->timestamp_ms = 7;
	batch.records[1].timestamp_ms = -1;
	pg_params_init(&params);
	assert_true(pg_encode_handler(&params, &handlers.items[0], &apply));
	assert_int_equal(params.count, BATCH_COLUMNS);
	for (int i = 0; i < params.count; i++)
	{
		bool nullable = i != COLUMN_ORDINALITY && i != COLUMN_TOPIC && i != COLUMN_PARTITION &&
						i != COLUMN_KAFKA_OFFSET;
		Reader reader;

		reader_init(&reader, params.values[i], (size_t) params.lengths[i]);
		assert_int_equal(reader_u32(&reader), 1);
		assert_int_equal(reader_u32(&reader), nullable);
		assert_int_equal(reader_u32(&reader), types[i]);
		assert_int_equal(reader_u32(&reader), 2);
		assert_int_equal(reader_u32(&reader), 1);
		(void) reader_bytes(&reader, reader_u32(&reader));
		if (nullable)
			assert_true(reader_u32(&reader) == UINT32_MAX);
		else
			(void) reader_bytes(&reader, reader_u32(&reader));
		assert_true(reader_done(&reader));
	}
	/* No server knows a time that far away. */
	full->timestamp_ms = INT64_MAX;
	assert_true(pg_encode_handler(&params, &handlers.items[0], &apply));
	assert_int_equal(params.lengths[COLUMN_EVENT_TIME], 20 + 2 * 4);
	pg_params_free(&params);
	batch_free(&batch);
	handlers_free(&handlers);
}

/* A large transaction's memory is given back by the next one. */
static void
large_memory_is_given_back(void **state)
{
	static const size_t size = (size_t) 9 << 20;
	char *text = malloc(size + 1);
	PgParams params;

	(void) state;
	assert_non_null(text);
	memset(text, 'x', size);
	text[size] = '\0';
	pg_params_init(&params);
	pg_params_start(&params);
	pg_params_put_text(&params, text);
	assert_true(pg_params_finish(&params));
	assert_int_equal(params.lengths[0], size);
	pg_params_start(&params);
	assert_int_equal(params.scratch.capacity, 0);
	pg_params_put_text(&params, "a");
	assert_true(pg_params_finish(&params));
	assert_int_equal(params.lengths[0], 1);
	pg_params_free(&params);
	free(text);
}

static void
headers_end_where_they_are_cut(void **state)
{
	static const uint8_t bytes[] = {0, 0, 0, 1, 'a', 0, 0, 0, 9, 'b'};
	InboxHeader header;
	Reader reader;

	(void) state;
	reader_init(&reader, bytes, sizeof(bytes));
	assert_false(raw_headers_next(&reader, &header));
	assert_true(reader.failed);
	/* And stay so. */
	assert_false(raw_headers_next(&reader, &header));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(large_memory_is_given_back),
		cmocka_unit_test(headers_end_where_they_are_cut),
		cmocka_unit_test(positions),
		cmocka_unit_test(all_columns),
		cmocka_unit_test(bytes_of_an_array),
		cmocka_unit_test(an_empty_array_has_no_dimension),
		cmocka_unit_test(elements),
		cmocka_unit_test(latest_keeps_the_last_of_each_key),
		cmocka_unit_test(many_keys),
		cmocka_unit_test(moves_and_places),
		cmocka_unit_test(letters),
	};

	return cmocka_run_group_tests_name("pg_arrays", tests, NULL, NULL);
}
