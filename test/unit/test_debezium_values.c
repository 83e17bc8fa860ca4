/*
 * test_debezium_values.c
 *	  What people who come from Debezium's Outbox Event Router rely on: values, tombstones
 *	  and expanded JSON.  docs/debezium.md names the case of each test.
 */
#include "routing.h"

static void
payloads_keep_their_bytes(void **state)
{
	static const char *const payloads[] = {
		"{\"email\": \"gh@mefi.in\"}", "{}", "[]", "\"text\"", "1.10", "null", "{\"a\":  null}"};
	static const uint8_t binary[] = {0, 1, 0xff, '{'};
	Bench bench;

	(void) state;
	bench_init(&bench);
	for (size_t i = 0; i < LENGTH(payloads); i++)
	{
		bench.event.payload = view_of(payloads[i]);
		bench_value(&bench, payloads[i]);
		/* The payload's own bytes, not a copy. */
		assert_ptr_equal(bench.routed.value.data, bench.event.payload.data);
	}
	bench.event.payload = (ByteView){binary, sizeof(binary)};
	bench.event.payload_is_bytes = true;
	bench_set(&bench, (RouteSettings){.expansion = EXPAND_COMPACT, .tombstone_on_empty = true});
	bench_route(&bench);
	assert_ptr_equal(bench.routed.value.data, binary);
	assert_int_equal(bench.routed.value.len, sizeof(binary));
	bench_free(&bench);
}

static void
fields_join_the_payload_in_an_envelope(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.event.payload = view_of("{\"a\": \"\xc3\xa4\"}");
	bench.settings.placement = "type:envelope";
	bench_value(&bench, "{\"payload\":\"{\\\"a\\\": \\\"\xc3\xa4\\\"}\",\"type\":\"UserCreated\"}");
	/* Its header stays: Debezium would leave it to the setting. */
	bench_header_names(&bench, "id type outbox-position");

	bench_set(&bench, (RouteSettings){.placement = "type:envelope:eventType"});
	bench.event.payload = view_of("{}");
	bench_value(&bench, "{\"payload\":\"{}\",\"eventType\":\"UserCreated\"}");

	bench_set(&bench, (RouteSettings){.placement = "v:envelope,b:envelope:deleted,h:header,"
												   "aggregatetype:envelope:root,n:envelope,"
												   "s:envelope:text"});
	bench.event.headers = view_of("{\"v\": 1.50, \"b\": false, \"h\": 2, \"n\": null, "
								  "\"s\": \"q\\\"\\n\", \"own\": 1}");
	bench_value(&bench, "{\"payload\":\"{}\",\"v\":1.50,\"deleted\":false,\"root\":\"User\","
						"\"n\":null,\"text\":\"q\\\"\\n\"}");
	bench_header_names(&bench, "id type h own outbox-position");
	bench_free(&bench);
}

static void
bytes_are_base64_in_an_envelope(void **state)
{
	static const struct
	{
		const char *bytes;
		const char *value;
	} cases[] = {
		{"", "{\"payload\":\"\",\"type\":\"UserCreated\"}"},
		{"f", "{\"payload\":\"Zg==\",\"type\":\"UserCreated\"}"},
		{"fo", "{\"payload\":\"Zm8=\",\"type\":\"UserCreated\"}"},
		{"foo", "{\"payload\":\"Zm9v\",\"type\":\"UserCreated\"}"},
		{"\xfb\xff\xfe{", "{\"payload\":\"+//+ew==\",\"type\":\"UserCreated\"}"},
	};
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings = (RouteSettings){
		.placement = "type:envelope", .expansion = EXPAND_COMPACT, .tombstone_on_empty = true};
	bench.event.payload_is_bytes = true;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		bench.event.payload = view_of(cases[i].bytes);
		bench_value(&bench, cases[i].value);
	}
	bench_free(&bench);
}

