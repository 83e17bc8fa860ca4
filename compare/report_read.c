/*
 * report_read.c
 *	  Numbers out of report.json, and what they come to over several runs: counts are added,
 *	  shares are those of the sums, a latency is that of the worst run.
 */
#include "report_read.h"

#include <stdio.h>
#include <string.h>

#include "exit_codes.h"

json_t *
report_load(const char *path, Error *error)
{
	json_error_t reason;
	json_t *report = json_load_file(path, JSON_REJECT_DUPLICATES, &reason);

	if (report == NULL)
	{
		error_permanent(error, EXIT_CONFIG, "could not read \"%s\": %s", path, reason.text);
		if (reason.line > 0)
			error_detail(error, "Line %d, column %d.", reason.line, reason.column);
		return NULL;
	}
	if (json_is_array(json_object_get(report, "scenarios")) &&
		json_is_array(json_object_get(report, "paths")) &&
		json_array_size(json_object_get(report, "paths")) <= REPORT_PATHS_MAX &&
		report_number(report, "version") == REPORT_VERSION)
		return report;
	error_permanent(error, EXIT_CONFIG, "\"%s\" is no report of version %d", path, REPORT_VERSION);
	error_hint(error, "\"outbox-compare run\" writes one: report.json.");
	json_decref(report);
	return NULL;
}

double
report_value(const json_t *value)
{
	double number = json_is_number(value) ? json_number_value(value) : NAN;

	return fabs(number) <= REPORT_NUMBER_MAX ? number : NAN;
}

double
report_number(const json_t *object, const char *key)
{
	return report_value(json_object_get(object, key));
}

