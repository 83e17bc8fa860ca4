/*
 * test_clock.c
 *	  Clocks and how a time is written.
 */
#include "unit.h"

#include "clock.h"

typedef struct FormatCase
{
	UnixUsec at;
	const char *text;
} FormatCase;

static void
formats_times(void **state)
{
	static const FormatCase cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{999, "1970-01-01T00:00:00.000Z"},
		{1000, "1970-01-01T00:00:00.001Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-1000000, "1969-12-31T23:59:59.000Z"},
		{PG_EPOCH_UNIX_USEC, "2000-01-01T00:00:00.000Z"},
		{INT64_C(1709210096789999), "2024-02-29T12:34:56.789Z"},
		{INT64_C(4102444800000000), "2100-01-01T00:00:00.000Z"},
		{INT64_C(-62135596800) * USEC_PER_SEC, "0001-01-01T00:00:00.000Z"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char text[CLOCK_TEXT_SIZE];

		assert_int_equal(clock_format(cases[i].at, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

static void
extremes_fit(void **state)
{
	char text[CLOCK_TEXT_SIZE];
	size_t len;

	(void) state;
	len = clock_format(INT64_MAX, text);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text, "294247-01-10T04:00:54.775Z");
	len = clock_format(INT64_MIN, text);
	assert_int_equal(len, strlen(text));
	assert_string_equal(text, "-290308-12-21T19:59:05.224Z");
}

static void
the_zone_of_the_process_does_not_matter(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void) state;
	setenv("TZ", "Asia/Tokyo", 1);
	clock_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	unsetenv("TZ");
}

static void
clocks_go_on(void **state)
{
	MonoUsec before = clock_mono();
	UnixUsec wall = clock_wall();
	PgUsec pg = clock_pg();

	(void) state;
	for (int i = 0; i < 1000; i++)
	{
		MonoUsec now = clock_mono();

		assert_true(now >= before);
		before = now;
	}
	assert_true(wall > INT64_C(1700000000000000)); /* 2023 */
	assert_true(pg + PG_EPOCH_UNIX_USEC >= wall);
	assert_true(pg + PG_EPOCH_UNIX_USEC - wall < 60 * USEC_PER_SEC);
}

static void
sleeps_until_then(void **state)
{
	MonoUsec at = clock_mono() + 20 * USEC_PER_MS;

	(void) state;
	clock_sleep_until(at);
	assert_true(clock_mono() >= at);
	/* The past is no time to wait for: neither of these would come back otherwise. */
	clock_sleep_until(at - 1);
	clock_sleep_until(0);
	clock_sleep_until(INT64_MIN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_times),
		cmocka_unit_test(extremes_fit),
		cmocka_unit_test(the_zone_of_the_process_does_not_matter),
		cmocka_unit_test(clocks_go_on),
		cmocka_unit_test(sleeps_until_then),
	};

	return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
