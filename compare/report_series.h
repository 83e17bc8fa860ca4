/*
 * report_series.h
 *	  The timeline of a run as columns of numbers: what charts and their tables are made of.
 *
 * Each column has one value for each element of the timeline; NAN is what could not be seen.
 */
#ifndef OUTBOX_COMPARE_REPORT_SERIES_H
#define OUTBOX_COMPARE_REPORT_SERIES_H

#include "report_chart.h"
#include "report_read.h"

typedef struct PathSeries
{
	const char *name;
	const char *title;
	double *offered, *accepted, *rejected, *unknown; /* in that second */
	double *p50_ms, *p99_ms;
	double *in_target;	 /* since the start */
	double *freshness_s; /* the age of the newest row there */
	/* What isn't in the document but follows from it: */
	double *age_s;		  /* freshness_s while there is something that it could be behind of */
	double *settled;	  /* accepted + rejected */
	double *answered;	  /* accepted + rejected + unknown */
	double *behind;		  /* accepted since the start, and not yet in the target */
	double *behind_guess; /* the same, where the target wasn't seen, with what was seen last */
} PathSeries;

typedef struct RunSeries
{
	ChartFrame frame; /* its faults are those of the run, as they happened */
	PathSeries paths[REPORT_PATHS_MAX];
	int colours[REPORT_PATHS_MAX]; /* a path's place among those of the report */
	size_t path_count;			   /* those that took part */
	double *lag;
	double *retained_wal_bytes;
	const char **breaker; /* NULL: not seen */
	double *memory;
} RunSeries;

/* False: out of memory.  Released with report_series_free() in any case. */
extern MUST_CHECK bool report_series_fill(RunSeries *series, const json_t *report,
										  const json_t *run);
/* Those of a run, into a frame whose end is known. */
extern void report_series_faults(ChartFrame *frame, const json_t *faults);
extern void report_series_free(RunSeries *series);

#endif
