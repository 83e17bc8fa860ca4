/*
 * metrics.c
 *	  The Prometheus text format 0.0.4.  Only formats; keeps no state.
 */
#include "metrics.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOUBLE_TEXT_SIZE 40

void
histogram_init(Histogram *histogram, const double *bounds, int bound_count)
{
	assert(bound_count >= 0 && bound_count <= HISTOGRAM_MAX_BUCKETS);
	memset(histogram, 0, sizeof(*histogram));
	histogram->bounds = bounds;
	histogram->bound_count = bound_count;
}

void
histogram_observe(Histogram *histogram, double value)
{
	histogram_observe_many(histogram, value, 1);
}

void
histogram_observe_many(Histogram *histogram, double value, uint64_t times)
{
	int bucket = 0;

	if (isnan(value) || times == 0)
		return;
	while (bucket < histogram->bound_count && value > histogram->bounds[bucket])
		bucket++;
	histogram->counts[bucket] += times;
	histogram->sum += value * (double) times;
	histogram->count += times;
}

double
histogram_quantile(const Histogram *histogram, double q)
{
	uint64_t rank;
	uint64_t seen = 0;

	if (histogram->count == 0)
		return 0;
	if (q <= 0)
		rank = 1;
	else if (q >= 1)
		rank = histogram->count;
	else
		rank = (uint64_t) ceil(q * (double) histogram->count);
	if (rank < 1)
		rank = 1;
	for (int i = 0; i < histogram->bound_count; i++)
	{
		seen += histogram->counts[i];
		if (seen >= rank)
			return histogram->bounds[i];
	}
	return INFINITY;
}

/* The shortest of three notations that reads back as the same number. */
static void
format_double(double value, char *text)
{
	if (isnan(value))
		snprintf(text, DOUBLE_TEXT_SIZE, "NaN");
	else if (isinf(value))
		snprintf(text, DOUBLE_TEXT_SIZE, value > 0 ? "+Inf" : "-Inf");
	else
	{
		for (int digits = 15; digits <= 17; digits++)
		{
			snprintf(text, DOUBLE_TEXT_SIZE, "%.*g", digits, value);
			if (strtod(text, NULL) == value)
				break;
		}
	}
}

/* Appends text with backslash and newline escaped, and the quote when asked; repairs UTF-8. */
static void
append_escaped(Buffer *out, const char *text, bool quote)
{
	const char *start = text;

	for (const char *c = text;; c++)
	{
		if (*c == '\0' || *c == '\\' || *c == '\n' || (quote && *c == '"'))
		{
			ByteView plain = {(const uint8_t *) start, (size_t) (c - start)};

			buffer_append_utf8(out, plain);
			if (*c == '\0')
				return;
			buffer_append(out, *c == '\\' ? "\\\\" : *c == '\n' ? "\\n" : "\\\"", 2);
			start = c + 1;
		}
	}
}

void
metrics_family(Buffer *out, const char *name, const char *type, const char *help)
{
	buffer_printf(out, "# HELP %s ", name);
	append_escaped(out, help, false);
	buffer_printf(out, "\n# TYPE %s %s\n", name, type);
}

void
metrics_describe(Buffer *out, const MetricSpec *spec)
{
	metrics_family(out, spec->name, spec->type, spec->help);
}

void
metrics_print_markdown(const MetricSpec *specs, bool head, FILE *out)
{
	if (head)
		fputs("| metric | type | labels | what it says |\n|---|---|---|---|\n", out);
	for (; specs->name != NULL; specs++)
		fprintf(out, "| `%s` | %s | %s | %s |\n", specs->name, specs->type, specs->labels,
				specs->help);
}

/* name, a suffix, and the labels in braces when there are any. */
static void
append_series(Buffer *out, const char *name, const char *suffix, const char *labels)
{
	buffer_append_str(out, name);
	buffer_append_str(out, suffix);
	if (labels[0] != '\0')
	{
		buffer_append(out, "{", 1);
		buffer_append_str(out, labels);
		buffer_append(out, "}", 1);
	}
	buffer_append(out, " ", 1);
}

void
metrics_uint(Buffer *out, const char *name, const char *labels, uint64_t value)
{
	append_series(out, name, "", labels);
	buffer_printf(out, "%" PRIu64 "\n", value);
}

void
metrics_double(Buffer *out, const char *name, const char *labels, double value)
{
	char text[DOUBLE_TEXT_SIZE];

	format_double(value, text);
	append_series(out, name, "", labels);
	buffer_printf(out, "%s\n", text);
}

void
metrics_histogram(Buffer *out, const char *name, const char *labels, const Histogram *histogram)
{
	const char *comma = labels[0] != '\0' ? "," : "";
	char text[DOUBLE_TEXT_SIZE];
	uint64_t below = 0;

	for (int i = 0; i < histogram->bound_count; i++)
	{
		below += histogram->counts[i];
		format_double(histogram->bounds[i], text);
		buffer_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, labels, comma, text,
					  below);
	}
	buffer_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, labels, comma,
				  histogram->count);
	format_double(histogram->sum, text);
	append_series(out, name, "_sum", labels);
	buffer_printf(out, "%s\n", text);
	append_series(out, name, "_count", labels);
	buffer_printf(out, "%" PRIu64 "\n", histogram->count);
}

void
metrics_label(Buffer *labels, const char *name, const char *value)
{
	if (labels->len > 0)
		buffer_append(labels, ",", 1);
	buffer_append_str(labels, name);
	buffer_append(labels, "=\"", 2);
	append_escaped(labels, value, true);
	buffer_append(labels, "\"", 1);
}
