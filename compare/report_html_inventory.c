/*
 * report_html_inventory.c
 *	  The inventory scenarios: who heard of the orders, how late, and who came last.
 */
#include "report_html.h"

#include <string.h>

#include "report_words.h"
#include "shop.h"

/* -------------------------------------------------------------------------
 * the tables
 * ------------------------------------------------------------------------- */

typedef const char *(*Word)(double number, char *text);

typedef struct ShopColumn
{
	const char *inside; /* NULL, or the object in which the number is */
	const char *key;
	const char *title;
	Word word;
} ShopColumn;

static void
write_table_head(Buffer *out, const ShopColumn *columns, size_t count)
{
	buffer_append_str(out, "<thead><tr><td></td>");
	for (size_t i = 0; i < count; i++)
		buffer_printf(out, "<th scope=\"col\">%s</th>", columns[i].title);
	buffer_append_str(out, "</tr></thead><tbody>\n");
}

static void
write_table_row(Buffer *out, const json_t *object, const ShopColumn *columns, size_t count)
{
	char word[WORD_SIZE];

	for (size_t i = 0; i < count; i++)
	{
		const json_t *from =
			columns[i].inside != NULL ? json_object_get(object, columns[i].inside) : object;

		buffer_printf(out, "<td data-is=\"%s%s%s\">%s</td>",
					  columns[i].inside != NULL ? columns[i].inside : "",
					  columns[i].inside != NULL ? "." : "", columns[i].key,
					  columns[i].word(report_number(from, columns[i].key), word));
	}
	buffer_append_str(out, "</tr>\n");
}

/* The row's first cell: a path, or a service of it (NULL: of all together). */
static void
begin_row(Buffer *out, const char *name, const json_t *path, const char *service)
{
	buffer_append_str(out, "<tr data-path=\"");
	html_text(out, name);
	if (service != NULL)
	{
		buffer_append_str(out, "\" data-service=\"");
		html_text(out, service);
	}
	buffer_append_str(out, "\"><th scope=\"row\">");
	html_text(out, report_string(path, "title"));
	if (service != NULL)
	{
		buffer_append_str(out, ": ");
		html_text(out, service);
	}
	buffer_append_str(out, "</th>");
}

static void
write_paths_table(Buffer *out, const json_t *shop)
{
	static const ShopColumn columns[] = {{NULL, "offered", "offered", word_count},
										 {NULL, "accepted", "accepted", word_count},
										 {NULL, "rejected", "rejected", word_count},
										 {NULL, "unknown", "unknown", word_count},
										 {NULL, "durable", "in the source", word_count},
										 {NULL, "everywhere", "in every service", word_count},
										 {NULL, "partial", "in some services only", word_count},
										 {"rates", "visible", "visible", word_percent},
										 {"latency_ms", "p50", "p50", word_ms},
										 {"latency_ms", "p99", "p99", word_ms}};
	size_t count = sizeof(columns) / sizeof(columns[0]);
	const char *name;
	json_t *path;

	html_table_begin(out, "ledger shop-paths",
					 "What the callers got: offered = accepted + rejected + unknown");
	write_table_head(out, columns, count);
	/* The macro takes what it could change, and changes nothing. */
	json_object_foreach((json_t *) shop, name, path)
	{
		begin_row(out, name, path, NULL);
		write_table_row(out, path, columns, count);
	}
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	json_object_foreach((json_t *) shop, name, path) report_html_reasons(
		out, report_string(path, "title"), json_object_get(path, "rejected_because"));
}

static void
write_services_table(Buffer *out, const json_t *shop)
{
	static const ShopColumn columns[] = {
		{NULL, "in_service", "there", word_count},
		{NULL, "accepted_in_service", "accepted and there", word_count},
		{NULL, "pending", "pending", word_count},
		{NULL, "lost", "lost", word_count},
		{NULL, "duplicates", "twice", word_count},
		{NULL, "order_violations", "out of order", word_count},
		{NULL, "invented", "never ordered", word_count},
		{NULL, "different", "different", word_count},
		{"lag_s", "p50", "lag, p50", word_seconds},
		{"lag_s", "max", "lag, worst", word_seconds},
		{NULL, "drain_s", "drained in", word_seconds}};
	size_t count = sizeof(columns) / sizeof(columns[0]);
	const char *name;
	json_t *path;

	html_table_begin(out, "ledger shop-services",
					 "The books of each service: accepted = accepted and there + pending + lost. "
					 "Different: orders that don't say what was ordered, and products whose total "
					 "isn't that of the orders");
	write_table_head(out, columns, count);
	json_object_foreach((json_t *) shop, name, path)
	{
		const char *service;
		json_t *books;

		json_object_foreach(json_object_get(path, "services"), service, books)
		{
			begin_row(out, name, path, service);
			write_table_row(out, books, columns, count);
		}
	}
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
}

