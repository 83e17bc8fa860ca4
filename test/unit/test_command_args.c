/*
 * test_command_args.c
 *	  Arguments of single commands.
 */
#include "unit.h"

#include "command_args.h"
#include "exit_codes.h"

static void
takes_a_value_in_both_ways(void **state)
{
	char *argv[] = {"p", "--limit", "5", "--limit=6", "--limits=7", NULL};
	ArgCursor cursor = {5, argv, 1};
	uint64_t count;
	Error error;

	(void) state;
	error_clear(&error);
	assert_int_equal(arg_count(&cursor, "--limit", 1, 9, &count, &error), ARG_TAKEN);
	assert_int_equal(count, 5);
	assert_int_equal(cursor.index, 2);
	cursor.index = 3;
	assert_int_equal(arg_count(&cursor, "--limit", 1, 9, &count, &error), ARG_TAKEN);
	assert_int_equal(count, 6);
	assert_int_equal(cursor.index, 3);
	cursor.index = 4;
	assert_int_equal(arg_count(&cursor, "--limit", 1, 9, &count, &error), ARG_UNKNOWN);
	assert_int_equal(error.error_class, ERROR_CLASS_NONE);
}

static void
refuses_what_is_no_value(void **state)
{
	static char *const wrong[] = {
		"--n=", "--n=0", "--n=10", "--n=-1", "--n=1x", "--n= 5", "--n=99999999999999999999"};
	char *alone[] = {"p", "--n", "--other", NULL};
	ArgCursor last = {3, alone, 1};
	uint64_t count;
	PgLsn lsn;

	(void) state;
	for (size_t i = 0; i < LENGTH(wrong); i++)
	{
		char *argv[] = {"p", wrong[i], NULL};
		ArgCursor cursor = {2, argv, 1};
		Error error;

		error_clear(&error);
		assert_int_equal(arg_count(&cursor, "--n", 1, 9, &count, &error), ARG_WRONG);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_non_null(strstr(error.message, "--n"));
		assert_int_equal(arg_lsn(&cursor, "--n", &lsn, &error), ARG_WRONG);
	}
	for (int argc = 2; argc <= 3; argc++)
	{
		Error error;

		last.argc = argc;
		assert_int_equal(arg_count(&last, "--n", 1, 9, &count, &error), ARG_WRONG);
	}
}

static void
takes_positions_and_flags(void **state)
{
	char *argv[] = {"p", "--from=1/A", "--yes", "--yes=1", NULL};
	ArgCursor cursor = {4, argv, 1};
	bool flag = false;
	PgLsn lsn;
	Error error;

	(void) state;
	assert_int_equal(arg_lsn(&cursor, "--from", &lsn, &error), ARG_TAKEN);
	assert_int_equal(lsn, UINT64_C(0x10000000A));
	assert_int_equal(arg_flag(&cursor, "--yes", &flag), ARG_UNKNOWN);
	assert_false(flag);
	cursor.index = 3;
	assert_int_equal(arg_flag(&cursor, "--yes", &flag), ARG_UNKNOWN);
	cursor.index = 2;
	assert_int_equal(arg_flag(&cursor, "--yes", &flag), ARG_TAKEN);
	assert_true(flag);
}

static void
takes_one_of_several(void **state)
{
	static const struct
	{
		char *argument;
		ArgResult result;
		int index;
	} cases[] = {
		{"--of=a", ARG_TAKEN, 0},	 {"--of=bc", ARG_TAKEN, 1},	  {"--of=d", ARG_TAKEN, 2},
		{"--of=b", ARG_WRONG, 0},	 {"--of=a|bc", ARG_WRONG, 0}, {"--of=", ARG_WRONG, 0},
		{"--other", ARG_UNKNOWN, 0}, {"--of=bcd", ARG_WRONG, 0},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char *argv[] = {"p", cases[i].argument, NULL};
		ArgCursor cursor = {2, argv, 1};
		int index = -1;
		Error error;

		error_clear(&error);
		assert_int_equal(arg_choice(&cursor, "--of", "a|bc|d", &index, &error), cases[i].result);
		if (cases[i].result == ARG_TAKEN)
			assert_int_equal(index, cases[i].index);
		else if (cases[i].result == ARG_WRONG)
		{
			assert_int_equal(error.exit_code, EXIT_CONFIG);
			assert_string_equal(error.hint, "It is a, bc or d.");
		}
	}
}

/* Nobody waits for the position 0, and nothing is larger than what can be counted. */
static void
edges_of_numbers(void **state)
{
	char *argv[] = {"p", "--n=0/0", "--n=18446744073709551613", "--n=18446744073709551614", NULL};
	ArgCursor cursor = {4, argv, 1};
	uint64_t count;
	PgLsn lsn;
	Error error;

	(void) state;
	assert_int_equal(arg_lsn(&cursor, "--n", &lsn, &error), ARG_WRONG);
	cursor.index = 2;
	assert_int_equal(arg_count(&cursor, "--n", 1, UINT64_MAX, &count, &error), ARG_TAKEN);
	assert_true(count == UINT64_MAX - 2);
	assert_int_equal(arg_count(&cursor, "--n", 1, 9, &count, &error), ARG_WRONG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_value_in_both_ways), cmocka_unit_test(refuses_what_is_no_value),
		cmocka_unit_test(takes_positions_and_flags),  cmocka_unit_test(takes_one_of_several),
		cmocka_unit_test(edges_of_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
