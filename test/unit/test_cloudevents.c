/*
 * test_cloudevents.c
 *	  The profile cloudevents: attributes as headers, and what an event's own headers
 *	  can't do to them.
 */
#include "routing.h"

static void
writes_the_attributes(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.profile = PROFILE_CLOUDEVENTS;
	bench.event.headers = view_of("{\"traceparent\": \"00-ab\", \"n\": 1}");
	bench_route(&bench);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type ce_subject ce_time "
							   "content-type traceparent n outbox-position");
	bench_header(&bench, "ce_id", ID_TEXT);
	bench_header(&bench, "ce_source", "/pg_outbox/src");
	bench_header(&bench, "ce_specversion", "1.0");
	bench_header(&bench, "ce_type", "UserCreated");
	bench_header(&bench, "ce_subject", "10711fa5");
	bench_header(&bench, "ce_time", "2026-01-31T12:34:56.789012Z");
	bench_header(&bench, "content-type", "application/json");
	bench_header(&bench, "outbox-position", POSITION_TEXT);
	assert_string_equal(bench.routed.topic, "outbox.event.User");
	assert_view(bench.routed.key, "10711fa5");
	assert_view(bench.routed.value, "{}");
	assert_true(bench.routed.timestamp_ms == COMMIT_MS);
	bench_free(&bench);
}

static void
no_attribute_is_empty(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.profile = PROFILE_CLOUDEVENTS;
	bench.event.type = (ByteView){NULL, 0};
	bench.event.aggregate_id = (ByteView){NULL, 0};
	bench.event.payload = (ByteView){NULL, 0};
	bench_value(&bench, NULL);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type ce_time outbox-position");
	bench_header(&bench, "ce_type", "User");
	assert_null(bench.routed.key.data);

	bench.event.type = view_of("");
	bench.event.aggregate_id = view_of("");
	bench_route(&bench);
	bench_header(&bench, "ce_type", "User");
	assert_view(bench.routed.key, "");

	/* A year that RFC 3339 can't write. */
	bench.event.commit_time = INT64_MAX;
	bench_route(&bench);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type outbox-position");

	/* Only a forged message has neither. */
	bench_set(&bench, (RouteSettings){.profile = PROFILE_CLOUDEVENTS, .by_field = "t"});
	bench.event.headers = view_of("{\"t\": \"x\"}");
	bench.event.aggregate_type = view_of("");
	bench_reject(&bench, "ce_type");
	bench_free(&bench);
}

static void
attributes_are_the_relay_s(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.profile = PROFILE_CLOUDEVENTS;
	bench.event.headers =
		view_of("{\"ce_id\": \"x\", \"ce_source\": \"x\", \"ce_specversion\": \"x\", "
				"\"ce_type\": \"x\", \"ce_subject\": \"x\", \"ce_time\": \"x\", \"id\": \"x\", "
				"\"type\": \"x\", \"outbox-position\": \"x\", \"ce_tenant\": \"acme\", "
				"\"outbox-replayed\": \"p\", \"\\u0063e_id\": \"y\"}");
	bench_route(&bench);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type ce_subject ce_time "
							   "content-type ce_tenant outbox-replayed outbox-position");
	bench_header(&bench, "ce_id", ID_TEXT);
	bench_header(&bench, "outbox-replayed", "p");

	/* Without a subject of its own there is none at all. */
	bench.event.aggregate_id = (ByteView){NULL, 0};
	bench_route(&bench);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type ce_time content-type "
							   "ce_tenant outbox-replayed outbox-position");

	/* In the other profile those of CloudEvents are headers like any other. */
	bench_set(&bench, (RouteSettings){.profile = PROFILE_DEBEZIUM});
	bench.event.headers = view_of("{\"ce_id\": \"mine\", \"content-type\": \"a/b\", \"id\": 1}");
	bench_route(&bench);
	bench_header_names(&bench, "id type ce_id content-type outbox-position");
	bench_header(&bench, "id", ID_TEXT);
	bench_header(&bench, "ce_id", "mine");
	bench_free(&bench);
}

