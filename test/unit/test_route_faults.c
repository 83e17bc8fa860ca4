/*
 * test_route_faults.c
 *	  What is wrong with an event that can't be routed, and what that makes of it as poison.
 */
#include "routing.h"

#include "poison.h"

typedef struct Case
{
	RouteSettings settings;
	const char *headers;
	const char *cause;
	bool has_topic; /* it was known when the event was rejected */
} Case;

static void
names_what_is_wrong(void **state)
{
	static const Case cases[] = {
		{{.regex = "Order", .replacement = "order"}, NULL, "invalid_topic", false},
		{{.by_field = "to"}, "{}", "missing_field", false},
		{{.by_field = "to"}, "{\"to\": null}", "invalid_topic", false},
		{{.by_field = "to"}, "{\"to\": \"a\", \"b\": {}}", "invalid_headers", false},
		{{.by_field = "aggregatetype"}, "[]", "invalid_headers", true},
		{{.key = "customer"}, "{\"a\": 1}", "missing_field", true},
		{{.placement = "n:partition"}, "{}", "missing_field", true},
		{{.placement = "n:partition"}, "{\"n\": 200}", "invalid_partition", true},
		{{.placement = "n:partition"}, "{\"n\": \"x\"}", "invalid_partition", true},
		{{.timestamp = "at"}, "{}", "missing_field", true},
		{{.timestamp = "at"}, "{\"at\": \"yesterday\"}", "invalid_timestamp", true},
		{{.placement = "tenant:envelope"}, "{}", "missing_field", true},
		{{.placement = "tenant:header"}, "{}", "missing_field", true},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const Case *now = &cases[i];
		Bench bench;

		bench_init(&bench);
		bench_set(&bench, now->settings);
		bench.event.headers = view_of(now->headers);
		bench_reject(&bench, "");
		if (strcmp(poison_cause_name(poison_cause_of_route(bench.routed.fault)), now->cause) != 0)
			fail_msg("case %zu is %s: %s", i,
					 poison_cause_name(poison_cause_of_route(bench.routed.fault)),
					 bench.error.message);
		assert_int_equal(bench.routed.topic != NULL, now->has_topic);
		bench_free(&bench);
	}
}

static void
too_many_headers_are_invalid_headers(void **state)
{
	Bench bench;
	Buffer json;

	(void) state;
	bench_init(&bench);
	buffer_init(&json, 1 << 16);
	for (int i = 0; i <= ROUTE_MAX_HEADERS; i++)
		buffer_printf(&json, "%s\"h%d\": 1", i > 0 ? ", " : "{", i);
	buffer_append_str(&json, "}");
	bench.event.headers = buffer_view(&json);
	bench_reject(&bench, "headers");
	assert_int_equal(bench.routed.fault, ROUTE_FAULT_HEADERS);
	buffer_free(&json);
	bench_free(&bench);
}

static void
cloudevents_need_a_type(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench_set(&bench, (RouteSettings){.profile = PROFILE_CLOUDEVENTS, .by_field = "aggregateid"});
	bench.event.aggregate_type = bench.event.type = view_of("");
	bench_reject(&bench, "ce_type");
	assert_int_equal(bench.routed.fault, ROUTE_FAULT_FIELD);
	bench_free(&bench);
}

/* Only the length counts: nothing of the payload is read. */
static void
a_payload_can_be_too_large_for_an_envelope(void **state)
{
	Bench bench;

	(void) state;
	bench_init(&bench);
	bench_set(&bench, (RouteSettings){.placement = "type:envelope"});
	bench.event.payload = (ByteView){(const uint8_t *) "", ROUTE_VALUE_MAX + 1};
	bench_reject(&bench, "too large");
	assert_int_equal(poison_cause_of_route(bench.routed.fault), POISON_TOO_LARGE);
	bench_free(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_what_is_wrong),
		cmocka_unit_test(too_many_headers_are_invalid_headers),
		cmocka_unit_test(cloudevents_need_a_type),
		cmocka_unit_test(a_payload_can_be_too_large_for_an_envelope),
	};

	return cmocka_run_group_tests_name("route faults", tests, NULL, NULL);
}
