/*
 * report_html_run.c
 *	  A scenario and its runs: what was planned, expected, counted.
 */
#include "report_html.h"

#include <stdio.h>
#include <string.h>

#include "reject_reason.h"
#include "report_chart.h"
#include "report_words.h"

/* -------------------------------------------------------------------------
 * expectations and books
 * ------------------------------------------------------------------------- */

/* As exact as it was compared. */
static void
write_measured(Buffer *out, const json_t *expectation)
{
	double measured = report_number(expectation, "measured");
	const char *unit = report_string(expectation, "unit");
	char word[WORD_SIZE];

	if (isnan(measured) || measured < 0)
	{
		buffer_append_str(out, "never, or nothing to measure");
		return;
	}
	buffer_append_str(out, word_plain(measured, word));
	if (strcmp(unit, "percent") == 0)
		buffer_append_str(out, "\u202f%");
	else if (strcmp(unit, "ms") == 0)
		buffer_append_str(out, "\u202fms");
}

void
report_html_expectation(Buffer *out, const json_t *expectation)
{
	bool held = report_true(expectation, "held");

	buffer_printf(out, "<li><span class=\"mark %s\">%s</span> <b>", held ? "held" : "missed",
				  held ? "" : "did not hold: ");
	html_text(out, report_string(expectation, "text"));
	buffer_append_str(out, "</b> <span class=\"measured\">");
	write_measured(out, expectation);
	buffer_append_str(out, "</span></li>");
}

/* Of one path; nothing when there is none of it. */
static void
write_path_expectations(Buffer *out, const json_t *path, size_t colour, const json_t *expectations)
{
	const char *name = report_string(path, "name");
	const json_t *expectation;
	bool any = false;
	size_t i;

	json_array_foreach(expectations, i, expectation)
	{
		if (strcmp(report_string(expectation, "path"), name) != 0)
			continue;
		if (!any)
		{
			buffer_append_str(out, "<tr data-path=\"");
			html_text(out, name);
			buffer_printf(out, "\"><th scope=\"row\"><span class=\"key p%zu\">", colour);
			html_text(out, report_string(path, "title"));
			buffer_append_str(out, "</span></th><td><ul>");
		}
		any = true;
		report_html_expectation(out, expectation);
	}
	if (any)
		buffer_append_str(out, "</ul></td></tr>\n");
}

static void
write_expectations(Buffer *out, const json_t *report, const json_t *run)
{
	const json_t *expectations = json_object_get(run, "expectations");
	const json_t *path;
	size_t i;

	if (json_array_size(expectations) == 0)
	{
		buffer_append_str(out, "<p class=\"none\">Nothing was expected of this run.</p>\n");
		return;
	}
	html_table_begin(out, "expectations", "What was expected, and beside it what was measured");
	buffer_append_str(out, "<tbody>\n");
	json_array_foreach(json_object_get(report, "paths"), i, path)
		write_path_expectations(out, path, i, expectations);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
}

typedef struct Account
{
	const char *key;
	const char *title;
} Account;

static const Account accounts[] = {{"offered", "offered"},
								   {"accepted", "accepted"},
								   {"rejected", "rejected: not stored"},
								   {"unknown", "unknown: no answer in time"},
								   {"unknown_stored", "unknown, but stored"},
								   {"unknown_missing", "of these, never in the target"},
								   {"durable", "durable in some store"},
								   {"in_target", "in the target at the end"},
								   {"accepted_in_target", "accepted and in the target"},
								   {"pending", "pending"},
								   {"lost", "lost"},
								   {"duplicates", "duplicates"},
								   {"order_violations", "out of order"},
								   {"invented", "invented"}};

static void
begin_paths_table(Buffer *out, const json_t *report, const json_t *run, const char *class,
				  const char *caption)
{
	const json_t *path;
	size_t i;

	html_table_begin(out, class, caption);
	buffer_append_str(out, "<thead><tr><td></td>");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		if (report_run_path(run, report_string(path, "name")) == NULL)
			continue;
		buffer_printf(out, "<th scope=\"col\"><span class=\"key p%zu\">", i);
		html_text(out, report_string(path, "title"));
		buffer_append_str(out, "</span></th>");
	}
	buffer_append_str(out, "</tr></thead><tbody>\n");
}

/* inside: NULL, or the object of a path in which the number is. */
static void
write_paths_row(Buffer *out, const json_t *report, const json_t *run, const char *inside,
				const Account *account, const char *(*word_of)(double number, char *text))
{
	const json_t *path;
	char word[WORD_SIZE];
	size_t i;

	buffer_printf(out, "<tr data-is=\"%s%s%s\"><th scope=\"row\">%s</th>",
				  inside != NULL ? inside : "", inside != NULL ? "." : "", account->key,
				  account->title);
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const json_t *found = report_run_path(run, report_string(path, "name"));

		if (found == NULL)
			continue;
		if (inside != NULL)
			found = json_object_get(found, inside);
		buffer_printf(out, "<td>%s</td>", word_of(report_number(found, account->key), word));
	}
	buffer_append_str(out, "</tr>\n");
}

