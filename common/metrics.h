/*
 * metrics.h
 *	  Counters, gauges and histograms in the Prometheus text format 0.0.4.
 *
 * A program keeps its numbers in plain structs and writes them out when it is
 * asked; these functions only format.  HELP and TYPE go out once per family.
 */
#ifndef OUTBOX_COMMON_METRICS_H
#define OUTBOX_COMMON_METRICS_H

#include <stdint.h>
#include <stdio.h>

#include "buffer.h"

#define HISTOGRAM_MAX_BUCKETS 24

typedef struct Histogram
{
	const double *bounds; /* upper bounds, rising, in the metric's unit; not owned */
	int bound_count;
	uint64_t counts[HISTOGRAM_MAX_BUCKETS + 1]; /* the last is +Inf */
	double sum;
	uint64_t count;
} Histogram;

/*
 * One row of a program's table of metrics, from which /metrics and docs/metrics.md are
 * made.  labels is for people: "" or "peer (postgres, kafka)".
 */
typedef struct MetricSpec
{
	const char *name;
	const char *type; /* "counter", "gauge" or "histogram" */
	const char *labels;
	const char *help;
} MetricSpec;

extern void histogram_init(Histogram *histogram, const double *bounds, int bound_count);
extern void histogram_observe(Histogram *histogram, double value);
/* The same value so many times. */
extern void histogram_observe_many(Histogram *histogram, double value, uint64_t times);
/* The upper bound of its bucket: 0 when nothing was observed, INFINITY beyond the last bound. */
extern double histogram_quantile(const Histogram *histogram, double q);

extern void metrics_family(Buffer *out, const char *name, const char *type, const char *help);
/* HELP and TYPE of a row.  A family without a sample says that the value isn't known. */
extern void metrics_describe(Buffer *out, const MetricSpec *spec);
/* The rows up to one without a name, as lines of a table; the head once, with "head". */
extern void metrics_print_markdown(const MetricSpec *specs, bool head, FILE *out);
/* labels is "" or "peer=\"kafka\",state=\"open\"" with values that went through metrics_label(). */
extern void metrics_uint(Buffer *out, const char *name, const char *labels, uint64_t value);
extern void metrics_double(Buffer *out, const char *name, const char *labels, double value);
extern void metrics_histogram(Buffer *out, const char *name, const char *labels,
							  const Histogram *histogram);
/* Appends name="value" with the escapes of the format, and a comma before it unless labels is empty. */
extern void metrics_label(Buffer *labels, const char *name, const char *value);

#endif
