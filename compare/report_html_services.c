/*
 * report_html_services.c
 *	  What happened in an inventory run, second by second.
 */
#include "report_html.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report_series.h"
#include "report_words.h"
#include "shop.h"

#define COUNTS 4
#define CLASS_SIZE 32
#define MEANING_SIZE 256

static const char *const count_names[COUNTS] = {"offered", "accepted", "rejected", "unknown"};

/* The timeline as columns; NAN is what could not be seen. */
typedef struct ShopSeries
{
	ChartFrame frame;
	double *t;
	double *ends;							 /* of the seconds */
	double *counts[SHOP_PATH_COUNT][COUNTS]; /* the last two are on top of those before them */
	double *behind[SERVICES_CALLED];
	const char **breaker[SERVICES_CALLED]; /* NULL: not seen */
	double *memory;
	const char **states;
} ShopSeries;

/* -------------------------------------------------------------------------
 * the columns
 * ------------------------------------------------------------------------- */

static void
read_row(ShopSeries *series, size_t i, const json_t *row)
{
	series->t[i] = report_number(row, "t");
	series->ends[i] = series->t[i] + 1;
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		const json_t *counts =
			json_object_get(json_object_get(row, "paths"), shop_path_name((ShopPath) path));

		for (int count = 0; count < COUNTS; count++)
			series->counts[path][count][i] = report_number(counts, count_names[count]);
	}
	for (int service = 0; service < SERVICES_CALLED; service++)
	{
		const json_t *state =
			json_object_get(json_object_get(row, "services"), service_name((Service) service));
		const char *breaker = report_string(state, "breaker");

		series->behind[service][i] = report_number(state, "behind");
		series->breaker[service][i] = breaker[0] != '\0' ? breaker : NULL;
	}
}

/* False: out of memory. */
static bool
read_series(ShopSeries *series, const json_t *run)
{
	const json_t *timeline = json_object_get(run, "shop_timeline");
	size_t count = json_array_size(timeline);
	double *next;
	const json_t *row;
	size_t i;

	memset(series, 0, sizeof(*series));
	series->memory =
		calloc((count + 1) * (2 + SHOP_PATH_COUNT * COUNTS + SERVICES_CALLED), sizeof(double));
	series->states = calloc((count + 1) * SERVICES_CALLED, sizeof(*series->states));
	if (series->memory == NULL || series->states == NULL)
		return false;
	series->t = series->memory;
	series->ends = series->memory + count;
	next = series->ends + count;
	for (int column = 0; column < SHOP_PATH_COUNT * COUNTS; column++, next += count)
		series->counts[column / COUNTS][column % COUNTS] = next;
	for (int service = 0; service < SERVICES_CALLED; service++, next += count)
	{
		series->behind[service] = next;
		series->breaker[service] = series->states + count * (size_t) service;
	}
	json_array_foreach(timeline, i, row) read_row(series, i, row);
	series->frame = (ChartFrame){
		.t = series->t, .count = count, .end = (double) count, .points = STEPS_OF_SECONDS};
	report_series_faults(&series->frame, json_object_get(run, "faults"));
	return true;
}

static void
free_series(ShopSeries *series)
{
	free(series->memory);
	free(series->states);
}

/* -------------------------------------------------------------------------
 * the charts
 * ------------------------------------------------------------------------- */

static void
begin_figure(Buffer *out, const char *name, const char *title, const char *about)
{
	buffer_printf(out, "<figure class=\"chart %s\"><figcaption><b>%s</b> %s</figcaption>\n", name,
				  title, about);
}

static void
begin_data(Buffer *out, const ChartFrame *frame)
{
	chart_seconds(out, frame);
	buffer_append_str(out, "<details class=\"data\"><summary>Data</summary>");
	html_table_begin(out, "numbers", "");
	buffer_append_str(out, "<thead><tr><th scope=\"col\">s</th>");
}

static void
end_data(Buffer *out)
{
	buffer_append_str(out, "</tbody>");
	html_table_end(out);
	buffer_append_str(out, "</details></figure>\n");
}

typedef struct Breakers
{
	const char **states;
} Breakers;

static const char *
breaker_class(size_t index, const char **word, void *arg)
{
	const Breakers *breakers = arg;
	const char *state = breakers->states[index];

	if (state == NULL)
		return NULL;
	*word = strcmp(state, "half_open") == 0 ? "half-open" : state;
	return strcmp(state, "half_open") == 0 ? "half" : state;
}

