/*
 * test_route_record.c
 *	  Which settings decide an event's place, as text and back.
 */
#include "unit.h"

#include "exit_codes.h"
#include "route_record.h"

#include <stdlib.h>

static RouteRecord
made(RouteSettings settings)
{
	RouteRecord record;
	Error error;

	error_clear(&error);
	assert_true(route_record_make(&record, &settings, &error));
	return record;
}

#define MADE(...) made((RouteSettings){__VA_ARGS__})

/* Frees both. */
static void
compare(RouteRecord a, RouteRecord b, bool equal)
{
	Error error;

	error_clear(&error);
	assert_int_equal(route_records_equal(&a, &b), equal);
	assert_int_equal(route_record_check(&a, &b, &error), equal);
	assert_int_equal(error.exit_code, equal ? 0 : EXIT_ROUTING);
	route_record_free(&a);
	route_record_free(&b);
}

static void
writes_defaults_out(void **state)
{
	RouteRecord record = MADE(.profile = PROFILE_DEBEZIUM);
	char *text = route_record_text(&record);

	(void) state;
	assert_string_equal(
		text, "{\"topics.pattern\": \"outbox.event.{routedByValue}\", "
			  "\"route.by.field\": \"aggregatetype\", \"route.topic.regex\": \"\", "
			  "\"route.topic.replacement\": \"\", \"table.field.event.key\": \"aggregateid\", "
			  "\"table.fields.additional.placement\": \"\"}");
	free(text);
	route_record_free(&record);
}

static void
what_leaves_events_where_they_are_is_equal(void **state)
{
	(void) state;
	compare(MADE(.key = ""), MADE(.key = "aggregateid"), true);
	compare(MADE(.by_field = ""), MADE(.by_field = "aggregatetype"), true);
	compare(MADE(.topic_pattern = "a.{aggregatetype}.b"),
			MADE(.topic_pattern = "a.{routedByValue}.b"), true);
	compare(MADE(.regex = "(?<routedByValue>.*)"),
			MADE(.replacement = "outbox.event.${routedByValue}"), true);
	compare(MADE(.placement = "a:header,type:envelope:t"), MADE(.placement = ""), true);
	compare(MADE(.placement = " p : partition : ignored , a:header"),
			MADE(.placement = "p:partition"), true);
	compare(MADE(.profile = PROFILE_CLOUDEVENTS, .source = "/x", .timestamp = "at",
				 .ignore_missing = true, .tombstone_on_empty = true, .unmatched_is_topic = true,
				 .expansion = EXPAND_COMPACT, .keep_nulls = true, .keep_empty_arrays = true),
			MADE(.profile = PROFILE_DEBEZIUM), true);
}

static void
what_moves_events_differs(void **state)
{
	(void) state;
	compare(MADE(.key = "id"), MADE(.key = NULL), false);
	compare(MADE(.by_field = "type", .topic_pattern = "{routedByValue}"),
			MADE(.topic_pattern = "{routedByValue}"), false);
	compare(MADE(.topic_pattern = "a.{routedByValue}"), MADE(.topic_pattern = "b.{routedByValue}"),
			false);
	compare(MADE(.regex = "(.*)", .replacement = "$1"), MADE(.regex = "(.+)", .replacement = "$1"),
			false);
	compare(MADE(.regex = "(.*)", .replacement = "a.$1"),
			MADE(.regex = "(.*)", .replacement = "b.$1"), false);
	compare(MADE(.regex = "(.*)"), MADE(.regex = NULL), false);
	compare(MADE(.placement = "p:partition"), MADE(.placement = NULL), false);
	compare(MADE(.placement = "p:partition"), MADE(.placement = "q:partition"), false);
	compare(MADE(.placement = "p:partition"), MADE(.placement = "p:header"), false);
}

static void
says_what_differs(void **state)
{
	RouteRecord a = MADE(.key = "id");
	RouteRecord b = MADE(.key = "type", .placement = "p:partition");
	Error error;

	(void) state;
	error_clear(&error);
	assert_false(route_record_check(&a, &b, &error));
	assert_string_equal(error.detail,
						"table.field.event.key was \"id\", is \"type\"; "
						"table.fields.additional.placement was \"\", is \"p:partition\".");
	assert_non_null(strstr(error.hint, "repartition"));
	route_record_free(&a);
	route_record_free(&b);
}

