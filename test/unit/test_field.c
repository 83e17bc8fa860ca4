/*
 * test_field.c
 *	  Fields of an event by their names: columns, and members of its headers.
 */
#include "unit.h"

#include "exit_codes.h"
#include "field.h"

static FieldNames names;
static Error error;

static int
start(void **state)
{
	(void) state;
	memset(&names, 0, sizeof(names));
	error_clear(&error);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	field_names_free(&names);
	return 0;
}

static bool
parse(const char *name, FieldRef *field)
{
	return field_parse(&names, name, strlen(name), field, &error);
}

static void
columns_and_members(void **state)
{
	FieldRef field;
	FieldRef same;

	(void) state;
	assert_true(parse("aggregateid", &field));
	assert_int_equal(field.source, FIELD_AGGREGATE_ID);
	assert_string_equal(field_name(&names, field), "aggregateid");
	assert_int_equal(names.count, 0);
	assert_true(parse("tenant", &field));
	assert_int_equal(field.source, FIELD_MEMBER);
	assert_string_equal(field_name(&names, field), "tenant");
	assert_true(parse("tenant", &same));
	assert_int_equal(field.member, same.member);
	assert_int_equal(names.count, 1);
	assert_int_equal(field_find(&names, view_of("tenant")), 0);
	assert_int_equal(field_find(&names, view_of("tenan")), -1);
	assert_null(field_name(&names, (FieldRef){FIELD_NONE, -1}));
}

static void
names_that_are_none(void **state)
{
	char longest[FIELD_NAME_MAX + 2];
	FieldRef field;

	(void) state;
	assert_false(parse("", &field));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_false(parse("outbox-replayed", &field));
	memset(longest, 'x', sizeof(longest));
	longest[FIELD_NAME_MAX + 1] = '\0';
	assert_false(parse(longest, &field));
	longest[FIELD_NAME_MAX] = '\0';
	assert_true(parse(longest, &field));
	for (int i = 1; i < FIELD_MEMBERS_MAX; i++)
	{
		char name[16];

		snprintf(name, sizeof(name), "m%d", i);
		assert_true(parse(name, &field));
	}
	assert_false(parse("one-more", &field));
	assert_true(parse("m1", &field));
	assert_int_equal(names.count, FIELD_MEMBERS_MAX);
}

static void
values(void **state)
{
	static const OutboxEvent event = {.aggregate_type = {(const uint8_t *) "ride", 4}};
	static const FieldValue members[] = {{true, FLAT_JSON_NUMBER, {(const uint8_t *) "7", 1}}};
	FieldValue value;

	(void) state;
	value = field_value((FieldRef){FIELD_AGGREGATE_TYPE, -1}, &event, "id", members);
	assert_true(value.present && view_equals(value.text, view_of("ride")));
	assert_int_equal(value.kind, FLAT_JSON_STRING);
	value = field_value((FieldRef){FIELD_ID, -1}, &event, "id", members);
	assert_true(view_equals(value.text, view_of("id")));
	value = field_value((FieldRef){FIELD_TYPE, -1}, &event, "id", members);
	assert_true(value.present);
	assert_int_equal(value.kind, FLAT_JSON_NULL);
	value = field_value((FieldRef){FIELD_AGGREGATE_ID, -1}, &event, "id", members);
	assert_int_equal(value.kind, FLAT_JSON_NULL);
	value = field_value((FieldRef){FIELD_MEMBER, 0}, &event, "id", members);
	assert_int_equal(value.kind, FLAT_JSON_NUMBER);
	value = field_value((FieldRef){FIELD_NONE, -1}, &event, "id", members);
	assert_false(value.present);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(columns_and_members, start, end),
		cmocka_unit_test_setup_teardown(names_that_are_none, start, end),
		cmocka_unit_test_setup_teardown(values, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
