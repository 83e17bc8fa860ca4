/*
 * test_options_args.c
 *	  Options from the environment and the command line, and which of them wins.
 */
#include "options_bench.h"

static void
load_env(const char *variable)
{
	char *envp[] = {(char *) "PATH=/bin", (char *) variable, NULL};

	if (!options_load_env(options, envp, &error))
		fail_msg("%s: %s", variable, error.message);
}

static void
takes_the_environment(void **state)
{
	(void) state;
	load_env("OUTBOX_SAMPLE_POSTGRES_SLOT=a=b");
	assert_string_equal(options_text(options, "postgres.slot"), "a=b");
	assert_string_equal(options_origin(options, "postgres.slot"),
						"environment OUTBOX_SAMPLE_POSTGRES_SLOT");
	load_env("OUTBOX_SAMPLE_TOPICS_REPLICATION_FACTOR=3");
	assert_int_equal(options_int(options, "topics.replication_factor"), 3);
	load_env("OUTBOX_SAMPLE_POSTGRES_CONNINFO=");
	assert_string_equal(options_origin(options, "postgres.conninfo"),
						"environment OUTBOX_SAMPLE_POSTGRES_CONNINFO");
	/* Not ours. */
	load_env("OUTBOX_SAMPLER=1");
	load_env("OUTBOX_SAMPLE=1");
	load_env("XOUTBOX_SAMPLE_POSTGRES_SLOT=no");
	load_env("no-equals-sign");
	/* What Kubernetes makes for a service called outbox-sample. */
	load_env("OUTBOX_SAMPLE_SERVICE_HOST=10.0.0.1");
	load_env("OUTBOX_SAMPLE_SERVICE_PORT=9187");
	load_env("OUTBOX_SAMPLE_SERVICE_PORT_HTTP=9187");
	load_env("OUTBOX_SAMPLE_PORT=tcp://10.0.0.1:9187");
	load_env("OUTBOX_SAMPLE_PORT_9187_TCP_ADDR=10.0.0.1");
	assert_string_equal(options_text(options, "postgres.slot"), "a=b");
}

static void
refuses_environment(void **state)
{
	static const char *const bad[] = {
		"OUTBOX_SAMPLE_POSTGRES_SLOTT=x",
		"OUTBOX_SAMPLE_=x",
		"OUTBOX_SAMPLE_KAFKA_=x",
		"OUTBOX_SAMPLE_SERVICE=x",
		"OUTBOX_SAMPLE_PORT_X=x",
		"OUTBOX_SAMPLE_S=x",
		"OUTBOX_SAMPLE_A B=x",
	};
	char *envp[] = {NULL, NULL};

	(void) state;
	for (size_t i = 0; i < LENGTH(bad); i++)
	{
		envp[0] = (char *) bad[i];
		if (options_load_env(options, envp, &error))
			fail_msg("accepted %s", bad[i]);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_non_null(strstr(error.message, "unrecognized environment variable \"OUTBOX_SAMPLE"));
		if (i == 0)
			assert_string_equal(error.hint, "Did you mean \"OUTBOX_SAMPLE_POSTGRES_SLOT\"?");
	}
	envp[0] = (char *) "OUTBOX_SAMPLE_WINDOW_EVENTS=many";
	assert_false(options_load_env(options, envp, &error));
	assert_string_equal(error.message, "environment OUTBOX_SAMPLE_WINDOW_EVENTS: invalid value for "
									   "\"window.events\": \"many\"");
}

#define ARGS(...)                                                                                  \
	char *argv[] = {(char *) "program", __VA_ARGS__, NULL};                                        \
	int argc = (int) LENGTH(argv) - 1

static void
takes_arguments_out(void **state)
{
	ARGS("run", "--postgres-slot", "s1", "-v", "--window-events=7", "--help",
		 "--topics-replication-factor", "-1", "name", "--log.level=error", "--", "--postgres-slot",
		 "s2");

	(void) state;
	assert_true(options_load_args(options, &argc, argv, &error));
	assert_string_equal(options_text(options, "postgres.slot"), "s1");
	assert_int_equal(options_int(options, "window.events"), 7);
	assert_int_equal(options_int(options, "topics.replication_factor"), -1);
	assert_string_equal(options_text(options, "log.level"), "error");
	assert_string_equal(options_origin(options, "postgres.slot"), "command line");
	assert_int_equal(argc, 8);
	assert_string_equal(argv[0], "program");
	assert_string_equal(argv[1], "run");
	assert_string_equal(argv[2], "-v");
	assert_string_equal(argv[3], "--help");
	assert_string_equal(argv[4], "name");
	assert_string_equal(argv[5], "--");
	assert_string_equal(argv[6], "--postgres-slot");
	assert_string_equal(argv[7], "s2");
	assert_null(argv[8]);
}

