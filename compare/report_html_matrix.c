/*
 * report_html_matrix.c
 *	  A cell for each path and scenario, none left out; below, the sums; and what a reader
 *	  loses at a price of his own.
 */
#include "report_html.h"

#include "report_words.h"

static const char *
outcome_class(Outcome outcome)
{
	switch (outcome)
	{
		case OUTCOME_WHOLE:
			return "whole";
		case OUTCOME_REFUSED:
			return "refused";
		case OUTCOME_PENDING:
			return "pending";
		case OUTCOME_WRONG:
			return "wrong";
		case OUTCOME_NOT_RUN:
			break;
	}
	return "absent";
}

static void
write_expected(Buffer *out, const Cell *cell)
{
	if (cell->expected == 0)
		buffer_append_str(out, "<span class=\"mark none\">nothing was expected</span>");
	else if (cell->held == cell->expected)
		buffer_append_str(out, "<span class=\"mark held\">as expected</span>");
	else
		buffer_printf(out, "<span class=\"mark missed\">%d of %d not as expected</span>",
					  cell->expected - cell->held, cell->expected);
}

static void
write_cell(Buffer *out, const char *path, const char *title, const Cell *cell)
{
	char text[CELL_TEXT_SIZE];
	char word[WORD_SIZE];
	Outcome outcome = cell_outcome(cell, text);

	buffer_printf(out, "<td class=\"cell %s\" data-path=\"", outcome_class(outcome));
	html_text(out, path);
	buffer_append_str(out, "\"><div class=\"of\">");
	html_text(out, title);
	buffer_printf(out, "</div><b class=\"word\">%s</b> ", text);
	if (outcome == OUTCOME_NOT_RUN)
	{
		buffer_append_str(out, "</td>\n");
		return;
	}
	write_expected(out, cell);
	buffer_printf(out, "<dl><dt>accepted</dt><dd data-is=\"accepted\">%s</dd>",
				  word_percent(cell->accepted_percent, word));
	buffer_printf(out, "<dt>visible</dt><dd data-is=\"visible\">%s</dd>",
				  word_percent(cell->visible_percent, word));
	buffer_printf(out, "<dt>p99</dt><dd data-is=\"p99\">%s</dd></dl>", word_ms(cell->p99_ms, word));
	buffer_printf(out, "<div class=\"wrongs\">lost <span data-is=\"lost\">%s</span>",
				  word_count(cell->lost, word));
	buffer_printf(out, " · twice <span data-is=\"duplicates\">%s</span>",
				  word_count(cell->duplicates, word));
	buffer_printf(out, " · order <span data-is=\"order\">%s</span></div></td>\n",
				  word_count(cell->order, word));
}

static void
write_path_heads(Buffer *out, const json_t *report)
{
	const json_t *path;
	size_t i;

	buffer_append_str(out, "<thead><tr><th scope=\"col\">Scenario</th>");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		buffer_printf(out, "<th scope=\"col\"><span class=\"key p%zu\">", i);
		html_text(out, report_string(path, "title"));
		buffer_append_str(out, "</span></th>");
	}
	buffer_append_str(out, "</tr></thead>\n");
}

static void
write_scenario_row(Buffer *out, const json_t *report, const json_t *scenario, size_t index)
{
	size_t runs = json_array_size(json_object_get(scenario, "runs"));
	char word[WORD_SIZE];
	const json_t *path;
	size_t i;

	buffer_append_str(out, "<tr data-scenario=\"");
	html_text(out, report_string(scenario, "name"));
	buffer_printf(out, "\"><th scope=\"row\"><a href=\"#scenario-%zu\">", index);
	html_text(out, report_string(scenario, "title"));
	buffer_append_str(out, "</a><small>");
	html_text(out, report_string(scenario, "name"));
	buffer_printf(out, ", %s", word_seconds(report_number(scenario, "duration_s"), word));
	if (!isnan(report_number(scenario, "rate")))
		buffer_printf(out, ", %s/s", word_count(report_number(scenario, "rate"), word));
	buffer_printf(out, ", %zu %s<br>", runs, runs == 1 ? "run" : "runs");
	html_text(out, report_string(scenario, "skipped"));
	buffer_append_str(out, "</small></th>\n");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const char *name = report_string(path, "name");
		Cell cell;

		report_cell(scenario, name, &cell);
		write_cell(out, name, report_string(path, "title"), &cell);
	}
	buffer_append_str(out, "</tr>\n");
}

