/*
 * test_handler_topics.c
 *	  Which handlers a topic has: one rule for names and regular expressions.
 */
#include "unit.h"

#include <regex.h>

#include "exit_codes.h"
#include "handlers.h"

static Handlers handlers;
static Error error;

static int
start(void **state)
{
	(void) state;
	handlers_init(&handlers);
	error_clear(&error);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	handlers_free(&handlers);
	return 0;
}

static void
add(const char *name, const char *topic, const char *dedupe)
{
	char origin[40];

	snprintf(origin, sizeof(origin), "x.ini:%d", handlers.count + 1);
	if (!handlers_add(&handlers, name, topic, NULL, "SELECT id FROM batch", origin, &error) ||
		!handlers_set_rules(&handlers, handlers.count - 1, dedupe, NULL, &error))
		fail_msg("%s", error.message);
}

static int
meet(const char *topic)
{
	int index;

	if (!handlers_meet(&handlers, topic, &index, &error))
		fail_msg("%s", error.message);
	return index;
}

/* The names of the handlers that a topic has, in the order in which they run. */
static void
topic_has(const char *topic, const char *expected)
{
	int index = meet(topic);
	char names[200] = "";

	for (int i = 0; index >= 0 && i < handlers.count; i++)
	{
		if (handlers.items[i].takes[index])
			snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s ",
					 handlers.items[i].name);
	}
	assert_string_equal(names, expected);
}

static void
names_and_expressions_are_one_rule(void **state)
{
	(void) state;
	add("all", "^shop[.]", NULL);
	add("order", "shop.order", NULL);
	add("some", "^shop[.](order|ride)$", NULL);
	add("again", "shop.order", NULL);
	assert_int_equal(handlers.topic_count, 1);
	topic_has("shop.order", "all order some again ");
	topic_has("shop.ride", "all some ");
	topic_has("shop.ride2", "all ");
	topic_has("shopping", "");
	topic_has("my.shop.order", "");
	assert_int_equal(handlers.topic_count, 3);
	/* Each keeps its place. */
	assert_int_equal(meet("shop.order"), 0);
	assert_int_equal(meet("shop.ride"), 1);
	assert_int_equal(meet("shopping"), -1);
}

