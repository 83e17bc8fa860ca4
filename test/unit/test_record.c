/*
 * test_record.c
 *	  What a record of Kafka says of its event, in both profiles.
 */
#include "unit.h"

#include "record.h"
#include "unjudged.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static Batch batch;

static int
begin(void **state)
{
	(void) state;
	batch_init(&batch, 100, 1 << 20);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	batch_free(&batch);
	return 0;
}

#define COPIED(with_headers, ...)                                                                  \
	copied((const InboxHeader[]){__VA_ARGS__},                                                     \
		   sizeof((const InboxHeader[]){__VA_ARGS__}) / sizeof(InboxHeader), with_headers)
#define HEADER(name, value)                                                                        \
	{                                                                                              \
		{(const uint8_t *) (name), strlen(name)}, view_of(value)                                   \
	}

static const BatchRecord *
copied(const InboxHeader *headers, size_t count, bool with_headers)
{
	InboxRecord record = {
		.topic = "t", .key = view_of("k"), .headers = headers, .header_count = count};
	BatchRecord *to = batch_append(&batch);

	assert_non_null(to);
	record_id(&record, to->id);
	assert_true(record_copy(&record, with_headers, &batch, to));
	batch_commit(&batch);
	return &batch.records[batch.count - 1];
}

static void
is_view(ByteView view, const char *expected)
{
	if (expected == NULL)
		assert_null(view.data);
	else
		assert_true(view_equals(view, view_of(expected)));
}

static void
own_headers_are_an_object(void **state)
{
	const BatchRecord *record =
		COPIED(true, HEADER("id", "0190b2c4-1111-7222-8333-444455556666"), HEADER("type", "made"),
			   HEADER("a", "x\"y"), HEADER("outbox-position", "s/1.1/0/1/0"), HEADER("b", NULL),
			   HEADER("ce_id", "of the event"));

	(void) state;
	assert_true(record->has_uuid);
	is_view(record->type, "made");
	is_view(record->headers, "{\"a\":\"x\\\"y\",\"b\":null,\"ce_id\":\"of the event\"}");
	is_view(record->traceparent, NULL);
	/* Nobody asked. */
	is_view(COPIED(false, HEADER("a", "b"))->headers, NULL);
	is_view(COPIED(true, HEADER("id", "x"))->headers, "{}");
}

static void
attributes_of_a_cloudevent_are_none(void **state)
{
	const BatchRecord *record =
		COPIED(true, HEADER("ce_id", "7"), HEADER("ce_type", "made"), HEADER("ce_source", "s"),
			   HEADER("ce_specversion", "1.0"), HEADER("own", "x"), HEADER("type", "theirs"));

	(void) state;
	assert_string_equal(record->id, "7");
	assert_false(record->has_uuid);
	is_view(record->type, "made");
	is_view(record->headers, "{\"own\":\"x\"}");
}

static void
ids_that_cannot_be_kept_are_none(void **state)
{
	char longest[BATCH_ID_TEXT_MAX + 2];

	(void) state;
	memset(longest, 'x', sizeof(longest));
	longest[BATCH_ID_TEXT_MAX] = '\0';
	assert_string_equal(COPIED(false, HEADER("id", longest))->id, longest);
	longest[BATCH_ID_TEXT_MAX] = 'x';
	longest[BATCH_ID_TEXT_MAX + 1] = '\0';
	assert_string_equal(COPIED(false, HEADER("id", longest))->id, "");
	assert_string_equal(COPIED(false, HEADER("id", "\xff"))->id, "");
	assert_string_equal(COPIED(false, HEADER("id", NULL))->id, "");
	assert_string_equal(COPIED(false, HEADER("other", "x"))->id, "");
	assert_string_equal(COPIED(false, {view_of("id"), {(const uint8_t *) "a\0b", 3}})->id, "");
	/* Of one name the last counts. */
	assert_string_equal(COPIED(false, HEADER("id", "a"), HEADER("id", "b"))->id, "b");
}

static void
a_trace_that_is_one(void **state)
{
	(void) state;
	is_view(COPIED(false, HEADER("traceparent", PARENT))->traceparent, PARENT);
	is_view(COPIED(false, HEADER("ce_traceparent", PARENT))->traceparent, PARENT);
	is_view(
		COPIED(false, HEADER("traceparent", "x"), HEADER("ce_traceparent", PARENT))->traceparent,
		NULL);
	is_view(COPIED(false, HEADER("traceparent", NULL))->traceparent, NULL);
}

/* Some kB on the wire may come to that.  Who doesn't ask for them isn't concerned. */
static void
headers_that_are_too_large(void **state)
{
	static char large[3 * 1024 * 1024];
	const BatchRecord *record;

	(void) state;
	memset(large, '\001', sizeof(large) - 1); /* "\u0001" each */
	record = COPIED(true, HEADER("id", "x"), HEADER("own", large));
	assert_int_equal(record->unjudged, UNJUDGED_HEADERS);
	is_view(record->headers, NULL);
	is_view(record->key, "k");
	assert_int_equal(COPIED(false, HEADER("own", large))->unjudged, UNJUDGED_NOT);
	memset(large, 'x', sizeof(large) - 1);
	record = COPIED(true, HEADER("own", large));
	assert_int_equal(record->unjudged, UNJUDGED_NOT);
	assert_int_equal(record->headers.len, strlen(large) + strlen("{\"own\":\"\"}"));
}

/* Positions are kept as the target's bigint. */
static void
positions(void **state)
{
	static const struct
	{
		const char *text;
		bool valid;
	} cases[] = {
		{"s/1.1/0/1/9223372036854775807", true},
		{"s/1.1/0/1/9223372036854775808", false},
		{"s/1.1/0/1", false},
		{"", false},
		{NULL, false},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		InboxHeader header = HEADER("outbox-position", cases[i].text);
		char source_id[SOURCE_ID_MAX + 1];
		Position position;

		if (record_position(&header, source_id, &position) != cases[i].valid)
			fail_msg("wrong about \"%s\"", cases[i].text != NULL ? cases[i].text : "null");
	}
}

/* Each has a reason and a way out; what can be judged has neither. */
static void
why_one_cannot_be_judged(void **state)
{
	(void) state;
	assert_non_null(strstr(unjudged_reason(UNJUDGED_POSITION), "\"outbox-position\""));
	assert_non_null(strstr(unjudged_hint(UNJUDGED_POSITION), "outbox-relay"));
	assert_non_null(strstr(unjudged_reason(UNJUDGED_REPLAYED), "without an id"));
	assert_non_null(strstr(unjudged_hint(UNJUDGED_REPLAYED), "\"ce_id\""));
	assert_non_null(strstr(unjudged_reason(UNJUDGED_HEADERS), "16 MB"));
	assert_non_null(strstr(unjudged_hint(UNJUDGED_HEADERS), "\"headers\""));
	assert_string_equal(unjudged_reason(UNJUDGED_NOT), "");
	assert_string_equal(unjudged_hint(UNJUDGED_NOT), "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(own_headers_are_an_object, begin, end),
		cmocka_unit_test_setup_teardown(attributes_of_a_cloudevent_are_none, begin, end),
		cmocka_unit_test_setup_teardown(ids_that_cannot_be_kept_are_none, begin, end),
		cmocka_unit_test_setup_teardown(a_trace_that_is_one, begin, end),
		cmocka_unit_test_setup_teardown(headers_that_are_too_large, begin, end),
		cmocka_unit_test(positions),
		cmocka_unit_test(why_one_cannot_be_judged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
