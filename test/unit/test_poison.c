/* What is poison, and what it is called. */
#include "unit.h"

#include "exit_codes.h"
#include "poison.h"

#include <string.h>

static void
names_every_cause_differently(void **state)
{
	(void) state;
	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
	{
		const char *name = poison_cause_name((PoisonCause) i);

		assert_non_null(name);
		assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(name, poison_cause_name((PoisonCause) j));
	}
}

static void
knows_the_names_of_kafka(void **state)
{
	static const struct
	{
		const char *code;
		PoisonCause cause;
	} cases[] = {{"MSG_SIZE_TOO_LARGE", POISON_TOO_LARGE},
				 {"RECORD_LIST_TOO_LARGE", POISON_TOO_LARGE},
				 {"TOPIC_AUTHORIZATION_FAILED", POISON_FORBIDDEN_TOPIC},
				 {"CLUSTER_AUTHORIZATION_FAILED", POISON_FORBIDDEN_TOPIC},
				 {"POLICY_VIOLATION", POISON_FORBIDDEN_TOPIC},
				 {"UNKNOWN_TOPIC_OR_PART", POISON_UNKNOWN_TOPIC},
				 {"TOPIC_EXCEPTION", POISON_INVALID_TOPIC},
				 {"INVALID_RECORD", POISON_REFUSED},
				 {"INVALID_TIMESTAMP", POISON_REFUSED},
				 {"", POISON_REFUSED},
				 {"MSG_SIZE", POISON_REFUSED}};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
		assert_int_equal(poison_cause_of(cases[i].code), cases[i].cause);
}

/* A wrong configuration concerns every event, and what may pass concerns none. */
static void
takes_only_what_is_about_one_event(void **state)
{
	Error error;

	(void) state;
	error_clear(&error);
	assert_false(poison_is(&error));
	(void) error_permanent(&error, EXIT_POISON, "x");
	assert_true(poison_is(&error));
	(void) error_permanent(&error, EXIT_MESSAGE, "x");
	assert_true(poison_is(&error));
	(void) error_permanent(&error, EXIT_CONFIG, "x");
	assert_false(poison_is(&error));
	(void) error_permanent(&error, EXIT_PERMISSION, "x");
	assert_false(poison_is(&error));
	(void) error_transient(&error, "x");
	assert_false(poison_is(&error));
	error.exit_code = EXIT_POISON;
	assert_false(poison_is(&error));
	(void) error_bug(&error, "x");
	assert_false(poison_is(&error));
}

/* What is in an event would be refused again; what the server lacks at the moment comes back. */
static void
knows_what_another_form_may_mend(void **state)
{
	static const char *const refused[] = {"22P02", "22P05", "22021", "54001", "54000", "0A000"};
	static const char *const waited_for[] = {"",	  "08006", "25006", "40001", "42501", "53100",
											 "53200", "55P03", "57014", "57P01", "58030", "XX000"};

	(void) state;
	for (size_t i = 0; i < LENGTH(refused); i++)
		assert_true(poison_form_is_refused(refused[i]));
	for (size_t i = 0; i < LENGTH(waited_for); i++)
		assert_false(poison_form_is_refused(waited_for[i]));
}

static void
says_what_else_there_is_to_do(void **state)
{
	Error error;

	(void) state;
	error_clear(&error);
	(void) error_permanent(&error, EXIT_POISON, "x");
	poison_hint(&error, POISON_DEAD_LETTER);
	assert_string_equal(error.hint, "");
	poison_hint(&error, POISON_STOP);
	assert_memory_equal(error.hint, "Or set poison.policy = dead-letter", 34);
	(void) error_permanent(&error, EXIT_POISON, "x");
	error_hint(&error, "Mend it.");
	poison_hint(&error, POISON_STOP);
	assert_memory_equal(error.hint, "Mend it. Or set poison.policy", 29);
	(void) error_permanent(&error, EXIT_CONFIG, "x");
	error.hint[0] = '\0';
	poison_hint(&error, POISON_STOP);
	assert_string_equal(error.hint, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(says_what_else_there_is_to_do),
		cmocka_unit_test(names_every_cause_differently),
		cmocka_unit_test(knows_the_names_of_kafka),
		cmocka_unit_test(takes_only_what_is_about_one_event),
		cmocka_unit_test(knows_what_another_form_may_mend),
	};

	return cmocka_run_group_tests_name("poison", tests, NULL, NULL);
}
