/*
 * test_ingest_options.c
 *	  What the stage writes the ingest server reads; the names of modes.
 */
#include "unit.h"

#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "ingest_options.h"

static const IngestLimits limits = {.http_threads = 3,
									.pool_size = 5,
									.pool_queue = 7,
									.pool_wait_usec = 11 * USEC_PER_MS,
									.connect_timeout_usec = 13 * USEC_PER_MS,
									.statement_timeout_usec = 17 * USEC_PER_MS,
									.tcp_user_timeout_usec = 19 * USEC_PER_MS,
									.client_timeout_usec = 23 * USEC_PER_MS,
									.reconnect_min_usec = 29 * USEC_PER_MS,
									.reconnect_max_usec = 31 * USEC_PER_MS};

/* Through a file, as the program reads it. */
static bool
read_back(const IngestSettings *settings, Options *options, IngestSettings *read, Error *error)
{
	char path[] = "/tmp/test_ingest_options.XXXXXX";
	int fd = mkstemp(path);
	Buffer text;
	bool filled;

	assert_true(fd >= 0);
	buffer_init(&text, 8192);
	ingest_settings_write(settings, &text);
	assert_false(text.failed);
	assert_int_equal(write(fd, text.data, text.len), text.len);
	close(fd);
	buffer_free(&text);
	filled = options_load_file(options, path, error) && ingest_settings_fill(read, options, error);
	unlink(path);
	return filled;
}

static void
written_and_read(void **state)
{
	IngestSettings settings = {.port = 4711,
							   .target_conninfo = "host=127.0.0.1 passfile='/a b/pgpass'",
							   .source_conninfo = "host=127.0.0.1 port=2",
							   .brokers = "127.0.0.1:9092",
							   .limits = limits};
	Options *options = options_create(&ingest_option_table);
	IngestSettings read;
	Error error;

	(void) state;
	assert_true(options_check_table(&ingest_option_table, &error));
	assert_true(mode_parse_list("direct-retry,kafka-first,outbox", settings.modes));
	assert_true(read_back(&settings, options, &read, &error));
	assert_int_equal(read.port, 4711);
	assert_memory_equal(read.modes, settings.modes, sizeof(read.modes));
	assert_memory_equal(&read.limits, &limits, sizeof(limits));
	assert_string_equal(read.target_conninfo, settings.target_conninfo);
	assert_string_equal(read.source_conninfo, settings.source_conninfo);
	assert_string_equal(read.brokers, settings.brokers);
	options_free(options);
}

/* Each mode without the one address that it needs. */
static void
addresses_are_needed(void **state)
{
	static const struct
	{
		const char *modes;
		const char *named;
	} rows[] = {{"direct", "target.conninfo"},	   {"direct-retry", "target.conninfo"},
				{"dual-write", "source.conninfo"}, {"outbox", "source.conninfo"},
				{"outbox-wal", "source.conninfo"}, {"kafka-first", "kafka.bootstrap_servers"}};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		IngestSettings settings = {.limits = limits};
		Options *options = options_create(&ingest_option_table);
		IngestSettings read;
		Error error;

		assert_true(mode_parse_list(rows[i].modes, settings.modes));
		assert_false(read_back(&settings, options, &read, &error));
		assert_non_null(strstr(error.message, rows[i].named));
		options_free(options);
	}
}

static void
lists_of_modes(void **state)
{
	bool modes[MODE_COUNT];
	char text[MODE_LIST_SIZE];

	(void) state;
	assert_true(
		mode_parse_list("outbox-wal,outbox,kafka-first,dual-write,direct-retry,direct", modes));
	mode_format_list(modes, text, sizeof(text));
	assert_string_equal(text, "direct,direct-retry,dual-write,kafka-first,outbox,outbox-wal");
	assert_false(mode_parse_list("direct,direct", modes));
	assert_false(mode_parse_list("", modes));
	assert_false(mode_parse_list("direct,", modes));
	assert_false(mode_parse_list("indirect", modes));
}

/* Each is stored somewhere, and what isn't stored in the target has a topic of its own. */
static void
modes_make_sense(void **state)
{
	(void) state;
	for (int i = 0; i < MODE_COUNT; i++)
	{
		Mode mode = (Mode) i;

		assert_true(mode_writes_target(mode) || mode_writes_source(mode) || mode_produces(mode));
		assert_int_equal(mode_consumed(mode), !mode_writes_target(mode));
		assert_int_equal(mode_relayed(mode), mode == MODE_OUTBOX || mode == MODE_OUTBOX_WAL);
		for (int other = 0; other < i; other++)
		{
			assert_string_not_equal(mode_name(mode), mode_name((Mode) other));
			if (mode_topic(mode) != NULL && mode_topic((Mode) other) != NULL)
				assert_string_not_equal(mode_topic(mode), mode_topic((Mode) other));
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read),
		cmocka_unit_test(addresses_are_needed),
		cmocka_unit_test(lists_of_modes),
		cmocka_unit_test(modes_make_sense),
	};

	return cmocka_run_group_tests_name("ingest_options", tests, NULL, NULL);
}