static void
write_closes(Buffer *out, const json_t *report, const json_t *run)
{
	const json_t *path;
	size_t i;

	buffer_append_str(out, "<tr data-is=\"closes\"><th scope=\"row\">the books close</th>");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const json_t *found = report_run_path(run, report_string(path, "name"));

		if (found != NULL)
			buffer_append_str(out, report_true(found, "closes")
									   ? "<td>yes</td>"
									   : "<td><span class=\"mark missed\">no</span></td>");
	}
	buffer_append_str(out, "</tr>\n");
}

void
report_html_reasons(Buffer *out, const char *title, json_t *reasons)
{
	const char *before = " rejected: ";
	const char *name;
	json_t *count;
	char word[WORD_SIZE];

	if (json_object_size(reasons) == 0)
		return;
	buffer_append_str(out, "<p class=\"reasons\">");
	html_text(out, title);
	json_object_foreach(reasons, name, count)
	{
		const char *words = reject_reason_words_of(name);

		buffer_printf(out, "%s%s time%s ", before, word_count(report_value(count), word),
					  report_value(count) == 1 ? "" : "s");
		html_text(out, words != NULL ? words : name);
		before = ", ";
	}
	buffer_append_str(out, ".</p>\n");
}

void
report_html_ledger(Buffer *out, const json_t *report, const json_t *run)
{
	static const Account rates[] = {{"accepted", "accepted, of the offered"},
									{"durable", "durable, of the offered"},
									{"visible", "visible in the target, of the offered"}};
	static const Account drain = {"drain_s", "drained after the last repair"};
	static const Account recovery = {"recovery_s", "accepting again after the last repair"};
	static const Account freshness[] = {{"p50", "age on arrival, p50"},
										{"p99", "age on arrival, p99"},
										{"max", "age on arrival, worst"}};
	const json_t *path;
	size_t path_number;

	begin_paths_table(out, report, run, "ledger",
					  "The books: offered = accepted + rejected + unknown; "
					  "accepted = in the target + pending + lost");
	for (size_t i = 0; i < sizeof(accounts) / sizeof(accounts[0]); i++)
		write_paths_row(out, report, run, NULL, &accounts[i], word_count);
	write_closes(out, report, run);
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
		write_paths_row(out, report, run, "rates", &rates[i], word_percent);
	write_paths_row(out, report, run, NULL, &recovery, word_seconds);
	write_paths_row(out, report, run, NULL, &drain, word_seconds);
	for (size_t i = 0; i < sizeof(freshness) / sizeof(freshness[0]); i++)
		write_paths_row(out, report, run, "freshness_s", &freshness[i], word_seconds);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	json_array_foreach(json_object_get(report, "paths"), path_number, path)
	{
		const json_t *found = report_run_path(run, report_string(path, "name"));

		report_html_reasons(out, report_string(path, "title"),
							json_object_get(found, "rejected_because"));
	}
}

/* -------------------------------------------------------------------------
 * percentiles
 * ------------------------------------------------------------------------- */

#define PERCENTILES 5
static const Account percentiles[PERCENTILES] = {
	{"p50", "p50"}, {"p90", "p90"}, {"p99", "p99"}, {"p999", "p99.9"}, {"max", "max"}};

static void
write_percentile_lines(Buffer *out, const json_t *report, const json_t *run)
{
	static const double places[PERCENTILES] = {0, 1, 2, 3, 4};
	const ChartFrame frame = {.t = places, .count = PERCENTILES, .start = -0.2, .end = 4.2};
	double values[REPORT_PATHS_MAX][PERCENTILES];
	double most = 0;
	double least = NAN;
	ChartScale scale;
	const json_t *path;
	size_t i;

	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const json_t *latency =
			json_object_get(report_run_path(run, report_string(path, "name")), "latency_ms");

		for (size_t j = 0; j < PERCENTILES; j++)
			values[i][j] = report_number(latency, percentiles[j].key);
		most = chart_max(values[i], PERCENTILES, most);
		least = chart_min_positive(values[i], PERCENTILES, least);
	}
	scale = chart_log(least, most, UNIT_MS);
	chart_begin(out, &frame, &scale, "Latency", "plain",
				"Latency of each path at the percentiles 50, 90, 99, 99.9 and at most");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		char class[8];

		snprintf(class, sizeof(class), "p%zu", i % 100);
		chart_line(out, &frame, &scale, values[i], class);
	}
	chart_end(out);
	buffer_append_str(out, "<div class=\"row\" aria-hidden=\"true\"><div class=\"label\"></div>"
						   "<div class=\"plot\"><div class=\"xticks\">");
	for (size_t j = 0; j < PERCENTILES; j++)
		buffer_printf(out, "<i style=\"left:%.2f%%\">%s</i>",
					  100 * (places[j] - frame.start) / (frame.end - frame.start),
					  percentiles[j].title);
	buffer_append_str(out, "</div></div></div>\n");
}

