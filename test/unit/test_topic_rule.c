/*
 * test_topic_rule.c
 *	  From a value to its topic, by a pattern and by an expression.
 */
#include "unit.h"

#include "exit_codes.h"
#include "route.h"
#include "topic_rule.h"

static Error error;

static TopicRule *
rule_of(const RouteSettings *settings)
{
	const char *option;
	TopicRule *rule;

	error_clear(&error);
	rule = topic_rule_create(settings, &option, &error);
	if (rule == NULL)
		fail_msg("%s", error.message);
	return rule;
}

static void
makes(TopicRule *rule, const char *value, const char *topic)
{
	const char *made;

	error_clear(&error);
	made = topic_rule_make(rule, view_of(value), &error);
	if (topic != NULL)
		assert_string_equal(made, topic);
	else
	{
		assert_null(made);
		assert_int_equal(error.exit_code, EXIT_POISON);
	}
}

static void
by_a_pattern(void **state)
{
	TopicRule *rule = rule_of(&(RouteSettings){.topic_pattern = "a.{routedByValue}.b"});
	char longest[TOPIC_NAME_MAX + 1];

	(void) state;
	makes(rule, "x", "a.x.b");
	makes(rule, "x", "a.x.b");
	makes(rule, "y", "a.y.b");
	makes(rule, "a b", NULL);
	makes(rule, "", NULL);
	assert_non_null(strstr(error.message, "empty"));
	makes(rule, NULL, NULL);
	assert_non_null(strstr(error.message, "null"));
	memset(longest, 'x', sizeof(longest));
	longest[TOPIC_NAME_MAX - 4] = '\0';
	assert_int_equal(strlen(topic_rule_make(rule, view_of(longest), &error)), TOPIC_NAME_MAX);
	longest[TOPIC_NAME_MAX - 4] = 'x';
	longest[TOPIC_NAME_MAX - 3] = '\0';
	makes(rule, longest, NULL);
	assert_non_null(strstr(error.detail, "leaves room for 245"));
	topic_rule_free(rule);
	topic_rule_free(NULL);
}

static void
by_an_expression(void **state)
{
	TopicRule *rule = rule_of(&(RouteSettings){.regex = "v-(.*)", .replacement = "$1"});
	char value[TOPIC_NAME_MAX + 10] = "v-";

	(void) state;
	makes(rule, "v-x", "x");
	makes(rule, "v-", NULL);
	assert_non_null(strstr(error.message, "empty topic"));
	makes(rule, "x", NULL);
	assert_non_null(strstr(error.hint, "route.topic.unmatched"));
	memset(value + 2, 'x', TOPIC_NAME_MAX);
	makes(rule, value, value + 2);
	value[TOPIC_NAME_MAX + 2] = 'x';
	makes(rule, value, NULL);
	assert_non_null(strstr(error.message, "too long"));
	assert_string_equal(error.detail, "");
	topic_rule_free(rule);
}

static void
what_does_not_match_is_the_topic(void **state)
{
	TopicRule *rule = rule_of(
		&(RouteSettings){.regex = "v-(.*)", .replacement = "$1", .unmatched_is_topic = true});
	char value[TOPIC_NAME_MAX + 2];

	(void) state;
	makes(rule, "v-x", "x");
	makes(rule, "other", "other");
	memset(value, 'x', sizeof(value));
	value[TOPIC_NAME_MAX] = '\0';
	makes(rule, value, value);
	value[TOPIC_NAME_MAX] = 'x';
	value[TOPIC_NAME_MAX + 1] = '\0';
	makes(rule, value, NULL);
	assert_non_null(strstr(error.message, "doesn't match"));
	topic_rule_free(rule);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_a_pattern),
		cmocka_unit_test(by_an_expression),
		cmocka_unit_test(what_does_not_match_is_the_topic),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
