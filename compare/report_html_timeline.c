/*
 * report_html_timeline.c
 *	  What happened in a run, second by second.
 *
 * All charts share the seconds and the shaded faults.  Under each is the table of its numbers,
 * as they are in the document; the script reads from it what it shows under the pointer.
 */
#include "report_html.h"

#include <stdio.h>
#include <string.h>

#include "report_series.h"
#include "report_words.h"

#define COLUMNS_MAX (4 * REPORT_PATHS_MAX)
#define CLASS_SIZE 32
#define MEANING_SIZE 256

/* A column of a chart's table. */
typedef struct Column
{
	const char *group;
	const char *name;
	const double *values;
} Column;

typedef struct Table
{
	Column columns[COLUMNS_MAX];
	size_t count;
} Table;

static void
add_column(Table *table, const char *group, const char *name, const double *values)
{
	if (table->count < COLUMNS_MAX)
		table->columns[table->count++] = (Column){group, name, values};
}

static const char *
path_class(const RunSeries *series, size_t path, const char *more, char *class)
{
	snprintf(class, CLASS_SIZE, "%s p%d", more, series->colours[path]);
	return class;
}

/* -------------------------------------------------------------------------
 * figures
 * ------------------------------------------------------------------------- */

static void
begin_figure(Buffer *out, const char *name, const char *title, const char *about)
{
	buffer_printf(out, "<figure class=\"chart %s\"><figcaption><b>%s</b> %s</figcaption>\n", name,
				  title, about);
}

/* The groups' names stand over their columns. */
static void
write_group_heads(Buffer *out, const Table *table)
{
	buffer_append_str(out, "<tr><td></td>");
	for (size_t i = 0; i < table->count;)
	{
		size_t end = i + 1;

		while (end < table->count && table->columns[end].group == table->columns[i].group)
			end++;
		buffer_printf(out, "<th colspan=\"%zu\" scope=\"colgroup\">", end - i);
		html_text(out, table->columns[i].group);
		buffer_append_str(out, "</th>");
		i = end;
	}
	buffer_append_str(out, "</tr>");
}

static void
write_rows(Buffer *out, const ChartFrame *frame, const Table *table, const char *const *words)
{
	char word[WORD_SIZE];

	for (size_t row = 0; row < frame->count; row++)
	{
		buffer_printf(out, "<tr><th>%s</th>", word_plain(frame->t[row], word));
		for (size_t i = 0; i < table->count; i++)
			buffer_printf(out, "<td>%s", word_plain(table->columns[i].values[row], word));
		if (words != NULL)
		{
			buffer_append_str(out, "<td>");
			html_text(out, words[row] != NULL ? words[row] : "");
		}
		buffer_append_str(out, "</tr>\n");
	}
}

/* words: a last column of text, or NULL. */
static void
end_figure(Buffer *out, const ChartFrame *frame, const Table *table, const char *const *words,
		   const char *words_name)
{
	chart_seconds(out, frame);
	buffer_append_str(out, "<details class=\"data\"><summary>Data</summary>");
	html_table_begin(out, "numbers", "");
	buffer_append_str(out, "<thead>");
	if (table->columns[0].group != NULL)
		write_group_heads(out, table);
	buffer_append_str(out, "<tr><th scope=\"col\">s</th>");
	for (size_t i = 0; i < table->count; i++)
	{
		buffer_append_str(out, "<th scope=\"col\">");
		html_text(out, table->columns[i].name);
		buffer_append_str(out, "</th>");
	}
	if (words != NULL)
		buffer_printf(out, "<th scope=\"col\">%s</th>", words_name);
	buffer_append_str(out, "</tr></thead><tbody>\n");
	write_rows(out, frame, table, words);
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	buffer_append_str(out, "</details></figure>\n");
}

static void
write_path_keys(Buffer *out, const RunSeries *series)
{
	buffer_append_str(out, "<p class=\"keys\">");
	for (size_t i = 0; i < series->path_count; i++)
	{
		buffer_printf(out, "<span class=\"key p%d\">", series->colours[i]);
		html_text(out, series->paths[i].title);
		buffer_append_str(out, "</span> ");
	}
	buffer_append_str(out, "</p>\n");
}

/* -------------------------------------------------------------------------
 * one chart each
 * ------------------------------------------------------------------------- */

static const ChartFrame *
frame_of(const RunSeries *series, ChartPoints points, ChartFrame *frame)
{
	*frame = series->frame;
	frame->points = points;
	return frame;
}

