/*
 * report_json.c
 *	  report.json.  It is written beside its place and moved there, so that nobody
 *	  ever reads half of it.
 */
#include "report.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "exit_codes.h"
#include "files.h"

#define MS(usec) ((json_int_t) ((usec) / USEC_PER_MS))
#define PATH_LIMIT 4096

/* Three digits after the point: more is noise. */
static json_t *
json_rounded(double value)
{
	char text[64];

	snprintf(text, sizeof(text), "%.3f", value);
	return json_real(strtod(text, NULL));
}

static json_t *
seconds_or_null(double seconds)
{
	return seconds >= 0 ? json_rounded(seconds) : json_null();
}

static json_t *
mode_object(const PathResult *mode)
{
	const LedgerTotals *totals = &mode->totals;

	return json_pack(
		"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b,"
		" s:{s:o, s:o, s:o, s:o, s:o}, s:o, s:o, s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}}",
		"offered", (json_int_t) totals->offered, "accepted", (json_int_t) totals->accepted,
		"rejected", (json_int_t) totals->rejected, "unknown", (json_int_t) totals->unknown,
		"durable", (json_int_t) totals->durable, "in_target", (json_int_t) totals->in_target,
		"lost", (json_int_t) totals->lost, "duplicates", (json_int_t) totals->duplicates,
		"order_violations", (json_int_t) totals->order_violations, "pending",
		(json_int_t) totals->pending, "invented", (json_int_t) totals->invented, "unknown_stored",
		(json_int_t) totals->unknown_stored, "closes", totals->closes ? 1 : 0, "latency_ms", "p50",
		json_rounded(mode->latency.p50_ms), "p90", json_rounded(mode->latency.p90_ms), "p99",
		json_rounded(mode->latency.p99_ms), "p999", json_rounded(mode->latency.p999_ms), "max",
		json_rounded(mode->latency.max_ms), "drain_s", seconds_or_null(mode->drain_s), "recovery_s",
		seconds_or_null(mode->recovery_s), "rates", "accepted",
		json_rounded(path_accepted_percent(mode)), "durable",
		json_rounded(path_durable_percent(mode)), "visible",
		json_rounded(path_visible_percent(mode)), "freshness_s", "p50",
		seconds_or_null(mode->freshness.p50_s), "p99", seconds_or_null(mode->freshness.p99_s),
		"max", seconds_or_null(mode->freshness.max_s));
}

static json_t *
settings_object(const CompareConfig *config)
{
	return json_pack(
		"{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I,"
		" s:I}",
		"rate", (json_int_t) config->rate, "seed", (json_int_t) config->seed, "drivers",
		(json_int_t) config->drivers, "duration_s",
		json_rounded((double) config->duration_usec / USEC_PER_SEC), "outage_start_s",
		json_rounded((double) config->outage_start_usec / USEC_PER_SEC), "outage_end_s",
		json_rounded((double) config->outage_end_usec / USEC_PER_SEC), "breaker_reset_s",
		json_rounded((double) config->breaker_reset_usec / USEC_PER_SEC), "http_threads",
		config->http_threads, "pool_size", config->pool_size, "pool_queue", config->pool_queue,
		"pool_wait_ms", MS(config->pool_wait_usec), "connect_timeout_ms",
		MS(config->connect_timeout_usec), "statement_timeout_ms",
		MS(config->statement_timeout_usec), "tcp_user_timeout_ms",
		MS(config->tcp_user_timeout_usec), "client_timeout_ms", MS(config->client_timeout_usec),
		"reconnect_min_ms", MS(config->reconnect_min_usec), "reconnect_max_ms",
		MS(config->reconnect_max_usec), "drain_timeout_ms", MS(config->drain_timeout_usec));
}

static json_t *
number_or_null(int64_t number)
{
	return number == UNSEEN ? json_null() : json_integer((json_int_t) number);
}

static json_t *
timeline_row(const CompareConfig *config, const TimelineRow *row, size_t second)
{
	json_t *modes = json_object();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const TimelineCounts *counts = &row->modes[mode];

		if (config->modes[mode])
			json_object_set_new(modes, mode_name((Mode) mode),
								json_pack("{s:i, s:i, s:i, s:i}", "offered", (int) counts->offered,
										  "accepted", (int) counts->accepted, "rejected",
										  (int) counts->rejected, "unknown",
										  (int) counts->unknown));
	}
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o}", "t", (json_int_t) second, "phase",
					 phase_name(row->phase), "modes", modes, "breaker",
					 row->breaker == UNSEEN ? json_null() : json_string(breaker_name(row->breaker)),
					 "lag", number_or_null(row->lag), "in_target", number_or_null(row->visible));
}

static json_t *
report_object(const Report *report)
{
	json_t *modes = json_object();
	json_t *timeline = json_array();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (report->config->modes[mode])
			json_object_set_new(modes, mode_name((Mode) mode), mode_object(&report->paths[mode]));
	}
	for (size_t second = 0; second < report->timeline.count; second++)
		json_array_append_new(timeline,
							  timeline_row(report->config, &report->timeline.rows[second], second));
	return json_pack("{s:o, s:o, s:{s:o, s:o, s:o, s:b}, s:o}", "modes", modes, "settings",
					 settings_object(report->config), "run", "target_down_s",
					 json_rounded(report->down_at_s), "target_back_s",
					 json_rounded(report->back_at_s), "took_s", json_rounded(report->took_s),
					 "passed", report->passed ? 1 : 0, "timeline", timeline);
}

bool
report_write(const Report *report, const char *path, Error *error)
{
	char directory[PATH_LIMIT];
	char draft[PATH_LIMIT];
	json_t *object;
	bool written;

	path_directory(path, directory, sizeof(directory));
	if (!directory_make(directory, error))
		return false;
	snprintf(draft, sizeof(draft), "%s.new", path);
	object = report_object(report);
	written = object != NULL &&
			  json_dump_file(object, draft, JSON_INDENT(1) | JSON_REAL_PRECISION(10)) == 0 &&
			  rename(draft, path) == 0;
	json_decref(object);
	if (!written)
		return error_permanent(error, EXIT_CONFIG, "could not write \"%s\": %s", path,
							   strerror(errno));
	return true;
}
