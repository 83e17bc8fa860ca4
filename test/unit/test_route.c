/*
 * test_route.c
 *	  Events to topic, key, value and partition key; their headers: test_route_headers.c.
 */
#include "route_fixture.h"

#include "random.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_FIXTURE(routes_an_event),
		WITH_FIXTURE(null_columns),
		WITH_FIXTURE(empty_columns_are_not_null),
		WITH_FIXTURE(an_aggregate_type_makes_a_topic_or_is_rejected),
		WITH_FIXTURE(an_unknown_topic_is_named_and_found_later),
		WITH_FIXTURE(timestamps_are_whole_milliseconds),
		WITH_FIXTURE(patterns),
		WITH_FIXTURE(equal_events_give_equal_results),
	};

	return cmocka_run_group_tests_name("route", tests, NULL, NULL);
}
