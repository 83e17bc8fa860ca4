/*
 * test_report.c
 *	  What settings make of a scenario, the timeline's rows, the verdict, the table, and
 *	  report.json member by member.
 */
#include "unit.h"

#include <jansson.h>

#include "compare_options.h"
#include "report.h"
#include "report_json.h"

static CompareConfig
config_with(const char *name, const char *value, bool expected)
{
	Options *options = options_create(&compare_option_table);
	CompareConfig config;
	Error error;

	assert_non_null(options);
	error_clear(&error);
	if (name != NULL)
		assert_true(options_set(options, name, value, "test", &error));
	assert_int_equal(compare_config_fill(&config, options, &error), expected);
	options_free(options);
	config.dir = config.report = NULL;
	return config;
}

static Scenario
scenario_of(const char *text)
{
	Scenario scenario;
	Error error;

	error_clear(&error);
	if (!scenario_parse(&scenario, "made-up", text, strlen(text), &error))
		fail_msg("%s", error.message);
	return scenario;
}

static void
settings_and_scenario(void **state)
{
	static const char text[] = "title = T\nduration = 300s\nrate = 50\nat 30% crash target until "
							   "70%\n";
	Scenario scenario = scenario_of(text);
	CompareConfig config = config_with(NULL, NULL, true);
	Error error;

	(void) state;
	assert_true(options_check_table(&compare_option_table, &error));
	for (int mode = 0; mode < MODE_COUNT; mode++)
		assert_true(config.modes[mode]);
	assert_true(compare_config_apply(&config, &scenario, &error));
	assert_int_equal(scenario.duration_usec, 300 * USEC_PER_SEC);
	assert_int_equal(compare_breaker_reset(&config, 300 * USEC_PER_SEC), 60 * USEC_PER_SEC);
	assert_int_equal(compare_breaker_reset(&config, 900 * USEC_PER_SEC), 60 * USEC_PER_SEC);
	assert_int_equal(compare_breaker_reset(&config, 20 * USEC_PER_SEC), 4 * USEC_PER_SEC);

	config = config_with("duration", "60s", true);
	assert_true(compare_config_apply(&config, &scenario, &error));
	assert_int_equal(scenario.faults[0].from_usec, 18 * USEC_PER_SEC);
	assert_int_equal(scenario.faults[0].until_usec, 42 * USEC_PER_SEC);
	config = config_with("short", "on", true);
	assert_true(compare_config_apply(&config, &scenario, &error));
	assert_int_equal(scenario.duration_usec, 20 * USEC_PER_SEC);
	config = config_with("rate", "7", true);
	assert_true(compare_config_apply(&config, &scenario, &error));
	assert_int_equal(scenario.rate, 7);
	scenario = scenario_of("title = T\nduration = 9s\nload = ramp from 1 to 2\n");
	assert_false(compare_config_apply(&config, &scenario, &error));
	config_with("paths", "indirect", false);
	config_with("paths", "direct,direct", false);
	config_with("timeout.client", "1s", false);
}

static Sample
sample_at(MonoUsec at, Phase phase, int breaker, int64_t lag, uint64_t faults)
{
	Sample sample = {
		.at = at, .phase = phase, .breaker = breaker, .lag = lag, .retained = 9, .faults = faults};

	for (int mode = 0; mode < MODE_COUNT; mode++)
		sample.visible[mode] = lag * 10;
	return sample;
}

static void
timeline_rows(void **state)
{
	const Sample samples[] = {
		sample_at(1000000, PHASE_CALM, 0, 1, 0),	  sample_at(1900000, PHASE_CALM, 0, 2, 0),
		sample_at(2100000, PHASE_FAULT, 1, 3, 1),	  sample_at(2300000, PHASE_FAULT, 2, 4, 2),
		sample_at(4200000, PHASE_RECOVERY, 2, 90, 0),
	};
	Timeline timeline;

	(void) state;
	assert_true(timeline_init(&timeline, samples, LENGTH(samples), 1000000));
	assert_int_equal(timeline.count, 4);
	assert_int_equal(timeline.rows[0].lag, 2);
	assert_int_equal(timeline.rows[0].paths[MODE_OUTBOX].visible, 20);
	assert_int_equal(timeline.rows[1].phase, PHASE_FAULT);
	/* Half-open was seen; so were both faults. */
	assert_int_equal(timeline.rows[1].breaker, 1);
	assert_int_equal(timeline.rows[1].faults, 3);
	assert_int_equal(timeline.rows[2].lag, 4); /* nobody looked: as before */
	assert_int_equal(timeline.rows[2].breaker, 2);
	assert_int_equal(timeline.rows[2].faults, 2);
	assert_int_equal(timeline.rows[3].faults, 0);
	assert_int_equal(timeline.rows[3].lag, 90);
	assert_true(timeline.rows[3].paths[MODE_OUTBOX].p50_ms == UNSEEN);
	timeline_free(&timeline);
}

