/*
 * test_route_headers.c
 *	  The headers of a record: the relay's and the event's own, in order, and their limits.
 */
#include "route_fixture.h"

static void
own_headers_keep_their_order_and_their_text(void **state)
{
	Fixture *fixture = *state;

	fixture->event.headers =
		view_of("{\"traceparent\": \"00-ab\", \"n\": 1.50, \"big\": 12345678901234567890123, "
				"\"t\": true, \"f\": false, \"z\": null, \"e\": \"\", \"u\": \"a\\u00e4\\n\"}");
	route(fixture);
	assert_int_equal(fixture->routed.header_count, 11);
	expect_header(fixture, 0, "id", ID_TEXT);
	expect_header(fixture, 1, "type", "started");
	expect_header(fixture, 2, "traceparent", "00-ab");
	expect_header(fixture, 3, "n", "1.50");
	expect_header(fixture, 4, "big", "12345678901234567890123");
	expect_header(fixture, 5, "t", "true");
	expect_header(fixture, 6, "f", "false");
	expect_header(fixture, 7, "z", NULL);
	expect_header(fixture, 8, "e", "");
	expect_header(fixture, 9, "u", "a\xc3\xa4\n");
	expect_header(fixture, 10, "outbox-position", POSITION_TEXT);
}

static void
reserved_names_are_the_relay_s(void **state)
{
	Fixture *fixture = *state;

	fixture->event.headers =
		view_of("{\"id\": \"x\", \"type\": \"x\", \"a\": 1, \"outbox-position\": \"x\", "
				"\"outbox-replayed\": true, \"\\u0069d\": 2, \"Id\": 3, \"outbox-position2\": 4}");
	route(fixture);
	assert_int_equal(fixture->routed.header_count, 7);
	expect_header(fixture, 0, "id", ID_TEXT);
	expect_header(fixture, 1, "type", "started");
	expect_header(fixture, 2, "a", "1");
	/* Only outbox.redrive() can have written that. */
	expect_header(fixture, 3, "outbox-replayed", "true");
	expect_header(fixture, 4, "Id", "3");
	expect_header(fixture, 5, "outbox-position2", "4");
	expect_header(fixture, 6, "outbox-position", POSITION_TEXT);

	/* Without a type of its own the event has no "type" header at all. */
	fixture->event.type = (ByteView){NULL, 0};
	route(fixture);
	expect_header(fixture, 1, "a", "1");
}

/* {"h0":0,"h1":1,...} */
static void
many_headers(Buffer *json, int count)
{
	buffer_reset(json);
	for (int i = 0; i < count; i++)
		buffer_printf(json, "%c\"h%d\":%d", i == 0 ? '{' : ',', i, i);
	buffer_append_str(json, "}");
}

static void
the_number_of_headers_is_bounded(void **state)
{
	Fixture *fixture = *state;
	Buffer json;

	buffer_init(&json, 1 << 16);
	many_headers(&json, ROUTE_OWN_HEADERS);
	fixture->event.headers = buffer_view(&json);
	route(fixture);
	assert_int_equal(fixture->routed.header_count, ROUTE_OWN_HEADERS + 3);
	expect_header(fixture, ROUTE_OWN_HEADERS + 2, "outbox-position", POSITION_TEXT);

	many_headers(&json, ROUTE_OWN_HEADERS + 1);
	fixture->event.headers = buffer_view(&json);
	expect_rejected(fixture);
	many_headers(&json, 1000);
	fixture->event.headers = buffer_view(&json);
	expect_rejected(fixture);
	buffer_free(&json);
}

/* 2000-01-02 03:04:05.678 */
#define WRITTEN_AT (((PgUsec) 86400 + 3 * 3600 + 4 * 60 + 5) * USEC_PER_SEC + 678900)

static void
a_replayed_event_has_no_position(void **state)
{
	Fixture *fixture = *state;
	int64_t timestamp_ms;
	uint32_t partition_count;

	route(fixture);
	timestamp_ms = fixture->routed.timestamp_ms;
	partition_count = fixture->routed.partition_count;
	fixture->event.replayed = view_of("gap");
	fixture->event.created_at = WRITTEN_AT;
	/* Of a redriven event; and one that would pretend. */
	fixture->event.headers =
		view_of("{\"outbox-replayed\":\"src/1.1/0/1/0\",\"outbox-created-at\":\"x\",\"a\":1}");
	route(fixture);
	assert_int_equal(fixture->routed.header_count, 5);
	expect_header(fixture, 0, "id", ID_TEXT);
	expect_header(fixture, 2, "a", "1");
	expect_header(fixture, 3, "outbox-replayed", "gap");
	expect_header(fixture, 4, "outbox-created-at", "2000-01-02T03:04:05.678Z");
	assert_int_equal(fixture->routed.timestamp_ms, timestamp_ms);
	assert_int_equal(fixture->routed.partition_count, partition_count);
}