void
report_html_percentiles(Buffer *out, const json_t *report, const json_t *run)
{
	buffer_append_str(out, "<figure class=\"chart percentiles\"><figcaption><b>Latency by "
						   "percentile</b> of the accepted requests of the run, from the intended "
						   "start; the scale is logarithmic</figcaption>\n");
	write_percentile_lines(out, report, run);
	begin_paths_table(out, report, run, "latencies", "");
	for (size_t i = 0; i < PERCENTILES; i++)
		write_paths_row(out, report, run, "latency_ms", &percentiles[i], word_ms);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	buffer_append_str(out, "</figure>\n");
}

/* -------------------------------------------------------------------------
 * runs and scenarios
 * ------------------------------------------------------------------------- */

static void
write_stretch(Buffer *out, double from, double until)
{
	char word[WORD_SIZE];

	if (isnan(from) || from < 0)
	{
		buffer_append_str(out, "never came");
		return;
	}
	buffer_printf(out, "from %s", word_seconds(from, word));
	if (isnan(until) || until < 0)
		buffer_append_str(out, ", not mended");
	else
		buffer_printf(out, " to %s", word_seconds(until, word));
}

void
report_html_faults(Buffer *out, const char *what, const json_t *faults)
{
	const json_t *fault;
	size_t i;

	if (json_array_size(faults) == 0)
		return;
	buffer_printf(out, "<p class=\"fault-list\">%s ", what);
	json_array_foreach(faults, i, fault)
	{
		buffer_append_str(out, i > 0 ? "; <b>" : "<b>");
		html_text(out, report_string(fault, "text"));
		buffer_append_str(out, "</b> ");
		write_stretch(out, report_number(fault, "from_s"), report_number(fault, "until_s"));
	}
	buffer_append_str(out, "</p>\n");
}

void
report_html_run_head(Buffer *out, const json_t *run, size_t index, size_t count)
{
	char word[WORD_SIZE];

	/* The first is open. */
	buffer_printf(
		out, "<details class=\"run\" data-run=\"%zu\"%s><summary>Run %zu of %zu, seed %s, %s",
		index, index == 0 ? " open" : "", index + 1, count,
		word_plain(report_number(run, "seed"), word),
		report_true(run, "passed") ? "<span class=\"mark held\">as expected</span>"
								   : "<span class=\"mark missed\">not as expected</span>");
	if (report_true(run, "interrupted"))
		buffer_append_str(out, " <span class=\"mark missed\">interrupted</span>");
	buffer_append_str(out, "</summary>\n");
	report_html_faults(out, "What failed:", json_object_get(run, "faults"));
}

static void
write_run(Buffer *out, const json_t *report, const json_t *run, size_t index, size_t count)
{
	report_html_run_head(out, run, index, count);
	write_expectations(out, report, run);
	report_html_timeline(out, report, run);
	report_html_percentiles(out, report, run);
	report_html_ledger(out, report, run);
	report_html_cost(out, run);
	buffer_append_str(out, "</details>\n");
}

void
report_html_about(Buffer *out, const json_t *scenario)
{
	char word[WORD_SIZE];

	buffer_append_str(out, "</h3>\n<p>");
	html_text(out, report_string(scenario, "about"));
	buffer_append_str(out, "</p>\n<p class=\"facts\"><code>");
	html_text(out, report_string(scenario, "name"));
	buffer_printf(out, "</code> %s of load, ",
				  word_seconds(report_number(scenario, "duration_s"), word));
	if (!isnan(report_number(scenario, "rate")))
		buffer_printf(out, "%s requests/s to each path, ",
					  word_count(report_number(scenario, "rate"), word));
	html_text(out, report_string(scenario, "load"));
	buffer_append_str(out, "</p>\n");
	report_html_faults(out, "Planned:", json_object_get(scenario, "faults"));
	if (report_string(scenario, "file")[0] != '\0')
	{
		buffer_append_str(out,
						  "<details class=\"data\"><summary>The scenario's file</summary><pre>");
		html_text(out, report_string(scenario, "file"));
		buffer_append_str(out, "</pre></details>\n");
	}
	if (json_array_size(json_object_get(scenario, "runs")) == 0)
	{
		buffer_append_str(out, "<p class=\"none\">This scenario was not run. ");
		html_text(out, report_string(scenario, "skipped"));
		buffer_append_str(out, "</p>\n");
	}
}

void
report_html_scenario(Buffer *out, const json_t *report, size_t index)
{
	const json_t *scenario = json_array_get(json_object_get(report, "scenarios"), index);
	const json_t *runs = json_object_get(scenario, "runs");
	const json_t *run;
	size_t i;

	buffer_printf(out, "<section class=\"scenario\" id=\"scenario-%zu\"><h3>", index);
	html_text(out, report_string(scenario, "title"));
	report_html_about(out, scenario);
	json_array_foreach(runs, i, run) write_run(out, report, run, i, json_array_size(runs));
	buffer_append_str(out, "</section>\n");
}
