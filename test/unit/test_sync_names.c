/*
 * test_sync_names.c
 *	  synchronous_standby_names: who is in it, and it without them.
 */
#include "unit.h"

#include "sync_names.h"

static void
finds_the_relay_in_every_form_of_the_list(void **state)
{
	static const struct
	{
		const char *names;
		bool included;
	} rows[] = {
		{"", false},
		{"s1", false},
		{"*", true},
		{"\"*\"", true},
		{"outbox-relay", true},
		{"\"outbox-relay\"", true},
		{"\"OUTBOX-Relay\"", true},
		{"s1, \"outbox-relay\"", true},
		{"2 (s1, s2, \"outbox-relay\")", true},
		{"FIRST 1 (s1, s2)", false},
		{"ANY 1(s1,\"outbox-relay\",s2)", true},
		{"\"outbox-relay2\", \"my outbox-relay\"", false},
		{"\"a(b\", \"outbox-relay\"", true},
		{"\"a, outbox-relay\"", false},
		{"\"outbox\"\"-relay\"", false},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		if (sync_names_include(rows[i].names, "outbox-relay") != rows[i].included)
			fail_msg("%s", rows[i].names);
	}
}

static void
leaves_the_relay_out(void **state)
{
	static const struct
	{
		const char *names;
		const char *standbys;
		const char *without;
	} rows[] = {
		{"\"outbox-relay\"", "\"s1\"", "''"},
		{"*", "", "''"},
		{"*", "\"s1\", \"s 2\"", "'FIRST 1 (\"s1\", \"s 2\")'"},
		{"s1, \"outbox-relay\"", "", "'FIRST 1 (s1)'"},
		{"FIRST 2 (s1, s2, \"outbox-relay\")", "", "'FIRST 2 (s1, s2)'"},
		{"2 (s1, \"outbox-relay\")", "", "'FIRST 1 (s1)'"},
		{"any 1 (\"outbox-relay\", \"it's\")", "", "'ANY 1 (\"it''s\")'"},
		{"ANY 2 (*)", "a, b, c", "'ANY 2 (a, b, c)'"},
	};
	char out[128];

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		assert_true(
			sync_names_without(rows[i].names, "outbox-relay", rows[i].standbys, out, sizeof(out)));
		assert_string_equal(out, rows[i].without);
	}
	assert_false(sync_names_without("one_name, another_name, \"outbox-relay\"", "outbox-relay", "",
									out, 24));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_the_relay_in_every_form_of_the_list),
		cmocka_unit_test(leaves_the_relay_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
