/*
 * test_route.c
 *	  Events to topic, key, value, headers and partition key.
 */
#include "wire.h"

#include "exit_codes.h"
#include "random.h"
#include "route.h"

#define PATTERN "outbox.event.{aggregatetype}"
#define ID_TEXT "0190b2c4-1111-7222-8333-444455556666"
#define POSITION_TEXT "ride-7f3a/2.3/0/16B374D8/41"

typedef struct Fixture
{
	TopicMap *map;
	Router *router;
	OutboxEvent event;
	RoutedEvent routed;
	Error error;
} Fixture;

static OutboxEvent
sample_event(void)
{
	OutboxEvent event = {.aggregate_type = view_of("ride"),
						 .aggregate_id = view_of("r-1"),
						 .type = view_of("started"),
						 .payload = view_of("{\"a\": 1}"),
						 .headers = {NULL, 0},
						 .position = {2, 3, 0x16B374D8, 41},
						 .commit_time = 0};

	assert_true(uuid_parse(ID_TEXT, strlen(ID_TEXT), event.id));
	return event;
}

static int
set_up(void **state)
{
	Fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->map = topic_map_create();
	assert_true(topic_map_add(fixture->map, "outbox.event.order", 1, &fixture->error));
	assert_true(topic_map_add(fixture->map, "outbox.event.ride", 12, &fixture->error));
	fixture->router = router_create(PATTERN, "ride-7f3a", fixture->map, &fixture->error);
	assert_non_null(fixture->router);
	fixture->event = sample_event();
	*state = fixture;
	return 0;
}

static int
tear_down(void **state)
{
	Fixture *fixture = *state;

	router_free(fixture->router);
	topic_map_free(fixture->map);
	free(fixture);
	return 0;
}

static void
route(Fixture *fixture)
{
	memset(&fixture->routed, 0x5a, sizeof(fixture->routed));
	if (router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error) !=
		ROUTE_OK)
		fail_msg("%s", fixture->error.message);
}

static void
expect_rejected(Fixture *fixture)
{
	error_clear(&fixture->error);
	assert_int_equal(
		router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error),
		ROUTE_REJECTED);
	assert_int_equal(fixture->error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(fixture->error.exit_code, EXIT_POISON);
	assert_null(strstr(fixture->error.message, "secret"));
	assert_null(strstr(fixture->error.detail, "secret"));
}

static void
expect_header(const Fixture *fixture, int index, const char *name, const char *value)
{
	assert_in_range(index, 0, fixture->routed.header_count - 1);
	assert_view(fixture->routed.headers[index].name, name);
	if (value == NULL)
		assert_null(fixture->routed.headers[index].value.data);
	else
		assert_view(fixture->routed.headers[index].value, value);
}

static void
routes_an_event(void **state)
{
	Fixture *fixture = *state;

	route(fixture);
	assert_string_equal(fixture->routed.topic, "outbox.event.ride");
	assert_int_equal(fixture->routed.topic_index, 1);
	assert_int_equal(fixture->routed.partition_count, 12);
	assert_view(fixture->routed.key, "r-1");
	assert_view(fixture->routed.partition_key, "r-1");
	assert_view(fixture->routed.value, "{\"a\": 1}");
	assert_int_equal(fixture->routed.header_count, 3);
	expect_header(fixture, 0, "id", ID_TEXT);
	expect_header(fixture, 1, "type", "started");
	expect_header(fixture, 2, "outbox-position", POSITION_TEXT);
	assert_int_equal(fixture->routed.size,
					 3 + 8 + (2 + 36) + (4 + 7) + (15 + strlen(POSITION_TEXT)));
}

static void
null_columns(void **state)
{
	Fixture *fixture = *state;

	fixture->event.aggregate_id = (ByteView){NULL, 0};
	fixture->event.type = (ByteView){NULL, 0};
	fixture->event.payload = (ByteView){NULL, 0};
	route(fixture);
	assert_null(fixture->routed.key.data);
	assert_view(fixture->routed.partition_key, ID_TEXT);
	assert_null(fixture->routed.value.data);
	assert_int_equal(fixture->routed.header_count, 2);
	expect_header(fixture, 0, "id", ID_TEXT);
	expect_header(fixture, 1, "outbox-position", POSITION_TEXT);
}

