/*
 * test_report_text.c
 *	  The report as CSV and as Markdown.
 */
#include "unit.h"

#include "report_csv.h"
#include "report_md.h"

#define THIN "\u202f"

static Buffer out;

static int
begin(void **state)
{
	(void) state;
	buffer_init(&out, 1 << 20);
	return 0;
}

static int
end(void **state)
{
	(void) state;
	buffer_free(&out);
	return 0;
}

static const char *
render(void (*renderer)(Buffer *out, const json_t *report), const char *document)
{
	json_error_t problem;
	json_t *report = json_loads(document, 0, &problem);

	if (report == NULL)
		fail_msg("%s", problem.text);
	buffer_reset(&out);
	renderer(&out, report);
	assert_false(out.failed);
	json_decref(report);
	return out.data;
}

/* The n-th line, from 0. */
static const char *
line_of(const char *text, int n)
{
	static char line[1000];

	for (; n > 0; n--)
	{
		text = strchr(text, '\n');
		assert_non_null(text);
		text++;
	}
	snprintf(line, sizeof(line), "%.*s", (int) strcspn(text, "\n"), text);
	return line;
}

/* -------------------------------------------------------------------------
 * CSV
 * ------------------------------------------------------------------------- */

static void
a_row_for_each_path_of_each_run(void **state)
{
	const char *csv = render(
		report_csv,
		"{\"paths\": [{\"name\": \"a\"}, {\"name\": \"b\"}], \"scenarios\": [{\"name\": \"s\", "
		"\"runs\": [{\"seed\": 7, \"repeat\": 1, \"paths\": {\"a\": {\"closes\": true, "
		"\"offered\": 10, \"lost\": null, \"rates\": {\"accepted\": 99.5}, \"latency_ms\": "
		"{\"p50\": 1.25}, \"drain_s\": 0.5}}}, {\"seed\": 8, \"paths\": {\"b\": {}}}]}]}");

	(void) state;
	assert_memory_equal(csv, "scenario,seed,repeat,path,service,run,closes,offered,", 53);
	assert_string_equal(line_of(csv, 1),
						"\"s\",7,1,\"a\",\"\",yes,yes,10,,,,,,,,,,,,,99.5,,,1.25,,,,,0.5,,,,\r");
	assert_string_equal(line_of(csv, 2), "\"s\",7,1,\"b\",\"\",no,,,,,,,,,,,,,,,,,,,,,,,,,,,\r");
	assert_string_equal(line_of(csv, 3), "\"s\",8,,\"a\",\"\",no,,,,,,,,,,,,,,,,,,,,,,,,,,,\r");
	assert_string_equal(line_of(csv, 4), "\"s\",8,,\"b\",\"\",yes,no,,,,,,,,,,,,,,,,,,,,,,,,,,\r");
	assert_string_equal(line_of(csv, 5), "");
}

/* Its own numbers where it has them, and its path's beside them. */
static void
a_row_for_each_service(void **state)
{
	const char *csv = render(
		report_csv,
		"{\"paths\": [{\"name\": \"a\"}], \"inventory\": [{\"name\": \"s\", \"runs\": [{\"seed\": "
		"7, "
		"\"shop\": {\"sync\": {\"offered\": 10, \"closes\": false, \"services\": {\"pricing\": "
		"{\"closes\": true, \"in_service\": 9, \"lag_s\": {\"p50\": 0.5}}, \"audit\": {}}}, "
		"\"none\": "
		"{}}}]}]}");

	(void) state;
	assert_string_equal(line_of(csv, 1),
						"\"s\",7,,\"sync\",\"pricing\",yes,yes,10,,,,,,9,,,,,,,,,,,,,,,,,0.5,,\r");
	assert_string_equal(line_of(csv, 2),
						"\"s\",7,,\"sync\",\"audit\",yes,no,10,,,,,,,,,,,,,,,,,,,,,,,,,\r");
	assert_string_equal(line_of(csv, 3), "");
}

static void
text_is_no_formula(void **state)
{
	static const struct
	{
		const char *name;
		const char *cell;
	} cases[] = {
		{"=1+1", "\"'=1+1\""}, {"+1", "\"'+1\""},	 {"-1", "\"'-1\""},
		{"@x", "\"'@x\""},	   {"\\tx", "\"'\tx\""}, {"a\\\"b", "\"a\"\"b\""},
		{"a=1", "\"a=1\""},	   {"", "\"\""},		 {"a,b", "\"a,b\""},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(cases); i++)
	{
		char document[200];

		snprintf(document, sizeof(document),
				 "{\"paths\": [{\"name\": \"p\"}], \"scenarios\": [{\"name\": \"%s\", \"runs\": "
				 "[{}]}]}",
				 cases[i].name);
		render(report_csv, document);
		assert_memory_equal(line_of(out.data, 1), cases[i].cell, strlen(cases[i].cell));
	}
}

static void
without_runs_there_is_a_head(void **state)
{
	(void) state;
	assert_null(strstr(render(report_csv, "{}"), "\r\n\""));
	assert_string_equal(line_of(out.data, 1), "");
}

