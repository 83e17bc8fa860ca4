/*
 * report_html.c
 *	  The page around its sections.
 */
#include "report_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_words.h"
#include "web.h"

void
html_table_begin(Buffer *out, const char *class, const char *caption)
{
	buffer_printf(out, "<div class=\"scroll\" tabindex=\"0\"><table class=\"%s\">", class);
	if (caption[0] != '\0')
		buffer_printf(out, "<caption>%s</caption>", caption);
}

void
html_table_end(Buffer *out)
{
	buffer_append_str(out, "</table></div>\n");
}

/* -------------------------------------------------------------------------
 * the top
 * ------------------------------------------------------------------------- */

static void
write_head(Buffer *out)
{
	buffer_append_str(
		out, "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
			 "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
			 "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; "
			 "form-action 'none'\">\n"
			 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
			 "<meta name=\"color-scheme\" content=\"light dark\">\n"
			 "<link rel=\"icon\" href=\"data:,\">\n"
			 "<title>outbox-compare: the report</title>\n<style>\n");
	web_append(out, WEB_BASE_CSS);
	web_append(out, WEB_REPORT_CSS);
	buffer_append_str(out, "</style></head>\n<body>\n");
}

static void
write_tile(Buffer *out, const char *is, const char *number, const char *what)
{
	buffer_printf(out, "<div class=\"tile\" data-is=\"%s\"><b>%s</b><span>%s</span></div>\n", is,
				  number, what);
}

static void
write_tiles(Buffer *out, const json_t *report, const Tally *tally)
{
	char number[64];
	char word[WORD_SIZE];
	double took = report_number(report, "took_s");

	buffer_append_str(out, "<div class=\"tiles\">\n");
	snprintf(number, sizeof(number), "%d of %d", tally->held, tally->expected);
	write_tile(out, "held", number, "expectations held");
	if (tally->scenarios > 0)
	{
		snprintf(number, sizeof(number), "%d of %d", tally->cells_run, tally->cells);
		write_tile(out, "cells", number, "cells of the matrix measured");
		snprintf(number, sizeof(number), "%d × %d", tally->paths, tally->scenarios);
		write_tile(out, "size", number, "paths × scenarios");
	}
	snprintf(number, sizeof(number), "%d", tally->runs);
	write_tile(out, "runs", number, tally->runs == 1 ? "run" : "runs");
	if (took >= 120)
		snprintf(number, sizeof(number), "%.0f\u202fmin", took / 60);
	else
		snprintf(number, sizeof(number), "%s", word_seconds(took, word));
	write_tile(out, "took", number, "in all");
	buffer_append_str(out, "</div>\n");
}

static void
write_top(Buffer *out, const json_t *report)
{
	Tally tally;

	report_tally(report, &tally);
	buffer_append_str(out, "<header><p class=\"brand\">pg_outbox <span>outbox-compare</span></p>"
						   "<h1>What becomes of a request when something breaks</h1>\n");
	if (report_true(report, "interrupted"))
		buffer_append_str(
			out, "<p class=\"banner missed\">The run was interrupted: this is what had been "
				 "measured until then.</p>\n");
	if (report_string(report, "error")[0] != '\0')
	{
		buffer_append_str(out, "<p class=\"banner missed\" id=\"error\">It ended with an error: ");
		html_text(out, report_string(report, "error"));
		buffer_append_str(out, ". This is what had been measured until then.</p>\n");
	}
	if (tally.expected == 0)
		buffer_append_str(out, "<p class=\"banner none\" id=\"verdict\">Nothing was expected, so "
							   "nothing is judged.</p>\n");
	else if (report_true(report, "passed") && tally.held == tally.expected)
		buffer_append_str(out,
						  "<p class=\"banner held\" id=\"verdict\">Every expectation held.</p>\n");
	else if (tally.held == tally.expected)
		buffer_append_str(
			out, "<p class=\"banner missed\" id=\"verdict\">Every expectation held, and the "
				 "run did not pass: it wasn't finished, or a fault never came.</p>\n");
	else
		buffer_printf(
			out,
			"<p class=\"banner missed\" id=\"verdict\">%d of %d expectations did not hold.</p>\n",
			tally.expected - tally.held, tally.expected);
	write_tiles(out, report, &tally);
	buffer_append_str(out, "<nav>");
	if (tally.scenarios > 0)
		buffer_append_str(
			out, "<a href=\"#matrix\">Matrix</a> <a href=\"#price\">Price</a> "
				 "<a href=\"#estimate\">Your cost</a> <a href=\"#scenarios\">Scenarios</a> ");
	if (json_array_size(json_object_get(report, "inventory")) > 0)
		buffer_append_str(out, "<a href=\"#inventory\">Services</a> ");
	buffer_append_str(out, "<a href=\"#method\">Method</a></nav></header>\n<main>\n");
}