static void
empty_columns_are_not_null(void **state)
{
	Fixture *fixture = *state;

	fixture->event.aggregate_id = view_of("");
	fixture->event.type = view_of("");
	fixture->event.payload = view_of("");
	route(fixture);
	assert_view(fixture->routed.key, "");
	assert_view(fixture->routed.partition_key, "");
	assert_view(fixture->routed.value, "");
	expect_header(fixture, 1, "type", "");
}

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
	many_headers(&json, ROUTE_MAX_HEADERS - 3);
	fixture->event.headers = buffer_view(&json);
	route(fixture);
	assert_int_equal(fixture->routed.header_count, ROUTE_MAX_HEADERS);
	expect_header(fixture, ROUTE_MAX_HEADERS - 1, "outbox-position", POSITION_TEXT);

	many_headers(&json, ROUTE_MAX_HEADERS - 2);
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

static void
a_replayed_event_has_room_for_as_many_headers(void **state)
{
	Fixture *fixture = *state;
	Buffer json;

	buffer_init(&json, 1 << 16);
	fixture->event.replayed = view_of("gap");
	many_headers(&json, ROUTE_MAX_HEADERS - 3);
	fixture->event.headers = buffer_view(&json);
	route(fixture);
	assert_int_equal(fixture->routed.header_count, ROUTE_MAX_HEADERS + 1);
	expect_header(fixture, ROUTE_MAX_HEADERS - 1, "outbox-replayed", "gap");
	many_headers(&json, ROUTE_MAX_HEADERS - 2);
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

static void
an_aggregate_type_makes_a_topic_or_is_rejected(void **state)
{
	static const char *const illegal[] = {"", "a b", "secret/x", "\xc3\xa4", "a\nb", "*"};
	char longest[TOPIC_NAME_MAX];
	size_t room = TOPIC_NAME_MAX - strlen("outbox.event.");
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(illegal); i++)
	{
		fixture->event.aggregate_type = view_of(illegal[i]);
		expect_rejected(fixture);
	}
	fixture->event.aggregate_type = (ByteView){(const uint8_t *) "a\0b", 3};
	expect_rejected(fixture);

	memset(longest, 'x', sizeof(longest));
	fixture->event.aggregate_type = (ByteView){(const uint8_t *) longest, room};
	assert_int_equal(
		router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error),
		ROUTE_UNKNOWN_TOPIC);
	assert_int_equal(strlen(fixture->routed.topic), TOPIC_NAME_MAX);
	fixture->event.aggregate_type.len = room + 1;
	expect_rejected(fixture);
	assert_non_null(strstr(fixture->error.message, "too long"));
	fixture->event.aggregate_type.len = SIZE_MAX / 2; /* is not read */
	expect_rejected(fixture);
}

static void
an_unknown_topic_is_named_and_found_later(void **state)
{
	Fixture *fixture = *state;

	fixture->event.aggregate_type = view_of("driver");
	assert_int_equal(
		router_route(fixture->router, &fixture->event, &fixture->routed, &fixture->error),
		ROUTE_UNKNOWN_TOPIC);
	assert_string_equal(fixture->routed.topic, "outbox.event.driver");
	assert_true(topic_map_add(fixture->map, fixture->routed.topic, 5, &fixture->error));
	route(fixture);
	assert_int_equal(fixture->routed.topic_index, 2);
	assert_int_equal(fixture->routed.partition_count, 5);
}

static void
timestamps_are_whole_milliseconds(void **state)
{
	static const struct
	{
		PgUsec commit_time;
		int64_t timestamp_ms;
	} cases[] = {
		{0, INT64_C(946684800000)},
		{999, INT64_C(946684800000)},
		{1000, INT64_C(946684800001)},
		{-1, INT64_C(946684799999)},
		{-1000, INT64_C(946684799999)},
		{-1001, INT64_C(946684799998)},
		{INT64_C(823178096789000), INT64_C(1769862896789)}, /* 2026-01-31 12:34:56.789 */
		{INT64_MAX, INT64_MAX / 1000 + INT64_C(946684800000)},
		{INT64_MIN, INT64_MIN / 1000 - 1 + INT64_C(946684800000)},
	};
	Fixture *fixture = *state;

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		fixture->event.commit_time = cases[i].commit_time;
		route(fixture);
		assert_true(fixture->routed.timestamp_ms == cases[i].timestamp_ms);
	}
}