/* "infinity" of PostgreSQL, and years that have five digits. */
static void
a_replayed_event_has_a_time_that_can_be_read(void **state)
{
	static const struct
	{
		PgUsec at;
		const char *text;
	} cases[] = {
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{INT64_MIN, "0001-01-01T00:00:00.000Z"},
		{INT64_C(252455616000) * USEC_PER_SEC, "9999-12-31T23:59:59.999Z"},
		{INT64_C(252455616000) * USEC_PER_SEC - 1000, "9999-12-31T23:59:59.999Z"},
		{INT64_C(252455616000) * USEC_PER_SEC - 2000, "9999-12-31T23:59:59.998Z"},
		{INT64_C(-63082281600) * USEC_PER_SEC, "0001-01-01T00:00:00.000Z"},
		{INT64_C(-63082281600) * USEC_PER_SEC + 1000, "0001-01-01T00:00:00.001Z"},
	};
	Fixture *fixture = *state;

	fixture->event.replayed = view_of("gap");
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		fixture->event.created_at = cases[i].at;
		route(fixture);
		expect_header(fixture, 3, "outbox-created-at", cases[i].text);
	}
}

static void
a_replayed_event_has_room_for_as_many_headers(void **state)
{
	Fixture *fixture = *state;
	Buffer json;

	buffer_init(&json, 1 << 16);
	fixture->event.replayed = view_of("gap");
	many_headers(&json, ROUTE_OWN_HEADERS);
	fixture->event.headers = buffer_view(&json);
	route(fixture);
	assert_int_equal(fixture->routed.header_count, ROUTE_OWN_HEADERS + 4);
	expect_header(fixture, ROUTE_OWN_HEADERS + 2, "outbox-replayed", "gap");
	many_headers(&json, ROUTE_OWN_HEADERS + 1);
	fixture->event.headers = buffer_view(&json);
	expect_rejected(fixture);
	buffer_free(&json);
}

static void
rejects_headers_that_are_no_flat_object(void **state)
{
	static const char *const cases[] = {"",
										"null",
										"[]",
										"\"secret\"",
										"{",
										"{} x",
										"{\"a\": {\"secret\": 1}}",
										"{\"a\": [\"secret\"]}",
										"{\"a\": \"\\u0000\"}"};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		fixture->event.headers = view_of(cases[i]);
		expect_rejected(fixture);
	}
}

static void
rejects_headers_that_are_too_large(void **state)
{
	enum
	{
		SIZE = (16 << 20) + 1
	};
	Fixture *fixture = *state;
	uint8_t *json = malloc(SIZE);

	assert_non_null(json);
	memset(json, ' ', SIZE);
	json[0] = '{';
	json[SIZE - 2] = '}';
	fixture->event.headers = (ByteView){json, SIZE - 1};
	route(fixture);
	fixture->event.headers.len = SIZE;
	expect_rejected(fixture);
	free(json);
}

static void
headers_may_grow_from_event_to_event(void **state)
{
	Fixture *fixture = *state;
	Buffer json;

	buffer_init(&json, 1 << 20);
	for (size_t len = 1; len < 200000; len *= 3)
	{
		const RoutedHeader *header = &fixture->routed.headers[2];

		buffer_reset(&json);
		buffer_append_str(&json, "{\"a\": \"");
		for (size_t i = 0; i < len; i++)
			buffer_append_str(&json, "\\n");
		buffer_append_str(&json, "\"}");
		fixture->event.headers = buffer_view(&json);
		route(fixture);
		assert_int_equal(header->value.len, len);
		assert_int_equal(header->value.data[0], '\n');
		assert_int_equal(header->value.data[len - 1], '\n');
	}
	buffer_free(&json);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(a_replayed_event_has_no_position),
		WITH_FIXTURE(a_replayed_event_has_a_time_that_can_be_read),
		WITH_FIXTURE(a_replayed_event_has_room_for_as_many_headers),
		WITH_FIXTURE(own_headers_keep_their_order_and_their_text),
		WITH_FIXTURE(reserved_names_are_the_relay_s),
		WITH_FIXTURE(the_number_of_headers_is_bounded),
		WITH_FIXTURE(rejects_headers_that_are_no_flat_object),
		WITH_FIXTURE(rejects_headers_that_are_too_large),
		WITH_FIXTURE(headers_may_grow_from_event_to_event),
	};

	return cmocka_run_group_tests_name("route_headers", tests, NULL, NULL);
}