static void
write_overall(Buffer *out, const json_t *report)
{
	const json_t *path;
	size_t i;

	buffer_append_str(out, "<tfoot><tr data-scenario=\"\"><th scope=\"row\">All together"
						   "<small>the sums, and the worst p99</small></th>\n");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const char *name = report_string(path, "name");
		Cell cell;

		report_cell_overall(report, name, &cell);
		write_cell(out, name, report_string(path, "title"), &cell);
	}
	buffer_append_str(out, "</tr></tfoot>\n");
}

void
report_html_matrix(Buffer *out, const json_t *report)
{
	const json_t *scenario;
	size_t i;

	buffer_append_str(
		out,
		"<section id=\"matrix\"><h2>Every path under every fault</h2>\n"
		"<p>The colour says what the callers got: <span class=\"swatch whole\">everything arrived, "
		"once</span> <span class=\"swatch refused\">some were refused, nothing that was accepted "
		"is missing</span> <span class=\"swatch pending\">not all had arrived in the end</span> "
		"<span class=\"swatch wrong\">lost, doubled, invented, out of order, or stored in vain: "
		"nobody knows, and it never came</span> "
		"<span class=\"swatch absent\">not run</span>. "
		"Whether that is what the scenario expects is said in words. With several runs counts are "
		"added, shares are those of the sums, and p99 is that of the worst run.</p>\n"
		"<table class=\"matrix\">\n");
	write_path_heads(out, report);
	buffer_append_str(out, "<tbody>\n");
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
		write_scenario_row(out, report, scenario, i);
	buffer_append_str(out, "</tbody>\n");
	write_overall(out, report);
	buffer_append_str(out, "</table></section>\n");
}

/* -------------------------------------------------------------------------
 * the estimate
 * ------------------------------------------------------------------------- */

static void
write_estimate_row(Buffer *out, const json_t *report, const json_t *scenario)
{
	char word[WORD_SIZE];
	const json_t *path;
	size_t i;

	buffer_printf(out, "<tr data-duration=\"%s\"><th scope=\"row\">",
				  word_plain(report_number(scenario, "duration_s"), word));
	html_text(out, report_string(scenario, "title"));
	buffer_append_str(out, "</th>");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		Cell cell;
		double missed;

		report_cell(scenario, report_string(path, "name"), &cell);
		missed = cell_missed_percent(&cell);
		buffer_append_str(out, "<td data-of=\"");
		html_text(out, report_string(path, "title"));
		buffer_printf(out, "\" data-missed=\"%s\">", word_plain(missed, word));
		buffer_printf(out, "%s</td>", cell.runs > 0 ? word_percent(missed, word) : "not run");
	}
	buffer_append_str(out, "</tr>\n");
}

void
report_html_estimate(Buffer *out, const json_t *report)
{
	const json_t *scenario;
	size_t i;

	buffer_append_str(
		out,
		"<section id=\"estimate\"><h2>What it would cost you</h2>\n"
		"<p>Per cent of the requests that came to nothing: rejected, lost, or without an answer "
		"and not "
		"stored. <span class=\"scripted\">Below each, what that is worth in a year with your own "
		"figures, if an incident takes as long as the scenario does: share × duration × your rate "
		"× "
		"incidents × value. Nobody else sees what you type.</span></p>\n"
		"<form class=\"scripted\" autocomplete=\"off\">"
		"<label>A request is worth <input name=\"value\" type=\"number\" min=\"0\" step=\"any\" "
		"value=\"1\"></label> "
		"<label>Requests a second <input name=\"rate\" type=\"number\" min=\"0\" step=\"any\" "
		"value=\"50\"></label> "
		"<label>Incidents of each kind a year <input name=\"incidents\" type=\"number\" min=\"0\" "
		"step=\"any\" value=\"4\"></label></form>\n");
	html_table_begin(out, "estimate stacked", "");
	write_path_heads(out, report);
	buffer_append_str(out, "<tbody>\n");
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
		write_estimate_row(out, report, scenario);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	buffer_append_str(out, "</section>\n");
}