static void
write_requests(Buffer *out, const RunSeries *series)
{
	const ChartFrame *frame = frame_of(series, STEPS_OF_SECONDS, &(ChartFrame){0});
	Table table = {.count = 0};
	double most = 0;
	ChartScale scale;

	for (size_t i = 0; i < series->path_count; i++)
	{
		most = chart_max(series->paths[i].offered, frame->count, most);
		most = chart_max(series->paths[i].answered, frame->count, most);
	}
	scale = chart_linear(most, UNIT_COUNT);
	begin_figure(
		out, "requests", "What became of the requests of each second",
		"<span class=\"key accepted\">accepted</span> <span class=\"key rejected\">rejected</span> "
		"<span class=\"key unknown\">unknown</span> <span class=\"key offered\">offered</span>");
	chart_faults(out, frame);
	for (size_t i = 0; i < series->path_count; i++)
	{
		const PathSeries *path = &series->paths[i];
		char class[CLASS_SIZE];
		char meaning[MEANING_SIZE];

		snprintf(meaning, sizeof(meaning),
				 "%.80s: requests per second that were offered, accepted, rejected and unknown",
				 path->title);
		chart_begin(out, frame, &scale, path->title, path_class(series, i, "key", class), meaning);
		chart_band(out, frame, &scale, NULL, path->accepted, "accepted");
		chart_band(out, frame, &scale, path->accepted, path->settled, "rejected");
		chart_band(out, frame, &scale, path->settled, path->answered, "unknown");
		chart_line(out, frame, &scale, path->offered, "offered");
		chart_end(out);
		add_column(&table, path->title, "offered", path->offered);
		add_column(&table, path->title, "accepted", path->accepted);
		add_column(&table, path->title, "rejected", path->rejected);
		add_column(&table, path->title, "unknown", path->unknown);
	}
	end_figure(out, frame, &table, NULL, NULL);
}

static void
write_latency(Buffer *out, const RunSeries *series)
{
	const ChartFrame *frame = frame_of(series, POINTS_OF_SECONDS, &(ChartFrame){0});
	Table table = {.count = 0};
	double most = 0;
	double least = NAN;
	ChartScale scale;

	for (size_t i = 0; i < series->path_count; i++)
	{
		most = chart_max(series->paths[i].p99_ms, frame->count, most);
		least = chart_min_positive(series->paths[i].p50_ms, frame->count, least);
	}
	scale = chart_log(least, most, UNIT_MS);
	begin_figure(out, "latency", "Latency of the accepted, from the intended start",
				 "from p50 to p99 of each second; the scale is logarithmic");
	chart_faults(out, frame);
	for (size_t i = 0; i < series->path_count; i++)
	{
		const PathSeries *path = &series->paths[i];
		char class[CLASS_SIZE];
		char meaning[MEANING_SIZE];

		snprintf(meaning, sizeof(meaning), "%.80s: latency in milliseconds, p50 and p99",
				 path->title);
		chart_begin(out, frame, &scale, path->title, path_class(series, i, "key", class), meaning);
		chart_band(out, frame, &scale, path->p50_ms, path->p99_ms,
				   path_class(series, i, "soft", class));
		chart_line(out, frame, &scale, path->p50_ms, path_class(series, i, "thin", class));
		chart_line(out, frame, &scale, path->p99_ms, path_class(series, i, "", class));
		chart_end(out);
		add_column(&table, path->title, "p50 ms", path->p50_ms);
		add_column(&table, path->title, "p99 ms", path->p99_ms);
	}
	end_figure(out, frame, &table, NULL, NULL);
}

/* One line for each path in one plot. */
typedef struct Together
{
	const char *name, *title, *about, *label, *meaning;
	ChartUnit unit;
	size_t column; /* offset of the column in PathSeries */
	size_t table;  /* of the one in the table */
	size_t guess;  /* of the one that stands in for it where it wasn't seen; 0: none */
} Together;

static const double *
column_of(const PathSeries *path, size_t offset)
{
	const double *column;

	memcpy(&column, (const char *) path + offset, sizeof(column));
	return column;
}