static void
rules_meet_with_the_topic(void **state)
{
	int index;

	(void) state;
	add("all", "^a", "id");
	add("more", "^ab", NULL);
	add("other", "^abc", "none");
	assert_int_equal(handlers.topic_count, 0);
	assert_int_equal(meet("ab"), 0);
	assert_int_equal(handlers.topic_rules[0].dedupe, DEDUPE_ID);
	assert_false(handlers_meet(&handlers, "abc", &index, &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_string_equal(error.message, "x.ini:3: dedupe \"none\" of topic \"abc\", where another "
									   "handler has \"id\"");
	/* It didn't get in. */
	assert_int_equal(handlers.topic_count, 1);
	assert_int_equal(handlers_topic(&handlers, "abc"), -1);
	error_clear(&error);
	/* A name meets those that were there before it, whatever comes first. */
	assert_true(handlers_add(&handlers, "ax", NULL, NULL, "SELECT id FROM batch", "y", &error));
	assert_int_equal(handlers.topic_rules[handlers_topic(&handlers, "ax")].dedupe, DEDUPE_ID);
	assert_false(handlers_set_rules(&handlers, 3, "position", NULL, &error));
	assert_non_null(strstr(error.message, "y: dedupe \"position\" of topic \"ax\""));
}

static void
an_expression_that_wants_headers(void **state)
{
	(void) state;
	add("a", "t.a", NULL);
	assert_true(
		handlers_add(&handlers, "h", "^t[.]", NULL, "SELECT headers FROM batch", "", &error));
	assert_true(handlers.topic_headers[0]);
	add("x", "x", NULL);
	assert_int_equal(meet("t.b"), 2);
	assert_true(handlers.topic_headers[2]);
	assert_false(handlers.topic_headers[1]);
}

static void
hidden_topics_match_nothing(void **state)
{
	(void) state;
	add("everything", "^", NULL);
	assert_true(handlers_subscribe(&handlers, "our.letters", &error));
	topic_has("__consumer_offsets", "");
	topic_has("__x", "");
	topic_has("outbox.dead-letter.reports", "");
	topic_has("our.letters", "");
	topic_has("our.letters2", "everything ");
	topic_has("_x", "everything ");
	topic_has("outbox.dead-letters", "everything ");
	assert_string_equal(handlers.hidden, "^__,^outbox[.]dead-letter[.],^our[.]letters$");
}

/* What librdkafka is told, it has to match as we do: by regcomp() of each part of a list. */
static void
the_list_for_the_library_says_the_same(void **state)
{
	static const char *const topics[] = {"__a",
										 "_a",
										 "a__",
										 "outbox.dead-letter.x",
										 "outbox.dead-letter",
										 "outboxXdead-letterXx",
										 "a.b",
										 "aXb",
										 "a.b.c",
										 "x.a.b"};
	char *list = topic_hidden_list("a.b");

	(void) state;
	assert_non_null(list);
	for (size_t i = 0; i < LENGTH(topics); i++)
	{
		char *copy = strdup(list);
		char *rest = copy;
		bool hidden = false;

		for (char *part = strsep(&rest, ","); part != NULL; part = strsep(&rest, ","))
		{
			regex_t regex;

			assert_int_equal(regcomp(&regex, part, REG_EXTENDED | REG_NOSUB), 0);
			hidden = hidden || regexec(&regex, topics[i], 0, NULL, 0) == 0;
			regfree(&regex);
		}
		free(copy);
		if (hidden != topic_is_hidden(topics[i], "a.b"))
			fail_msg("%s", topics[i]);
	}
	free(list);
}

static void
what_is_subscribed(void **state)
{
	(void) state;
	add("a", "t.a", NULL);
	add("b", "t.b", NULL);
	assert_true(handlers_subscribe(&handlers, "", &error));
	assert_int_equal(handlers.subscribed_count, 2);
	assert_null(handlers.hidden);

	/* No topic twice: librdkafka would count it so. */
	add("more", "^t[.](b|c)", NULL);
	add("others", "^u|^v", NULL);
	add("twice", "t.a", NULL);
	assert_true(handlers_subscribe(&handlers, "", &error));
	assert_int_equal(handlers.subscribed_count, 2);
	assert_string_equal(handlers.subscribed[0], "t.a");
	assert_string_equal(handlers.subscribed[1], "^t[.](b|c)|^u|^v");
	assert_string_equal(handlers.hidden, "^__,^outbox[.]dead-letter[.]");

	/* A single topic that this would hide. */
	add("internal", "__x", NULL);
	assert_false(handlers_subscribe(&handlers, "", &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_non_null(strstr(error.message, "\"__x\""));
	assert_non_null(strstr(error.message, "\"more\" (x.ini:3)"));
}

static void
a_single_topic_is_not_hidden(void **state)
{
	(void) state;
	add("internal", "__x", NULL);
	assert_true(handlers_subscribe(&handlers, "", &error));
	assert_string_equal(handlers.subscribed[0], "__x");
	topic_has("__x", "internal ");
}

static void
expressions_that_are_refused(void **state)
{
	static const struct
	{
		const char *topic;
		const char *why;
	} rows[] = {{"^(", "nmatched"},
				{"^a[", "nvalid"},
				{"^a{2,1}", "nvalid"},
				{"^(a)\\1", "back reference"},
				{"^a\\\\\\2", "back reference"},
				{"^a\\", "railing"},
				/* Memory for 64,000 copies, and for more than there is. */
				{"^((a{40}){40}){40}", "more than 1000"},
				{"^a{1,40}b{26}", "more than 1000"},
				{"^a{99999}", "more than 1000"}};
	char longest[TOPIC_EXPRESSION_MAX + 2];

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		error_clear(&error);
		if (handlers_add(&handlers, "h", rows[i].topic, NULL, "SELECT id FROM batch", "x.ini:7",
						 &error))
			fail_msg("%s was taken", rows[i].topic);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		if (strstr(error.message, "x.ini:7: invalid regular expression") == NULL ||
			strstr(error.message, rows[i].why) == NULL)
			fail_msg("%s: %s", rows[i].topic, error.message);
	}
	assert_int_equal(handlers.count, 0);
	/* No back references. */
	add("a", "^[\\1]a", NULL);
	add("b", "^a\\\\1", NULL);
	add("c", "^[]\\2]a", NULL);
	/* Repetitions, as many as there may be, and what looks like some. */
	add("often", "^a{0,20}b{5,25}c{0}d{2,}", NULL);
	add("braces", "^[{9999}]a\\{9999}[^]{9999}]", NULL);
	memset(longest, 'a', sizeof(longest));
	longest[0] = '^';
	longest[TOPIC_EXPRESSION_MAX] = '\0';
	add("d", longest, NULL);
	longest[TOPIC_EXPRESSION_MAX] = 'a';
	longest[TOPIC_EXPRESSION_MAX + 1] = '\0';
	assert_false(handlers_add(&handlers, "e", longest, NULL, "SELECT id FROM batch", "", &error));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(names_and_expressions_are_one_rule, start, end),
		cmocka_unit_test_setup_teardown(rules_meet_with_the_topic, start, end),
		cmocka_unit_test_setup_teardown(an_expression_that_wants_headers, start, end),
		cmocka_unit_test_setup_teardown(hidden_topics_match_nothing, start, end),
		cmocka_unit_test(the_list_for_the_library_says_the_same),
		cmocka_unit_test_setup_teardown(what_is_subscribed, start, end),
		cmocka_unit_test_setup_teardown(a_single_topic_is_not_hidden, start, end),
		cmocka_unit_test_setup_teardown(expressions_that_are_refused, start, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
