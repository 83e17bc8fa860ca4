/*
 * report_html.h
 *	  The report as one HTML file that asks nobody for anything, and its parts.
 *
 * All of it is written here from report.json: charts and tables are there without a script.
 * The script adds the reader's own value of a request, and the numbers under the pointer.
 * Everything of the document goes through html_text().
 */
#ifndef OUTBOX_COMPARE_REPORT_HTML_H
#define OUTBOX_COMPARE_REPORT_HTML_H

#include "buffer.h"
#include "report_read.h"

/* The whole page; out.failed is set when it is too large. */
extern void report_html(Buffer *out, const json_t *report);

/* Its sections. */
extern void report_html_matrix(Buffer *out, const json_t *report);
extern void report_html_price(Buffer *out, const json_t *report);
extern void report_html_estimate(Buffer *out, const json_t *report);
extern void report_html_scenario(Buffer *out, const json_t *report, size_t index);
extern void report_html_method(Buffer *out, const json_t *report);

/* The inventory scenarios, if there are any. */
extern void report_html_inventory(Buffer *out, const json_t *report);
extern void report_html_services(Buffer *out, const json_t *run); /* its charts over time */

/* What both kinds of scenarios have. */
extern void report_html_about(Buffer *out, const json_t *scenario); /* its title ends with it */
extern void report_html_run_head(Buffer *out, const json_t *run, size_t index, size_t count);
extern void report_html_expectation(Buffer *out, const json_t *expectation); /* <li> */
/* "Direct rejected: 120 times what it would be stored in was away.", unless there are no reasons. */
extern void report_html_reasons(Buffer *out, const char *title, json_t *reasons);
extern void report_html_faults(Buffer *out, const char *what, const json_t *faults);

/* Of a run: its charts over time, each with its table; its latencies by percentile. */
extern void report_html_timeline(Buffer *out, const json_t *report, const json_t *run);
extern void report_html_percentiles(Buffer *out, const json_t *report, const json_t *run);
extern void report_html_ledger(Buffer *out, const json_t *report, const json_t *run);
extern void report_html_cost(Buffer *out, const json_t *run);

/* A table that may be wider than the page: <div><table><caption>. */
extern void html_table_begin(Buffer *out, const char *class, const char *caption);
extern void html_table_end(Buffer *out);

#endif
