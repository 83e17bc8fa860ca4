/*
 * test_peek_line.c
 *	  An event as one line of JSON.
 */
#include "unit.h"

#include "peek_line.h"

#include <jansson.h>

static uint8_t payload_bytes[] = {0x00, 0xff, 0x7f};

static OutboxEvent
an_event(void)
{
	return (OutboxEvent){.id = {1, 2},
						 .aggregate_type = view_of("t"),
						 .aggregate_id = view_of("quote \" and \n"),
						 .payload = view_of("{\"a\": 1}"),
						 .position = {2, 3, 0x100000010, 7},
						 .commit_time = 1500};
}

static json_t *
line_of(const PeekedEvent *peeked, bool payload)
{
	Buffer line;
	json_t *json;

	buffer_init(&line, 1 << 20);
	peek_line(&line, peeked, payload);
	assert_false(line.failed);
	assert_int_equal(line.data[line.len - 1], '\n');
	assert_ptr_equal(memchr(line.data, '\n', line.len), line.data + line.len - 1);
	json = json_loadb(line.data, line.len, 0, NULL);
	assert_non_null(json);
	buffer_free(&line);
	return json;
}

static void
expect_text(json_t *json, const char *member, const char *value)
{
	assert_string_equal(json_string_value(json_object_get(json, member)), value);
}

static void
has_everything_but_the_payload(void **state)
{
	OutboxEvent event = an_event();
	RoutedEvent routed = {.topic = "outbox.event.t", .key = view_of("routed"), .header_count = 2};
	PeekedEvent peeked = {&event, &routed, "", "src", true, 4, 4000000000u};
	json_t *json;

	(void) state;
	routed.headers[0] = (RoutedHeader){view_of("id"), view_of("x")};
	routed.headers[1] = (RoutedHeader){view_of("none"), {NULL, 0}};
	json = line_of(&peeked, false);
	expect_text(json, "topic", "outbox.event.t");
	assert_int_equal(json_integer_value(json_object_get(json, "partition")), 4);
	expect_text(json, "key", "routed");
	expect_text(json_object_get(json, "headers"), "id", "x");
	assert_true(json_is_null(json_object_get(json_object_get(json, "headers"), "none")));
	expect_text(json, "id", "01020000-0000-0000-0000-000000000000");
	expect_text(json, "position", "src/2.3/1/10/7");
	expect_text(json, "commit_time", "2000-01-01T00:00:00.001Z");
	assert_int_equal(json_integer_value(json_object_get(json, "xid")), 4000000000);
	assert_int_equal(json_integer_value(json_object_get(json, "payload_bytes")), 8);
	assert_null(json_object_get(json, "payload"));
	assert_null(json_object_get(json, "problem"));
	json_decref(json);
}

static void
shows_payloads_when_asked(void **state)
{
	OutboxEvent event = an_event();
	RoutedEvent routed = {.topic = "t"};
	PeekedEvent peeked = {&event, &routed, "", "src", false, 0, 1};
	json_t *json = line_of(&peeked, true);

	(void) state;
	expect_text(json, "payload", "{\"a\": 1}");
	assert_true(json_is_null(json_object_get(json, "partition")));
	json_decref(json);

	event.payload = (ByteView){payload_bytes, sizeof(payload_bytes)};
	json = line_of(&peeked, true);
	expect_text(json, "payload_hex", "00ff7f");
	assert_null(json_object_get(json, "payload"));
	json_decref(json);

	event.payload = event.aggregate_id = (ByteView){NULL, 0};
	json = line_of(&peeked, true);
	assert_true(json_is_null(json_object_get(json, "payload")));
	assert_true(json_is_null(json_object_get(json, "payload_bytes")));
	assert_true(json_is_null(json_object_get(json, "key")));
	json_decref(json);
}

static void
says_why_an_event_has_no_place(void **state)
{
	OutboxEvent event = an_event();
	PeekedEvent peeked = {&event, NULL, "aggregate type is empty", "src", false, 0, 1};
	json_t *json = line_of(&peeked, false);

	(void) state;
	expect_text(json, "problem", "aggregate type is empty");
	assert_true(json_is_null(json_object_get(json, "topic")));
	assert_null(json_object_get(json, "headers"));
	expect_text(json, "position", "src/2.3/1/10/7");
	expect_text(json, "key", "quote \" and \n");
	expect_text(json, "id", "01020000-0000-0000-0000-000000000000");
	json_decref(json);
	event.no_id = true;
	json = line_of(&peeked, false);
	assert_true(json_is_null(json_object_get(json, "id")));
	json_decref(json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_everything_but_the_payload),
		cmocka_unit_test(shows_payloads_when_asked),
		cmocka_unit_test(says_why_an_event_has_no_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
