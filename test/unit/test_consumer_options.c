/*
 * test_consumer_options.c
 *	  The table fits together, and what single values don't show is refused.
 */
#include "unit.h"

#include "consumer_options.h"
#include "exit_codes.h"

static bool
fill(const char *const *pairs, ConsumerConfig *config, Options **options, Error *error)
{
	*options = options_create(&consumer_option_table);
	error_clear(error);
	for (; *pairs != NULL; pairs += 2)
		assert_true(options_set(*options, pairs[0], pairs[1], "test", error));
	return consumer_config_fill(config, *options, error);
}

static void
the_table_is_sound(void **state)
{
	Error error;

	(void) state;
	error_clear(&error);
	if (!options_check_table(&consumer_option_table, &error))
		fail_msg("%s", error.message);
}

static void
defaults_are_those_of_the_contract(void **state)
{
	static const char *const pairs[] = {"consumer.group", "g", "kafka.bootstrap.servers", "k:1",
										NULL};
	ConsumerConfig config;
	Options *options;
	Error error;

	(void) state;
	assert_true(fill(pairs, &config, &options, &error));
	assert_int_equal(config.breaker.failures, 5);
	assert_int_equal(config.breaker.successes, 3);
	assert_int_equal(config.breaker.reset_usec, 60 * USEC_PER_SEC);
	assert_int_equal(config.breaker.growth_percent, 100);
	assert_false(config.breaker.jitter);
	assert_int_equal(config.breaker_mode, BREAKER_AUTO);
	assert_int_equal(config.breaker.window, BREAKER_WINDOW_TIME);
	assert_int_equal(config.breaker.failure_rate_percent, 0);
	assert_int_equal(config.breaker.slow_rate_percent, 0);
	assert_string_equal(config.http_listen, "127.0.0.1:9188");
	options_free(options);
}

static void
modes_are_in_the_order_of_the_breakers(void **state)
{
	static const char *const names[] = {"auto", "forced-open", "disabled"};
	static const BreakerMode modes[] = {BREAKER_AUTO, BREAKER_FORCED_OPEN, BREAKER_DISABLED};

	(void) state;
	for (size_t i = 0; i < LENGTH(names); i++)
	{
		const char *pairs[] = {
			"consumer.group", "g", "kafka.bootstrap.servers", "k:1", "breaker.mode",
			names[i],		  NULL};
		ConsumerConfig config;
		Options *options;
		Error error;

		assert_true(fill(pairs, &config, &options, &error));
		assert_int_equal(config.breaker_mode, modes[i]);
		assert_string_equal(breaker_mode_name(config.breaker_mode), names[i]);
		options_free(options);
	}
}

static void
what_is_refused(void **state)
{
	static const char *const rows[][9] = {
		{"consumer.group", "g", NULL},
		{"kafka.bootstrap.servers", "k:1", NULL},
		{"kafka.bootstrap.servers", "k:1", "consumer.group", "", NULL},
		{"kafka.bootstrap.servers", "k:1", "consumer.group", "g", "retry.min", "3s", NULL},
		{"kafka.bootstrap.servers", "k:1", "consumer.group", "g", "batch.timeout", "1s", NULL},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		ConsumerConfig config;
		Options *options;
		Error error;

		assert_false(fill(rows[i], &config, &options, &error));
		assert_int_equal(error.exit_code, EXIT_CONFIG);
		options_free(options);
	}
}

static void
rates_that_could_never_be_reached(void **state)
{
	static const struct
	{
		const char *pairs[12];
		bool fine;
	} rows[] = {
		{{"breaker.failures", "0"}, false},
		{{"breaker.failures", "0", "breaker.mode", "disabled"}, true},
		{{"breaker.failures", "0", "breaker.failure_rate", "50"}, true},
		{{"breaker.failures", "0", "breaker.slow_rate", "50"}, true},
		{{"breaker.window_type", "count", "breaker.window_size", "9"}, true},
		{{"breaker.window_type", "count", "breaker.window_size", "9", "breaker.slow_rate", "50"},
		 false},
		{{"breaker.window_type", "count", "breaker.window_size", "9", "breaker.failure_rate", "50"},
		 false},
		{{"breaker.window_type", "count", "breaker.window_size", "10", "breaker.failure_rate",
		  "50"},
		 true},
		{{"breaker.window_type", "time", "breaker.window_size", "9", "breaker.failure_rate", "50"},
		 true},
		{{"breaker.slow_rate", "50", "breaker.slow_duration", "11s"}, false},
		{{"breaker.slow_rate", "0", "breaker.slow_duration", "11s"}, true},
		{{"breaker.slow_rate", "50", "breaker.slow_duration", "8s"}, true},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		const char *pairs[16] = {"consumer.group", "g", "kafka.bootstrap.servers", "k:1"};
		ConsumerConfig config;
		Options *options;
		Error error;

		memcpy(&pairs[4], rows[i].pairs, sizeof(rows[i].pairs));
		if (fill(pairs, &config, &options, &error) != rows[i].fine)
			fail_msg("row %zu: %s", i, error.message);
		assert_int_equal(error.exit_code, rows[i].fine ? 0 : EXIT_CONFIG);
		options_free(options);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_is_sound),
		cmocka_unit_test(defaults_are_those_of_the_contract),
		cmocka_unit_test(modes_are_in_the_order_of_the_breakers),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(rates_that_could_never_be_reached),
	};

	return cmocka_run_group_tests_name("consumer_options", tests, NULL, NULL);
}
