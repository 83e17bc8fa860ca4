/*
 * report_json.c
 *	  report.json from values.
 */
#include "report_json.h"

#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "report_values.h"

#define MS(usec) ((json_int_t) ((usec) / USEC_PER_MS))
#define PATH_LIMIT 4096

struct ReportJson
{
	const CompareConfig *config;
	json_t *root;
	json_t *scenario; /* the one that came last, borrowed */
	MonoUsec started;
	int runs;
	bool passed;
	bool interrupted;
};

/* -------------------------------------------------------------------------
 * a path
 * ------------------------------------------------------------------------- */

static void
set_counts(json_t *path, const LedgerTotals *totals)
{
	const struct
	{
		const char *name;
		uint64_t count;
	} counts[] = {
		{"offered", totals->offered},
		{"accepted", totals->accepted},
		{"rejected", totals->rejected},
		{"unknown", totals->unknown},
		{"durable", totals->durable},
		{"in_target", totals->in_target},
		{"accepted_in_target", totals->accepted_in_target},
		{"lost", totals->lost},
		{"duplicates", totals->duplicates},
		{"order_violations", totals->order_violations},
		{"pending", totals->pending},
		{"invented", totals->invented},
		{"unknown_stored", totals->unknown_stored},
		{"unknown_missing", totals->unknown_missing},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		json_object_set_new(path, counts[i].name, json_integer((json_int_t) counts[i].count));
	json_object_set_new(path, "closes", json_boolean(totals->closes));
}

static json_t *
path_object(const PathResult *result)
{
	json_t *path = json_object();

	set_counts(path, &result->totals);
	json_object_set_new(path, "rejected_because", reasons_object(result->rejected_because));
	json_object_set_new(path, "rates",
						json_pack("{s:o, s:o, s:o}", "accepted",
								  rounded(path_accepted_percent(result)), "durable",
								  rounded(path_durable_percent(result)), "visible",
								  rounded(path_visible_percent(result))));
	json_object_set_new(path, "latency_ms", latency_object(&result->latency));
	json_object_set_new(path, "drain_s", rounded_or_null(result->drain_s));
	json_object_set_new(path, "recovery_s", rounded_or_null(result->recovery_s));
	json_object_set_new(path, "freshness_s", freshness_object(&result->freshness));
	return path;
}

/* -------------------------------------------------------------------------
 * a run
 * ------------------------------------------------------------------------- */

static json_t *
timeline_path(const TimelinePath *path)
{
	return json_pack("{s:i, s:i, s:i, s:i, s:o, s:o, s:o, s:o}", "offered", (int) path->offered,
					 "accepted", (int) path->accepted, "rejected", (int) path->rejected, "unknown",
					 (int) path->unknown, "p50_ms", rounded_or_null(path->p50_ms), "p99_ms",
					 rounded_or_null(path->p99_ms), "in_target", number_or_null(path->visible),
					 "freshness_s",
					 path->age_usec == UNSEEN ? json_null() : seconds_of(path->age_usec));
}

static json_t *
timeline_row(const bool *modes, const TimelineRow *row, size_t second)
{
	json_t *paths = json_object();
	json_t *faults = bits_array(row->faults);

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (modes[mode])
			json_object_set_new(paths, mode_name((Mode) mode), timeline_path(&row->paths[mode]));
	}
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:o}", "t", (json_int_t) second, "phase",
					 phase_name(row->phase), "faults", faults, "breaker",
					 row->breaker == UNSEEN ? json_null() : json_string(breaker_name(row->breaker)),
					 "lag", number_or_null(row->lag), "retained_wal_bytes",
					 number_or_null(row->retained), "paths", paths);
}

static json_t *
cost_object(const Cost *cost)
{
	json_t *cpu = json_object();

	for (int part = 0; part < PART_COUNT; part++)
		json_object_set_new(cpu, part_name((Part) part), rounded_or_null(cost->cpu_s[part]));
	return json_pack("{s:o, s:{s:o, s:o}}", "cpu_s", cpu, "wal_bytes", "source",
					 number_or_null(cost->source_wal_bytes), "target",
					 number_or_null(cost->target_wal_bytes));
}

