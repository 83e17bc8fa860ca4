/*
 * test_report_read.c
 *	  What several runs of a path come to, and what is said of them.
 */
#include "unit.h"

#include "exit_codes.h"
#include "report_read.h"

/* A scenario with a path "p" in each run, whose members are given. */
static json_t *
scenario_of(const char *first, const char *second)
{
	char text[1024];
	json_t *scenario;

	snprintf(
		text, sizeof(text),
		"{\"runs\": [{\"paths\": {\"p\": {\"closes\": true, %s}}, \"expectations\": [{\"path\": "
		"\"p\", \"held\": true}, {\"path\": \"q\", \"held\": false}]}%s%s%s]}",
		first, second != NULL ? ", {\"paths\": {\"p\": {\"closes\": true, " : "",
		second != NULL ? second : "", second != NULL ? "}}}" : "");
	scenario = json_loads(text, 0, NULL);
	assert_non_null(scenario);
	return scenario;
}

static void
runs_add_up(void **state)
{
	json_t *scenario =
		scenario_of("\"offered\": 100, \"accepted\": 100, \"in_target\": 99, \"lost\": 1, "
					"\"latency_ms\": {\"p99\": 5}, \"rates\": {\"accepted\": 100}",
					"\"offered\": 300, \"accepted\": 100, \"in_target\": 100, \"lost\": 0, "
					"\"latency_ms\": {\"p99\": 7}, \"rates\": {\"accepted\": 33.3}");
	Cell cell;

	(void) state;
	report_cell(scenario, "p", &cell);
	assert_int_equal(cell.runs, 2);
	assert_true(cell.offered == 400 && cell.lost == 1 && cell.p99_ms == 7);
	assert_true(cell.accepted_percent == 50 && cell.visible_percent == 199.0 / 4);
	assert_true(isnan(cell.duplicates) && isnan(cell.p50_ms));
	assert_int_equal(cell.expected, 1);
	assert_int_equal(cell.held, 1);
	/* What isn't there was no run of it. */
	report_cell(scenario, "r", &cell);
	assert_int_equal(cell.runs, 0);
	assert_true(isnan(cell.offered));
	json_decref(scenario);
}

static void
one_run_is_the_document(void **state)
{
	json_t *scenario =
		scenario_of("\"offered\": 3, \"accepted\": 1, \"rates\": {\"accepted\": 33.3}", NULL);
	Cell cell;

	(void) state;
	report_cell(scenario, "p", &cell);
	assert_true(cell.accepted_percent == 33.3);
	assert_true(isnan(cell.visible_percent));
	json_decref(scenario);
}

static void
the_worst_is_said(void **state)
{
	static const struct
	{
		const char *members;
		Outcome outcome;
		const char *text;
	} cases[] = {
		{"\"offered\": 10, \"accepted\": 10, \"lost\": 0", OUTCOME_WHOLE, "all arrived"},
		{"\"offered\": 10, \"accepted\": 6", OUTCOME_REFUSED, "40 % refused"},
		{"\"offered\": 10000, \"accepted\": 9999", OUTCOME_REFUSED, "0.1 % refused"},
		{"\"offered\": 10, \"accepted\": 6, \"pending\": 2", OUTCOME_PENDING, "2 pending"},
		{"\"offered\": 10, \"accepted\": 6, \"pending\": 2, \"lost\": 1, \"duplicates\": 5",
		 OUTCOME_WRONG, "1 lost"},
		{"\"offered\": 10, \"accepted\": 10, \"duplicates\": 5", OUTCOME_WRONG, "5 twice"},
		{"\"offered\": 10, \"accepted\": 10, \"order_violations\": 3", OUTCOME_WRONG,
		 "3 out of order"},
		{"\"offered\": 10, \"accepted\": 10, \"invented\": 3", OUTCOME_WRONG, "3 invented"},
	};
	char text[CELL_TEXT_SIZE];
	Cell cell;

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		json_t *scenario = scenario_of(cases[i].members, NULL);

		report_cell(scenario, "p", &cell);
		assert_int_equal(cell_outcome(&cell, text), cases[i].outcome);
		assert_string_equal(text, cases[i].text);
		/* Whatever else is well: books that don't close are not. */
		cell.closes = false;
		assert_int_equal(cell_outcome(&cell, text), OUTCOME_WRONG);
		json_decref(scenario);
	}
	report_cell(NULL, "p", &cell);
	assert_int_equal(cell_outcome(&cell, text), OUTCOME_NOT_RUN);
	assert_string_equal(text, "not run");
}