const char *
report_string(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

bool
report_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void
add(double *sum, const json_t *value)
{
	double number = report_value(value);

	if (!isnan(number))
		*sum = (isnan(*sum) ? 0 : *sum) + number;
}

double
report_sum(const json_t *numbers)
{
	double sum = NAN;
	const char *key;
	json_t *value;
	size_t i;

	if (json_is_number(numbers))
		return report_value(numbers);
	/* The macro takes what it could change, and changes nothing. */
	json_object_foreach((json_t *) numbers, key, value) add(&sum, value);
	json_array_foreach(numbers, i, value) add(&sum, value);
	return sum;
}

const json_t *
report_run_path(const json_t *run, const char *path)
{
	const json_t *found = json_object_get(json_object_get(run, "paths"), path);

	return json_is_object(found) ? found : NULL;
}

/* -------------------------------------------------------------------------
 * a cell
 * ------------------------------------------------------------------------- */

static void
add_member(double *sum, const json_t *object, const char *key)
{
	add(sum, json_object_get(object, key));
}

static void
keep_worst(double *worst, double value)
{
	if (!isnan(value) && (isnan(*worst) || value > *worst))
		*worst = value;
}

static void
add_expectations(Cell *cell, const json_t *run, const char *path)
{
	const json_t *expectation;
	size_t i;

	json_array_foreach(json_object_get(run, "expectations"), i, expectation)
	{
		if (strcmp(report_string(expectation, "path"), path) != 0)
			continue;
		cell->expected++;
		cell->held += report_true(expectation, "held");
	}
}

static void
add_run(Cell *cell, const json_t *found)
{
	const json_t *latency = json_object_get(found, "latency_ms");

	add_member(&cell->offered, found, "offered");
	add_member(&cell->accepted, found, "accepted");
	add_member(&cell->rejected, found, "rejected");
	add_member(&cell->unknown, found, "unknown");
	add_member(&cell->unknown_stored, found, "unknown_stored");
	add_member(&cell->unknown_missing, found, "unknown_missing");
	add_member(&cell->durable, found, "durable");
	add_member(&cell->in_target, found, "in_target");
	add_member(&cell->accepted_in_target, found, "accepted_in_target");
	add_member(&cell->lost, found, "lost");
	add_member(&cell->duplicates, found, "duplicates");
	add_member(&cell->order, found, "order_violations");
	add_member(&cell->pending, found, "pending");
	add_member(&cell->invented, found, "invented");
	keep_worst(&cell->p50_ms, report_number(latency, "p50"));
	keep_worst(&cell->p99_ms, report_number(latency, "p99"));
	cell->closes = cell->closes && report_true(found, "closes");
}

static double
percent(double part, double whole)
{
	return whole > 0 ? 100 * part / whole : NAN;
}

/* With one run it is the number of the report itself; with more that of the sums. */
static double
share(const json_t *scenario, const char *path, const Cell *cell, const char *key, double part)
{
	const json_t *runs = json_object_get(scenario, "runs");

	if (json_array_size(runs) == 1)
		return report_number(
			json_object_get(report_run_path(json_array_get(runs, 0), path), "rates"), key);
	return percent(part, cell->offered);
}

static const Cell empty_cell = {.offered = NAN,
								.accepted = NAN,
								.rejected = NAN,
								.unknown = NAN,
								.unknown_stored = NAN,
								.unknown_missing = NAN,
								.durable = NAN,
								.in_target = NAN,
								.accepted_in_target = NAN,
								.lost = NAN,
								.duplicates = NAN,
								.order = NAN,
								.pending = NAN,
								.invented = NAN,
								.p50_ms = NAN,
								.p99_ms = NAN,
								.closes = true};

static void
add_scenario(Cell *cell, const json_t *scenario, const char *path)
{
	const json_t *run;
	size_t i;

	json_array_foreach(json_object_get(scenario, "runs"), i, run)
	{
		const json_t *found = report_run_path(run, path);

		add_expectations(cell, run, path);
		if (found == NULL)
			continue;
		cell->runs++;
		add_run(cell, found);
	}
}

void
report_cell(const json_t *scenario, const char *path, Cell *cell)
{
	*cell = empty_cell;
	add_scenario(cell, scenario, path);
	cell->accepted_percent = share(scenario, path, cell, "accepted", cell->accepted);
	cell->durable_percent = share(scenario, path, cell, "durable", cell->durable);
	cell->visible_percent = share(scenario, path, cell, "visible", cell->in_target);
}

void
report_cell_overall(const json_t *report, const char *path, Cell *cell)
{
	const json_t *scenario;
	size_t i;

	*cell = empty_cell;
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
		add_scenario(cell, scenario, path);
	cell->accepted_percent = percent(cell->accepted, cell->offered);
	cell->durable_percent = percent(cell->durable, cell->offered);
	cell->visible_percent = percent(cell->in_target, cell->offered);
}

double
cell_missed_percent(const Cell *cell)
{
	/* Reports that were made before it was counted don't have it. */
	double in_vain = isnan(cell->unknown_missing) ? 0 : cell->unknown_missing;

	return percent(cell->rejected + cell->unknown - cell->unknown_stored + in_vain + cell->lost,
				   cell->offered);
}

Outcome
cell_outcome(const Cell *cell, char *text)
{
	const struct
	{
		double count;
		const char *what;
	} wrongs[] = {{cell->lost, "lost"},
				  {cell->invented, "invented"},
				  {cell->duplicates, "twice"},
				  {cell->order, "out of order"},
				  {cell->unknown_missing, "in vain"}};
	double refused = percent(cell->offered - cell->accepted, cell->offered);

	if (cell->runs == 0)
	{
		snprintf(text, CELL_TEXT_SIZE, "not run");
		return OUTCOME_NOT_RUN;
	}
	for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++)
	{
		if (!(wrongs[i].count > 0))
			continue;
		snprintf(text, CELL_TEXT_SIZE, "%.0f %s", wrongs[i].count, wrongs[i].what);
		return OUTCOME_WRONG;
	}
	if (!cell->closes)
	{
		snprintf(text, CELL_TEXT_SIZE, "books open");
		return OUTCOME_WRONG;
	}
	if (cell->pending > 0)
	{
		snprintf(text, CELL_TEXT_SIZE, "%.0f pending", cell->pending);
		return OUTCOME_PENDING;
	}
	if (refused > 0)
	{
		snprintf(text, CELL_TEXT_SIZE, refused < 1 ? "%.1f %% refused" : "%.0f %% refused",
				 refused < 0.1 ? 0.1 : refused);
		return OUTCOME_REFUSED;
	}
	snprintf(text, CELL_TEXT_SIZE, "all arrived");
	return OUTCOME_WHOLE;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

const json_t *
report_calm(const json_t *report)
{
	const json_t *calm = NULL;
	const json_t *scenario;
	size_t i;

	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
	{
		if (strcmp(report_string(scenario, "name"), "calm") == 0)
			return scenario;
		if (calm == NULL && json_array_size(json_object_get(scenario, "faults")) == 0)
			calm = scenario;
	}
	return calm;
}

static void
tally_run(const json_t *run, Tally *tally)
{
	const json_t *expectation;
	size_t i;

	tally->runs++;
	json_array_foreach(json_object_get(run, "expectations"), i, expectation)
	{
		tally->expected++;
		tally->held += report_true(expectation, "held");
	}
}

static void
tally_runs(const json_t *runs, Tally *tally)
{
	const json_t *run;
	size_t i;

	json_array_foreach(runs, i, run) tally_run(run, tally);
}

void
report_tally(const json_t *report, Tally *tally)
{
	const json_t *paths = json_object_get(report, "paths");
	const json_t *scenario;
	size_t i;

	*tally = (Tally){.paths = (int) json_array_size(paths)};
	json_array_foreach(json_object_get(report, "inventory"), i, scenario)
		tally_runs(json_object_get(scenario, "runs"), tally);
	json_array_foreach(json_object_get(report, "scenarios"), i, scenario)
	{
		const json_t *path;
		size_t j;

		tally->scenarios++;
		tally_runs(json_object_get(scenario, "runs"), tally);
		json_array_foreach(paths, j, path)
		{
			Cell cell;

			report_cell(scenario, report_string(path, "name"), &cell);
			tally->cells++;
			tally->cells_run += cell.runs > 0;
		}
	}
}
