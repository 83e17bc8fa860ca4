/*
 * test_report.c
 *	  The timeline's rows, the verdict, and report.json member by member.
 */
#include "unit.h"

#include <jansson.h>

#include "compare_options.h"
#include "report.h"

static CompareConfig
default_config(void)
{
	Options *options = options_create(&compare_option_table);
	CompareConfig config;
	Error error;

	assert_true(compare_config_fill(&config, options, &error));
	options_free(options);
	config.dir = config.report = NULL;
	return config;
}

static bool
fill_with(CompareConfig *config, const char *name, const char *value)
{
	Options *options = options_create(&compare_option_table);
	Error error;
	bool filled;

	assert_true(options_set(options, name, value, "test", &error));
	filled = compare_config_fill(config, options, &error);
	options_free(options);
	return filled;
}

static void
times_follow_from_the_duration(void **state)
{
	CompareConfig config = default_config();
	Error error;

	(void) state;
	assert_true(options_check_table(&compare_option_table, &error));
	assert_int_equal(config.duration_usec, 60 * USEC_PER_SEC);
	assert_int_equal(config.outage_start_usec, 18 * USEC_PER_SEC);
	assert_int_equal(config.outage_end_usec, 42 * USEC_PER_SEC);
	assert_int_equal(config.breaker_reset_usec, 12 * USEC_PER_SEC);
	assert_true(fill_with(&config, "full", "on"));
	assert_int_equal(config.duration_usec, 300 * USEC_PER_SEC);
	assert_int_equal(config.outage_start_usec, 90 * USEC_PER_SEC);
	assert_int_equal(config.outage_end_usec, 210 * USEC_PER_SEC);
	assert_int_equal(config.breaker_reset_usec, 60 * USEC_PER_SEC);
	assert_false(fill_with(&config, "outage.start", "43s"));
	assert_false(fill_with(&config, "outage.end", "61s"));
	assert_false(fill_with(&config, "modes", "indirect"));
	assert_false(fill_with(&config, "timeout.client", "1s"));
}

static void
timeline_rows(void **state)
{
	static const Sample samples[] = {
		{1000000, PHASE_CALM, 0, 1, 10},
		{1900000, PHASE_CALM, 0, 2, 60},
		{2100000, PHASE_OUTAGE, UNSEEN, 3, UNSEEN},
		{4200000, PHASE_RECOVERY, 2, 90, 61},
	};
	Timeline timeline;

	(void) state;
	assert_true(timeline_init(&timeline, samples, LENGTH(samples), 1000000));
	assert_int_equal(timeline.count, 4);
	assert_int_equal(timeline.rows[0].lag, 2);
	assert_int_equal(timeline.rows[0].visible, 60);
	assert_int_equal(timeline.rows[1].phase, PHASE_OUTAGE);
	assert_int_equal(timeline.rows[1].visible, UNSEEN);
	assert_int_equal(timeline.rows[2].lag, 3); /* nobody looked: as before */
	assert_int_equal(timeline.rows[3].breaker, 2);
	timeline_add(&timeline, MODE_DIRECT, 999999, OUTCOME_ACCEPTED);
	timeline_add(&timeline, MODE_DIRECT, 1000000, OUTCOME_REJECTED);
	timeline_add(&timeline, MODE_OUTBOX, 3999999, OUTCOME_UNKNOWN);
	timeline_add(&timeline, MODE_OUTBOX, 4000000, OUTCOME_ACCEPTED); /* beyond the end */
	assert_int_equal(timeline.rows[0].modes[MODE_DIRECT].accepted, 1);
	assert_int_equal(timeline.rows[1].modes[MODE_DIRECT].rejected, 1);
	assert_int_equal(timeline.rows[1].modes[MODE_DIRECT].offered, 1);
	assert_int_equal(timeline.rows[3].modes[MODE_OUTBOX].unknown, 1);
	assert_int_equal(timeline.rows[3].modes[MODE_OUTBOX].offered, 1);
	timeline_free(&timeline);
}

static void
verdict(void **state)
{
	CompareConfig config = default_config();
	Report report = {.config = &config};
	LedgerTotals *direct = &report.modes[MODE_DIRECT].totals;
	LedgerTotals *outbox = &report.modes[MODE_OUTBOX].totals;

	(void) state;
	direct->closes = outbox->closes = true;
	assert_true(report_verdict(&report));
	direct->lost = 3; /* that is what direct is there to show */
	assert_true(report_verdict(&report));
	direct->closes = false;
	assert_false(report_verdict(&report));
	direct->closes = true;
	for (int i = 0; i < 5; i++)
	{
		uint64_t *counts[] = {&outbox->lost, &outbox->pending, &outbox->duplicates,
							  &outbox->order_violations, &outbox->invented};

		*counts[i] = 1;
		assert_false(report_verdict(&report));
		*counts[i] = 0;
	}
	outbox->closes = false;
	assert_false(report_verdict(&report));
	config.modes[MODE_OUTBOX] = false;
	assert_true(report_verdict(&report));
}