static void
what_came_to_nothing(void **state)
{
	json_t *scenario = scenario_of("\"offered\": 100, \"accepted\": 70, \"rejected\": 20, "
								   "\"unknown\": 10, \"unknown_stored\": 4, \"lost\": 5",
								   NULL);
	char text[CELL_TEXT_SIZE];
	Cell cell;

	(void) state;
	report_cell(scenario, "p", &cell);
	assert_true(cell_missed_percent(&cell) == 31);
	json_decref(scenario);

	/* What the source has and the target will never get came to nothing, too. */
	scenario = scenario_of("\"offered\": 100, \"accepted\": 90, \"rejected\": 0, \"unknown\": 10, "
						   "\"unknown_stored\": 4, \"unknown_missing\": 3, \"lost\": 0",
						   NULL);
	report_cell(scenario, "p", &cell);
	assert_true(cell_missed_percent(&cell) == 9);
	assert_int_equal(cell_outcome(&cell, text), OUTCOME_WRONG);
	assert_string_equal(text, "3 in vain");
	json_decref(scenario);
}

static void
calm_is_by_name(void **state)
{
	json_t *report = json_loads("{\"scenarios\": [{\"name\": \"a\", \"faults\": [1]}, {\"name\": "
								"\"b\", \"faults\": []}, {\"name\": \"calm\", \"faults\": []}]}",
								0, NULL);

	(void) state;
	assert_string_equal(report_string(report_calm(report), "name"), "calm");
	json_array_remove(json_object_get(report, "scenarios"), 2);
	assert_string_equal(report_string(report_calm(report), "name"), "b");
	json_array_remove(json_object_get(report, "scenarios"), 1);
	assert_null(report_calm(report));
	json_decref(report);
}

/* What no axis has room for is no number. */
static void
numbers_stay_finite(void **state)
{
	static const struct
	{
		const char *text;
		double number; /* NAN: none */
	} cases[] = {{"1e24", 1e24}, {"-1e24", -1e24}, {"1.0001e24", NAN}, {"-1e308", NAN},
				 {"0", 0},		 {"\"7\"", NAN},   {"null", NAN},	   {"true", NAN}};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		json_t *value = json_loads(cases[i].text, JSON_DECODE_ANY, NULL);
		json_t *pair = json_pack("[O, O]", value, value);
		double number = report_value(value);

		assert_true(isnan(cases[i].number) ? isnan(number) : number == cases[i].number);
		number = report_sum(pair);
		assert_true(isnan(cases[i].number) ? isnan(number) : number == 2 * cases[i].number);
		json_decref(pair);
		json_decref(value);
	}
	assert_true(isnan(report_value(NULL)));
	assert_true(isnan(report_sum(NULL)));
}

static void
sums(void **state)
{
	json_t *values = json_loads("{\"a\": 1, \"b\": null, \"c\": 2.5}", 0, NULL);
	json_t *number = json_integer(7);

	(void) state;
	assert_true(report_sum(values) == 3.5);
	assert_true(report_sum(number) == 7);
	json_decref(number);
	json_decref(values);
}

/* NULL, or the report in a file of its own; whatever is wrong names the file. */
static json_t *
load(const char *text, Error *error)
{
	char path[] = "/tmp/outbox-report-XXXXXX";
	int fd = mkstemp(path);
	json_t *report;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	error_clear(error);
	report = report_load(path, error);
	unlink(path);
	assert_true(report != NULL || strstr(error->message, path) != NULL);
	return report;
}