static void
write_replay(Buffer *out, const json_t *replay)
{
	char word[WORD_SIZE];

	if (!json_is_object(replay))
		return;
	buffer_append_str(out, "<p class=\"replay\">A service that nobody had thought of, <b>");
	html_text(out, report_string(replay, "service"));
	buffer_printf(out, "</b>, started when all was over: it read <b data-is=\"orders\">%s</b> ",
				  word_count(report_number(replay, "orders"), word));
	buffer_printf(out, "orders from the beginning of the topic in <b data-is=\"seconds\">%s</b>, ",
				  word_seconds(report_number(replay, "seconds"), word));
	buffer_printf(out,
				  "of which <b data-is=\"different\">%s</b> differ from what was ordered.</p>\n",
				  word_count(report_number(replay, "different"), word));
}

/* -------------------------------------------------------------------------
 * runs and scenarios
 * ------------------------------------------------------------------------- */

/* Of a path, or of a service of it (NULL: of all together); nothing when there is none. */
static void
write_expected(Buffer *out, const json_t *expectations, const char *path, const char *service)
{
	const json_t *expectation;
	bool any = false;
	size_t i;

	json_array_foreach(expectations, i, expectation)
	{
		if (strcmp(report_string(expectation, "path"), path) != 0 ||
			strcmp(report_string(expectation, "service"), service != NULL ? service : "") != 0)
			continue;
		if (!any)
			buffer_printf(out, "<tr data-path=\"%s\"><th scope=\"row\">%s %s</th><td><ul>", path,
						  path, service != NULL ? service : "");
		any = true;
		report_html_expectation(out, expectation);
	}
	if (any)
		buffer_append_str(out, "</ul></td></tr>\n");
}

static void
write_expectations(Buffer *out, const json_t *run)
{
	const json_t *expectations = json_object_get(run, "expectations");

	if (json_array_size(expectations) == 0)
	{
		buffer_append_str(out, "<p class=\"none\">Nothing was expected of this run.</p>\n");
		return;
	}
	html_table_begin(out, "expectations", "What was expected, and beside it what was measured");
	buffer_append_str(out, "<tbody>\n");
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		write_expected(out, expectations, shop_path_name((ShopPath) path), NULL);
		for (int i = 0; i < SERVICE_COUNT; i++)
			write_expected(out, expectations, shop_path_name((ShopPath) path),
						   service_name((Service) i));
	}
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
}

static void
write_run(Buffer *out, const json_t *run, size_t index, size_t count)
{
	const json_t *shop = json_object_get(run, "shop");

	report_html_run_head(out, run, index, count);
	write_expectations(out, run);
	report_html_services(out, run);
	write_paths_table(out, shop);
	write_services_table(out, shop);
	write_replay(out, json_object_get(run, "replay"));
	buffer_append_str(out, "</details>\n");
}

static void
write_shop_paths(Buffer *out)
{
	buffer_append_str(out, "<dl class=\"paths\">\n");
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		buffer_printf(out, "<div><dt>%s <code>%s</code></dt><dd>%s</dd></div>\n",
					  shop_path_title((ShopPath) path), shop_path_name((ShopPath) path),
					  shop_path_about((ShopPath) path));
	buffer_append_str(out, "</dl>\n");
}

void
report_html_inventory(Buffer *out, const json_t *report)
{
	const json_t *scenarios = json_object_get(report, "inventory");
	const json_t *scenario;
	size_t i;

	if (json_array_size(scenarios) == 0)
		return;
	buffer_append_str(out,
					  "<section id=\"inventory\"><h2>One order, several services</h2>\n"
					  "<p>The same orders at the same moments on two paths. The requests are made "
					  "in the conductor, without HTTP, so their latencies stand beside each other, "
					  "not beside those of the matrix.</p>\n");
	write_shop_paths(out);
	json_array_foreach(scenarios, i, scenario)
	{
		const json_t *runs = json_object_get(scenario, "runs");
		const json_t *run;
		size_t j;

		buffer_printf(out, "<section class=\"scenario\" id=\"inventory-%zu\"><h3>", i);
		html_text(out, report_string(scenario, "title"));
		report_html_about(out, scenario);
		json_array_foreach(runs, j, run) write_run(out, run, j, json_array_size(runs));
		buffer_append_str(out, "</section>\n");
	}
	buffer_append_str(out, "</section>\n");
}
