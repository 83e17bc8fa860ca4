/*
 * test_handlers.c
 *	  From a handler's statement to the one that is prepared.
 */
#include "unit.h"

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

static const Handler *
add(const char *payload, const char *sql)
{
	if (!handlers_add(&handlers, "t", NULL, payload, sql, "x.ini:1", &error))
		fail_msg("%s", error.message);
	return &handlers.items[handlers.count - 1];
}

static void
prepared_as(const char *sql, const char *expected)
{
	assert_string_equal(add("json", sql)->sql, expected);
}

static void
only_named_columns_are_sent(void **state)
{
	(void) state;
	prepared_as("INSERT INTO t SELECT id, payload FROM batch",
				"WITH \"batch\" AS (SELECT * FROM unnest($1::uuid[], $2::json[]) AS b(\"id\", "
				"\"payload\"))\nINSERT INTO t SELECT id, payload FROM batch");
	prepared_as("SELECT f(\"key\") FROM \"batch\" -- payload\n",
				"WITH \"batch\" AS (SELECT * FROM pg_catalog.unnest($1::text[]) AS b(\"key\"))\n"
				"SELECT f(\"key\") FROM \"batch\"");
	/* Something has to be unnested. */
	prepared_as(
		"INSERT INTO n SELECT count(*) FROM batch;",
		"WITH \"batch\" AS (SELECT * FROM pg_catalog.unnest($1::int8[]) AS b(\"ordinality\"))\n"
		"INSERT INTO n SELECT count(*) FROM batch");
}

static void
a_star_is_everything(void **state)
{
	static const char *const statements[] = {"INSERT INTO t SELECT * FROM batch",
											 "INSERT INTO t SELECT b.* FROM batch AS b",
											 "INSERT INTO t TABLE batch"};

	(void) state;
	for (size_t i = 0; i < LENGTH(statements); i++)
	{
		const Handler *handler = add("bytea", statements[i]);

		assert_int_equal(handler->param_count, BATCH_COLUMNS);
		assert_int_equal(handler->params[COLUMN_PAYLOAD].type, PG_TYPE_BYTEA);
		assert_true(handlers.topic_headers[0] && handler->takes[0]);
	}
}

static void
names_in_strings_do_not_count(void **state)
{
	const Handler *handler =
		add("jsonb", "INSERT INTO t SELECT key, 'payload', $$id$$ /* headers */ FROM batch");

	(void) state;
	assert_int_equal(handler->columns, COLUMN_BIT(COLUMN_KEY));
	assert_false(handlers.topic_headers[0]);
}

static void
its_own_with_is_joined(void **state)
{
	(void) state;
	prepared_as("with /* x */ recursive a AS (SELECT key FROM batch) SELECT key FROM a",
				"WITH RECURSIVE \"batch\" AS (SELECT * FROM pg_catalog.unnest($1::text[]) AS "
				"b(\"key\")), a AS "
				"(SELECT key FROM batch) SELECT key FROM a");
	prepared_as("WITH a AS (SELECT key FROM batch) SELECT key FROM a",
				"WITH \"batch\" AS (SELECT * FROM pg_catalog.unnest($1::text[]) AS b(\"key\")), a "
				"AS (SELECT "
				"key FROM batch) SELECT key FROM a");
}

static void
both_relations_have_arrays_of_their_own(void **state)
{
	const Handler *handler =
		add("jsonb", "WITH x AS (INSERT INTO h SELECT id FROM batch) INSERT INTO l SELECT key "
					 "FROM batch_latest");

	(void) state;
	assert_string_equal(
		handler->sql,
		"WITH \"batch\" AS (SELECT * FROM unnest($1::uuid[], $2::text[]) AS b(\"id\", \"key\")), "
		"\"batch_latest\" AS (SELECT * FROM unnest($3::uuid[], $4::text[]) AS b(\"id\", \"key\")), "
		"x AS (INSERT INTO h SELECT id FROM batch) INSERT INTO l SELECT key FROM batch_latest");
	assert_false(handler->params[1].latest);
	assert_true(handler->params[2].latest);
}

