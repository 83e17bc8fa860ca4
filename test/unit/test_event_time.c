/*
 * test_event_time.c
 *	  Times as text, in and out.
 */
#include "unit.h"

#include "event_time.h"
#include "random.h"

#define FROM_1970(usec) ((usec) -PG_EPOCH_UNIX_USEC)

static void
reads_what_postgresql_writes(void **state)
{
	static const struct
	{
		const char *text;
		int64_t usec; /* since 1970 */
	} cases[] = {
		{"1553460779000", INT64_C(1553460779000000)},
		{"0", 0},
		{"-1", -1000},
		{"2019-03-24 20:52:59", INT64_C(1553460779000000)},
		{"2019-03-24T20:52:59Z", INT64_C(1553460779000000)},
		{"2019-03-24T21:52:59.123456+01:00", INT64_C(1553460779123456)},
		{"2019-03-24 15:22:59.1-0530", INT64_C(1553460779100000)},
		{"2019-03-24 20:52:59.1234569+00", INT64_C(1553460779123456)},
		{"2000-02-29T00:00:00Z", INT64_C(951782400000000)},
		{"1970-01-01T00:00:00Z", 0},
		{"1969-12-31T23:59:59.999999Z", -1},
		{"0001-01-01T00:00:00Z", INT64_C(-62135596800000000)},
		{"9999-12-31T23:59:59.999999Z", INT64_C(253402300799999999)},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		PgUsec at = 42;

		if (!event_time_parse(view_of(cases[i].text), &at) || at != FROM_1970(cases[i].usec))
			fail_msg("%s: %lld", cases[i].text, (long long) at);
	}
}

static void
refuses_what_is_no_time(void **state)
{
	static const char *const cases[] = {
		"",
		"-",
		"x",
		"1.5",
		"1e3",
		"9999999999999999",
		"999999999999999",
		"-999999999999999",
		"2019-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2019-13-01T00:00:00Z",
		"2019-00-01T00:00:00Z",
		"2019-01-00T00:00:00Z",
		"2019-01-32T00:00:00Z",
		"0000-01-01T00:00:00Z",
		"2019-01-01T24:00:00Z",
		"2019-01-01T00:60:00Z",
		"2019-01-01T00:00:60Z",
		"2019-01-01",
		"2019-01-01T00:00",
		"2019-01-01T00:00:00.",
		"2019-01-01T00:00:00+",
		"2019-01-01T00:00:00+1",
		"2019-01-01T00:00:00+01:",
		"2019-01-01T00:00:00+16",
		"2019-01-01T00:00:00+01:60",
		"2019-01-01T00:00:00Zx",
		"2019-01-01T00:00:00 +01",
		"infinity",
		"12019-01-01T00:00:00Z",
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		PgUsec at;

		if (event_time_parse(view_of(cases[i]), &at))
			fail_msg("%s was taken", cases[i]);
	}
}

static void
what_is_written_is_read_again(void **state)
{
	char text[EVENT_TIME_SIZE];
	Random random;
	PgUsec at;

	(void) state;
	assert_true(event_time_format(FROM_1970(INT64_C(1769862896789012)), text));
	assert_string_equal(text, "2026-01-31T12:34:56.789012Z");
	assert_true(event_time_format(FROM_1970(INT64_C(-62135596800000000)), text));
	assert_string_equal(text, "0001-01-01T00:00:00.000000Z");
	assert_false(event_time_format(FROM_1970(INT64_C(-62135596800000001)), text));
	assert_true(event_time_format(FROM_1970(INT64_C(253402300799999999)), text));
	assert_string_equal(text, "9999-12-31T23:59:59.999999Z");
	assert_false(event_time_format(FROM_1970(INT64_C(253402300800000000)), text));
	assert_false(event_time_format(INT64_MAX, text));
	assert_false(event_time_format(INT64_MIN, text));

	random_seed(&random, 3);
	for (int i = 0; i < 100000; i++)
	{
		PgUsec wanted = FROM_1970((int64_t) (random_next(&random) % UINT64_C(315537897600000000)) -
								  INT64_C(62135596800000000));

		assert_true(event_time_format(wanted, text));
		assert_true(event_time_parse(view_of(text), &at));
		if (at != wanted)
			fail_msg("%s", text);
	}
}

/* Each beginning of a time is none, and so is one with another character in any place. */
static void
every_character_counts(void **state)
{
	static const char time[] = "2019-03-24T20:52:59+01:00";
	char text[sizeof(time)];
	PgUsec at;

	(void) state;
	assert_true(event_time_parse(view_of(time), &at));
	for (size_t n = 0; n < sizeof(time) - 1; n++)
	{
		memcpy(text, time, sizeof(time));
		text[n] = 'x';
		if (event_time_parse(view_of(text), &at))
			fail_msg("%s", text);
		text[n] = '\0';
		/* A number, and what has no zone or hours of one alone, is a time as well. */
		assert_true(event_time_parse(view_of(text), &at) ==
					((n >= 1 && n <= 4) || n == 19 || n == 22));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_character_counts),
		cmocka_unit_test(reads_what_postgresql_writes),
		cmocka_unit_test(refuses_what_is_no_time),
		cmocka_unit_test(what_is_written_is_read_again),
	};

	return cmocka_run_group_tests_name("event_time", tests, NULL, NULL);
}
