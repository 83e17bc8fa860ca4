/*
 * test_sqlstate.c
 *	  What an error of the target means, and what of its message may be told.
 */
#include "unit.h"

#include "sqlstate.h"

static void
classes_are_those_of_the_contract(void **state)
{
	static const struct
	{
		const char *sqlstate;
		FailureClass failure;
	} rows[] = {
		{"", FAILURE_INFRASTRUCTURE},	   {"08006", FAILURE_INFRASTRUCTURE},
		{"53100", FAILURE_INFRASTRUCTURE}, {"53300", FAILURE_INFRASTRUCTURE},
		{"57P01", FAILURE_INFRASTRUCTURE}, {"57P03", FAILURE_INFRASTRUCTURE},
		{"57014", FAILURE_INFRASTRUCTURE}, {"58030", FAILURE_INFRASTRUCTURE},
		{"25006", FAILURE_INFRASTRUCTURE}, {"XX000", FAILURE_INFRASTRUCTURE},
		{"26000", FAILURE_INFRASTRUCTURE}, {"40003", FAILURE_INFRASTRUCTURE},
		{"55000", FAILURE_INFRASTRUCTURE}, {"F0000", FAILURE_INFRASTRUCTURE},
		{"40001", FAILURE_TRANSIENT},	   {"40P01", FAILURE_TRANSIENT},
		{"55P03", FAILURE_TRANSIENT},	   {"22P02", FAILURE_DATA},
		{"22012", FAILURE_DATA},		   {"23505", FAILURE_DATA},
		{"23514", FAILURE_DATA},		   {"P0001", FAILURE_DATA},
		{"44000", FAILURE_DATA},		   {"U0001", FAILURE_DATA},
		{"75001", FAILURE_DATA},		   {"0A000", FAILURE_CONFIGURATION},
		{"21000", FAILURE_CONFIGURATION},  {"28P01", FAILURE_CONFIGURATION},
		{"3D000", FAILURE_CONFIGURATION},  {"3F000", FAILURE_CONFIGURATION},
		{"42501", FAILURE_CONFIGURATION},  {"42P01", FAILURE_CONFIGURATION},
		{"54011", FAILURE_CONFIGURATION},  {"OBX01", FAILURE_FENCED},
		{"54000", FAILURE_DATA},		   {"54001", FAILURE_DATA},
		{"OBX02", FAILURE_DATA},		   {"25001", FAILURE_CONFIGURATION},
		{"2D000", FAILURE_CONFIGURATION},  {"2F005", FAILURE_DATA},
		{"27000", FAILURE_DATA},		   {"25P03", FAILURE_INFRASTRUCTURE},
		{"45000", FAILURE_INFRASTRUCTURE}, {"a0001", FAILURE_INFRASTRUCTURE},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		if (sqlstate_class(rows[i].sqlstate) != rows[i].failure)
			fail_msg("\"%s\" is %s", rows[i].sqlstate,
					 failure_class_name(sqlstate_class(rows[i].sqlstate)));
	}
}

static void
values_stay_out_of_messages(void **state)
{
	static const struct
	{
		const char *sqlstate;
		const char *message;
		const char *told;
	} rows[] = {
		{"22P02", "invalid input syntax for type integer: \"secret\"",
		 "invalid input syntax for type integer: \"...\""},
		{"22003", "value \"99999999999\" is out of range for type integer",
		 "value \"...\" is out of range for type integer"},
		{"22P02", "a \"quoted \"secret\" value\" in it", "a \"...\" in it"},
		{"22012", "division by zero", "division by zero"},
		{"22P02", "open \"end", "open \"end"},
		{"23505", "duplicate key value violates unique constraint \"t_pkey\"",
		 "duplicate key value violates unique constraint \"t_pkey\""},
		{"42P01", "relation \"nope\" does not exist", "relation \"nope\" does not exist"},
		{"P0001", "two\nlines", "two lines"},
	};
	char told[100];

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		sqlstate_message(rows[i].sqlstate, rows[i].message, told, sizeof(told));
		assert_string_equal(told, rows[i].told);
	}
	for (size_t size = 1; size < 20; size++)
	{
		sqlstate_message("22P02", rows[0].message, told, size);
		assert_true(strlen(told) < size);
	}
}

static void
messages_end_where_the_room_does(void **state)
{
	char told[8] = "before";

	(void) state;
	sqlstate_message("22P02", "a \"b\" c", told, 0);
	assert_string_equal(told, "before");
	sqlstate_message("22P02", "a \"b\" c", told, 5);
	assert_string_equal(told, "a \".");
	sqlstate_message("22P02", "a \"b\" c", told, 7);
	assert_string_equal(told, "a \"...");
	sqlstate_message("22P02", "a \"b", told, sizeof(told));
	assert_string_equal(told, "a \"b");
	sqlstate_message("08006", "a \"b\"", told, sizeof(told));
	assert_string_equal(told, "a \"b\"");
}

static void
classes_of_nobody_and_of_users(void **state)
{
	static const char *const data[] = {"5X000", "90000", "I0000", "ZZ999", "P0001"};
	static const char *const others[] = {"4X000", "HV000", "A0000"};

	(void) state;
	for (size_t i = 0; i < LENGTH(data); i++)
		assert_int_equal(sqlstate_class(data[i]), FAILURE_DATA);
	for (size_t i = 0; i < LENGTH(others); i++)
		assert_int_equal(sqlstate_class(others[i]), FAILURE_INFRASTRUCTURE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_end_where_the_room_does),
		cmocka_unit_test(classes_of_nobody_and_of_users),
		cmocka_unit_test(classes_are_those_of_the_contract),
		cmocka_unit_test(values_stay_out_of_messages),
	};

	return cmocka_run_group_tests_name("sqlstate", tests, NULL, NULL);
}
