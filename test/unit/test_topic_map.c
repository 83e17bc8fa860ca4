/*
 * test_topic_map.c
 *	  The recorded partition counts, and what is a legal topic.
 */
#include "unit.h"

#include "exit_codes.h"
#include "route.h"

static void
knows_legal_names(void **state)
{
	static const struct
	{
		const char *name;
		bool valid;
	} cases[] = {
		{"a", true},		 {"outbox.event.Ride_1-x", true},
		{"...", true},		 {"..a", true},
		{".a", true},		 {"a.", true},
		{"", false},		 {".", false},
		{"..", false},		 {"a b", false},
		{"a/b", false},		 {"a:b", false},
		{"\xc3\xa4", false}, {"a\n", false},
		{"a{b}", false},
	};
	char longest[TOPIC_NAME_MAX + 2];

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		if (topic_name_valid(cases[i].name, strlen(cases[i].name)) != cases[i].valid)
			fail_msg("wrong about \"%s\"", cases[i].name);
	}
	memset(longest, 'x', sizeof(longest));
	assert_true(topic_name_valid(longest, TOPIC_NAME_MAX));
	assert_false(topic_name_valid(longest, TOPIC_NAME_MAX + 1));
	assert_false(topic_name_valid("a\0b", 3));
}

static void
finds_what_was_added(void **state)
{
	TopicMap *map = topic_map_create();
	uint32_t index = 77;
	uint32_t partitions = 77;
	Error error;

	(void) state;
	assert_non_null(map);
	assert_false(topic_map_find(map, "a", &index, &partitions));
	assert_true(topic_map_add(map, "a", 3, &error));
	assert_true(topic_map_add(map, "b", 12, &error));
	assert_true(topic_map_find(map, "b", &index, &partitions));
	assert_int_equal(index, 1);
	assert_int_equal(partitions, 12);
	assert_int_equal(topic_map_count(map), 2);
	assert_string_equal(topic_map_name(map, 0, &partitions), "a");
	assert_int_equal(partitions, 3);
	assert_null(topic_map_name(map, 2, &partitions));
	topic_map_free(map);
}

static void
a_count_never_changes(void **state)
{
	TopicMap *map = topic_map_create();
	uint32_t index;
	uint32_t partitions;
	Error error;

	(void) state;
	assert_true(topic_map_add(map, "a", 3, &error));
	assert_true(topic_map_add(map, "a", 3, &error));
	assert_int_equal(topic_map_count(map), 1);
	assert_false(topic_map_add(map, "a", 4, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_ROUTING);
	assert_true(topic_map_find(map, "a", &index, &partitions));
	assert_int_equal(partitions, 3);
	topic_map_free(map);
}

static void
refuses_bad_entries(void **state)
{
	TopicMap *map = topic_map_create();
	Error error;

	(void) state;
	assert_false(topic_map_add(map, "a", 0, &error));
	assert_int_equal(error.exit_code, EXIT_ROUTING);
	assert_false(topic_map_add(map, "a", UINT32_MAX, &error));
	assert_false(topic_map_add(map, "not legal", 1, &error));
	assert_int_equal(error.exit_code, EXIT_ROUTING);
	assert_int_equal(topic_map_count(map), 0);
	topic_map_free(map);
}

static void
indexes_and_names_stay_while_it_grows(void **state)
{
	TopicMap *map = topic_map_create();
	const char *first;
	uint32_t partitions;
	char name[32];
	Error error;

	(void) state;
	assert_true(topic_map_add(map, "first", 9, &error));
	first = topic_map_name(map, 0, &partitions);
	for (uint32_t i = 1; i < 5000; i++)
	{
		snprintf(name, sizeof(name), "topic-%u", (unsigned) i);
		assert_true(topic_map_add(map, name, i % 100 + 1, &error));
	}
	assert_ptr_equal(topic_map_name(map, 0, &partitions), first);
	for (uint32_t i = 1; i < 5000; i++)
	{
		uint32_t index;

		snprintf(name, sizeof(name), "topic-%u", (unsigned) i);
		assert_true(topic_map_find(map, name, &index, &partitions));
		assert_int_equal(index, i);
		assert_int_equal(partitions, i % 100 + 1);
	}
	topic_map_free(map);
	topic_map_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(knows_legal_names),
		cmocka_unit_test(finds_what_was_added),
		cmocka_unit_test(a_count_never_changes),
		cmocka_unit_test(refuses_bad_entries),
		cmocka_unit_test(indexes_and_names_stay_while_it_grows),
	};

	return cmocka_run_group_tests_name("topic_map", tests, NULL, NULL);
}