static json_t *
expectation_object(const Judged *judged)
{
	return json_pack("{s:s, s:s, s:s, s:o, s:b}", "path", mode_name(judged->mode), "text",
					 judged->text, "unit", unit_name(judged->unit), "measured",
					 rounded_or_null(judged->measured), "held", judged->held ? 1 : 0);
}

static void
count_run(ReportJson *json, bool passed, bool interrupted)
{
	json->runs++;
	json->passed = json->passed && passed;
	json->interrupted = json->interrupted || interrupted;
}

void
report_json_run(ReportJson *json, const RunReport *report)
{
	json_t *faults = faults_array(report->faults, report->fault_count);
	json_t *expectations = json_array();
	json_t *paths = json_object();
	json_t *timeline = json_array();

	for (int i = 0; i < report->verdict.count; i++)
		json_array_append_new(expectations, expectation_object(&report->verdict.all[i]));
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (json->config->modes[mode])
			json_object_set_new(paths, mode_name((Mode) mode), path_object(&report->paths[mode]));
	}
	for (size_t second = 0; second < report->timeline.count; second++)
		json_array_append_new(
			timeline, timeline_row(json->config->modes, &report->timeline.rows[second], second));
	json_array_append_new(
		json_object_get(json->scenario, "runs"),
		json_pack("{s:I, s:i, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "seed",
				  (json_int_t) report->seed, "repeat", report->repeat, "interrupted",
				  report->interrupted ? 1 : 0, "passed", report->verdict.passed ? 1 : 0, "took_s",
				  rounded(report->took_s), "faults", faults, "expectations", expectations, "paths",
				  paths, "cost", cost_object(&report->cost), "timeline", timeline));
	count_run(json, report->verdict.passed, report->interrupted);
}

void
report_json_inventory(ReportJson *json, const InventoryReport *report)
{
	json_array_append_new(json_object_get(json->scenario, "runs"), inventory_json(report));
	count_run(json, report->verdict.passed, report->interrupted);
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static json_t *
settings_object(const CompareConfig *config, int64_t breaker_reset_usec)
{
	const IngestLimits *limits = &config->limits;

	return json_pack(
		"{s:I, s:o, s:i, s:i, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "drivers",
		(json_int_t) config->drivers, "breaker_reset_s", seconds_of(breaker_reset_usec),
		"http_threads", limits->http_threads, "pool_size", limits->pool_size, "pool_queue",
		limits->pool_queue, "pool_wait_ms", MS(limits->pool_wait_usec), "connect_timeout_ms",
		MS(limits->connect_timeout_usec), "statement_timeout_ms",
		MS(limits->statement_timeout_usec), "tcp_user_timeout_ms",
		MS(limits->tcp_user_timeout_usec), "client_timeout_ms", MS(limits->client_timeout_usec),
		"reconnect_min_ms", MS(limits->reconnect_min_usec), "reconnect_max_ms",
		MS(limits->reconnect_max_usec), "drain_timeout_ms", MS(config->drain_timeout_usec));
}

static json_t *
paths_array(const bool *modes)
{
	json_t *paths = json_array();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (modes[mode])
			json_array_append_new(
				paths, json_pack("{s:s, s:s, s:s}", "name", mode_name((Mode) mode), "title",
								 mode_title((Mode) mode), "about", mode_about((Mode) mode)));
	}
	return paths;
}

ReportJson *
report_json_create(const CompareConfig *config, const Facts *facts, int64_t breaker_reset_usec)
{
	ReportJson *json = calloc(1, sizeof(*json));
	char started[CLOCK_TEXT_SIZE];

	if (json == NULL)
		return NULL;
	clock_format(clock_wall(), started);
	json->config = config;
	json->started = clock_mono();
	json->passed = true;
	json->root = json_pack(
		"{s:i, s:s, s:o, s:{s:i, s:o, s:I, s:o, s:o}, s:{s:o, s:o, s:o, s:o}, s:o, s:I, s:i, s:n,"
		" s:o, s:[], s:[]}",
		"version", 2, "started_at", started, "commit", text_or_null(facts->commit), "machine",
		"cpus", facts->cpus, "cpu", text_or_null(facts->cpu), "memory_mb",
		(json_int_t) facts->memory_mb, "os", text_or_null(facts->os), "kernel",
		text_or_null(facts->kernel), "versions", "postgresql", text_or_null(facts->postgresql),
		"kafka", text_or_null(facts->kafka), "librdkafka", text_or_null(facts->librdkafka),
		"pg_outbox", text_or_null(facts->pg_outbox), "settings",
		settings_object(config, breaker_reset_usec), "seed", (json_int_t) config->seed, "repeats",
		config->repeat, "error", "paths", paths_array(config->modes), "scenarios", "inventory");
	if (json->root != NULL)
		return json;
	free(json);
	return NULL;
}

