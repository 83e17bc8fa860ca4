/*
 * test_server_identity.c
 *	  A former primary is known by its timeline; whoever can't say it is taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "server_identity.h"

static bool
admits(ServerIdentity *latest, const char *system, const char *timeline)
{
	ServerIdentity found = server_identity_parse(system, timeline);

	return server_identity_admit(latest, &found);
}

static void
timelines_only_rise(void **state)
{
	ServerIdentity latest = {0};

	(void) state;
	assert_true(admits(&latest, "7300000000000000001", "00000001"));
	assert_true(admits(&latest, "7300000000000000001", "00000001"));
	assert_true(admits(&latest, "7300000000000000001", "0000000A"));
	assert_int_equal(latest.timeline, 10);
	assert_false(admits(&latest, "7300000000000000001", "00000009"));
	assert_int_equal(latest.timeline, 10);
	assert_true(admits(&latest, "7300000000000000001", "0000000A"));
	assert_true(admits(&latest, "7300000000000000001", "FFFFFFFF"));
}

static void
another_cluster_begins_anew(void **state)
{
	ServerIdentity latest = {0};

	(void) state;
	assert_true(admits(&latest, "1", "00000005"));
	assert_true(admits(&latest, "2", "00000001"));
	assert_int_equal(latest.system, 2);
}

static void
what_says_nothing_changes_nothing(void **state)
{
	static const char *const others[][2] = {
		{"", ""},			{"1", ""},
		{"1", "0000001"},	{"1", "000000001"},
		{"1", "0000000x"},	{"x", "00000001"},
		{"-1", "00000001"}, {"0", "00000001"},
		{"1", "00000000"},	{"99999999999999999999", "00000001"},
	};
	ServerIdentity latest = {1, 7};

	(void) state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
	{
		assert_true(admits(&latest, others[i][0], others[i][1]));
		assert_int_equal(latest.system, 1);
		assert_int_equal(latest.timeline, 7);
	}
}

static void
numbers_that_are_none(void **state)
{
	static const char *const systems[] = {"", "x", "12AB", "18446744073709551616", "-1", "0"};

	(void) state;
	for (size_t i = 0; i < sizeof(systems) / sizeof(systems[0]); i++)
		assert_int_equal(server_identity_parse(systems[i], "00000001").system, 0);
	assert_int_equal(server_identity_parse("7", "0000000g").system, 0);
	assert_int_equal(server_identity_parse("7", "1").system, 0);
	assert_int_equal(server_identity_parse("7", "00000000").system, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_that_are_none),
		cmocka_unit_test(timelines_only_rise),
		cmocka_unit_test(another_cluster_begins_anew),
		cmocka_unit_test(what_says_nothing_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
