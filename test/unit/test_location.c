/*
 * test_location.c
 *	  A report that is written can be read; what is no report is refused.
 */
#include "unit.h"

#include <math.h>

#include "location.h"

#define GOOD                                                                                       \
	"{\"request_id\":\"0190b2c4-1111-7222-8333-444455556666\",\"driver_id\":\"driver-0007\","      \
	"\"latitude\":52.520008,\"longitude\":13.404954,\"heading\":271.5,\"speed\":8.30,"             \
	"\"accuracy\":5.1,\"status\":\"on_trip\",\"time\":\"2026-01-31T12:34:56.789Z\"}"

static bool
parse(const char *json, LocationReport *report)
{
	const char *reason = NULL;
	bool parsed = location_parse(json, strlen(json), report, &reason);

	assert_true(parsed == (reason == NULL));
	return parsed;
}

static void
written_is_read(void **state)
{
	LocationReport report;
	LocationReport again;
	Buffer json;

	(void) state;
	assert_true(parse(GOOD, &report));
	assert_string_equal(report.driver_id, "driver-0007");
	assert_true(fabs(report.latitude - 52.520008) < 1e-9);
	assert_string_equal(report.status, "on_trip");

	buffer_init(&json, 4096);
	location_format(&report, LOCATION_NO_VERSION, &json);
	assert_string_equal(json.data, GOOD);
	assert_true(parse(json.data, &again));
	assert_memory_equal(report.request_id, again.request_id, UUID_SIZE);

	buffer_reset(&json);
	location_format(&report, 17, &json);
	assert_non_null(strstr(json.data, ",\"version\":17,\"latitude\""));
	assert_true(parse(json.data, &again)); /* what isn't known is passed over */
	buffer_free(&json);
}

/* Replaces one piece of the good report by another. */
static void
refuse_with(const char *old, const char *new)
{
	const char *at = strstr(GOOD, old);
	LocationReport report;
	char json[1024];

	assert_non_null(at);
	snprintf(json, sizeof(json), "%.*s%s%s", (int) (at - GOOD), GOOD, new, at + strlen(old));
	assert_false(parse(json, &report));
}

static void
wrong_members(void **state)
{
	LocationReport report;

	(void) state;
	refuse_with("0190b2c4", "0190b2cx");
	refuse_with("\"request_id\"", "\"requestid\"");
	refuse_with("driver-0007", "");
	refuse_with("driver-0007", "driver/0007");
	refuse_with("driver-0007", "driver\\u00000007");
	refuse_with("52.520008", "90.1");
	refuse_with("52.520008", "\"52.5\"");
	refuse_with("13.404954", "-180.5");
	refuse_with("271.5", "-1");
	refuse_with("8.30", "151");
	refuse_with("5.1", "null");
	refuse_with("on_trip", "asleep");
	refuse_with("on_trip", "on_trip_and_much_too_long");
	refuse_with("12:34", "12-34");
	refuse_with(".789Z", "Z");
	refuse_with("\"speed\"", "\"heading\"");
	assert_false(parse("", &report));
	assert_false(parse("[]", &report));
	assert_false(parse("{}", &report));
	assert_false(parse(GOOD "x", &report));
}

static void
edges_of_members(void **state)
{
	static const char *const ids[] = {"", "a b", "a/b"};
	char longest[DRIVER_ID_SIZE + 1];

	(void) state;
	for (size_t i = 0; i < LENGTH(ids); i++)
		assert_false(driver_id_valid(ids[i], strlen(ids[i])));
	memset(longest, 'A', sizeof(longest));
	assert_true(driver_id_valid(longest, DRIVER_ID_SIZE - 1));
	assert_false(driver_id_valid(longest, DRIVER_ID_SIZE));
	assert_true(driver_id_valid("a-_9", 4));
	refuse_with("\"driver-0007\"", "7");
	refuse_with("8.30", "true");
	refuse_with("8.30", "-0.01");
	refuse_with("5.1", "10000.1");
	refuse_with("13.404954", "180.1");
	refuse_with("52.520008", "-90.1");
	refuse_with("271.5", "360.1");
	refuse_with("2026-", "2026/");
	refuse_with("2026", "202x");
}

static void
members_of_any_type(void **state)
{
	static char large[DRIVER_ID_SIZE + 1];
	LocationReport report;

	(void) state;
	refuse_with("\"2026-01-31T12:34:56.789Z\"", "7");
	refuse_with("on_trip", "on\\u0000trip");
	refuse_with("\"speed\"", "\"sped\"");
	refuse_with("\"status\"", "\"stat\"");
	refuse_with("\"time\"", "\"tim\"");
	memset(large, 'x', DRIVER_ID_SIZE);
	refuse_with("driver-0007", large);
	assert_false(parse("7", &report));
	assert_false(parse("\"x\"", &report));
}

static void
whole_numbers_are_numbers(void **state)
{
	LocationReport report;

	(void) state;
	assert_true(
		parse("{\"request_id\":\"0190b2c4-1111-7222-8333-444455556666\",\"driver_id\":\"d\","
			  "\"latitude\":52,\"longitude\":-13,\"heading\":0,\"speed\":8,\"accuracy\":5,"
			  "\"status\":\"on_trip\",\"time\":\"2026-01-31T12:34:56.789Z\"}",
			  &report));
	assert_true(report.latitude == 52 && report.longitude == -13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_numbers),
		cmocka_unit_test(members_of_any_type),
		cmocka_unit_test(edges_of_members),
		cmocka_unit_test(written_is_read),
		cmocka_unit_test(wrong_members),
	};

	return cmocka_run_group_tests_name("location", tests, NULL, NULL);
}
