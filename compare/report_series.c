/*
 * report_series.c
 *	  From a timeline, a row a second, to columns.
 */
#include "report_series.h"

#include <stdlib.h>
#include <string.h>

#define COLUMNS_OF_A_PATH 13
#define COLUMNS_OF_A_RUN 3

/* The next column of the memory. */
static double *
take(double **next, size_t count)
{
	double *column = *next;

	*next += count;
	return column;
}

static void
take_columns(PathSeries *path, double **next, size_t count)
{
	path->offered = take(next, count);
	path->accepted = take(next, count);
	path->rejected = take(next, count);
	path->unknown = take(next, count);
	path->p50_ms = take(next, count);
	path->p99_ms = take(next, count);
	path->in_target = take(next, count);
	path->freshness_s = take(next, count);
	path->age_s = take(next, count);
	path->settled = take(next, count);
	path->answered = take(next, count);
	path->behind = take(next, count);
	path->behind_guess = take(next, count);
}

void
report_series_faults(ChartFrame *frame, const json_t *faults)
{
	const json_t *fault;
	size_t i;

	json_array_foreach(faults, i, fault)
	{
		ChartFault *filled = &frame->faults[frame->fault_count];

		if (frame->fault_count == CHART_FAULTS_MAX)
			return;
		filled->from = report_number(fault, "from_s");
		filled->until = report_number(fault, "until_s");
		filled->text = report_string(fault, "text");
		/* It never came. */
		if (isnan(filled->from) || filled->from < 0)
			continue;
		/* It was never mended. */
		if (isnan(filled->until) || filled->until < 0)
			filled->until = frame->end;
		frame->fault_count++;
	}
}

/* What adds up from row to row. */
typedef struct SoFar
{
	double accepted;
	double in_target; /* when it was seen the last time */
} SoFar;

/*
 * Those whose answer never came may be there, too: never less than nothing.  The guess begins
 * and ends at what was seen, so that its line has no gap to the other.
 */
static void
fill_behind(PathSeries *path, size_t i, SoFar *so_far)
{
	bool seen = !isnan(path->in_target[i]);

	path->behind[i] = seen ? fmax(so_far->accepted - path->in_target[i], 0) : NAN;
	path->behind_guess[i] = NAN;
	if (!seen)
		path->behind_guess[i] = fmax(so_far->accepted - so_far->in_target, 0);
	if (i > 0 && seen != !isnan(path->in_target[i - 1]))
		path->behind_guess[seen ? i : i - 1] = path->behind[seen ? i : i - 1];
	if (seen)
		so_far->in_target = path->in_target[i];
}

static void
fill_path_row(PathSeries *path, size_t i, const json_t *row, SoFar *so_far)
{
	path->offered[i] = report_number(row, "offered");
	path->accepted[i] = report_number(row, "accepted");
	path->rejected[i] = report_number(row, "rejected");
	path->unknown[i] = report_number(row, "unknown");
	path->p50_ms[i] = report_number(row, "p50_ms");
	path->p99_ms[i] = report_number(row, "p99_ms");
	path->in_target[i] = report_number(row, "in_target");
	path->freshness_s[i] = report_number(row, "freshness_s");
	path->settled[i] = path->accepted[i] + path->rejected[i];
	path->answered[i] = path->settled[i] + path->unknown[i];
	if (!isnan(path->accepted[i]))
		so_far->accepted += path->accepted[i];
	fill_behind(path, i, so_far);
	/* After the load the newest row grows old, and nothing is wrong with that. */
	path->age_s[i] = path->offered[i] > 0 || path->behind[i] > 0 ? path->freshness_s[i] : NAN;
}

static void
fill_path(PathSeries *path, const json_t *timeline)
{
	SoFar so_far = {0};
	const json_t *row;
	size_t i;

	json_array_foreach(timeline, i, row)
		fill_path_row(path, i, json_object_get(json_object_get(row, "paths"), path->name), &so_far);
}

static void
fill_run(RunSeries *series, const json_t *timeline, double *t)
{
	const json_t *row;
	size_t i;

	json_array_foreach(timeline, i, row)
	{
		t[i] = report_number(row, "t");
		if (isnan(t[i]))
			t[i] = (double) i;
		series->lag[i] = report_number(row, "lag");
		series->retained_wal_bytes[i] = report_number(row, "retained_wal_bytes");
		series->breaker[i] = json_string_value(json_object_get(row, "breaker"));
	}
}

static void
choose_paths(RunSeries *series, const json_t *report, const json_t *run)
{
	const json_t *path;
	size_t i;

	json_array_foreach(json_object_get(report, "paths"), i, path)
	{
		const char *name = report_string(path, "name");

		if (report_run_path(run, name) == NULL || series->path_count == REPORT_PATHS_MAX)
			continue;
		series->paths[series->path_count].name = name;
		series->paths[series->path_count].title = report_string(path, "title");
		series->colours[series->path_count++] = (int) i;
	}
}

bool
report_series_fill(RunSeries *series, const json_t *report, const json_t *run)
{
	const json_t *timeline = json_object_get(run, "timeline");
	size_t count = json_array_size(timeline);
	double *next;
	double *t;

	*series = (RunSeries){.frame = {.count = count}};
	choose_paths(series, report, run);
	series->memory = calloc(
		(count + 1) * (COLUMNS_OF_A_RUN + COLUMNS_OF_A_PATH * series->path_count), sizeof(double));
	series->breaker = calloc(count + 1, sizeof(char *));
	if (series->memory == NULL || series->breaker == NULL)
		return false;
	next = series->memory;
	t = take(&next, count);
	series->frame.t = t;
	series->lag = take(&next, count);
	series->retained_wal_bytes = take(&next, count);
	fill_run(series, timeline, t);
	for (size_t i = 0; i < series->path_count; i++)
	{
		take_columns(&series->paths[i], &next, count);
		fill_path(&series->paths[i], timeline);
	}
	series->frame.start = count > 0 ? fmin(t[0], 0) : 0;
	series->frame.end = count > 0 ? t[count - 1] + 1 : 1;
	if (series->frame.end <= series->frame.start)
		series->frame.end = series->frame.start + 1;
	report_series_faults(&series->frame, json_object_get(run, "faults"));
	return true;
}

void
report_series_free(RunSeries *series)
{
	free(series->memory);
	free(series->breaker);
	series->memory = NULL;
	series->breaker = NULL;
}
