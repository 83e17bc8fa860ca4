/*
 * test_debezium_router.c
 *	  What people who come from Debezium's Outbox Event Router rely on: topic, key,
 *	  partition, timestamp and headers.  docs/debezium.md names the case of each test.
 */
#include "routing.h"

static void
a_plain_event_is_routed_by_its_aggregate_type(void **state)
{
	static const char *const types[] = {"User", "User", "Address"};
	static const char *const topics[] = {"outbox.event.User", "outbox.event.User",
										 "outbox.event.Address"};
	Bench bench;

	(void) state;
	bench_init(&bench);
	for (size_t i = 0; i < LENGTH(types); i++)
	{
		bench.event.aggregate_type = view_of(types[i]);
		bench_value(&bench, "{}");
		assert_string_equal(bench.routed.topic, topics[i]);
		assert_view(bench.routed.key, "10711fa5");
		assert_int_equal(bench.routed.partition, PARTITION_BY_KEY);
		bench_header_names(&bench, "id type outbox-position");
		bench_header(&bench, "id", ID_TEXT);
	}
	bench_free(&bench);
}

static void
any_field_makes_the_topic(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.by_field = "type";
	bench_route(&bench);
	assert_string_equal(bench.routed.topic, "outbox.event.UserCreated");
	bench_set(&bench, (RouteSettings){.by_field = "team", .topic_pattern = "t.{routedByValue}.v1"});
	bench.event.headers = view_of("{\"team\": \"billing\", \"other\": 1}");
	bench_route(&bench);
	assert_string_equal(bench.routed.topic, "t.billing.v1");
	/* It goes where the setting says, and nowhere else. */
	bench_header_names(&bench, "id type other outbox-position");

	bench.event.headers = view_of("{\"team\": null}");
	bench_reject(&bench, "team is null");
	bench.event.headers = view_of("{\"other\": 1}");
	bench_reject(&bench, "team is null");
	bench.event.headers = (ByteView){NULL, 0};
	bench_reject(&bench, "team is null");
	bench.event.headers = view_of("{\"team\": \"\"}");
	bench_reject(&bench, "team is empty");
	bench.event.headers = view_of("{\"team\": \"secret/x\"}");
	bench_reject(&bench, "no legal topic");
	bench_free(&bench);
}

static void
an_expression_makes_the_topic(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.replacement = "events.${routedByValue}";
	bench_route(&bench);
	assert_string_equal(bench.routed.topic, "events.User");

	bench_set(&bench, (RouteSettings){.regex = "(?<routedByValue>\\w+)-v\\d+"});
	bench.event.aggregate_type = view_of("User-v2");
	bench_route(&bench);
	assert_string_equal(bench.routed.topic, "outbox.event.User");
	bench.event.aggregate_type = view_of("secret");
	bench_reject(&bench, "doesn't match");
	assert_non_null(strstr(bench.error.hint, "route.topic.unmatched"));

	bench_set(&bench,
			  (RouteSettings){.regex = "(a)?.*x", .replacement = "$1", .unmatched_is_topic = true});
	bench.event.aggregate_type = view_of("User");
	bench_route(&bench);
	assert_string_equal(bench.routed.topic, "User");
	bench.event.aggregate_type = view_of("x");
	bench_reject(&bench, "empty topic");
	bench_free(&bench);
}

/* Bad expressions are found before anything is connected; so are bad placements. */
static void
bad_settings_are_refused_by_name(void **state)
{
	static const char *const placements[] = {"type",
											 "type:nowhere",
											 "type:header:a:b",
											 ":header",
											 "type:header:",
											 ",",
											 "type:header,,id:header",
											 "payload:envelope",
											 "created_at:header",
											 "headers:header",
											 "outbox-replayed:header",
											 "x:header:id",
											 "x:header:type",
											 "type:header",
											 "x:header:outbox-position",
											 "x:header:ce_id",
											 "x:header:outbox-replayed",
											 "x:header:content-type",
											 "x:envelope:payload",
											 "x:header:a,y:header:a",
											 "x:partition,y:partition",
											 "x:header,",
											 "x:envelope:\xff",
											 "type:Header"};

	char many[40 * 16] = "m0:header";
	char longest[600] = "x:header:";

	(void) state;
	for (size_t i = 0; i < LENGTH(placements); i++)
		bench_refuse((RouteSettings){.placement = placements[i]},
					 "table.fields.additional.placement");
	for (int i = 1; i < 32; i++)
		snprintf(many + strlen(many), sizeof(many) - strlen(many), ",type:header:m%d", i);
	bench_refuse((RouteSettings){.placement = many}, "table.fields.additional.placement");
	memset(longest + strlen(longest), 'x', 300);
	bench_refuse((RouteSettings){.placement = longest}, "table.fields.additional.placement");
	memset(longest, 'x', 300);
	bench_refuse((RouteSettings){.placement = longest}, "table.fields.additional.placement");
	bench_refuse((RouteSettings){.regex = " [[a-z]"}, "route.topic.regex");
	bench_refuse((RouteSettings){.regex = "(.*)"}, "route.topic.regex"); /* no routedByValue */
	bench_refuse((RouteSettings){.replacement = "${x}"}, "route.topic.replacement");
	bench_refuse((RouteSettings){.replacement = "a b"}, "route.topic.replacement");
	bench_refuse((RouteSettings){.topic_pattern = "a.{aggregatetype}", .regex = "(.*)"},
				 "topics.pattern");
	bench_refuse((RouteSettings){.topic_pattern = "a.{aggregatetype}", .by_field = "type"},
				 "topics.pattern");
	bench_refuse((RouteSettings){.topic_pattern = ""}, "topics.pattern");
	bench_refuse((RouteSettings){.by_field = "payload"}, "route.by.field");
	bench_refuse((RouteSettings){.key = "payload_bytes"}, "table.field.event.key");
	bench_refuse((RouteSettings){.timestamp = "created_at"}, "table.field.event.timestamp");
}