static void
a_second_of_requests(void **state)
{
	static const LoadRecord records[] = {{OUTCOME_ACCEPTED, 201, 3000},
										 {OUTCOME_REJECTED, 503, 1000},
										 {OUTCOME_ACCEPTED, 202, 1500},
										 {OUTCOME_UNKNOWN, 0, 3000000}};
	TimelinePath path = {.p50_ms = UNSEEN, .p99_ms = UNSEEN};
	int64_t numbers[LENGTH(records)];

	(void) state;
	timeline_second(&path, records, LENGTH(records), numbers);
	assert_int_equal(path.offered, 4);
	assert_int_equal(path.accepted, 2);
	assert_int_equal(path.rejected, 1);
	assert_int_equal(path.unknown, 1);
	assert_true(path.p50_ms == 1.5);
	assert_true(path.p99_ms == 3);
}

/* A run in which every ledger closes. */
static RunReport *
closed_run(void)
{
	RunReport *report = calloc(1, sizeof(*report));

	assert_non_null(report);
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		report->paths[mode].totals = (LedgerTotals){.offered = 10, .accepted = 10, .closes = true};
		report->paths[mode].freshness = (PathFreshness){NOT_SEEN, NOT_SEEN, NOT_SEEN};
	}
	report->cost.source_wal_bytes = UNSEEN;
	return report;
}

static void
verdict(void **state)
{
	Scenario scenario = scenario_of("title = T\nduration = 9s\nexpect outbox lost = 0\n"
									"expect direct rejected >= 10%\n");
	bool modes[MODE_COUNT] = {[MODE_DIRECT] = true, [MODE_OUTBOX] = true};
	RunReport *report = closed_run();

	(void) state;
	report->paths[MODE_DIRECT].totals.rejected = 1;
	report_judge(report, &scenario, modes);
	assert_true(report->verdict.passed);
	/* Those of the scenario, and each ledger. */
	assert_int_equal(report->verdict.count, 4);

	report->paths[MODE_OUTBOX].totals.lost = 1;
	report_judge(report, &scenario, modes);
	assert_false(report->verdict.passed);
	modes[MODE_OUTBOX] = false; /* who isn't there breaks nothing */
	report_judge(report, &scenario, modes);
	assert_true(report->verdict.passed);
	report->paths[MODE_DIRECT].totals.closes = false;
	report_judge(report, &scenario, modes);
	assert_false(report->verdict.passed);
	report->paths[MODE_DIRECT].totals.closes = true;
	report->interrupted = true;
	report_judge(report, &scenario, modes);
	assert_false(report->verdict.passed);
	assert_int_equal(report->verdict.count, 0);
	free(report);
}

/* Who accepted nobody was not fast. */
static void
latency_of_nothing(void **state)
{
	Scenario scenario = scenario_of("title = T\nduration = 9s\nexpect outbox p99 < 150ms\n"
									"expect outbox p50 > 1s\n");
	bool modes[MODE_COUNT] = {[MODE_OUTBOX] = true};
	RunReport *report = closed_run();
	int64_t samples[] = {7};

	(void) state;
	path_latency_fill(&report->paths[MODE_OUTBOX].latency, samples, 0);
	report_judge(report, &scenario, modes);
	assert_false(report->verdict.all[0].held);
	assert_true(report->verdict.all[1].held);
	path_latency_fill(&report->paths[MODE_OUTBOX].latency, samples, 1);
	report_judge(report, &scenario, modes);
	assert_true(report->verdict.all[0].held);
	assert_false(report->verdict.all[1].held);
	free(report);
}

