/*
 * report_html_price.c
 *	  What a path costs while nothing fails: latency, CPU time, WAL.
 */
#include "report_html.h"

#include <stdio.h>
#include <string.h>

#include "report_words.h"

/* The path that the others are compared with. */
#define PLAIN_PATH "direct"

/* Of a path in calm weather: alone, or the means over the runs; NAN is what wasn't measured. */
typedef struct Price
{
	double p50_ms, p99_ms;
	double cpu_ms;	  /* a request */
	double wal_bytes; /* a request, of both servers */
} Price;

typedef struct Mean
{
	double sum;
	int count;
} Mean;

static void
mean_add(Mean *mean, double value)
{
	if (isnan(value))
		return;
	mean->sum += value;
	mean->count++;
}

static double
mean_of(const Mean *mean)
{
	return mean->count > 0 ? mean->sum / mean->count : NAN;
}

/* Of each path alone, when that was measured; else NULL. */
static const json_t *
alone_of(const json_t *scenario, const char *path)
{
	const json_t *price = json_object_get(scenario, "price");

	return json_object_get(json_object_get(price, "paths"), path);
}

/* Without what the parts take while nobody asks for anything; "inside" is cpu_s or wal_bytes. */
static double
above_idle(const json_t *scenario, const json_t *alone, const char *inside)
{
	const json_t *idle = json_object_get(json_object_get(scenario, "price"), "idle");
	double of_idle = report_sum(json_object_get(idle, inside)) / report_number(idle, "took_s");
	double used = report_sum(json_object_get(alone, inside)) -
				  (isnan(of_idle) ? 0 : of_idle * report_number(alone, "took_s"));

	return fmax(used, 0) / report_number(alone, "offered");
}

static Price
price_alone(const json_t *scenario, const json_t *alone)
{
	const json_t *latency = json_object_get(alone, "latency_ms");

	return (Price){.p50_ms = report_number(latency, "p50"),
				   .p99_ms = report_number(latency, "p99"),
				   .cpu_ms = 1000 * above_idle(scenario, alone, "cpu_s"),
				   .wal_bytes = above_idle(scenario, alone, "wal_bytes")};
}

/* While all ran at once only latencies can be told apart. */
static Price
price_of(const json_t *scenario, const char *path)
{
	const json_t *alone = alone_of(scenario, path);
	Mean p50 = {0};
	Mean p99 = {0};
	const json_t *run;
	size_t i;

	if (alone != NULL)
		return price_alone(scenario, alone);
	json_array_foreach(json_object_get(scenario, "runs"), i, run)
	{
		const json_t *latency = json_object_get(report_run_path(run, path), "latency_ms");

		mean_add(&p50, report_number(latency, "p50"));
		mean_add(&p99, report_number(latency, "p99"));
	}
	return (Price){mean_of(&p50), mean_of(&p99), NAN, NAN};
}

typedef const char *(*Word)(double number, char *text);

/* A number, and how it stands to that of the plain path. */
static void
write_compared(Buffer *out, const char *of, double number, double plain, Word word_of)
{
	char word[WORD_SIZE];

	buffer_printf(out, "<td data-of=\"%s\">%s", of, word_of(number, word));
	if (!isnan(number) && !isnan(plain) && plain > 0 && number != plain)
		buffer_printf(out, " <small>%s%s, ×%.2f</small>", number > plain ? "+" : "\u2212",
					  word_of(fabs(number - plain), word), number / plain);
	buffer_append_str(out, "</td>");
}

static void
write_path_prices(Buffer *out, const json_t *report, const json_t *calm)
{
	Price plain = price_of(calm, PLAIN_PATH);
	const json_t *path;
	size_t i;

	html_table_begin(out, "prices stacked", "");
	buffer_append_str(out, "<thead><tr><th scope=\"col\">Path</th><th scope=\"col\">p50</th>"
						   "<th scope=\"col\">p99</th><th scope=\"col\">CPU a request</th>"
						   "<th scope=\"col\">WAL a request</th></tr></thead><tbody>\n");
	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		Price price = price_of(calm, report_string(path, "name"));

		buffer_append_str(out, "<tr data-path=\"");
		html_text(out, report_string(path, "name"));
		buffer_printf(out, "\"><th scope=\"row\"><span class=\"key p%zu\">", i);
		html_text(out, report_string(path, "title"));
		buffer_append_str(out, "</span></th>");
		write_compared(out, "p50", price.p50_ms, plain.p50_ms, word_ms);
		write_compared(out, "p99", price.p99_ms, plain.p99_ms, word_ms);
		write_compared(out, "CPU a request", price.cpu_ms, plain.cpu_ms, word_ms);
		write_compared(out, "WAL a request", price.wal_bytes, plain.wal_bytes, word_bytes);
		buffer_append_str(out, "</tr>\n");
	}
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
}