static void
the_key_is_the_field_that_is_named(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.key = "type";
	bench_route(&bench);
	assert_view(bench.routed.key, "UserCreated");
	assert_view(bench.routed.partition_key, "UserCreated");

	bench_set(&bench, (RouteSettings){.key = "id"});
	bench_route(&bench);
	assert_view(bench.routed.key, ID_TEXT);

	bench_set(&bench, (RouteSettings){.key = "customer"});
	bench.event.headers = view_of("{\"customer\": 1234567890123, \"a\": 1}");
	bench_route(&bench);
	assert_view(bench.routed.key, "1234567890123");
	bench_header_names(&bench, "id type a outbox-position");
	bench.event.headers = view_of("{\"customer\": null}");
	bench_route(&bench);
	assert_null(bench.routed.key.data);
	assert_view(bench.routed.partition_key, ID_TEXT);
	bench.event.headers = view_of("{\"a\": 1}");
	bench_reject(&bench, "table.field.event.key");
	bench_set(&bench, (RouteSettings){.key = "customer", .ignore_missing = true});
	bench_route(&bench);
	assert_null(bench.routed.key.data);
	bench_free(&bench);
}

static void
the_timestamp_is_the_commit_or_the_field_that_is_named(void **state)
{
	static const struct
	{
		const char *headers;
		int64_t ms; /* -1: poison */
	} cases[] = {
		{"{\"at\": 1553460779000}", INT64_C(1553460779000)},
		{"{\"at\": \"1553460779000\"}", INT64_C(1553460779000)},
		{"{\"at\": \"2019-03-24 20:52:59\"}", INT64_C(1553460779000)},
		{"{\"at\": \"2019-03-24T20:52:59.000999+00:00\"}", INT64_C(1553460779000)},
		{"{\"at\": null}", COMMIT_MS},
		{"{\"at\": \"secret\"}", -1},
		{"{\"at\": 1.5}", -1},
		{"{\"at\": true}", -1},
		/* Kafka's clients refuse these, or take them for no time at all. */
		{"{\"at\": 0}", -1},
		{"{\"at\": -1}", -1},
		{"{\"at\": \"1969-12-31T23:59:59Z\"}", -1},
		{"{\"at\": 1}", 1},
		{"{}", -1},
	};
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench_route(&bench);
	assert_true(bench.routed.timestamp_ms == COMMIT_MS);
	bench.settings.timestamp = "at";
	bench_set(&bench, bench.settings);
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bench.event.headers = view_of(cases[i].headers);
		if (cases[i].ms < 0)
			bench_reject(&bench, "time");
		else
		{
			bench_route(&bench);
			assert_true(bench.routed.timestamp_ms == cases[i].ms);
		}
	}
	bench_set(&bench, (RouteSettings){.timestamp = "at", .ignore_missing = true});
	bench_route(&bench);
	assert_true(bench.routed.timestamp_ms == COMMIT_MS);
	bench_free(&bench);
}

static void
a_field_names_the_partition(void **state)
{
	static const char *const bad[] = {"{\"p\": 200}",		 "{\"p\": -1}",	 "{\"p\": 1.5}",
									  "{\"p\": \"\"}",		 "{\"p\": 1e1}", "{\"p\": true}",
									  "{\"p\": 99999999999}"};
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.placement = "p:partition:ignored";
	bench.event.headers = view_of("{\"p\": 123}");
	bench_route(&bench);
	assert_int_equal(bench.routed.partition, 123);
	assert_view(bench.routed.key, "10711fa5");
	bench_header_names(&bench, "id type outbox-position");
	bench.event.headers = view_of("{\"p\": \"199\"}");
	bench_route(&bench);
	assert_int_equal(bench.routed.partition, 199);
	bench.event.headers = view_of("{\"p\": null}");
	bench_route(&bench);
	assert_int_equal(bench.routed.partition, PARTITION_BY_KEY);
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		bench.event.headers = view_of(bad[i]);
		bench_reject(&bench, "no partition");
	}
	bench.event.headers = (ByteView){NULL, 0};
	bench_reject(&bench, "lack");
	bench_free(&bench);
}