static void
what_is_refused(void **state)
{
	static const struct
	{
		const char *topic;
		const char *payload;
		const char *sql;
	} rows[] = {
		{"t", "json", "INSERT INTO t VALUES (1)"},
		{"t", "json", "SELECT 'batch'"},
		{"t", "json", "SELECT id FROM batch; SELECT 1"},
		{"t", "json", "SELECT $1 FROM batch"},
		{"t", "json", "SELECT 'x FROM batch"},
		{"t", "json", "SELECT id FROM batch /* x"},
		{"t", "json", ""},
		{"t", "xml", "SELECT id FROM batch"},
		{"t.*", "json", "SELECT id FROM batch"},
		{"^t.*(", "json", "SELECT id FROM batch"},
		{"", "json", "SELECT id FROM batch"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		error_clear(&error);
		if (handlers_add(&handlers, "name", rows[i].topic, rows[i].payload, rows[i].sql, "x.ini:7",
						 &error))
			fail_msg("row %zu was taken", i);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_non_null(strstr(error.message, "x.ini:7"));
	}
	assert_int_equal(handlers.count, 0);
}

static void
topics_are_listed_once(void **state)
{
	(void) state;
	assert_true(handlers_add(&handlers, "a", NULL, NULL, "SELECT id FROM batch", "", &error));
	assert_true(handlers_add(&handlers, "b", "a", NULL, "SELECT headers FROM batch", "", &error));
	assert_true(handlers_add(&handlers, "c", NULL, "text", "SELECT id FROM batch", "", &error));
	assert_int_equal(handlers.topic_count, 2);
	assert_true(handlers.items[0].takes[0] && handlers.items[1].takes[0]);
	assert_false(handlers.items[2].takes[0] || handlers.items[1].takes[1]);
	assert_int_equal(handlers_topic(&handlers, "c"), 1);
	assert_int_equal(handlers_topic(&handlers, "b"), -1);
	assert_true(handlers.topic_headers[0]);
	assert_false(handlers.topic_headers[1]);
}

static void
rules_are_the_topics(void **state)
{
	const TopicRules *rules;

	(void) state;
	assert_true(handlers_add(&handlers, "a", NULL, NULL, "SELECT id FROM batch", "", &error));
	assert_true(
		handlers_add(&handlers, "b", NULL, NULL, "SELECT id FROM batch", "x.ini:5", &error));
	rules = handlers.topic_rules;
	assert_int_equal(rules[1].dedupe, DEDUPE_POSITION);
	assert_int_equal(rules[1].replayed, REPLAYED_STOP);
	assert_true(handlers_set_rules(&handlers, 1, NULL, NULL, &error));
	assert_true(handlers_set_rules(&handlers, 1, "id", NULL, &error));
	assert_true(handlers_set_rules(&handlers, 1, NULL, "skip", &error));
	assert_true(handlers_set_rules(&handlers, 1, "id", "skip", &error));
	assert_int_equal(rules[1].dedupe, DEDUPE_ID);
	assert_int_equal(rules[1].replayed, REPLAYED_SKIP);
	assert_string_equal(replayed_policy_name(rules[1].replayed), "skip");
	assert_int_equal(rules[0].dedupe, DEDUPE_POSITION);

	/* Another handler of the topic that says otherwise, and words that aren't any. */
	assert_false(handlers_set_rules(&handlers, 1, "position", NULL, &error));
	assert_non_null(strstr(error.message, "x.ini:5: dedupe \"position\" of topic \"b\""));
	assert_non_null(strstr(error.message, "\"id\""));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_false(handlers_set_rules(&handlers, 1, NULL, "stop", &error));
	assert_false(handlers_set_rules(&handlers, 0, "offset", NULL, &error));
	assert_string_equal(error.hint, "It is position, id or none.");
	assert_false(handlers_set_rules(&handlers, 0, NULL, "Stop", &error));
	assert_string_equal(error.hint, "It is stop, apply or skip.");
	assert_int_equal(rules[0].dedupe, DEDUPE_POSITION);
	assert_int_equal(rules[1].dedupe, DEDUPE_ID);
}

/* Line and column of a character, given as a mark "|" in the handler's statement. */
static void
located(const char *marked, int line, int column)
{
	const char *mark = strchr(marked, '|');
	char sql[200];
	const Handler *handler;
	size_t chars = 0;
	int found_line;
	int found_column;
	const char *at;

	snprintf(sql, sizeof(sql), "%.*s%s", (int) (mark - marked), marked, mark + 1);
	handler = add("json", sql);
	/* The same place in what is prepared, in characters. */
	at = strstr(handler->sql, mark + 1);
	assert_non_null(at);
	for (const char *c = handler->sql; c < at; c++)
		chars += ((unsigned char) *c & 0xC0) != 0x80;
	assert_true(handler_locate(handler, chars + 1, &found_line, &found_column));
	assert_int_equal(found_line, line);
	assert_int_equal(found_column, column);
	assert_false(handler_locate(handler, 3, &found_line, &found_column));
	assert_false(handler_locate(handler, 0, &found_line, &found_column));
}

static void
errors_are_located(void **state)
{
	(void) state;
	located("INSERT INTO |nope SELECT id FROM batch", 1, 13);
	located("INSERT INTO t\nSELECT |nope FROM batch", 2, 8);
	located("SELECT '\xc3\xb6\xc3\xb6' AS a, |nope FROM batch", 1, 19);
	located("WITH a AS (SELECT id FROM batch)\n  SELECT |nope FROM a", 2, 10);
}

static void
policies_are_each_handlers_own(void **state)
{
	(void) state;
	(void) add("json", "SELECT id FROM batch");
	assert_int_equal(handlers.items[0].on_error, HANDLER_DEAD_LETTER);
	assert_false(handlers.items[0].retries_foreign_key);
	assert_true(handlers.dead_letters && handlers_keep_record(&handlers, 0));
	assert_true(handlers_set_policy(&handlers, "stop", NULL, &error));
	assert_false(handlers.dead_letters || handlers_keep_record(&handlers, 0));
	(void) add("json", "SELECT key FROM batch");
	assert_true(handlers_set_policy(&handlers, "dead-letter", "retry", &error));
	assert_true(handlers.items[1].retries_foreign_key);
	assert_true(handlers.dead_letters && handlers_keep_record(&handlers, 0));
	assert_int_equal(handlers_policy(&handlers, 0, 0), HANDLER_STOP);
	assert_int_equal(handlers_policy(&handlers, 0, 1), HANDLER_DEAD_LETTER);
	/* Of an event that no handler is to blame for, the strictest decides. */
	assert_int_equal(handlers_policy(&handlers, 0, -1), HANDLER_STOP);
	assert_true(handlers_add(&handlers, "u", NULL, NULL, "SELECT id FROM batch", "", &error));
	assert_int_equal(handlers_policy(&handlers, 1, -1), HANDLER_DEAD_LETTER);
	assert_false(handlers_set_policy(&handlers, "ignore", NULL, &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
	assert_false(handlers_set_policy(&handlers, NULL, "stop", &error));
}

static void
more_than_one_semicolon(void **state)
{
	(void) state;
	prepared_as("SELECT key FROM batch;; -- end\n;",
				"WITH \"batch\" AS (SELECT * FROM pg_catalog.unnest($1::text[]) AS "
				"b(\"key\"))\nSELECT key FROM "
				"batch");
	/* Neither "count" without a parenthesis nor a parenthesis without it is count(*). */
	assert_int_equal(add("json", "SELECT count * FROM batch")->columns,
					 COLUMN_BIT(BATCH_COLUMNS) - 1);
	assert_int_equal(add("json", "SELECT f(*) FROM batch")->columns, COLUMN_BIT(BATCH_COLUMNS) - 1);
	assert_int_equal(add("json", "SELECT count(*) FROM batch")->columns,
					 COLUMN_BIT(COLUMN_ORDINALITY));
}

static void
a_place_behind_the_end(void **state)
{
	const Handler *handler = add("json", "SELECT key\nFROM batch;\n");
	int line = 0;
	int column = 0;

	(void) state;
	assert_true(handler_locate(handler, 100000, &line, &column));
	assert_int_equal(line, 2);
	assert_int_equal(column, 11);
	assert_false(handler_locate(handler, 0, &line, &column));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(more_than_one_semicolon, start, end),
		cmocka_unit_test_setup_teardown(a_place_behind_the_end, start, end),
		cmocka_unit_test_setup_teardown(only_named_columns_are_sent, start, end),
		cmocka_unit_test_setup_teardown(a_star_is_everything, start, end),
		cmocka_unit_test_setup_teardown(names_in_strings_do_not_count, start, end),
		cmocka_unit_test_setup_teardown(its_own_with_is_joined, start, end),
		cmocka_unit_test_setup_teardown(both_relations_have_arrays_of_their_own, start, end),
		cmocka_unit_test_setup_teardown(what_is_refused, start, end),
		cmocka_unit_test_setup_teardown(topics_are_listed_once, start, end),
		cmocka_unit_test_setup_teardown(rules_are_the_topics, start, end),
		cmocka_unit_test_setup_teardown(errors_are_located, start, end),
		cmocka_unit_test_setup_teardown(policies_are_each_handlers_own, start, end),
	};

	return cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
}