static void
comes_back_from_its_text(void **state)
{
	static const RouteSettings settings[] = {
		{.key = NULL},
		{.topic_pattern = "a-{aggregatetype}", .key = "sch\xc3\xbcssel"},
		{.by_field = "type", .regex = "\"\\\\(.*)", .replacement = "x.$1"},
		{.placement = "tenant:partition,type:envelope"},
	};

	(void) state;
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		RouteRecord record = made(settings[i]);
		char *text = route_record_text(&record);
		RouteRecord read;
		Error error;

		error_clear(&error);
		for (const char *c = text; *c != '\0'; c++)
			assert_true((unsigned char) *c < 128);
		assert_true(route_record_parse(&read, text, &error));
		compare(record, read, true);
		free(text);
	}
}

/* The drain of repartition relies on it. */
static void
applied_to_other_settings_it_is_made_again(void **state)
{
	static const RouteSettings recorded[] = {
		{.key = NULL},
		{.topic_pattern = "a-{aggregatetype}", .key = "type"},
		{.by_field = "type", .regex = "(.*)", .replacement = "x.$1", .placement = "p:partition"},
	};
	static const RouteSettings others[] = {
		{.key = "id", .timestamp = "at", .placement = "a:header,q:partition,b:envelope:c"},
		{.regex = "x(.*)", .keep_nulls = true},
		{.topic_pattern = "z.{routedByValue}", .by_field = "id"},
	};

	(void) state;
	for (size_t i = 0; i < 9; i++)
	{
		const RouteSettings *other = &others[i % 3];
		RouteRecord record = made(recorded[i / 3]);
		RouteSettings out;
		char *placement;
		Error error;

		error_clear(&error);
		assert_true(route_record_apply(&record, other, &out, &placement, &error));
		assert_ptr_equal(out.timestamp, other->timestamp);
		assert_int_equal(out.keep_nulls, other->keep_nulls);
		if (i % 3 == 0)
			assert_string_equal(out.placement, i / 3 == 2 ? "a:header:a,b:envelope:c,p:partition"
														  : "a:header:a,b:envelope:c");
		compare(made(out), made(recorded[i / 3]), true);
		free(placement);
		route_record_free(&record);
	}
}

static void
refuses_what_is_no_record(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{",
		"{\"topics.pattern\": 1}",
		"{\"route.new\": \"x\"}",
		"{\"route.by.field\": \"a\", \"route.by.field\": \"b\"}",
	};
	RouteRecord record;
	RouteSettings wrong = {.placement = "nonsense"};
	RouteSettings bytes = {.key = "\xff"};
	Error error;

	(void) state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
	{
		error_clear(&error);
		assert_false(route_record_parse(&record, texts[i], &error));
		assert_int_equal(error.exit_code, EXIT_ROUTING);
		assert_false(route_record_is_set(&record));
	}
	error_clear(&error);
	assert_false(route_record_make(&record, &wrong, &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_false(route_record_make(&record, &bytes, &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_true(route_record_parse(&record, NULL, &error));
	assert_false(route_record_is_set(&record));
}

/* Of an earlier version, which knew fewer settings. */
static void
a_member_that_is_missing_has_its_default(void **state)
{
	RouteRecord record;
	Error error;

	(void) state;
	error_clear(&error);
	assert_true(route_record_parse(&record, "{\"table.field.event.key\": \"id\"}", &error));
	compare(record, MADE(.key = "id"), true);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_defaults_out),
		cmocka_unit_test(what_leaves_events_where_they_are_is_equal),
		cmocka_unit_test(what_moves_events_differs),
		cmocka_unit_test(says_what_differs),
		cmocka_unit_test(comes_back_from_its_text),
		cmocka_unit_test(applied_to_other_settings_it_is_made_again),
		cmocka_unit_test(refuses_what_is_no_record),
		cmocka_unit_test(a_member_that_is_missing_has_its_default),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
