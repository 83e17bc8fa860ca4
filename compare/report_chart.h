/*
 * report_chart.h
 *	  Charts over time, as SVG inside HTML.  Pure.
 *
 * The SVG is stretched to whatever width there is (its lines keep theirs); all letters are
 * HTML beside it and keep their size, so the same chart serves a telephone and a wide screen
 * without a script.
 *
 *	+--------+-----------------------------+
 *	| label  | y ticks | SVG: faults, grid, |
 *	|        |         |      bands, lines  |
 *	+--------+-----------------------------+
 *
 * NAN is a gap in a line.  All series of a frame have one value for each of its times.
 */
#ifndef OUTBOX_COMPARE_REPORT_CHART_H
#define OUTBOX_COMPARE_REPORT_CHART_H

#include <stdbool.h>

#include "buffer.h"

#define CHART_FAULTS_MAX 64

typedef struct ChartFault
{
	double from;
	double until;
	const char *text;
} ChartFault;

/* What a value is of: the moment t, or all of the time until the next one. */
typedef enum ChartPoints
{
	POINTS_OF_MOMENTS,
	POINTS_OF_SECONDS, /* drawn in the middle of it */
	STEPS_OF_SECONDS   /* as wide as it is */
} ChartPoints;

/* The x axis that all charts of a run share. */
typedef struct ChartFrame
{
	const double *t;
	size_t count;
	double start, end;
	ChartPoints points;
	ChartFault faults[CHART_FAULTS_MAX];
	size_t fault_count;
} ChartFrame;

typedef enum ChartUnit
{
	UNIT_COUNT,
	UNIT_MS,
	UNIT_SECONDS,
	UNIT_BYTES
} ChartUnit;

typedef struct ChartScale
{
	double low, high;
	double step; /* of the ticks; of a logarithmic scale a factor */
	bool log;
	ChartUnit unit;
} ChartScale;

/* From 0 to at least max, with two to five ticks. */
extern ChartScale chart_linear(double max, ChartUnit unit);

/* Decades around what is there. */
extern ChartScale chart_log(double min, double max, ChartUnit unit);

/* The largest and the smallest positive number; "so_far" when there is none. */
extern double chart_max(const double *values, size_t count, double so_far);
extern double chart_min_positive(const double *values, size_t count, double so_far);

/* A row: its label (text, class), then what the plot is for those who can't see it. */
extern void chart_begin(Buffer *out, const ChartFrame *frame, const ChartScale *scale,
						const char *label, const char *class, const char *meaning);
extern void chart_line(Buffer *out, const ChartFrame *frame, const ChartScale *scale,
					   const double *values, const char *class);

/* Between two series; from is NULL for the bottom. */
extern void chart_band(Buffer *out, const ChartFrame *frame, const ChartScale *scale,
					   const double *from, const double *to, const char *class);
extern void chart_end(Buffer *out);

/* Coloured stretches with words in them; class_of gives NULL where nothing was seen. */
typedef const char *(*ChartState)(size_t index, const char **word, void *arg);
extern void chart_states(Buffer *out, const ChartFrame *frame, const char *label,
						 ChartState state_of, void *arg);

/* The names of the faults above, and the seconds below. */
extern void chart_faults(Buffer *out, const ChartFrame *frame);
extern void chart_seconds(Buffer *out, const ChartFrame *frame);

#endif
