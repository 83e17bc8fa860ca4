/*
 * test_handlers_file.c
 *	  Handlers as sections of a configuration file.
 */
#include "unit.h"

#include "consumer_options.h"
#include "exit_codes.h"
#include "handlers.h"

static Handlers handlers;
static Error error;

/* Of a file with that text. */
static bool
load(const char *text)
{
	char path[] = "/tmp/outbox-handlers-XXXXXX";
	int fd = mkstemp(path);
	Options *options = options_create(&consumer_option_table);
	bool loaded;

	assert_true(fd >= 0 && options != NULL);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error_clear(&error);
	handlers_init(&handlers);
	loaded = options_load_file(options, path, &error) && handlers_load(&handlers, options, &error);
	unlink(path);
	options_free(options);
	return loaded;
}

static void
every_key(void **state)
{
	(void) state;
	if (!load("[handler a]\n"
			  "sql = SELECT id\n"
			  "  FROM batch\n"
			  "[handler rides]\n"
			  "topic = ride\n"
			  "payload = jsonb\n"
			  "dedupe = id\n"
			  "replayed = skip\n"
			  "on_error = stop\n"
			  "on_foreign_key = retry\n"
			  "sql = TABLE batch_latest\n"
			  "[handler c]\n"
			  "sql = TABLE batch\n"))
		fail_msg("%s", error.message);
	assert_int_equal(handlers.count, 3);
	assert_string_equal(handlers.items[0].topic, "a");
	assert_string_equal(handlers.items[0].user_sql, "SELECT id\nFROM batch");
	assert_int_equal(handlers.items[0].on_error, HANDLER_DEAD_LETTER);
	assert_string_equal(handlers.items[1].name, "rides");
	assert_string_equal(handlers.items[1].topic, "ride");
	assert_int_equal(handlers.items[1].payload, PG_TYPE_JSONB);
	assert_int_equal(handlers.items[1].on_error, HANDLER_STOP);
	assert_true(handlers.items[1].retries_foreign_key);
	assert_int_equal(handlers.topic_rules[1].dedupe, DEDUPE_ID);
	assert_int_equal(handlers.topic_rules[1].replayed, REPLAYED_SKIP);
	assert_int_equal(handlers.topic_rules[2].dedupe, DEDUPE_POSITION);
	handlers_free(&handlers);
}

static void
what_is_refused(void **state)
{
	static const struct
	{
		const char *text;
		const char *why;
	} cases[] = {
		{"[consumer]\ngroup = g\n", "there is no handler"},
		{"[handler a]\npayload = json\n", "handler \"a\" has no \"sql\""},
		{"[handler a]\nsql =\n", "handler \"a\" has no \"sql\""},
		{"[handler a]\npayload = json\n[handler b]\nsql = TABLE batch\n", "\"a\" has no \"sql\""},
		{"[handler a]\nsq = TABLE batch\n", "unrecognized key \"sq\" of handler \"a\""},
		{"[handler a]\nsql = TABLE batch\ndedupe = no\n", "invalid dedupe \"no\""},
		{"[handler a]\nsql = TABLE batch\nreplayed = no\n", "invalid replayed \"no\""},
		{"[handler a]\nsql = TABLE batch\non_error = no\n", "invalid on_error \"no\""},
		{"[handler a]\nsql = TABLE batch\non_foreign_key = no\n", "invalid on_foreign_key \"no\""},
		{"[handler a]\nsql = TABLE batch\npayload = no\n", "invalid payload \"no\""},
		{"[handler a]\nsql = SELECT 1\n[handler b]\nsql = TABLE batch\n",
		 "doesn't read from batch"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		if (load(cases[i].text))
			fail_msg("%s was taken", cases[i].text);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		if (strstr(error.message, cases[i].why) == NULL)
			fail_msg("%s: %s", cases[i].text, error.message);
		handlers_free(&handlers);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key),
		cmocka_unit_test(what_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