static void
what_is_a_report(void **state)
{
	static const char *const none[] = {
		"",
		"[]",
		"7",
		"{\"version\": 2}",
		"{\"version\": 2, \"scenarios\": []}",
		"{\"version\": 2, \"scenarios\": {}, \"paths\": []}",
		"{\"version\": 2, \"scenarios\": [], \"paths\": {}}",
		"{\"version\": 1, \"scenarios\": [], \"paths\": []}",
		"{\"version\": \"2\", \"scenarios\": [], \"paths\": []}",
		"{\"version\": 2, \"scenarios\": [], \"paths\": [], \"paths\": []}",
		"{\"version\": 2, \"scenarios\": [], \"paths\": [1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
	};
	json_t *report;
	Error error;

	(void) state;
	for (size_t i = 0; i < LENGTH(none); i++)
	{
		if (load(none[i], &error) != NULL)
			fail_msg("%s was taken", none[i]);
		assert_int_equal(error.exit_code, EXIT_CONFIG);
	}
	assert_null(load("{\n  x", &error));
	assert_non_null(strstr(error.detail, "Line 2, column"));
	error_clear(&error);
	assert_null(report_load("/nonexistent/report.json", &error));
	assert_string_equal(error.detail, "");
	report = load("{\"version\": 2, \"scenarios\": [], \"paths\": "
				  "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]}",
				  &error);
	assert_non_null(report);
	json_decref(report);
}

static void
all_that_was_measured(void **state)
{
	json_t *report = json_loads(
		"{\"paths\": [{\"name\": \"p\"}, {\"name\": \"q\"}], \"inventory\": [{\"runs\": "
		"[{\"expectations\": [{\"held\": true}, {}]}]}], \"scenarios\": [{\"faults\": [1]}, "
		"{\"runs\": [{\"paths\": {\"p\": {\"offered\": 4, \"accepted\": 2, \"closes\": true, "
		"\"latency_ms\": {\"p99\": 5}}, \"q\": 7}, \"expectations\": [{\"held\": true}]}, "
		"{\"paths\": {\"p\": {\"offered\": 6, \"accepted\": 3, \"latency_ms\": {\"p99\": "
		"3}}}}]}, {\"runs\": [{\"paths\": {\"p\": {\"offered\": 10, \"accepted\": 10, "
		"\"closes\": true}}}]}]}",
		0, NULL);
	Tally tally;
	Cell cell;

	(void) state;
	assert_non_null(report);
	report_tally(report, &tally);
	assert_int_equal(tally.scenarios, 3);
	assert_int_equal(tally.paths, 2);
	assert_int_equal(tally.runs, 4);
	assert_int_equal(tally.cells, 6);
	assert_int_equal(tally.cells_run, 2);
	assert_int_equal(tally.expected, 3);
	assert_int_equal(tally.held, 2);
	report_cell_overall(report, "p", &cell);
	assert_int_equal(cell.runs, 3);
	assert_true(cell.offered == 20 && cell.accepted_percent == 75 && cell.p99_ms == 5);
	assert_false(cell.closes);
	report_cell_overall(report, "q", &cell);
	assert_int_equal(cell.runs, 0);
	/* The first without faults. */
	assert_ptr_equal(report_calm(report), json_array_get(json_object_get(report, "scenarios"), 1));
	json_decref(report);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_add_up),
		cmocka_unit_test(one_run_is_the_document),
		cmocka_unit_test(the_worst_is_said),
		cmocka_unit_test(what_came_to_nothing),
		cmocka_unit_test(calm_is_by_name),
		cmocka_unit_test(numbers_stay_finite),
		cmocka_unit_test(sums),
		cmocka_unit_test(what_is_a_report),
		cmocka_unit_test(all_that_was_measured),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