static json_t *
written(const Report *report)
{
	char path[] = "/tmp/test_report.XXXXXX";
	int fd = mkstemp(path);
	json_t *object;
	Error error;

	assert_true(fd >= 0);
	close(fd);
	assert_true(report_write(report, path, &error));
	object = json_load_file(path, 0, NULL);
	unlink(path);
	assert_non_null(object);
	return object;
}

static void
json_members(void **state)
{
	static const char *const counts[] = {"offered", "accepted",	  "rejected",
										 "unknown", "durable",	  "in_target",
										 "lost",	"duplicates", "order_violations"};
	static const Sample sample = {500000, PHASE_OUTAGE, 2, 7, UNSEEN};
	CompareConfig config = default_config();
	Report report = {.config = &config, .passed = true};
	ModeReport *outbox = &report.modes[MODE_OUTBOX];
	json_t *object;
	json_t *mode;
	json_t *row;

	(void) state;
	outbox->totals = (LedgerTotals){.offered = 1,
									.accepted = 2,
									.rejected = 3,
									.unknown = 4,
									.durable = 5,
									.in_target = 6,
									.lost = 7,
									.duplicates = 8,
									.order_violations = 9};
	outbox->p50_ms = 1.25;
	outbox->p99_ms = 2.5;
	outbox->max_ms = 3.75;
	outbox->drain_s = NOT_DRAINED;
	assert_true(timeline_init(&report.timeline, &sample, 1, 0));
	timeline_add(&report.timeline, MODE_OUTBOX, 5, OUTCOME_ACCEPTED);
	object = written(&report);

	mode = json_object_get(json_object_get(object, "modes"), "outbox");
	for (size_t i = 0; i < LENGTH(counts); i++)
		assert_int_equal(json_integer_value(json_object_get(mode, counts[i])), i + 1);
	assert_true(json_real_value(json_object_get(json_object_get(mode, "latency_ms"), "p50")) ==
				1.25);
	assert_true(json_real_value(json_object_get(json_object_get(mode, "latency_ms"), "p99")) ==
				2.5);
	assert_true(json_real_value(json_object_get(json_object_get(mode, "latency_ms"), "max")) ==
				3.75);
	assert_true(json_is_null(json_object_get(mode, "drain_s")));
	assert_true(json_is_object(json_object_get(json_object_get(object, "modes"), "direct")));

	mode = json_object_get(object, "settings");
	assert_int_equal(json_integer_value(json_object_get(mode, "rate")), 50);
	assert_int_equal(json_integer_value(json_object_get(mode, "pool_size")), config.pool_size);
	assert_int_equal(json_integer_value(json_object_get(mode, "client_timeout_ms")), 3000);

	assert_int_equal(json_array_size(json_object_get(object, "timeline")), 1);
	row = json_array_get(json_object_get(object, "timeline"), 0);
	assert_string_equal(json_string_value(json_object_get(row, "phase")), "outage");
	assert_string_equal(json_string_value(json_object_get(row, "breaker")), "open");
	assert_int_equal(json_integer_value(json_object_get(row, "lag")), 7);
	assert_true(json_is_null(json_object_get(row, "in_target")));
	mode = json_object_get(json_object_get(row, "modes"), "outbox");
	assert_int_equal(json_integer_value(json_object_get(mode, "accepted")), 1);
	json_decref(object);
	timeline_free(&report.timeline);
}

/* Every count of the table is there, and no line ends with a blank. */
static void
table_lines(void **state)
{
	CompareConfig config = default_config();
	Report report = {.config = &config};
	char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void) state;
	report.modes[MODE_DIRECT].totals = (LedgerTotals){.offered = 3000, .accepted = 1789};
	report.modes[MODE_OUTBOX].totals = (LedgerTotals){.offered = 3000, .lost = 4711};
	assert_non_null(out);
	report_print(&report, out);
	fclose(out);
	assert_non_null(strstr(text, "1789  59.6 %"));
	assert_non_null(strstr(text, "4711"));
	assert_non_null(strstr(text, "FAIL"));
	assert_null(strstr(text, " \n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_follow_from_the_duration),
		cmocka_unit_test(timeline_rows),
		cmocka_unit_test(verdict),
		cmocka_unit_test(json_members),
		cmocka_unit_test(table_lines),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
