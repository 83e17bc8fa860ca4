/*
 * test_relay_options.c
 *	  The relay's settings: help, sample and reference name each of them, and what a
 *	  single value can't show is refused.
 */
#include "unit.h"

#include "exit_codes.h"
#include "relay_options.h"

static char *
printed(void (*print)(const OptionTable *, FILE *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	print(&relay_option_table, out);
	fclose(out);
	return text;
}

static void
table_is_sound(void **state)
{
	Error error;

	(void) state;
	error_clear(&error);
	if (!options_check_table(&relay_option_table, &error))
		fail_msg("%s", error.message);
}

static void
help_sample_and_reference_agree(void **state)
{
	char *help = printed(options_print_help);
	char *sample = printed(options_print_sample);
	char *markdown = printed(options_print_markdown);

	(void) state;
	for (const OptionSpec *spec = relay_option_table.specs; spec->name != NULL; spec++)
	{
		const char *key = strchr(spec->name, '.') + 1;
		char flag[80];

		snprintf(flag, sizeof(flag), "--%s", spec->name);
		for (char *c = flag; *c != '\0'; c++)
		{
			if (*c == '.' || *c == '_')
				*c = '-';
		}
		assert_non_null(strstr(help, flag));
		assert_non_null(strstr(sample, key));
		assert_non_null(strstr(markdown, spec->name));
	}
	free(help);
	free(sample);
	free(markdown);
}

static bool
fill(const char *name, const char *value, Error *error)
{
	Options *options = options_create(&relay_option_table);
	RelayConfig config;
	bool ok;

	assert_non_null(options);
	error_clear(error);
	assert_true(options_set(options, "kafka.bootstrap.servers", "b:1", "test", error));
	if (name != NULL)
		assert_true(options_set(options, name, value, "test", error));
	ok = relay_config_fill(&config, options, error);
	options_free(options);
	return ok;
}

static void
takes_the_defaults(void **state)
{
	Error error;

	(void) state;
	if (!fill(NULL, NULL, &error))
		fail_msg("%s", error.message);
	assert_true(fill("kafka.linger.ms", "50", &error));
}

static void
refuses_what_the_guarantees_rest_on(void **state)
{
	static const char *const names[] = {"kafka.acks",
										"kafka.request.required.acks",
										"kafka.enable.idempotence",
										"kafka.enable.gapless.guarantee",
										"kafka.message.timeout.ms",
										"kafka.delivery.timeout.ms",
										"kafka.max.in.flight",
										"kafka.retries",
										"kafka.partitioner",
										"kafka.queuing.strategy",
										"kafka.transactional.id"};
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(names); i++)
	{
		assert_false(fill(names[i], "1", &error));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		assert_non_null(strstr(error.message, names[i]));
	}
}

static void
refuses_values_that_do_not_fit(void **state)
{
	Error error;

	(void) state;
	assert_false(fill("postgres.slot", "Upper", &error));
	assert_false(fill("postgres.slot", "", &error));
	assert_false(fill("postgres.publication", "", &error));
	assert_false(fill("topics.pattern", "everything", &error));
	assert_false(fill("reconnect.max", "1ms", &error));
	assert_false(fill("kafka.bootstrap.servers", "", &error));
	assert_int_equal(error.exit_code, EXIT_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(help_sample_and_reference_agree),
		cmocka_unit_test(takes_the_defaults),
		cmocka_unit_test(refuses_what_the_guarantees_rest_on),
		cmocka_unit_test(refuses_values_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