static void
write_paths(Buffer *out, const json_t *report)
{
	const json_t *path;
	size_t i;

	buffer_append_str(out, "<section id=\"paths\"><h2>The paths</h2>\n<dl class=\"paths\">\n");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		buffer_printf(out, "<div><dt><span class=\"key p%zu\">", i);
		html_text(out, report_string(path, "title"));
		buffer_append_str(out, "</span> <code>");
		html_text(out, report_string(path, "name"));
		buffer_append_str(out, "</code></dt><dd>");
		html_text(out, report_string(path, "about"));
		buffer_append_str(out, "</dd></div>\n");
	}
	buffer_append_str(out, "</dl></section>\n");
}

/* -------------------------------------------------------------------------
 * the method
 * ------------------------------------------------------------------------- */

static void
write_value(Buffer *out, const json_t *value)
{
	char *text;

	if (json_is_string(value))
	{
		html_text(out, json_string_value(value));
		return;
	}
	text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(10));
	html_text(out, text != NULL ? text : "");
	free(text);
}

static void
write_members(Buffer *out, const char *title, const json_t *object)
{
	const char *key;
	json_t *value;

	if (json_object_size(object) == 0)
		return;
	buffer_printf(out, "<div><h3>%s</h3><dl>", title);
	json_object_foreach((json_t *) object, key, value)
	{
		buffer_append_str(out, "<div><dt>");
		html_text(out, key);
		buffer_append_str(out, "</dt><dd>");
		write_value(out, value);
		buffer_append_str(out, "</dd></div>");
	}
	buffer_append_str(out, "</dl></div>\n");
}

static void
write_run_facts(Buffer *out, const json_t *report)
{
	static const char *const keys[] = {"started_at", "commit", "seed",
									   "repeats",	 "took_s", "interrupted"};

	buffer_append_str(out, "<div><h3>Run</h3><dl>");
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
	{
		const json_t *value = json_object_get(report, keys[i]);

		if (value == NULL)
			continue;
		buffer_printf(out, "<div><dt>%s</dt><dd>", keys[i]);
		write_value(out, value);
		buffer_append_str(out, "</dd></div>");
	}
	buffer_append_str(out, "</dl></div>\n");
}

void
report_html_method(Buffer *out, const json_t *report)
{
	buffer_append_str(
		out,
		"<section id=\"method\"><h2>How it was measured, and what it doesn't show</h2>\n<ul>\n"
		"<li>All paths of a run get the same payloads at the same intended times, with the same "
		"pools and time-outs, while the same parts fail at the same moments.</li>\n"
		"<li>The load is open: a request is sent when its time has come, whatever became of those "
		"before it. Latency counts from that intended time, and its percentiles are over the "
		"accepted: a fast refusal is no low latency.</li>\n"
		"<li>A request is <i>rejected</i> when the answer says that nothing was stored, and "
		"<i>unknown</i> when no answer came in time or the answer says that nobody knows.</li>\n"
		"<li><i>Lost</i> is what was accepted, isn't in the target and isn't on its way; "
		"<i>invented</i> is what is in the target and nobody offered. Both are counted in the "
		"databases after the load, not in the application.</li>\n"
		"<li>Everything runs on one machine: the parts share processors and disk, and a network "
		"between machines adds its own latency. Absolute numbers are of this machine; the "
		"differences between paths are what carries over.</li>\n"
		"<li>One broker keeps one copy, and each database is alone: there is no failover to "
		"another machine, for any path.</li>\n"
		"<li>A run is short. What only shows after hours, such as memory or bloat, isn't "
		"here.</li>\n"
		"</ul>\n<div class=\"method\">\n");
	write_run_facts(out, report);
	write_members(out, "Machine", json_object_get(report, "machine"));
	write_members(out, "Versions", json_object_get(report, "versions"));
	write_members(out, "Settings", json_object_get(report, "settings"));
	buffer_append_str(out, "</div></section>\n");
}

/* What compares the paths of a request; nothing when only services were compared. */
static void
write_comparison(Buffer *out, const json_t *report)
{
	size_t count = json_array_size(json_object_get(report, "scenarios"));

	if (count == 0)
		return;
	report_html_matrix(out, report);
	write_paths(out, report);
	report_html_price(out, report);
	report_html_estimate(out, report);
	buffer_append_str(out,
					  "<section id=\"scenarios\"><h2>The scenarios, run by run</h2></section>\n");
	for (size_t i = 0; i < count; i++)
		report_html_scenario(out, report, i);
}

void
report_html(Buffer *out, const json_t *report)
{
	write_head(out);
	write_top(out, report);
	write_comparison(out, report);
	report_html_inventory(out, report);
	report_html_method(out, report);
	buffer_append_str(out, "</main>\n<div id=\"pointer\" hidden></div>\n<script>\n");
	web_append(out, WEB_REPORT_JS);
	buffer_append_str(out, "</script>\n</body></html>\n");
}