static void
patterns(void **state)
{
	static const struct
	{
		const char *pattern;
		const char *topic; /* NULL: refused */
	} cases[] = {
		{"{aggregatetype}", "ride"},
		{"{aggregatetype}.events", "ride.events"},
		{"a-{aggregatetype}_b", "a-ride_b"},
		{"", NULL},
		{"outbox", NULL},
		{"{aggregatetype}{aggregatetype}", NULL},
		{"{type}.{aggregatetype}", NULL},
		{"a b.{aggregatetype}", NULL},
		{"{aggregatetype}/x", NULL},
		{"{AggregateType}", NULL},
	};
	Fixture *fixture = *state;
	char longest[TOPIC_NAME_MAX + sizeof("{aggregatetype}")];

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		Router *router = router_create(cases[i].pattern, "s", fixture->map, &fixture->error);

		assert_int_equal(router != NULL, cases[i].topic != NULL);
		if (router == NULL)
		{
			assert_int_equal(fixture->error.error_class, ERROR_CLASS_PERMANENT);
			assert_int_equal(fixture->error.exit_code, EXIT_CONFIG);
			continue;
		}
		assert_int_equal(router_route(router, &fixture->event, &fixture->routed, &fixture->error),
						 ROUTE_UNKNOWN_TOPIC);
		assert_string_equal(fixture->routed.topic, cases[i].topic);
		router_free(router);
	}
	memset(longest, 'x', TOPIC_NAME_MAX);
	snprintf(longest + TOPIC_NAME_MAX, sizeof(longest) - TOPIC_NAME_MAX, "{aggregatetype}");
	assert_null(router_create(longest, "s", fixture->map, &fixture->error));
	assert_null(router_create(PATTERN, "a/b", fixture->map, &fixture->error));
	assert_null(router_create(PATTERN, "", fixture->map, &fixture->error));
	router_free(NULL);
}

/* A pure function: what went through the router before leaves no trace. */
static void
equal_events_give_equal_results(void **state)
{
	static const char *const headers[] = {"{\"a\": \"\\n\"}", "{}", "{\"b\": \"\\t\\t\\t\\t\\t\"}",
										  "{\"a\": [1]}"};
	Fixture *fixture = *state;
	char first[64];
	Random random;

	random_seed(&random, 5);
	fixture->event.headers = view_of("{\"x\": \"1\\n2\"}");
	route(fixture);
	memcpy(first, fixture->routed.headers[2].value.data, fixture->routed.headers[2].value.len);
	for (int i = 0; i < 2000; i++)
	{
		OutboxEvent other = sample_event();

		other.headers = view_of(headers[random_below(&random, 4)]);
		other.position.ordinal = random_next(&random);
		other.id[3] = (uint8_t) random_next(&random);
		(void) !router_route(fixture->router, &other, &fixture->routed, &fixture->error);
		route(fixture);
		assert_int_equal(fixture->routed.header_count, 4);
		expect_header(fixture, 0, "id", ID_TEXT);
		expect_header(fixture, 2, "x", "1\n2");
		assert_memory_equal(fixture->routed.headers[2].value.data, first, 3);
		expect_header(fixture, 3, "outbox-position", POSITION_TEXT);
	}
}

#define WITH_FIXTURE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(routes_an_event),
		WITH_FIXTURE(a_replayed_event_has_no_position),
		WITH_FIXTURE(a_replayed_event_has_room_for_as_many_headers),
		WITH_FIXTURE(null_columns),
		WITH_FIXTURE(empty_columns_are_not_null),
		WITH_FIXTURE(own_headers_keep_their_order_and_their_text),
		WITH_FIXTURE(reserved_names_are_the_relay_s),
		WITH_FIXTURE(the_number_of_headers_is_bounded),
		WITH_FIXTURE(rejects_headers_that_are_no_flat_object),
		WITH_FIXTURE(rejects_headers_that_are_too_large),
		WITH_FIXTURE(headers_may_grow_from_event_to_event),
		WITH_FIXTURE(an_aggregate_type_makes_a_topic_or_is_rejected),
		WITH_FIXTURE(an_unknown_topic_is_named_and_found_later),
		WITH_FIXTURE(timestamps_are_whole_milliseconds),
		WITH_FIXTURE(patterns),
		WITH_FIXTURE(equal_events_give_equal_results),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
