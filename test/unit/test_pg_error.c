/*
 * test_pg_error.c
 *	  What becomes of an SQLSTATE, and where libpq hides it.
 */
#include "unit.h"

#include "exit_codes.h"
#include "pg_error.h"

static void
expect(const char *sqlstate, ErrorClass error_class, int exit_code)
{
	SqlstateClass outcome = pg_sqlstate_class(sqlstate);

	assert_int_equal(outcome.error_class, error_class);
	if (error_class == ERROR_CLASS_PERMANENT)
		assert_int_equal(outcome.exit_code, exit_code);
}

static void
classes_follow_the_sqlstate(void **state)
{
	(void) state;
	expect("28P01", ERROR_CLASS_PERMANENT, EXIT_PERMISSION);
	expect("28000", ERROR_CLASS_PERMANENT, EXIT_PERMISSION);
	expect("42501", ERROR_CLASS_PERMANENT, EXIT_PERMISSION);
	expect("3D000", ERROR_CLASS_PERMANENT, EXIT_CONFIG);
	expect("42P01", ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED);
	expect("42883", ERROR_CLASS_PERMANENT, EXIT_NOT_INITIALIZED);
	expect("57P01", ERROR_CLASS_TRANSIENT, 0);
	expect("57P03", ERROR_CLASS_TRANSIENT, 0);
	expect("53300", ERROR_CLASS_TRANSIENT, 0);
	expect("55006", ERROR_CLASS_TRANSIENT, 0);
	expect("55P03", ERROR_CLASS_TRANSIENT, 0);
	expect("08006", ERROR_CLASS_TRANSIENT, 0);
	expect("", ERROR_CLASS_TRANSIENT, 0);
}

static void
finds_the_sqlstate_in_a_message(void **state)
{
	char sqlstate[6];

	(void) state;
	assert_true(
		pg_find_sqlstate("connection to server at \"h\" (::1), port 5 failed: FATAL:  28P01: "
						 "password authentication failed\nLOCATION:  auth_failed\n",
						 sqlstate));
	assert_string_equal(sqlstate, "28P01");
	assert_true(pg_find_sqlstate("致命错误:  3D000: x", sqlstate));
	assert_string_equal(sqlstate, "3D000");
	assert_false(pg_find_sqlstate("could not translate host name \"x\"", sqlstate));
	assert_false(pg_find_sqlstate("FATAL:  28P0", sqlstate));
	assert_false(pg_find_sqlstate("FATAL:  sorry, too many", sqlstate));
	assert_false(pg_find_sqlstate("", sqlstate));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(classes_follow_the_sqlstate),
		cmocka_unit_test(finds_the_sqlstate_in_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
