/*
 * report_values.h
 *	  Values and small objects of report.json.  For those who write it alone.
 */
#ifndef OUTBOX_COMPARE_REPORT_VALUES_H
#define OUTBOX_COMPARE_REPORT_VALUES_H

#include <jansson.h>
#include <math.h>

#include "report.h"

/* Three digits after the point: more is noise. */
static inline json_t *
rounded(double value)
{
	return json_real(round(value * 1000) / 1000);
}

static inline json_t *
rounded_or_null(double value)
{
	return value < 0 ? json_null() : rounded(value);
}

static inline json_t *
seconds_of(int64_t usec)
{
	return rounded((double) usec / USEC_PER_SEC);
}

static inline json_t *
number_or_null(int64_t number)
{
	return number == UNSEEN ? json_null() : json_integer((json_int_t) number);
}

static inline json_t *
text_or_null(const char *text)
{
	return text == NULL || text[0] == '\0' ? json_null() : json_string(text);
}

static inline json_t *
latency_object(const PathLatency *latency)
{
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "p50", rounded_or_null(latency->p50_ms), "p90",
					 rounded_or_null(latency->p90_ms), "p99", rounded_or_null(latency->p99_ms),
					 "p999", rounded_or_null(latency->p999_ms), "max",
					 rounded_or_null(latency->max_ms));
}

static inline json_t *
freshness_object(const PathFreshness *freshness)
{
	if (freshness->p50_s < 0)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "p50", rounded(freshness->p50_s), "p99",
					 rounded(freshness->p99_s), "max", rounded(freshness->max_s));
}

/* As they happened. */
static inline json_t *
faults_array(const FaultReport *faults, int count)
{
	json_t *array = json_array();

	for (int i = 0; i < count; i++)
		json_array_append_new(array, json_pack("{s:s, s:o, s:o}", "text", faults[i].text, "from_s",
											   rounded_or_null(faults[i].from_s), "until_s",
											   rounded_or_null(faults[i].until_s)));
	return array;
}

/* The numbers of the bits that are set. */
static inline json_t *
bits_array(uint64_t bits)
{
	json_t *array = json_array();

	for (int i = 0; i < 64; i++)
	{
		if ((bits >> i & 1) != 0)
			json_array_append_new(array, json_integer(i));
	}
	return array;
}

/* Why requests were rejected: the reasons that there were. */
static inline json_t *
reasons_object(const uint64_t *counts)
{
	json_t *reasons = json_object();

	for (int reason = 0; reason < REJECT_REASONS; reason++)
	{
		if (counts[reason] > 0)
			json_object_set_new(reasons, reject_reason_name((RejectReason) reason),
								json_integer((json_int_t) counts[reason]));
	}
	return reasons;
}

static inline const char *
unit_name(MeasureUnit unit)
{
	static const char *const units[] = {
		[UNIT_COUNT] = "count", [UNIT_PERCENT] = "percent", [UNIT_MS] = "ms"};

	return units[unit];
}

#endif
