/*
 * test_error.c
 *	  Errors: classes, exit codes, what is kept and what is cut.
 */
#include "unit.h"

#include "error.h"
#include "exit_codes.h"

static void
sets_class_and_exit_code(void **state)
{
	Error error;

	(void) state;
	assert_false(error_transient(&error, "could not connect: %s", "refused"));
	assert_int_equal(error.error_class, ERROR_CLASS_TRANSIENT);
	assert_string_equal(error.message, "could not connect: refused");

	assert_false(error_permanent(&error, EXIT_GAP, "gap of %d", 7));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_GAP);
	assert_string_equal(error.message, "gap of 7");

	assert_false(error_bug(&error, "cannot be"));
	assert_int_equal(error.error_class, ERROR_CLASS_BUG);
	assert_int_equal(error.exit_code, EXIT_BUG);
}

static void
a_new_error_drops_the_old_details(void **state)
{
	Error error;

	(void) state;
	memset(&error, 'x', sizeof(error));
	error_transient(&error, "first");
	assert_string_equal(error.detail, "");
	assert_string_equal(error.hint, "");
	assert_string_equal(error.sqlstate, "");

	assert_false(error_detail(&error, "Detail %d.", 1));
	assert_false(error_hint(&error, "Hint %d.", 2));
	memcpy(error.sqlstate, "57P01", 6);
	assert_string_equal(error.message, "first");
	assert_string_equal(error.detail, "Detail 1.");
	assert_string_equal(error.hint, "Hint 2.");

	error_permanent(&error, EXIT_CONFIG, "second");
	assert_string_equal(error.detail, "");
	assert_string_equal(error.hint, "");
	assert_string_equal(error.sqlstate, "");
}

static void
the_own_message_may_be_an_argument(void **state)
{
	Error error;

	(void) state;
	error_transient(&error, "inner");
	error_transient(&error, "outer: %s", error.message);
	assert_string_equal(error.message, "outer: inner");
	error_detail(&error, "It said \"%s\".", error.message);
	assert_string_equal(error.detail, "It said \"outer: inner\".");
}

static void
cuts_what_does_not_fit(void **state)
{
	Error error;
	char text[2000];

	(void) state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	error_transient(&error, "%s", text);
	error_detail(&error, "%s", text);
	error_hint(&error, "%s", text);
	assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	assert_int_equal(strlen(error.detail), sizeof(error.detail) - 1);
	assert_int_equal(strlen(error.hint), sizeof(error.hint) - 1);
}

static void
clears(void **state)
{
	Error error;

	(void) state;
	error_permanent(&error, EXIT_SERVER, "x");
	error_clear(&error);
	assert_int_equal(error.error_class, ERROR_CLASS_NONE);
	assert_int_equal(error.exit_code, 0);
	assert_string_equal(error.message, "");
}

static void
names_classes(void **state)
{
	(void) state;
	assert_string_equal(error_class_name(ERROR_CLASS_NONE), "none");
	assert_string_equal(error_class_name(ERROR_CLASS_TRANSIENT), "transient");
	assert_string_equal(error_class_name(ERROR_CLASS_PERMANENT), "permanent");
	assert_string_equal(error_class_name(ERROR_CLASS_BUG), "bug");
}

static void
a_message_grows_as_far_as_there_is_room(void **state)
{
	Error error;
	char text[2 * sizeof(error.message)];

	(void) state;
	error_clear(&error);
	error_permanent(&error, 2, "one");
	error_append(&error, "; ");
	error_append(&error, "two");
	assert_string_equal(error.message, "one; two");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int n = 0; n < 2; n++)
	{
		error_append(&error, text);
		assert_int_equal(strlen(error.message), sizeof(error.message) - 1);
	}
	assert_int_equal(strncmp(error.message, "one; twoxxx", 11), 0);
	assert_int_equal(error.exit_code, 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_class_and_exit_code),
		cmocka_unit_test(a_new_error_drops_the_old_details),
		cmocka_unit_test(the_own_message_may_be_an_argument),
		cmocka_unit_test(cuts_what_does_not_fit),
		cmocka_unit_test(a_message_grows_as_far_as_there_is_room),
		cmocka_unit_test(clears),
		cmocka_unit_test(names_classes),
	};

	return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