static void
refuses_arguments(void **state)
{
	(void) state;
	{
		ARGS("--postgres-slot");

		assert_false(options_load_args(options, &argc, argv, &error));
		assert_string_equal(error.message, "option \"--postgres-slot\" needs a value");
	}
	{
		ARGS("--postgres-slot", "--help");

		assert_false(options_load_args(options, &argc, argv, &error));
		assert_string_equal(error.hint,
							"A value that starts with \"--\" is written as --postgres-slot=VALUE.");
	}
	{
		ARGS("--postgres-slot=--help");

		assert_true(options_load_args(options, &argc, argv, &error));
		assert_string_equal(options_text(options, "postgres.slot"), "--help");
	}
	{
		ARGS("--window-events=0");

		assert_false(options_load_args(options, &argc, argv, &error));
		assert_string_equal(error.message,
							"--window-events: invalid value for \"window.events\": \"0\"");
	}
	{
		ARGS("--postgres-slto", "x");

		assert_true(options_load_args(options, &argc, argv, &error));
		assert_int_equal(argc, 3);
		assert_false(options_refuse_argument(&sample_table, argv[1], &error));
		assert_string_equal(error.message, "unrecognized argument \"--postgres-slto\"");
		assert_string_equal(error.hint, "Did you mean \"--postgres-slot\"?");
		assert_false(options_refuse_argument(&sample_table, "--pasword=x", &error));
		assert_null(strstr(error.message, "=x"));
		assert_false(options_refuse_argument(&sample_table, "-x", &error));
		assert_string_equal(error.hint, "Try \"outbox-sample --help\".");
	}
}

static void
finds_the_configuration(void **state)
{
	const char *path = "";

	(void) state;
	{
		ARGS("run", "--config", "a.ini", "x");

		assert_true(options_take_config(&argc, argv, &path, &error));
		assert_string_equal(path, "a.ini");
		assert_int_equal(argc, 3);
		assert_string_equal(argv[2], "x");
		assert_null(argv[3]);
	}
	{
		ARGS("--config=b.ini");

		assert_true(options_take_config(&argc, argv, &path, &error));
		assert_string_equal(path, "b.ini");
		assert_int_equal(argc, 1);
	}
	{
		ARGS("--configure", "--", "--config", "c.ini");

		assert_true(options_take_config(&argc, argv, &path, &error));
		assert_null(path);
		assert_int_equal(argc, 5);
	}
	{
		ARGS("--config");

		assert_false(options_take_config(&argc, argv, &path, &error));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
	{
		ARGS("--config=");

		assert_false(options_take_config(&argc, argv, &path, &error));
	}
	{
		ARGS("--config=a", "--config=b");

		assert_false(options_take_config(&argc, argv, &path, &error));
	}
}

static void
the_command_line_wins_in_any_order(void **state)
{
	(void) state;
	for (int order = 0; order < 2; order++)
	{
		ARGS("--postgres-slot=args");

		teardown(state);
		setup(state);
		if (order == 0)
			load_env("OUTBOX_SAMPLE_POSTGRES_SLOT=env");
		assert_true(options_load_args(options, &argc, argv, &error));
		if (order == 1)
			load_env("OUTBOX_SAMPLE_POSTGRES_SLOT=env");
		assert_string_equal(options_text(options, "postgres.slot"), "args");
		assert_true(options_set(options, "postgres.slot", "set", "program", &error));
		assert_string_equal(options_text(options, "postgres.slot"), "set");
	}
}

static char seen[4096];

static bool
note(const char *name, const char *value, const char *origin, void *arg, Error *visit_error)
{
	size_t len = strlen(seen);

	(void) visit_error;
	snprintf(seen + len, sizeof(seen) - len, "%s=%s (%s)\n", name, value, origin);
	return arg == NULL || strcmp(name, (const char *) arg) != 0;
}

static void
hands_other_properties_on(void **state)
{
	ARGS("--kafka-ssl-ca-location=ca", "--kafka.linger.ms", "5", "--kafka-", "x");

	(void) state;
	assert_true(options_set(options, "kafka.linger.ms", "1", "test", &error));
	load_env("OUTBOX_SAMPLE_KAFKA_BOOTSTRAP_SERVERS=b:9092");
	load_env("OUTBOX_SAMPLE_KAFKA_CLIENT_ID=c");
	assert_true(options_load_args(options, &argc, argv, &error));
	assert_int_equal(argc, 3);
	/* This one is in the table. */
	assert_string_equal(options_text(options, "kafka.client.id"), "c");

	seen[0] = '\0';
	assert_true(options_each_passthrough(options, note, NULL, &error));
	assert_string_equal(seen, "linger.ms=1 (test)\n"
							  "bootstrap.servers=b:9092 (environment "
							  "OUTBOX_SAMPLE_KAFKA_BOOTSTRAP_SERVERS)\n"
							  "ssl.ca.location=ca (command line)\n");
	seen[0] = '\0';
	assert_false(options_each_passthrough(options, note, (void *) "bootstrap.servers", &error));
	assert_null(strstr(seen, "ssl.ca"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_OPTIONS(takes_the_environment),	 WITH_OPTIONS(refuses_environment),
		WITH_OPTIONS(takes_arguments_out),		 WITH_OPTIONS(refuses_arguments),
		WITH_OPTIONS(finds_the_configuration),	 WITH_OPTIONS(the_command_line_wins_in_any_order),
		WITH_OPTIONS(hands_other_properties_on),
	};

	return cmocka_run_group_tests_name("options_args", tests, NULL, NULL);
}