static void
write_behind(Buffer *out, ShopSeries *series)
{
	ChartFrame frame = series->frame;
	double most = 0;
	ChartScale scale;
	char word[WORD_SIZE];

	frame.t = series->ends;
	frame.points = POINTS_OF_MOMENTS;
	for (int i = 0; i < SERVICES_CALLED; i++)
		most = chart_max(series->behind[i], frame.count, most);
	scale = chart_linear(most, UNIT_COUNT);
	begin_figure(out, "behind", "How far each service is behind",
				 "with the outbox: orders that were answered as accepted and aren't there, at the "
				 "end of each second, and the circuit breaker of its consumer");
	chart_faults(out, &frame);
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		char label[CLASS_SIZE];
		char class[CLASS_SIZE];
		char meaning[MEANING_SIZE];
		Breakers breakers = {series->breaker[i]};

		snprintf(class, sizeof(class), "key p%d", i);
		snprintf(meaning, sizeof(meaning), "Orders that %s is behind", service_name((Service) i));
		chart_begin(out, &frame, &scale, service_name((Service) i), class, meaning);
		snprintf(class, sizeof(class), "soft p%d", i);
		chart_band(out, &frame, &scale, NULL, series->behind[i], class);
		snprintf(class, sizeof(class), "p%d", i);
		chart_line(out, &frame, &scale, series->behind[i], class);
		chart_end(out);
		snprintf(label, sizeof(label), "its breaker");
		chart_states(out, &series->frame, label, breaker_class, &breakers);
	}
	begin_data(out, &frame);
	for (int i = 0; i < SERVICES_CALLED; i++)
		buffer_printf(out, "<th scope=\"col\">%s</th><th scope=\"col\">its breaker</th>",
					  service_name((Service) i));
	buffer_append_str(out, "</tr></thead><tbody>\n");
	for (size_t row = 0; row < frame.count; row++)
	{
		buffer_printf(out, "<tr><th>%s</th>", word_plain(series->t[row], word));
		for (int i = 0; i < SERVICES_CALLED; i++)
		{
			buffer_printf(out, "<td>%s<td>", word_plain(series->behind[i][row], word));
			html_text(out, series->breaker[i][row] != NULL ? series->breaker[i][row] : "");
		}
		buffer_append_str(out, "</tr>\n");
	}
	end_data(out);
}

static void
write_requests_data(Buffer *out, const ShopSeries *series)
{
	char word[WORD_SIZE];

	begin_data(out, &series->frame);
	for (int column = 0; column < SHOP_PATH_COUNT * COUNTS; column++)
		buffer_printf(out, "<th scope=\"col\">%s %s</th>",
					  shop_path_name((ShopPath) (column / COUNTS)), count_names[column % COUNTS]);
	buffer_append_str(out, "</tr></thead><tbody>\n");
	for (size_t row = 0; row < series->frame.count; row++)
	{
		buffer_printf(out, "<tr><th>%s</th>", word_plain(series->t[row], word));
		for (int column = 0; column < SHOP_PATH_COUNT * COUNTS; column++)
			buffer_printf(out, "<td>%s",
						  word_plain(series->counts[column / COUNTS][column % COUNTS][row], word));
		buffer_append_str(out, "</tr>\n");
	}
	end_data(out);
}

/* After the table: what is drawn is stacked. */
static void
write_requests(Buffer *out, ShopSeries *series)
{
	const ChartFrame *frame = &series->frame;
	double *stack = calloc(2 * frame->count + 1, sizeof(*stack));
	double most = 0;
	ChartScale scale;

	if (stack == NULL)
	{
		out->failed = true;
		return;
	}
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
		most = chart_max(series->counts[path][0], frame->count, most);
	scale = chart_linear(most, UNIT_COUNT);
	begin_figure(
		out, "shop-requests", "What became of the orders of each second",
		"<span class=\"key accepted\">accepted</span> <span class=\"key rejected\">rejected</span> "
		"<span class=\"key unknown\">unknown</span> <span class=\"key offered\">offered</span>");
	chart_faults(out, frame);
	for (int path = 0; path < SHOP_PATH_COUNT; path++)
	{
		double *const *counts = series->counts[path];
		double *settled = stack;
		double *answered = stack + frame->count;

		for (size_t i = 0; i < frame->count; i++)
		{
			settled[i] = counts[1][i] + counts[2][i];
			answered[i] = settled[i] + counts[3][i];
		}
		chart_begin(out, frame, &scale, shop_path_name((ShopPath) path), "plain",
					"Orders per second that were offered, accepted, rejected and unknown");
		chart_band(out, frame, &scale, NULL, counts[1], "accepted");
		chart_band(out, frame, &scale, counts[1], settled, "rejected");
		chart_band(out, frame, &scale, settled, answered, "unknown");
		chart_line(out, frame, &scale, counts[0], "offered");
		chart_end(out);
	}
	free(stack);
	write_requests_data(out, series);
}

void
report_html_services(Buffer *out, const json_t *run)
{
	ShopSeries series;

	if (!read_series(&series, run))
		out->failed = true;
	else if (series.frame.count > 0)
	{
		write_behind(out, &series);
		write_requests(out, &series);
	}
	free_series(&series);
}