void
report_json_free(ReportJson *json)
{
	if (json == NULL)
		return;
	json_decref(json->root);
	free(json);
}

void
report_json_scenario(ReportJson *json, const Scenario *scenario, const char *file,
					 const char *skipped)
{
	json_t *faults = json_array();

	for (int i = 0; i < scenario->fault_count; i++)
	{
		const FaultPlan *plan = &scenario->faults[i];

		json_array_append_new(faults,
							  json_pack("{s:s, s:s, s:s, s:o, s:o}", "kind",
										fault_kind_name(plan->kind), "where", plan->where, "text",
										plan->text, "from_s", seconds_of(plan->from_usec),
										"until_s", seconds_of(plan->until_usec)));
	}
	json->scenario = json_pack(
		"{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:[]}", "name", scenario->name, "title",
		scenario->title, "about", scenario->about, "file", file, "duration_s",
		seconds_of(scenario->duration_usec), "rate",
		scenario->shape.form == LOAD_RAMP ? json_null() : json_integer(scenario->rate), "load",
		scenario->load, "skipped", text_or_null(skipped), "faults", faults, "runs");
	json_array_append_new(json_object_get(json->root, scenario->kind == SCENARIO_INVENTORY
														  ? "inventory"
														  : "scenarios"),
						  json->scenario);
}

/* The cost's members, and how long it was. */
static json_t *
timed_cost(const Cost *cost, double took_s)
{
	json_t *object = cost_object(cost);

	json_object_set_new(object, "took_s", rounded(took_s));
	return object;
}

void
report_json_price(ReportJson *json, const Price *price)
{
	json_t *paths = json_object();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const PathPrice *path = &price->paths[mode];
		json_t *object;

		if (!path->measured)
			continue;
		object = timed_cost(&path->cost, path->took_s);
		json_object_set_new(object, "offered", json_integer((json_int_t) path->offered));
		json_object_set_new(object, "latency_ms", latency_object(&path->latency));
		json_object_set_new(paths, mode_name((Mode) mode), object);
	}
	json_object_set_new(
		json->scenario, "price",
		json_pack("{s:o, s:o}", "idle", timed_cost(&price->idle, price->idle_s), "paths", paths));
}

void
report_json_duration(ReportJson *json, double seconds)
{
	json_object_set_new(json->scenario, "duration_s", rounded(seconds));
}

void
report_json_broken_off(ReportJson *json, const char *problem, const char *not_run)
{
	json->passed = false;
	json->interrupted = json->interrupted || problem == NULL;
	json_object_set_new(json->root, "error", text_or_null(problem));
	if (json->scenario != NULL && json_array_size(json_object_get(json->scenario, "runs")) == 0 &&
		json_is_null(json_object_get(json->scenario, "skipped")))
		json_object_set_new(json->scenario, "skipped", json_string(not_run));
}

bool
report_json_write(ReportJson *json, const char *path, Error *error)
{
	char directory[PATH_LIMIT];
	json_t *root = json->root;
	Draft draft;

	json_object_set_new(root, "interrupted", json_boolean(json->interrupted));
	json_object_set_new(root, "passed", json_boolean(json->passed && json->runs > 0));
	json_object_set_new(root, "took_s",
						rounded((double) (clock_mono() - json->started) / USEC_PER_SEC));
	path_directory(path, directory, sizeof(directory));
	return directory_make(directory, error) && draft_open(&draft, path, error) &&
		   draft_finish(&draft,
						json_dumpf(root, draft.file, JSON_INDENT(1) | JSON_REAL_PRECISION(10)) == 0,
						error);
}
