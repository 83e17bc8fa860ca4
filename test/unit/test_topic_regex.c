/*
 * test_topic_regex.c
 *	  Expressions and replacements: what of Java's is taken, and what is refused.
 */
#include "wire.h"

#include "exit_codes.h"
#include "random.h"
#include "topic_regex.h"

static void
expect(const char *regex, const char *replacement, const char *value, const char *topic)
{
	bool in_replacement;
	char out[250];
	Error error;
	TopicRegex *compiled;
	TopicRegexResult result;

	error_clear(&error);
	compiled = topic_regex_create(regex, replacement, &in_replacement, &error);
	if (compiled == NULL)
		fail_msg("%s: %s", regex, error.message);
	result = topic_regex_apply(compiled, view_of(value), out, sizeof(out));
	if (topic == NULL)
		assert_int_equal(result, TOPIC_REGEX_NO_MATCH);
	else
	{
		assert_int_equal(result, TOPIC_REGEX_OK);
		assert_string_equal(out, topic);
	}
	topic_regex_free(compiled);
}

static void
refused(const char *regex, const char *replacement, bool in_the_replacement)
{
	bool in_replacement;
	Error error;

	error_clear(&error);
	assert_null(topic_regex_create(regex, replacement, &in_replacement, &error));
	assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_int_equal(in_replacement, in_the_replacement);
}

static void
matches_the_whole_value(void **state)
{
	(void) state;
	expect("order", "o", "order", "o");
	expect("order", "o", "orders", NULL);
	expect("order", "o", "border", NULL);
	expect("a|ab", "x", "ab", "x");
	expect("a|b.*", "x", "bcd", "x");
	expect("", "x", "", "x");
	expect("order", "o", "", NULL);
	expect(".*", "x", "two\nlines", "x");
}

static void
takes_groups_by_number_and_name(void **state)
{
	(void) state;
	expect("(.*)", "events.$1", "User", "events.User");
	expect("(.*)", "events.\\1", "User", "events.User");
	expect("(?<routedByValue>.*)", "outbox.event.${routedByValue}", "User", "outbox.event.User");
	expect("(?<team>[^-]+)-(?:v1|v2)-(\\w+)", "${team}.$2", "billing-v2-invoice_paid",
		   "billing.invoice_paid");
	expect("(a)(?:b)(c)((d)e)", "$1$2$3$4", "abcde", "acded");
	expect("(.*)\\.(.*)", "$2.$1", "a.b", "b.a");
	expect("(.*)_(.*)", "${2}-${1}", "a_b_c", "c-a_b");
	expect("(x)?(y)", "$1-$2", "y", "-y");
}

static void
takes_java_s_classes(void **state)
{
	(void) state;
	expect("(\\d+)-(\\w+)", "$2.$1", "42-a_9", "a_9.42");
	expect("\\d", "x", "d", NULL);
	expect("\\D\\W\\S", "x", "a-b", "x");
	expect("a\\sb", "x", "a\tb", "x");
	expect("\\w+", "x", "\xc3\xa4", NULL);
	expect("\\.\\$\\(\\)\\-\\_", "x", ".$()-_", "x");
	expect("[[:alpha:]]+[]^-]?", "x", "abc-", "x");
	expect("a{2,3}", "x", "aaa", "x");
	expect("a{2}", "x", "aaa", NULL);
	expect("a{2,}", "x", "aaaaa", "x");
}

/* The C library may look for the groups of repeated nothing for ever; whatever else is optional it finds. */
static void
takes_repetitions_of_something(void **state)
{
	(void) state;
	expect("(a|)?b", "x$1", "ab", "xa");
	expect("(a?b)*", "x$1", "abb", "xb");
	expect("((a|)b)+", "x$1", "bab", "xab");
	expect("(?:ab?|c{0,2}d)*(.)", "x$1", "abaccde", "xe");
	expect("(a|)(b?)(c*)", "x", "", "x");
}

static void
refuses_what_would_mean_something_else(void **state)
{
	static const char *const expressions[] = {
		"(?=a)a",
		"(?!a)b",
		"(?<=a)b",
		"(?<!a)b",
		"(?i)a",
		"(?>a)",
		"(a)\\1",
		"\\bword",
		"\\p{Lu}",
		"\\u0041",
		"\\Qa\\E",
		"a\\",
		".*?",
		"a+?",
		"a??",
		"a*+",
		"a++",
		"a{2}?",
		"[\\d]",
		"[a&&b]",
		"[a[b]]",
		"[a",
		"(a",
		"a)",
		"a{",
		"a{x}",
		"a{1,101}",
		"a{999999999}",
		"(?<1a>a)",
		"(?<>a)",
		"(?<a",
		"(?<a-b>a)",
		"*a",
		"a)(b",
		"a|+b",
		"(?)",
		"(a",
		"(?<\xc3\xa4>a)",
		"(((((((((((((((((((((((((((((((((((a)))))))))))))))))))))))))))))))))))",
		"(a)(a)(a)(a)(a)(a)(a)(a)(a)(a)",
		"a{1}a{1}a{1}",
		"(a|)*",
		"(||.|)*.",
		"(a?)+",
		"(a*b?){2}",
		"((a)?|b)*",
		"(a|^)*",
		"(a|b{0,2})+",
		"(?:()a?)*"};

	(void) state;
	for (size_t i = 0; i < LENGTH(expressions); i++)
	{
		bool in_replacement;
		Error error;

		error_clear(&error);
		if (topic_regex_create(expressions[i], "x", &in_replacement, &error) != NULL)
			fail_msg("%s was taken", expressions[i]);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_false(in_replacement);
	}
}