static void
an_empty_payload_is_a_tombstone_when_that_is_set(void **state)
{
	static const char *const blank[] = {"", "  ", "\n\t \r", NULL};
	Bench bench;

	(void) state;
	bench_init(&bench);
	for (size_t i = 0; i < LENGTH(blank); i++)
	{
		bench.event.payload = view_of(blank[i]);
		bench_set(&bench,
				  (RouteSettings){.tombstone_on_empty = true, .placement = "type:envelope"});
		bench_value(&bench, NULL);
		assert_view(bench.routed.key, "10711fa5");
		bench_header_names(&bench, "id type outbox-position");
		bench_set(&bench, (RouteSettings){.tombstone_on_empty = true});
		bench_value(&bench, NULL);
		/* NULL is a tombstone whatever is set, and text is text. */
		bench_set(&bench, (RouteSettings){.tombstone_on_empty = false});
		bench_value(&bench, blank[i]);
	}
	bench_set(&bench, (RouteSettings){.tombstone_on_empty = true});
	bench_value(&bench, NULL);
	bench.event.payload = view_of("null");
	bench_value(&bench, "null");
	bench_free(&bench);
}

static void
an_envelope_holds_null_when_it_is_not(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings.placement = "type:envelope";
	bench.event.payload = (ByteView){NULL, 0};
	bench_value(&bench, "{\"payload\":null,\"type\":\"UserCreated\"}");
	/* Nothing to expand is nothing to warn of. */
	bench.settings.expansion = EXPAND_COMPACT;
	bench_set(&bench, bench.settings);
	bench_value(&bench, "{\"payload\":null,\"type\":\"UserCreated\"}");
	bench_set(&bench, (RouteSettings){.expansion = EXPAND_COMPACT});
	bench_value(&bench, NULL);
	bench_free(&bench);
}

typedef struct Expanded
{
	const char *payload;
	const char *value;
} Expanded;

static void
expect_expanded(RouteSettings settings, const Expanded *cases, size_t count)
{
	Bench bench;

	bench_init(&bench);
	bench_set(&bench, settings);
	for (size_t i = 0; i < count; i++)
	{
		bench.event.payload = view_of(cases[i].payload);
		bench_value(&bench, cases[i].value);
	}
	bench_free(&bench);
}

static void
json_is_expanded_when_that_is_set(void **state)
{
	static const Expanded cases[] = {
		{"{\"fullName\": \"John Doe\", \"enabled\": true, \"rating\": 4.9, \"age\": 42, "
		 "\"big\": 12345678901, \"pets\": [\"dog\", \"cat\"]}",
		 "{\"fullName\":\"John Doe\",\"enabled\":true,\"rating\":4.9,\"age\":42,"
		 "\"big\":12345678901,\"pets\":[\"dog\",\"cat\"]}"},
		{"{\"a\": [], \"b\": 1}", "{\"b\":1}"},
		{"{\"a\": null, \"b\": {\"c\": null}}", "{\"b\":{}}"},
		{"{\"a\": [[], [\"x\"]]}", "{\"a\":[[],[\"x\"]]}"},
		{"{\"a\": [null, 2, 3]}", "{\"a\":[null,2,3]}"},
		{"[null, {\"a\": 1, \"b\": null}, {\"b\": 2}]", "[null,{\"a\":1},{\"b\":2}]"},
		{"{\"a\": [1, 2.0, \"x\"]}", "{\"a\":[1,2.0,\"x\"]}"},
		{"{\"a\": 1.10, \"b\": 123456789012345678901234567890}",
		 "{\"a\":1.10,\"b\":123456789012345678901234567890}"},
		{"{\"a b\": {\"c-d\": {\"e.f\": [{\"g\": 1}]}}}",
		 "{\"a b\":{\"c-d\":{\"e.f\":[{\"g\":1}]}}}"},
		/* What isn't an object or an array, or no JSON, stays as it is. */
		{"42", "42"},
		{" {\"a\": 1}", " {\"a\": 1}"},
		{"{\"a\": 1", "{\"a\": 1"},
		{"{x}", "{x}"},
	};

	(void) state;
	expect_expanded((RouteSettings){.expansion = EXPAND_COMPACT}, cases, LENGTH(cases));
}

static void
nulls_and_empty_arrays_can_be_kept(void **state)
{
	static const Expanded nulls[] = {{"{\"a\": null, \"b\": []}", "{\"a\":null}"}};
	static const Expanded arrays[] = {
		{"{\"a\": null, \"b\": [], \"c\": {\"d\": []}}", "{\"b\":[],\"c\":{\"d\":[]}}"}};

	(void) state;
	expect_expanded((RouteSettings){.expansion = EXPAND_COMPACT, .keep_nulls = true}, nulls, 1);
	expect_expanded((RouteSettings){.expansion = EXPAND_COMPACT, .keep_empty_arrays = true}, arrays,
					1);
}