static void
the_content_type_is_what_the_bytes_are(void **state)
{
	static const struct
	{
		const char *own;
		const char *written;
	} cases[] = {
		{"{}", "application/octet-stream"},
		{"{\"content-type\": \"application/avro\"}", "application/avro"},
		{"{\"content-type\": \"\"}", "application/octet-stream"},
		{"{\"content-type\": null}", "application/octet-stream"},
		{"{\"content-type\": \"application/cloudevents+json\"}", "application/octet-stream"},
		{"{\"content-type\": \"Application/CloudEvents\"}", "application/octet-stream"},
		{"{\"Content-Type\": \"x\"}", "application/octet-stream"},
	};
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.profile = PROFILE_CLOUDEVENTS;
	bench.event.payload = view_of("\x01\xff");
	bench.event.payload_is_bytes = true;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bench.event.headers = view_of(cases[i].own);
		bench_value(&bench, "\x01\xff");
		bench_header(&bench, "content-type", cases[i].written);
	}
	bench.event.headers = view_of("{\"content-type\": \"application/avro\"}");
	bench.event.payload = (ByteView){NULL, 0};
	bench_value(&bench, NULL);
	bench_header(&bench, "content-type", "application/avro");

	/* An envelope is JSON whatever is in it. */
	bench_set(&bench,
			  (RouteSettings){.profile = PROFILE_CLOUDEVENTS, .placement = "type:envelope"});
	bench.event.payload = view_of("\x01\xff");
	bench_value(&bench, "{\"payload\":\"Af8=\",\"type\":\"UserCreated\"}");
	bench_header(&bench, "content-type", "application/json");
	bench_free(&bench);
}

static void
source_and_time_can_be_set(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings = (RouteSettings){.profile = PROFILE_CLOUDEVENTS,
									 .source = "https://shop.example/orders?x=1#a",
									 .timestamp = "at"};
	bench.event.headers = view_of("{\"at\": \"2019-03-24 21:52:59.5+01\"}");
	bench_route(&bench);
	bench_header(&bench, "ce_source", "https://shop.example/orders?x=1#a");
	bench_header(&bench, "ce_time", "2019-03-24T20:52:59.500000Z");
	assert_true(bench.routed.timestamp_ms == INT64_C(1553460779500));
	bench_refuse((RouteSettings){.source = "two words"}, "message.source");
	bench_refuse((RouteSettings){.source = "\xc3\xa4"}, "message.source");
	bench_free(&bench);
}

/* As many of the event's own as in the other profile, whatever the relay adds. */
static void
the_number_of_headers_is_bounded(void **state)
{
	Bench bench;
	Buffer json;

	(void) state;
	bench_init(&bench);
	buffer_init(&json, 1 << 16);
	bench.settings.profile = PROFILE_CLOUDEVENTS;
	for (int i = 0; i <= ROUTE_OWN_HEADERS; i++)
	{
		if (i > 0)
			json.data[json.len - 1] = ',';
		buffer_printf(&json, "%s\"h%d\":%d}", i == 0 ? "{" : "", i, i);
		bench.event.headers = buffer_view(&json);
		if (i == ROUTE_OWN_HEADERS)
			bench_reject(&bench, "more than 64 headers");
		else
			bench_route(&bench);
	}
	assert_true(bench_try(&bench) == ROUTE_REJECTED);
	buffer_free(&json);
	bench_free(&bench);
}

/* It happened when it was written, whenever it is sent again. */
static void
a_replayed_event_has_no_position(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench_set(&bench, (RouteSettings){.profile = PROFILE_CLOUDEVENTS});
	bench.event.replayed = view_of("gap");
	bench.event.created_at = 0;
	bench.event.headers = view_of("{\"outbox-replayed\": \"x\", \"a\": 1}");
	bench_route(&bench);
	bench_header_names(&bench, "ce_id ce_source ce_specversion ce_type ce_subject ce_time "
							   "content-type a outbox-replayed outbox-created-at");
	bench_header(&bench, "outbox-replayed", "gap");
	bench_header(&bench, "outbox-created-at", "2000-01-01T00:00:00.000Z");
	bench_header(&bench, "ce_time", "2000-01-01T00:00:00.000000Z");
	bench_set(&bench, (RouteSettings){.profile = PROFILE_CLOUDEVENTS, .timestamp = "at"});
	bench.event.headers = view_of("{\"at\": 1000}");
	bench_route(&bench);
	bench_header(&bench, "ce_time", "1970-01-01T00:00:01.000000Z");
	assert_int_equal(bench.routed.timestamp_ms, 1000);
	bench_free(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_the_attributes),
		cmocka_unit_test(no_attribute_is_empty),
		cmocka_unit_test(attributes_are_the_relay_s),
		cmocka_unit_test(the_content_type_is_what_the_bytes_are),
		cmocka_unit_test(source_and_time_can_be_set),
		cmocka_unit_test(the_number_of_headers_is_bounded),
		cmocka_unit_test(a_replayed_event_has_no_position),
	};

	return cmocka_run_group_tests_name("cloudevents", tests, NULL, NULL);
}