/* Expectations that held while the fault was not there say nothing. */
static void
a_fault_that_never_came(void **state)
{
	Scenario scenario = scenario_of("title = T\nduration = 9s\nexpect outbox lost = 0\n");
	bool modes[MODE_COUNT] = {[MODE_OUTBOX] = true};
	RunReport *report = closed_run();
	char text[4096];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void) state;
	report->fault_count = 2;
	report->faults[0] = (FaultReport){"crash target", 1.5, 2.5};
	report->faults[1] = (FaultReport){"pause broker", -1, -1};
	report_judge(report, &scenario, modes);
	assert_false(report->verdict.passed);
	assert_non_null(out);
	report_print_run(report, modes, out);
	fclose(out);
	assert_non_null(strstr(text, "1.5 s to 2.5 s: crash target\n"));
	assert_non_null(strstr(text, "NEVER CAME  pause broker\n"));
	assert_non_null(strstr(text, "FAIL: 2 of 2"));
	report->faults[1].from_s = 3;
	report_judge(report, &scenario, modes);
	assert_true(report->verdict.passed);
	free(report);
}

static const json_t *
member(const json_t *object, const char *path)
{
	char name[64];

	while (*path != '\0')
	{
		size_t len = strcspn(path, "/");

		snprintf(name, sizeof(name), "%.*s", (int) len, path);
		object = json_is_array(object) ? json_array_get(object, strtoul(name, NULL, 10))
									   : json_object_get(object, name);
		if (object == NULL)
			fail_msg("there is no \"%s\"", name);
		path += len + (path[len] == '/');
	}
	return object;
}

static json_t *
written(const CompareConfig *config, const Scenario *scenario, const RunReport *report)
{
	static const Facts facts = {.cpus = 2, .memory_mb = 7, .kernel = "6", .pg_outbox = "1.0"};
	ReportJson *json = report_json_create(config, &facts, 4 * USEC_PER_SEC);
	char path[] = "/tmp/test_report.XXXXXX";
	int fd = mkstemp(path);
	json_t *object;
	Error error;

	assert_true(fd >= 0);
	close(fd);
	assert_non_null(json);
	report_json_scenario(json, scenario, "its text", NULL);
	report_json_run(json, report);
	report_json_scenario(json, scenario, "its text", "nobody can");
	assert_true(report_json_write(json, path, &error));
	object = json_load_file(path, 0, NULL);
	unlink(path);
	report_json_free(json);
	assert_non_null(object);
	return object;
}