static void
refuses_bad_replacements(void **state)
{
	static const char *const replacements[] = {"$2",  "\\2", "$0",		 "${other}", "${a",
											   "${}", "a$",	 "a\\",		 "a b",		 "a/$1",
											   "$x",  "\\$", "\xc3\xa4", "a\\0",	 "${12}"};

	(void) state;
	for (size_t i = 0; i < LENGTH(replacements); i++)
		refused("(?<name>.*)", replacements[i], true);
}

static void
lengths_are_bounded(void **state)
{
	char text[TOPIC_REGEX_VALUE_MAX + 2];
	char out[250];
	bool in_replacement;
	Error error;
	TopicRegex *regex;

	(void) state;
	memset(text, 'a', sizeof(text));
	text[TOPIC_REGEX_MAX + 1] = '\0';
	refused(text, "x", false);
	refused("x", text, true);

	error_clear(&error);
	regex = topic_regex_create("(.*)", "x$1", &in_replacement, &error);
	assert_non_null(regex);
	assert_int_equal(
		topic_regex_apply(regex, (ByteView){(const uint8_t *) text, 249}, out, sizeof(out)),
		TOPIC_REGEX_TOO_LONG);
	assert_int_equal(
		topic_regex_apply(regex, (ByteView){(const uint8_t *) text, 248}, out, sizeof(out)),
		TOPIC_REGEX_OK);
	assert_int_equal(strlen(out), 249);
	memset(text, 'a', sizeof(text));
	assert_int_equal(
		topic_regex_apply(regex, (ByteView){(const uint8_t *) text, TOPIC_REGEX_VALUE_MAX + 1}, out,
						  sizeof(out)),
		TOPIC_REGEX_NO_MATCH);
	assert_int_equal(
		topic_regex_apply(regex, (ByteView){(const uint8_t *) "a\0b", 3}, out, sizeof(out)),
		TOPIC_REGEX_NO_MATCH);
	topic_regex_free(regex);
	topic_regex_free(NULL);
}

/* Random expressions are refused or compile; what they compile to is applied without harm. */
static void
random_expressions_do_no_harm(void **state)
{
	static const char *const pieces[] = {"(", ")", "(?:", "(?<n>", "[",	 "]",	"a",		"b-",
										 "*", "+", "?",	  "{1,2}", "|",	 "\\d", "\\.",		".",
										 "^", "$", "[^a", "-",	   "\\", "$1",	"[:digit:]"};
	Random random;
	int taken = 0;

	(void) state;
	random_seed(&random, 7);
	for (int round = 0; round < 20000; round++)
	{
		char text[256] = "";
		size_t used = 0;
		int count = (int) (random_next(&random) % 8);
		char out[250];
		bool in_replacement;
		Error error;
		TopicRegex *regex;

		while (count-- > 0)
			used += (size_t) snprintf(text + used, sizeof(text) - used, "%s",
									  pieces[random_next(&random) % LENGTH(pieces)]);
		error_clear(&error);
		regex = topic_regex_create(text, "x", &in_replacement, &error);
		if (regex == NULL)
		{
			assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
			continue;
		}
		taken++;
		if (topic_regex_apply(regex, view_of("ab-1."), out, sizeof(out)) == TOPIC_REGEX_OK)
			assert_string_equal(out, "x");
		topic_regex_free(regex);
	}
	assert_true(taken > 100);
}

/* What is nearly something that POSIX lacks. */
static void
near_misses(void **state)
{
	static const struct
	{
		const char *regex, *replacement, *value, *topic; /* a NULL topic: refused */
	} cases[] = {
		{"[&a]+", "$0x", "&", NULL},
		{"([&a]+)", "$1", "a&a", "a&a"},
		{"(?<ab>x)(?<ac>y)", "${ac}${ab}", "xy", "yx"},
		{"(?<ab>x)", "${abc}", "x", NULL},
		{"(?<1a>x)", "${1a}", "x", NULL},
		{"(?<a_b>x)", "$1", "x", NULL},
		{"(?<>x)", "$1", "x", NULL},
		{"a{2,3}b{1}", "x", "aaab", "x"},
		{"a{1}b{1}c{1}", "x", "abc", NULL},
		{"a{2,", "x", "aa", NULL},
		{"a{2,3", "x", "aa", NULL},
		{"a\\\xc3", "x", "a", NULL},
		{"a\\", "x", "a", NULL},
		{"(a)", "\\1", "a", "a"},
		{"(a)", "\\:", "a", NULL},
		{"(a)", "\\/", "a", NULL},
	};

	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char topic[100] = "";
		bool in_replacement;
		Error error;
		TopicRegex *regex;

		error_clear(&error);
		regex = topic_regex_create(cases[i].regex, cases[i].replacement, &in_replacement, &error);
		if ((regex == NULL) != (cases[i].topic == NULL))
			fail_msg("%s: %s", cases[i].regex, error.message);
		if (regex != NULL)
		{
			assert_int_equal(
				topic_regex_apply(regex, view_of(cases[i].value), topic, sizeof(topic)),
				TOPIC_REGEX_OK);
			assert_string_equal(topic, cases[i].topic);
		}
		topic_regex_free(regex);
	}
	(void) state;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(near_misses),
		cmocka_unit_test(matches_the_whole_value),
		cmocka_unit_test(takes_groups_by_number_and_name),
		cmocka_unit_test(takes_java_s_classes),
		cmocka_unit_test(takes_repetitions_of_something),
		cmocka_unit_test(refuses_what_would_mean_something_else),
		cmocka_unit_test(refuses_bad_replacements),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(random_expressions_do_no_harm),
	};

	return cmocka_run_group_tests_name("topic_regex", tests, NULL, NULL);
}
