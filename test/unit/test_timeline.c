/*
 * test_timeline.c
 *	  Timeline histories: what a server writes, and what isn't one.
 */
#include "unit.h"

#include "buffer.h"
#include "exit_codes.h"
#include "timeline.h"

static const char two_switches[] = "1\t0/3000000\tno recovery target specified\n"
								   "\n"
								   "# by hand\n"
								   "2\tA/5000028\tafter LSN A/5000000\n";

static TimelineHistory history; /* large: not on the stack */

static void
timeline_one_has_no_history(void **state)
{
	(void) state;
	timeline_init(&history, 1);
	assert_int_equal(timeline_of(&history, 0), 1);
	assert_int_equal(timeline_of(&history, UINT64_MAX), 1);
}

static void
a_switch_position_belongs_to_the_later_timeline(void **state)
{
	static const struct
	{
		PgLsn lsn;
		uint32_t timeline;
	} cases[] = {
		{0, 1},
		{0x2ffffff, 1},
		{0x3000000, 2},
		{UINT64_C(0xA05000027), 2},
		{UINT64_C(0xA05000028), 3},
		{UINT64_MAX, 3},
	};
	Error error;

	(void) state;
	assert_true(timeline_parse(&history, 3, two_switches, strlen(two_switches), &error));
	assert_int_equal(history.current, 3);
	assert_int_equal(history.count, 2);
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(timeline_of(&history, cases[i].lsn), cases[i].timeline);
}

static void
accepts_what_a_server_accepts(void **state)
{
	static const char *const cases[] = {
		"1\t0/3000000",			   /* no newline, no reason */
		"1\t0/3000000\r\n",		   /* edited elsewhere */
		"  1   0/3000000   why\n", /* blanks */
		"# all\n#comments\n1\t0/3000000\tx\n",
	};
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		assert_true(timeline_parse(&history, 2, cases[i], strlen(cases[i]), &error));
		assert_int_equal(history.count, 1);
		assert_int_equal(timeline_of(&history, 0x2ffffff), 1);
		assert_int_equal(timeline_of(&history, 0x3000000), 2);
	}
	assert_true(timeline_parse(&history, 2, "", 0, &error));
	assert_int_equal(timeline_of(&history, 1), 2);
}

/* Two promotions without WAL between them: the timeline in the middle is empty. */
static void
a_timeline_may_be_empty(void **state)
{
	static const char text[] = "1\t0/3000000\n2\t0/3000000\n";
	Error error;

	(void) state;
	assert_true(timeline_parse(&history, 3, text, strlen(text), &error));
	assert_int_equal(timeline_of(&history, 0x2ffffff), 1);
	assert_int_equal(timeline_of(&history, 0x3000000), 3);
}

static void
refuses_what_is_no_history(void **state)
{
	static const char *const cases[] = {
		"one\t0/3000000\n",
		"0\t0/3000000\n",
		"-1\t0/3000000\n",
		"1x\t0/3000000\n",
		"4294967296\t0/3000000\n",
		"99999999999\t0/3000000\n",
		"1\n",
		"1\t3000000\n",
		"1\t0/\n",
		"1\t0/123456789\n",
		"3\t0/3000000\n",				/* the current one */
		"2\t0/3000000\n1\t0/4000000\n", /* falls */
		"1\t0/3000000\n1\t0/4000000\n", /* repeats */
		"1\t0/3000000\n2\t0/2000000\n", /* positions fall */
	};
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		if (timeline_parse(&history, 3, cases[i], strlen(cases[i]), &error))
			fail_msg("was accepted: %s", cases[i]);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_SERVER);
		assert_int_equal(history.count, 0);
		assert_int_equal(timeline_of(&history, 1), 3);
	}
}

/* A history that is cut short is refused, or is the part that is there. */
static void
every_prefix_is_a_part(void **state)
{
	(void) state;
	for (size_t len = 0; len < strlen(two_switches); len++)
	{
		char *prefix = len > 0 ? test_malloc(len) : NULL;
		Error error;

		if (len > 0)
			memcpy(prefix, two_switches, len);
		if (timeline_parse(&history, 3, prefix, len, &error))
			assert_in_range(history.count, 0, 2);
		else
			assert_int_equal(history.count, 0);
		if (prefix != NULL)
			test_free(prefix);
	}
}

static void
the_number_of_timelines_is_bounded(void **state)
{
	Buffer text;
	Error error;

	(void) state;
	buffer_init(&text, 1 << 20);
	for (unsigned i = 1; i <= TIMELINE_MAX; i++)
		buffer_printf(&text, "%u\t0/%X\tx\n", i, i * 16);
	assert_true(timeline_parse(&history, 5000, text.data, text.len, &error));
	assert_int_equal(history.count, TIMELINE_MAX);
	assert_int_equal(timeline_of(&history, 5), 1);
	assert_int_equal(timeline_of(&history, 16 * 512), 513);
	assert_int_equal(timeline_of(&history, 16 * TIMELINE_MAX), 5000);

	buffer_printf(&text, "%u\t0/%X\tx\n", TIMELINE_MAX + 1, (TIMELINE_MAX + 1) * 16);
	assert_false(text.failed);
	assert_false(timeline_parse(&history, 5000, text.data, text.len, &error));
	buffer_free(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timeline_one_has_no_history),
		cmocka_unit_test(a_switch_position_belongs_to_the_later_timeline),
		cmocka_unit_test(accepts_what_a_server_accepts),
		cmocka_unit_test(a_timeline_may_be_empty),
		cmocka_unit_test(refuses_what_is_no_history),
		cmocka_unit_test(every_prefix_is_a_part),
		cmocka_unit_test(the_number_of_timelines_is_bounded),
	};

	return cmocka_run_group_tests_name("timeline", tests, NULL, NULL);
}