static double
offered_to_all(const json_t *run)
{
	double sum = 0;
	const char *name;
	json_t *path;

	json_object_foreach(json_object_get(run, "paths"), name, path)
	{
		double offered = report_number(path, "offered");

		sum += isnan(offered) ? 0 : offered;
	}
	return sum;
}

/* A row for each part, by its mean over the runs; inside: "cpu_s" or "wal_bytes". */
static void
write_shared_rows(Buffer *out, const json_t *runs, const char *inside, const char *what,
				  double factor, Word word_of)
{
	const json_t *first = json_object_get(json_object_get(json_array_get(runs, 0), "cost"), inside);
	char word[WORD_SIZE];
	const char *part;
	json_t *value;

	json_object_foreach((json_t *) first, part, value)
	{
		Mean mean = {0};
		const json_t *run;
		size_t i;

		json_array_foreach(runs, i, run)
		{
			const json_t *amounts = json_object_get(json_object_get(run, "cost"), inside);

			if (offered_to_all(run) > 0)
				mean_add(&mean, factor * report_number(amounts, part) / offered_to_all(run));
		}
		buffer_append_str(out, "<tr><th scope=\"row\">");
		html_text(out, part);
		buffer_printf(out, "</th><td>%s</td><td>%s</td></tr>\n", what,
					  word_of(mean_of(&mean), word));
	}
}

/* What can't be told apart is at least said together. */
static void
write_shared(Buffer *out, const json_t *calm)
{
	const json_t *runs = json_object_get(calm, "runs");

	html_table_begin(out, "shared", "By part: of a request, in the mean over all paths");
	buffer_append_str(out, "<thead><tr><th scope=\"col\">Part</th><th scope=\"col\">Of what</th>"
						   "<th scope=\"col\">A request</th></tr></thead><tbody>\n");
	write_shared_rows(out, runs, "cpu_s", "CPU time", 1000, word_ms);
	write_shared_rows(out, runs, "wal_bytes", "WAL", 1, word_bytes);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
}

void
report_html_price(Buffer *out, const json_t *report)
{
	const json_t *calm = report_calm(report);

	buffer_append_str(out, "<section id=\"price\"><h2>The price in calm weather</h2>\n");
	if (calm == NULL || json_array_size(json_object_get(calm, "runs")) == 0)
	{
		buffer_append_str(out, "<p class=\"none\">No scenario without faults was run, so there is "
							   "no price. <code>outbox-compare run calm</code> measures it.</p>"
							   "</section>\n");
		return;
	}
	buffer_append_str(out, "<p>While nothing fails, beside <i>" PLAIN_PATH "</i>. ");
	if (json_object_get(calm, "price") != NULL)
		buffer_append_str(out,
						  "Each path had the machine to itself for a short time; CPU time is that "
						  "of all parts, WAL that of both databases, each without what they take "
						  "while nobody asks for anything.");
	else
		buffer_append_str(out,
						  "All paths ran at once, so CPU time and WAL can't be told apart by "
						  "path: below they are by part, of which only the paths through Kafka "
						  "use relay, broker and consumer. <code>outbox-compare run calm "
						  "--price</code> runs each path alone, too.");
	buffer_append_str(out, "</p>\n");
	write_path_prices(out, report, calm);
	write_shared(out, calm);
	buffer_append_str(out, "</section>\n");
}

/* -------------------------------------------------------------------------
 * of a run: all paths together
 * ------------------------------------------------------------------------- */

static void
write_amounts(Buffer *out, const json_t *amounts, const char *what, Word word_of)
{
	char word[WORD_SIZE];
	const char *key;
	json_t *value;

	json_object_foreach((json_t *) amounts, key, value)
	{
		buffer_append_str(out, "<tr><th scope=\"row\">");
		html_text(out, key);
		buffer_printf(out, "</th><td>%s</td><td>%s</td></tr>\n", what,
					  word_of(report_value(value), word));
	}
}

void
report_html_cost(Buffer *out, const json_t *run)
{
	const json_t *cost = json_object_get(run, "cost");

	if (json_object_size(cost) == 0)
		return;
	buffer_append_str(out, "<details class=\"data\"><summary>What the parts used, for all paths "
						   "together</summary>");
	html_table_begin(out, "cost", "");
	buffer_append_str(out, "<thead><tr><th scope=\"col\">Part</th><th scope=\"col\">Of what</th>"
						   "<th scope=\"col\">How much</th></tr></thead><tbody>");
	write_amounts(out, json_object_get(cost, "cpu_s"), "CPU time", word_seconds);
	write_amounts(out, json_object_get(cost, "wal_bytes"), "WAL", word_bytes);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	buffer_append_str(out, "</details>\n");
}