static void
json_members(void **state)
{
	static const char *const counts[] = {
		"offered", "accepted",	 "rejected",		 "unknown", "durable",	"in_target",
		"lost",	   "duplicates", "order_violations", "pending", "invented", "unknown_stored"};
	const Sample sample = sample_at(500000, PHASE_FAULT, 2, 7, 1);
	Scenario scenario = scenario_of("title = T\nabout = A\nduration = 20s\n"
									"at 30% crash target until 70%\nexpect outbox lost = 0\n");
	CompareConfig config = config_with("paths", "direct,outbox", true);
	RunReport *report = closed_run();
	PathResult *outbox = &report->paths[MODE_OUTBOX];
	json_t *object;
	const json_t *run;

	(void) state;
	outbox->totals = (LedgerTotals){.offered = 1, .accepted = 2, .lost = 7};
	outbox->latency = (PathLatency){1.25, 2, 2.5, 3, 3.75};
	outbox->drain_s = NOT_DRAINED;
	outbox->rejected_because[REJECT_NO_CLIENT] = 5;
	report->seed = 3;
	report->repeat = 2;
	report->fault_count = 1;
	report->faults[0] = (FaultReport){"crash target", 6.01, 14.5};
	assert_true(timeline_init(&report->timeline, &sample, 1, 0));
	report_judge(report, &scenario, config.modes);
	object = written(&config, &scenario, report);

	assert_int_equal(json_integer_value(member(object, "version")), 2);
	assert_true(json_is_false(member(object, "passed")));
	assert_true(json_is_false(member(object, "interrupted")));
	assert_true(json_is_null(member(object, "commit")));
	assert_int_equal(json_integer_value(member(object, "machine/cpus")), 2);
	assert_string_equal(json_string_value(member(object, "versions/pg_outbox")), "1.0");
	assert_int_equal(json_integer_value(member(object, "settings/client_timeout_ms")), 3000);
	assert_int_equal(json_array_size(member(object, "paths")), 2);
	assert_string_equal(json_string_value(member(object, "paths/1/name")), "outbox");
	assert_string_equal(json_string_value(member(object, "scenarios/0/about")), "A");
	assert_string_equal(json_string_value(member(object, "scenarios/0/file")), "its text");
	assert_string_equal(json_string_value(member(object, "scenarios/0/faults/0/kind")), "crash");
	assert_true(json_real_value(member(object, "scenarios/0/faults/0/until_s")) == 14);
	assert_true(json_is_null(member(object, "scenarios/0/skipped")));
	assert_string_equal(json_string_value(member(object, "scenarios/1/skipped")), "nobody can");

	run = member(object, "scenarios/0/runs/0");
	assert_int_equal(json_integer_value(member(run, "seed")), 3);
	assert_true(json_real_value(member(run, "faults/0/until_s")) == 14.5);
	assert_string_equal(json_string_value(member(run, "expectations/0/text")), "lost = 0");
	assert_true(json_real_value(member(run, "expectations/0/measured")) == 7);
	assert_true(json_is_false(member(run, "expectations/0/held")));
	assert_int_equal(json_object_size(member(run, "paths")), 2);
	for (size_t i = 0; i < LENGTH(counts); i++)
	{
		char path[64];

		snprintf(path, sizeof(path), "paths/outbox/%s", counts[i]);
		assert_true(json_is_integer(member(run, path)));
	}
	assert_int_equal(json_integer_value(member(run, "paths/outbox/lost")), 7);
	assert_true(json_real_value(member(run, "paths/outbox/rates/accepted")) == 200);
	assert_true(json_real_value(member(run, "paths/outbox/latency_ms/p99")) == 2.5);
	assert_true(json_is_null(member(run, "paths/outbox/drain_s")));
	assert_int_equal(json_object_size(member(run, "paths/outbox/rejected_because")), 1);
	assert_int_equal(json_integer_value(member(run, "paths/outbox/rejected_because/no_client")), 5);
	assert_int_equal(json_object_size(member(run, "paths/direct/rejected_because")), 0);
	assert_true(json_is_null(member(run, "paths/outbox/freshness_s")));
	assert_true(json_is_null(member(run, "cost/wal_bytes/source")));
	assert_true(json_is_real(member(run, "cost/cpu_s/relay")));
	assert_int_equal(json_array_size(member(run, "timeline")), 1);
	assert_string_equal(json_string_value(member(run, "timeline/0/breaker")), "open");
	assert_int_equal(json_integer_value(member(run, "timeline/0/faults/0")), 0);
	assert_int_equal(json_integer_value(member(run, "timeline/0/retained_wal_bytes")), 9);
	assert_int_equal(json_integer_value(member(run, "timeline/0/paths/outbox/in_target")), 70);
	assert_true(json_is_null(member(run, "timeline/0/paths/outbox/p50_ms")));
	json_decref(object);
	timeline_free(&report->timeline);
	free(report);
}

/* What counts is there, nothing is rounded to all or nothing, and no line ends with a blank. */
static void
table_lines(void **state)
{
	Scenario scenario = scenario_of("title = T\nduration = 20s\nexpect outbox lost = 0\n");
	bool modes[MODE_COUNT] = {[MODE_OUTBOX] = true};
	RunReport *report = closed_run();
	LedgerTotals *totals = &report->paths[MODE_OUTBOX].totals;
	char text[8192];
	FILE *out = fmemopen(text, sizeof(text), "w");

	(void) state;
	totals->offered = 100000;
	totals->accepted = 99999;
	totals->rejected = 3;
	report->paths[MODE_OUTBOX].rejected_because[REJECT_AWAY] = 2;
	report->paths[MODE_OUTBOX].rejected_because[REJECT_BUSY] = 1;
	totals->lost = 4711;
	assert_non_null(out);
	report_judge(report, &scenario, modes);
	report_print_run(report, modes, out);
	fclose(out);
	assert_non_null(strstr(text, " 99.9%"));
	assert_non_null(strstr(text, " 0.1%"));
	assert_non_null(strstr(text, "NOT HELD  outbox: lost = 0; it was 4711\n"));
	assert_non_null(strstr(text,
						   "\n  outbox rejected: 2 times what it would be stored in was away, "
						   "1 time all connections of the application's pool were in use\n"));
	assert_non_null(strstr(text, "FAIL: 1 of 2"));
	assert_null(strstr(text, "direct"));
	assert_null(strstr(text, " \n"));
	free(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings_and_scenario), cmocka_unit_test(timeline_rows),
		cmocka_unit_test(a_second_of_requests),	 cmocka_unit_test(verdict),
		cmocka_unit_test(latency_of_nothing),	 cmocka_unit_test(a_fault_that_never_came),
		cmocka_unit_test(json_members),			 cmocka_unit_test(table_lines),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