static void
write_together(Buffer *out, const RunSeries *series, const Together *chart)
{
	const ChartFrame *frame = &series->frame;
	Table table = {.count = 0};
	double most = 0;
	ChartScale scale;

	for (size_t i = 0; i < series->path_count; i++)
	{
		most = chart_max(column_of(&series->paths[i], chart->column), frame->count, most);
		if (chart->guess > 0)
			most = chart_max(column_of(&series->paths[i], chart->guess), frame->count, most);
	}
	scale = chart_linear(most, chart->unit);
	begin_figure(out, chart->name, chart->title, chart->about);
	write_path_keys(out, series);
	chart_faults(out, frame);
	chart_begin(out, frame, &scale, chart->label, "plain", chart->meaning);
	for (size_t i = 0; i < series->path_count; i++)
	{
		const double *values = column_of(&series->paths[i], chart->column);
		char nested[CLASS_SIZE / 2];
		char class[CLASS_SIZE];

		snprintf(nested, sizeof(nested), "nested n%zu", i);
		chart_line(out, frame, &scale, values, path_class(series, i, nested, class));
		if (chart->guess > 0)
			chart_line(out, frame, &scale, column_of(&series->paths[i], chart->guess),
					   path_class(series, i, "guess", class));
		add_column(&table, NULL, series->paths[i].title,
				   column_of(&series->paths[i], chart->table));
	}
	chart_end(out);
	end_figure(out, frame, &table, NULL, NULL);
}

static const char *
breaker_class(size_t index, const char **word, void *arg)
{
	static const struct
	{
		const char *state, *class, *word;
	} states[] = {{"closed", "closed", "closed"},
				  {"open", "open", "open"},
				  {"half_open", "half", "half-open"}};
	const RunSeries *series = arg;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
	{
		if (series->breaker[index] == NULL || strcmp(series->breaker[index], states[i].state) != 0)
			continue;
		*word = states[i].word;
		return states[i].class;
	}
	return NULL;
}

static void
write_middle(Buffer *out, RunSeries *series)
{
	const ChartFrame *frame = &series->frame;
	ChartScale records = chart_linear(chart_max(series->lag, frame->count, 0), UNIT_COUNT);
	ChartScale bytes =
		chart_linear(chart_max(series->retained_wal_bytes, frame->count, 0), UNIT_BYTES);
	Table table = {.count = 0};

	begin_figure(
		out, "middle", "Between source and target",
		"records that the consumer has before it, WAL that the source keeps for the relay, "
		"the consumer's circuit breaker");
	chart_faults(out, frame);
	chart_begin(out, frame, &records, "Consumer lag, records", "plain",
				"Records that the consumer has before it");
	chart_band(out, frame, &records, NULL, series->lag, "soft ink");
	chart_line(out, frame, &records, series->lag, "ink");
	chart_end(out);
	chart_begin(out, frame, &bytes, "Retained WAL", "plain",
				"Bytes of WAL that the source keeps for the relay");
	chart_band(out, frame, &bytes, NULL, series->retained_wal_bytes, "soft ink");
	chart_line(out, frame, &bytes, series->retained_wal_bytes, "ink");
	chart_end(out);
	chart_states(out, frame, "Breaker", breaker_class, series);
	add_column(&table, NULL, "lag, records", series->lag);
	add_column(&table, NULL, "retained WAL, bytes", series->retained_wal_bytes);
	end_figure(out, frame, &table, series->breaker, "breaker");
}

void
report_html_timeline(Buffer *out, const json_t *report, const json_t *run)
{
	static const Together behind = {
		"behind",
		"Accepted, and not yet in the target",
		"what drains once everything works again; dotted while nobody can look into the target, "
		"with the last that was seen there",
		"Rows behind",
		"Accepted requests whose row isn't in the target yet, of each path",
		UNIT_COUNT,
		offsetof(PathSeries, behind),
		offsetof(PathSeries, behind),
		offsetof(PathSeries, behind_guess)};
	static const Together freshness = {
		"freshness",
		"Freshness of the target",
		"how old the newest row there was, while there was a newer one to come",
		"Age of the newest row",
		"Age in seconds of the newest row in the target, of each path",
		UNIT_SECONDS,
		offsetof(PathSeries, age_s),
		offsetof(PathSeries, freshness_s),
		0};
	RunSeries series;

	if (report_series_fill(&series, report, run) && series.frame.count > 0)
	{
		buffer_printf(out, "<div class=\"timeline\" data-start=\"%g\" data-end=\"%g\">\n",
					  series.frame.start, series.frame.end);
		write_requests(out, &series);
		write_latency(out, &series);
		write_together(out, &series, &behind);
		write_together(out, &series, &freshness);
		write_middle(out, &series);
		buffer_append_str(out, "</div>\n");
	}
	else
		buffer_append_str(out, "<p class=\"none\">This run has no timeline.</p>\n");
	report_series_free(&series);
}