/* -------------------------------------------------------------------------
 * Markdown
 * ------------------------------------------------------------------------- */

static void
the_matrix(void **state)
{
	const char *md = render(
		report_md,
		"{\"interrupted\": true, \"paths\": [{\"name\": \"a\", \"title\": \"A|*\"}, {\"name\": "
		"\"b\", "
		"\"title\": \"B\"}], \"machine\": {\"cpus\": 2, \"cpu\": \"x_y\", \"memory_mb\": 100, "
		"\"os\": \"O\\nS\"}, \"commit\": \"c\", \"started_at\": \"t\", \"scenarios\": [{\"name\": "
		"\"s\", \"title\": \"S\", \"runs\": [{\"seed\": 7, \"paths\": {\"a\": {\"closes\": true, "
		"\"offered\": 10, \"accepted\": 10, \"lost\": 2, \"in_target\": 8, \"rates\": "
		"{\"visible\": "
		"80}, \"latency_ms\": {\"p99\": 12.5}}}, \"expectations\": [{\"path\": \"a\", \"text\": "
		"\"lost = 0\", \"held\": false, \"measured\": 2}, {\"path\": \"a\", \"text\": \"x\", "
		"\"held\": true}]}]}]}");

	(void) state;
	assert_string_equal(line_of(md, 2), "1 of 2 expectations held, 1 of 2 cells measured; the run "
										"was interrupted.");
	assert_string_equal(line_of(md, 4), "| scenario | A\\|\\* | B |");
	assert_string_equal(line_of(md, 5), "|---|---|---|");
	assert_string_equal(line_of(md, 6),
						"| S | **2 lost**, 1 of 2 not as expected; visible 80.0" THIN
						"%, p99 12.5" THIN "ms | not run |");
	assert_string_equal(line_of(md, 8), "What did not hold:");
	assert_string_equal(line_of(md, 10), "- s, seed 7: a lost = 0, measured 2");
	assert_string_equal(line_of(md, 12),
						"Machine: 2 CPUs, x\\_y, 100 MB; O S. Commit c, started t.");
}

static void
the_inventory(void **state)
{
	const char *md =
		render(report_md,
			   "{\"paths\": [], \"scenarios\": [], \"inventory\": [{\"name\": \"i\", \"runs\": "
			   "[{\"seed\": "
			   "3, \"shop\": {\"sync\": {\"accepted\": 5, \"offered\": 12345, \"everywhere\": 4, "
			   "\"partial\": 1}}, \"replay\": {\"orders\": 9, \"seconds\": 2, \"different\": 0}, "
			   "\"expectations\": [{\"path\": \"sync\", \"service\": \"audit\", \"text\": \"lost = "
			   "0\", \"measured\": 1.5}]}, {\"shop\": {}}]}]}");

	(void) state;
	assert_string_equal(line_of(md, 2), "0 of 1 expectations held.");
	assert_non_null(
		strstr(md, "One order, several services:\n\n- i, sync: 5 of 12" THIN
				   "345 orders accepted, 4 in every service, 1 in some only\n- a service "
				   "that came last replayed 9 orders in 2" THIN "s, 0 of them different\n"));
	assert_non_null(strstr(md, "- i, seed 3: sync audit lost = 0, measured 1.5\n"));
}

static void
what_ended_it(void **state)
{
	(void) state;
	assert_non_null(strstr(render(report_md, "{\"error\": \"the broker\\nis gone\"}"),
						   "It ended with an error: the broker is gone. This is what"));
	assert_null(strstr(render(report_md, "{}"), "error"));
}

/* What all held has nothing to say about what did not. */
static void
nothing_missed(void **state)
{
	const char *md = render(
		report_md,
		"{\"paths\": [{\"name\": \"a\", \"title\": \"A\"}], \"scenarios\": [{\"title\": \"S\", "
		"\"runs\": [{\"paths\": {\"a\": {\"closes\": true, \"offered\": 1, \"accepted\": 1}}, "
		"\"expectations\": [{\"path\": \"a\", \"held\": true}]}]}]}");

	(void) state;
	assert_null(strstr(md, "did not hold"));
	assert_null(strstr(md, "several services"));
	assert_string_equal(line_of(md, 6), "| S | **all arrived**; visible \u2013, p99 \u2013 |");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_row_for_each_path_of_each_run, begin, end),
		cmocka_unit_test_setup_teardown(a_row_for_each_service, begin, end),
		cmocka_unit_test_setup_teardown(text_is_no_formula, begin, end),
		cmocka_unit_test_setup_teardown(without_runs_there_is_a_head, begin, end),
		cmocka_unit_test_setup_teardown(the_matrix, begin, end),
		cmocka_unit_test_setup_teardown(the_inventory, begin, end),
		cmocka_unit_test_setup_teardown(what_ended_it, begin, end),
		cmocka_unit_test_setup_teardown(nothing_missed, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