static void
an_expanded_payload_joins_an_envelope(void **state)
{
	static const Expanded compact[] = {
		{"{\"a\": null, \"b\": [1, 2]}", "{\"payload\":{\"b\":[1,2]},\"type\":\"UserCreated\"}"},
		{"[]", "{\"payload\":[],\"type\":\"UserCreated\"}"},
		{"42", "{\"payload\":\"42\",\"type\":\"UserCreated\"}"},
		{"{\"a\": ", "{\"payload\":\"{\\\"a\\\": \",\"type\":\"UserCreated\"}"},
		{"{\"\xff\": 1}", "{\"payload\":\"{\\\"\xEF\xBF\xBD\\\": 1}\",\"type\":\"UserCreated\"}"},
	};
	static const Expanded verbatim[] = {
		{"{\"a\": null,  \"b\": [] }",
		 "{\"payload\":{\"a\": null,  \"b\": [] },\"type\":\"UserCreated\"}"},
		{"{\"a\": 1}, \"forged\": {",
		 "{\"payload\":\"{\\\"a\\\": 1}, \\\"forged\\\": {\",\"type\":\"UserCreated\"}"},
	};
	static const Expanded alone[] = {{"{\"a\": null,  \"b\": [] }", "{\"a\": null,  \"b\": [] }"}};

	(void) state;
	expect_expanded((RouteSettings){.expansion = EXPAND_COMPACT, .placement = "type:envelope"},
					compact, LENGTH(compact));
	expect_expanded((RouteSettings){.expansion = EXPAND_VERBATIM, .placement = "type:envelope"},
					verbatim, LENGTH(verbatim));
	expect_expanded((RouteSettings){.expansion = EXPAND_VERBATIM}, alone, LENGTH(alone));
}

static void
what_is_made_of_a_payload_is_bounded(void **state)
{
	size_t size = ROUTE_VALUE_MAX + 1;
	char *payload = malloc(size);
	Bench bench;

	(void) state;
	assert_non_null(payload);
	memset(payload, 'x', size);
	bench_init(&bench);
	bench.event.payload = (ByteView){(const uint8_t *) payload, size};
	bench_route(&bench);
	assert_int_equal(bench.routed.value.len, size);
	bench_set(&bench, (RouteSettings){.placement = "type:envelope"});
	bench_reject(&bench, "too large");
	bench.event.payload.len = size / 64;
	bench_route(&bench);
	assert_true(bench.routed.value.len > size / 64);
	free(payload);
	bench_free(&bench);
}

/* Four fields in the envelope, one header, a timestamp, an expanded payload. */
static void
all_of_it_at_once(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench.settings =
		(RouteSettings){.by_field = "type",
						.timestamp = "at",
						.expansion = EXPAND_COMPACT,
						.placement = "v:envelope,b:envelope:deleted,"
									 "aggregatetype:envelope,t:envelope:what,h:header"};
	bench.event.payload = view_of("{\"k\": [1]}");
	bench.event.headers = view_of("{\"v\": 1, \"b\": true, \"t\": \"x\", \"h\": \"y\", "
								  "\"at\": \"2019-03-24 20:52:59\"}");
	bench_value(&bench, "{\"payload\":{\"k\":[1]},\"v\":1,\"deleted\":true,"
						"\"aggregatetype\":\"User\",\"what\":\"x\"}");
	assert_string_equal(bench.routed.topic, "outbox.event.UserCreated");
	assert_true(bench.routed.timestamp_ms == INT64_C(1553460779000));
	bench_header_names(&bench, "id type h outbox-position");
	bench_free(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_keep_their_bytes),
		cmocka_unit_test(fields_join_the_payload_in_an_envelope),
		cmocka_unit_test(bytes_are_base64_in_an_envelope),
		cmocka_unit_test(an_empty_payload_is_a_tombstone_when_that_is_set),
		cmocka_unit_test(an_envelope_holds_null_when_it_is_not),
		cmocka_unit_test(json_is_expanded_when_that_is_set),
		cmocka_unit_test(nulls_and_empty_arrays_can_be_kept),
		cmocka_unit_test(an_expanded_payload_joins_an_envelope),
		cmocka_unit_test(what_is_made_of_a_payload_is_bounded),
		cmocka_unit_test(all_of_it_at_once),
	};

	return cmocka_run_group_tests_name("debezium_values", tests, NULL, NULL);
}
