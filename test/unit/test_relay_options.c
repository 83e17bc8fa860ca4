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
		const char *dot = strchr(spec->name, '.');
		const char *key = dot != NULL ? dot + 1 : spec->name;
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

/* Where it was set, which one it is, and what would be right. */
static void
routing_settings_are_checked_and_named(void **state)
{
	static const struct
	{
		const char *name;
		const char *value;
		const char *hint; /* "" for none */
	} cases[] = {
		{"topics.pattern", "events.{type}", "{routedByValue}"},
		{"route.by.field", "payload", "aggregateid"},
		{"route.topic.regex", "(?=x)", "(?<name>"},
		{"route.topic.regex", "(.*", "\\("},
		{"route.topic.replacement", "$1$2", "${name}"},
		{"table.field.event.key", "headers", "aggregateid"},
		{"table.field.event.timestamp", "created_at", "aggregateid"},
		{"table.fields.additional.placement", "type", "field:header"},
		{"table.fields.additional.placement", "type:header", "alias"},
		{"message.source", "a b", "URI"},
	};
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		assert_false(fill(cases[i].name, cases[i].value, &error));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		if (strncmp(error.message, "test: ", 6) != 0 ||
			strstr(error.message, cases[i].name) == NULL ||
			strstr(error.hint, cases[i].hint) == NULL)
			fail_msg("%s = %s: %s (%s)", cases[i].name, cases[i].value, error.message, error.hint);
	}
}

static void
takes_routing_settings(void **state)
{
	static const char *const settings[][2] = {
		{"message.profile", "cloudevents"},
		{"message.source", "/shop"},
		{"route.by.field", "team"},
		{"route.topic.regex", "(?<t>.*)"},
		{"route.topic.replacement", "x.${t}"},
		{"route.topic.unmatched", "value"},
		{"route.tombstone.on.empty.payload", "true"},
		{"table.field.event.key", "type"},
		{"table.field.event.timestamp", "at"},
		{"table.fields.additional.placement", "a:header:b, c:envelope"},
		{"table.field.additional.missing", "ignore"},
		{"table.json.payload.null.behavior", "optional_bytes"},
		{"table.json.payload.empty.array.behavior", "optional_string"},
	};
	static const struct
	{
		const char *text;
		JsonExpansion expansion;
	} expansions[] = {{"off", EXPAND_OFF},
					  {"false", EXPAND_OFF},
					  {"on", EXPAND_COMPACT},
					  {"true", EXPAND_COMPACT},
					  {"verbatim", EXPAND_VERBATIM}};
	Options *options = options_create(&relay_option_table);
	RelayConfig config;
	Error error;

	(void) state;
	error_clear(&error);
	assert_non_null(options);
	assert_true(options_set(options, "kafka.bootstrap.servers", "b:1", "test", &error));
	assert_true(relay_config_fill(&config, options, &error));
	assert_int_equal(config.route.profile, PROFILE_DEBEZIUM);
	assert_string_equal(config.route.topic_pattern, ROUTE_PATTERN_DEFAULT);
	assert_false(config.route.unmatched_is_topic || config.route.tombstone_on_empty ||
				 config.route.ignore_missing || config.route.keep_nulls ||
				 config.route.keep_empty_arrays);
	for (size_t i = 0; i < LENGTH(settings); i++)
		assert_true(options_set(options, settings[i][0], settings[i][1], "test", &error));
	for (size_t i = 0; i < LENGTH(expansions); i++)
	{
		assert_true(
			options_set(options, "table.expand.json.payload", expansions[i].text, "test", &error));
		if (!relay_config_fill(&config, options, &error))
			fail_msg("%s", error.message);
		assert_int_equal(config.route.expansion, expansions[i].expansion);
	}
	assert_int_equal(config.route.profile, PROFILE_CLOUDEVENTS);
	assert_string_equal(config.route.source, "/shop");
	assert_string_equal(config.route.by_field, "team");
	assert_string_equal(config.route.regex, "(?<t>.*)");
	assert_string_equal(config.route.replacement, "x.${t}");
	assert_string_equal(config.route.key, "type");
	assert_string_equal(config.route.timestamp, "at");
	assert_string_equal(config.route.placement, "a:header:b, c:envelope");
	assert_true(config.route.unmatched_is_topic && config.route.tombstone_on_empty &&
				config.route.ignore_missing && config.route.keep_nulls &&
				config.route.keep_empty_arrays);
	options_free(options);
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
		cmocka_unit_test(routing_settings_are_checked_and_named),
		cmocka_unit_test(takes_routing_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
