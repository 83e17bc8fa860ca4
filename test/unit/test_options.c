/*
 * test_options.c
 *	  Values and their types, and tables with defects.
 */
#include "options_bench.h"

#include <signal.h>
#include <sys/wait.h>

static void
starts_with_the_defaults(void **state)
{
	(void) state;
	assert_string_equal(options_text(options, "postgres.slot"), "pg_outbox");
	assert_string_equal(options_text(options, "postgres.conninfo"), "");
	assert_null(options_text(options, "http.password"));
	assert_int_equal(options_int(options, "window.events"), 65536);
	assert_int_equal(options_int(options, "window.bytes"), 16 << 20);
	assert_int_equal(options_int(options, "mark.interval"), 1000);
	assert_true(options_bool(options, "topics.create"));
	assert_int_equal(options_enum(options, "log.level"), 1);
	assert_int_equal(options_enum(options, "poison.policy"), -1);
	assert_int_equal(options_int(options, "free.number"), 0);
	assert_string_equal(options_origin(options, "postgres.slot"), "default");
}

typedef struct ValueCase
{
	const char *name;
	const char *text;
	int64_t number;
} ValueCase;

static void
takes_values(void **state)
{
	static const ValueCase cases[] = {
		{"window.events", "1", 1},
		{"window.events", "1000000", 1000000},
		{"free.number", "-9223372036854775808", INT64_MIN},
		{"free.number", "9223372036854775807", INT64_MAX},
		{"free.number", "-1", -1},
		{"free.number", "007", 7},
		{"topics.replication_factor", "-1", -1},
		{"window.bytes", "1024", 1024},
		{"window.bytes", "1024B", 1024},
		{"window.bytes", "64kB", 65536},
		{"window.bytes", "64KB", 65536},
		{"window.bytes", "64 kb", 65536},
		{"window.bytes", "1MB", 1 << 20},
		{"window.bytes", "1GB", 1 << 30},
		{"free.bytes", "8TB", INT64_C(8) << 40},
		{"free.bytes", "0", 0},
		{"mark.interval", "1", 1000}, /* the table's unit is s */
		{"mark.interval", "250ms", 250},
		{"mark.interval", "10s", 10000},
		{"mark.interval", "10 s", 10000},
		{"mark.interval", "5min", 300000},
		{"mark.interval", "1h", 3600000},
		{"free.duration", "1", 1}, /* without a unit: ms */
		{"free.duration", "2d", 172800000},
		{"free.duration", "9223372036854775", INT64_MAX / 1000},
		{"log.level", "debug", 0},
		{"log.level", "error", 3},
		{"poison.policy", "dead-letter", 1},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		if (!options_set(options, cases[i].name, cases[i].text, "test", &error))
			fail_msg("%s: %s", cases[i].text, error.message);
		assert_true(options_int(options, cases[i].name) == cases[i].number);
		assert_string_equal(options_text(options, cases[i].name), cases[i].text);
		assert_string_equal(options_origin(options, cases[i].name), "test");
	}
}

static void
takes_booleans(void **state)
{
	static const char *const yes[] = {"on", "true", "yes", "1", "ON", "True"};
	static const char *const no[] = {"off", "false", "no", "0", "OFF", "False"};

	(void) state;
	for (size_t i = 0; i < LENGTH(yes); i++)
	{
		assert_true(options_set(options, "topics.create", no[i], "test", &error));
		assert_false(options_bool(options, "topics.create"));
		assert_true(options_set(options, "topics.create", yes[i], "test", &error));
		assert_true(options_bool(options, "topics.create"));
	}
}

typedef struct BadCase
{
	const char *name;
	const char *text;
	const char *expected; /* in the detail */
} BadCase;

