/*
 * test_options_suggest.c
 *	  "Did you mean": how far a wrong name may be from a right one.
 */
#include "unit.h"

#include "options_intern.h"

static const OptionSpec specs[] = {
	{"postgres.slot", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "A slot."},
	{"postgres.publication", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "A publication."},
	{"kafka.linger", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "A time."},
	{"alone", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "In no section."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL},
};
static const OptionTable table = {.program = "p", .env_prefix = "P", .specs = specs};

static char too_long[OPTION_NAME_MAX + 1];

static int
start(void **state)
{
	(void) state;
	memset(too_long, 'a', OPTION_NAME_MAX);
	return 0;
}

static void
names(void **state)
{
	static const struct
	{
		const char *name;
		const char *right; /* NULL: nothing is close */
	} cases[] = {
		{"postgres.slto", "postgres.slot"},
		{"POSTGRES.SLOT", "postgres.slot"},
		{"kafka.slot", "postgres.slot"}, /* the right name in the wrong section */
		{"slot", "postgres.slot"},
		{"linger", "kafka.linger"},
		{"alnoe", "alone"},
		{"kafka.", NULL},
		{"something.else", NULL},
		{"", NULL},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		const char *found = option_suggest(&table, cases[i].name);

		if (cases[i].right == NULL)
			assert_null(found);
		else
			assert_string_equal(found, cases[i].right);
	}
	assert_null(option_suggest(&table, too_long));
}

static void
sections(void **state)
{
	int len = 0;

	(void) state;
	assert_memory_equal(option_suggest_section(&table, "postgre", &len), "postgres", 8);
	assert_int_equal(len, 8);
	assert_memory_equal(option_suggest_section(&table, "kakfa", &len), "kafka", 5);
	assert_int_equal(len, 5);
	/* One that is in no section has none. */
	assert_null(option_suggest_section(&table, "alone", &len));
}

static void
words(void **state)
{
	(void) state;
	assert_int_equal(options_misspelling("check", "check"), 0);
	assert_int_equal(options_misspelling("chekc", "check"), 2);
	assert_true(options_misspelling("run", "check") == SIZE_MAX);
	assert_true(options_misspelling(too_long, "check") == SIZE_MAX);
	assert_true(options_misspelling("check", too_long) == SIZE_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(sections),
		cmocka_unit_test(words),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