static void
fields_become_headers_in_the_order_of_the_setting(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.placement =
		" tenant : header , type:header:eventType, n:header:number, aggregateid:header:key ";
	bench.event.headers = view_of("{\"own\": \"o\", \"n\": 1.50, \"tenant\": \"acme\"}");
	bench_value(&bench, "{}");
	bench_header_names(&bench, "id type tenant eventType number key own outbox-position");
	bench_header(&bench, "tenant", "acme");
	bench_header(&bench, "eventType", "UserCreated");
	bench_header(&bench, "number", "1.50");
	bench_header(&bench, "key", "10711fa5");

	/* A NULL column is a null header, as in Debezium. */
	bench.event.type = (ByteView){NULL, 0};
	bench_route(&bench);
	bench_header(&bench, "eventType", NULL);
	bench_free(&bench);
}

static void
a_missing_field_is_poison_or_left_out(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.placement = "a:header,b:envelope,type:envelope";
	bench.event.headers = view_of("{\"a\": 1}");
	bench_reject(&bench, "table.fields.additional.placement");
	assert_non_null(strstr(bench.error.hint, "table.field.additional.missing"));
	bench.event.headers = view_of("{\"b\": 1}");
	bench_reject(&bench, "table.fields.additional.placement");
	bench.settings.ignore_missing = true;
	bench_set(&bench, bench.settings);
	bench.event.headers = (ByteView){NULL, 0};
	bench_value(&bench, "{\"payload\":\"{}\",\"type\":\"UserCreated\"}");
	bench_header_names(&bench, "id type outbox-position");
	bench_free(&bench);
}

/* Every field from somewhere else at once; there is one header "id" all the same. */
static void
every_field_can_come_from_somewhere_else(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings = (RouteSettings){.by_field = "root",
									 .key = "root_id",
									 .timestamp = "at",
									 .placement = "kind:header,type:envelope:t,p:partition"};
	bench.event.headers = view_of("{\"root\": \"Order\", \"root_id\": \"o-7\", \"at\": 1000, "
								  "\"kind\": \"k\", \"p\": 3, \"id\": \"forged\"}");
	bench_value(&bench, "{\"payload\":\"{}\",\"t\":\"UserCreated\"}");
	assert_string_equal(bench.routed.topic, "outbox.event.Order");
	assert_view(bench.routed.key, "o-7");
	assert_int_equal(bench.routed.partition, 3);
	assert_true(bench.routed.timestamp_ms == 1000);
	bench_header_names(&bench, "id type kind outbox-position");
	bench_header(&bench, "id", ID_TEXT);
	bench_free(&bench);
}

/* What went through before leaves no trace. */
static void
equal_events_give_equal_records(void **state)
{
	static const char *const others[] = {"{\"a\": 7, \"p\": 4, \"x\": \"\\n\"}", "{\"p\": \"bad\"}",
										 "no json", NULL};
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings = (RouteSettings){.placement = "a:envelope,p:partition,b:header",
									 .regex = "(.)(.*)",
									 .replacement = "$2-$1",
									 .ignore_missing = true,
									 .expansion = EXPAND_COMPACT};
	for (int round = 0; round < 8; round++)
	{
		bench.event.headers = view_of(others[round % 4]);
		bench.event.payload = view_of(round % 2 == 0 ? "{\"x\": [1, 2, 3, null]}" : "[1");
		(void) bench_try(&bench);
		bench.event.headers = view_of("{\"p\": 9, \"b\": \"\\u00e4\"}");
		bench.event.payload = view_of("{\"n\": null, \"v\": 1.0}");
		bench_value(&bench, "{\"payload\":{\"v\":1.0}}");
		assert_string_equal(bench.routed.topic, "ser-U");
		assert_int_equal(bench.routed.partition, 9);
		bench_header_names(&bench, "id type b outbox-position");
		bench_header(&bench, "b", "\xc3\xa4");
	}
	bench_free(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_plain_event_is_routed_by_its_aggregate_type),
		cmocka_unit_test(any_field_makes_the_topic),
		cmocka_unit_test(an_expression_makes_the_topic),
		cmocka_unit_test(bad_settings_are_refused_by_name),
		cmocka_unit_test(the_key_is_the_field_that_is_named),
		cmocka_unit_test(the_timestamp_is_the_commit_or_the_field_that_is_named),
		cmocka_unit_test(a_field_names_the_partition),
		cmocka_unit_test(fields_become_headers_in_the_order_of_the_setting),
		cmocka_unit_test(a_missing_field_is_poison_or_left_out),
		cmocka_unit_test(every_field_can_come_from_somewhere_else),
		cmocka_unit_test(equal_events_give_equal_records),
	};

	return cmocka_run_group_tests_name("debezium_router", tests, NULL, NULL);
}