static void
refuses_values(void **state)
{
	static const BadCase cases[] = {
		{"window.events", "", "Expected a whole number from 1 to 1000000."},
		{"window.events", "0", "from 1 to 1000000"},
		{"window.events", "1000001", "from 1 to 1000000"},
		{"window.events", "-1", "from 1 to 1000000"},
		{"window.events", "12x", "a whole number"},
		{"window.events", " 12", "a whole number"},
		{"window.events", "12 ", "a whole number"},
		{"window.events", "+12", "a whole number"},
		{"window.events", "1.5", "a whole number"},
		{"window.events", "1e3", "a whole number"},
		{"window.events", "0x10", "a whole number"},
		{"window.events", "99999999999999999999", "a whole number"},
		{"free.number", "9223372036854775808", "Expected a whole number."},
		{"free.number", "-9223372036854775809", "Expected a whole number."},
		{"free.number", "-", "a whole number"},
		{"window.bytes", "16Mb/s", "a size"},
		{"window.bytes", "16M", "a size (B, kB, MB, GB, TB) from 1kB to 1GB"},
		{"window.bytes", "MB", "a size"},
		{"window.bytes", "1.5MB", "a size"},
		{"window.bytes", "1023", "from 1kB to 1GB"},
		{"window.bytes", "2GB", "from 1kB to 1GB"},
		{"free.bytes", "8388608TB", "a size"},
		{"free.bytes", "-1", "a size"},
		{"mark.interval", "99ms", "a duration (ms, s, min, h, d) from 100ms to 1h"},
		{"mark.interval", "61min", "from 100ms to 1h"},
		{"mark.interval", "5m", "a duration"},
		{"mark.interval", "5 minutes", "a duration"},
		{"mark.interval", "5MIN", "a duration"},
		{"mark.interval", "s", "a duration"},
		{"mark.interval", "1s s", "a duration"},
		{"free.duration", "-1", "a duration"},
		{"free.duration", "9223372036854776", "a duration"},
		{"free.duration", "106751991167301d", "a duration"},
		{"topics.create", "", "on or off"},
		{"topics.create", "2", "on or off"},
		{"topics.create", "maybe", "on or off"},
		{"log.level", "", "one of debug, info, warning, error"},
		{"log.level", "inf", "one of debug"},
		{"log.level", "INFO", "one of debug"},
		{"log.level", "debug|info", "one of debug"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char message[200];

		if (options_set(options, cases[i].name, cases[i].text, "test", &error))
			fail_msg("accepted %s = \"%s\"", cases[i].name, cases[i].text);
		snprintf(message, sizeof(message), "test: invalid value for \"%s\": \"%s\"", cases[i].name,
				 cases[i].text);
		assert_string_equal(error.message, message);
		assert_int_equal(error.error_class, ERROR_CLASS_PERMANENT);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		if (strstr(error.detail, cases[i].expected) == NULL)
			fail_msg("%s = \"%s\": %s", cases[i].name, cases[i].text, error.detail);
		assert_string_equal(options_origin(options, cases[i].name), "default");
	}
}

static void
a_secret_is_not_in_the_error(void **state)
{
	(void) state;
	assert_false(options_set(options, "secret.number", "hunter2", "test", &error));
	assert_null(strstr(error.message, "hunter2"));
	assert_null(strstr(error.detail, "hunter2"));
}

typedef struct NearCase
{
	const char *name;
	const char *hint;
} NearCase;

static void
names_what_is_near(void **state)
{
	static const NearCase cases[] = {
		{"postgres.slots", "Did you mean \"postgres.slot\"?"},
		{"postgres.slt", "Did you mean \"postgres.slot\"?"},
		{"slot", "Did you mean \"postgres.slot\"?"},
		{"server.slot", "Did you mean \"postgres.slot\"?"},
		{"topics.replication-factor", "Did you mean \"topics.replication_factor\"?"},
		{"Log.Level", "Did you mean \"log.level\"?"},
		{"something.else.entirely", ""},
		{"", ""},
		{"kafka.", ""},
		{"kafka", ""},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char message[200];

		assert_false(options_set(options, cases[i].name, "1", "here", &error));
		snprintf(message, sizeof(message), "here: unrecognized key \"%s\"", cases[i].name);
		assert_string_equal(error.message, message);
		assert_string_equal(error.hint, cases[i].hint);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
}

static void
a_very_long_name_is_refused(void **state)
{
	char name[1000];

	(void) state;
	memset(name, 'a', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_false(options_set(options, name, "1", "here", &error));
	assert_string_equal(error.hint, "");
}

/* Runs in a child what must abort. */
static void
expect_abort(void (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
	{
		signal(SIGABRT, SIG_DFL);
		if (freopen("/dev/null", "w", stderr) == NULL)
			_exit(2);
		body();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGABRT);
}

static void
ask_for_nothing(void)
{
	options_text(options, "no.such.option");
}

static const OptionSpec wrong_default[] = {
	{"a.b", OPTION_INT, "x", 0, 9, NULL, "", 0, "Help."},
	{NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL},
};

static void
create_from_a_wrong_table(void)
{
	OptionTable table = sample_table;

	table.specs = wrong_default;
	options_free(options_create(&table));
}

static void
defects_abort(void **state)
{
	(void) state;
	expect_abort(ask_for_nothing);
	expect_abort(create_from_a_wrong_table);
}

static void
wrong_tables_are_found(void **state)
{
	static const OptionSpec end = {NULL, OPTION_TEXT, NULL, 0, 0, NULL, NULL, 0, NULL};
	const OptionSpec tables[][3] = {
		{wrong_default[0], end, end},
		{{"a b", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "Help."}, end, end},
		{{"a", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, ""}, end, end},
		{{"a", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, NULL}, end, end},
		{{"a", OPTION_INT, NULL, 2, 1, NULL, "", 0, "Help."}, end, end},
		{{"a", OPTION_ENUM, NULL, 0, 0, NULL, "", 0, "Help."}, end, end},
		{{"a", OPTION_ENUM, "z", 0, 0, "x|y", "", 0, "Help."}, end, end},
		{{"a.b", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "Help."},
		 {"a_b", OPTION_TEXT, NULL, 0, 0, NULL, "", 0, "Help."},
		 end},
	};

	(void) state;
	assert_true(options_check_table(&sample_table, &error));
	for (size_t i = 0; i < LENGTH(tables); i++)
	{
		OptionTable table = sample_table;

		table.specs = tables[i];
		assert_false(options_check_table(&table, &error));
		assert_int_equal(error.error_class, ERROR_CLASS_BUG);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_OPTIONS(starts_with_the_defaults),
		WITH_OPTIONS(takes_values),
		WITH_OPTIONS(takes_booleans),
		WITH_OPTIONS(refuses_values),
		WITH_OPTIONS(a_secret_is_not_in_the_error),
		WITH_OPTIONS(names_what_is_near),
		WITH_OPTIONS(a_very_long_name_is_refused),
		WITH_OPTIONS(defects_abort),
		cmocka_unit_test(wrong_tables_are_found),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
