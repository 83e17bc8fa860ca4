/*
 * run.c
 *	  The stage, and what is played on it.
 */
#include "run.h"

#include <stdio.h>
#include <stdlib.h>

#include "conduct.h"
#include "exit_codes.h"
#include "report_json.h"
#include "request_id.h"

#define CALM_LIMIT_USEC (30 * USEC_PER_SEC)
#define STEP_USEC (50 * USEC_PER_MS)

typedef struct Comparison
{
	const RunConfig *config;
	Interrupt *interrupt;
	Stage *stage;
	ReportJson *json;
	uint32_t runs; /* so far */
	int passed;
	int failed;
	int skipped;
} Comparison;

static void
say(const char *what)
{
	fprintf(stderr, "%s\n", what);
}

static bool
start_stage(Comparison *comparison, int64_t breaker_reset_usec, Error *error)
{
	const RunConfig *config = comparison->config;
	StageConfig stage = {.dir = config->dir,
						 .tree = config->tree,
						 .program_dir = config->program_dir,
						 .modes = config->compare->modes,
						 .limits = config->compare->limits,
						 .breaker_reset_usec = breaker_reset_usec,
						 .small_disk = suite_has_fault(config->suite, FAULT_DISK_FULL),
						 .say = say};

	comparison->stage = stage_create(&stage, comparison->interrupt);
	if (comparison->stage == NULL)
		return error_bug(error, "out of memory");
	return stage_start(comparison->stage, error);
}

static bool
start_report(Comparison *comparison, int64_t breaker_reset_usec, Error *error)
{
	Facts facts;

	facts_find(&facts, comparison->config->tree, stage_target(comparison->stage)->conninfo);
	comparison->json = report_json_create(comparison->config->compare, &facts, breaker_reset_usec);
	return comparison->json != NULL || error_bug(error, "out of memory");
}

/* -------------------------------------------------------------------------
 * a scenario
 * ------------------------------------------------------------------------- */

/* Why the scenario can't be played here; NULL: it can. */
static const char *
obstacle(const Comparison *comparison, const Scenario *scenario)
{
	for (int i = 0; i < scenario->fault_count; i++)
	{
		const FaultPlan *plan = &scenario->faults[i];

		if (plan->kind == FAULT_DISK_FULL && !stage_has_small_disk(comparison->stage))
			return "a disk that can be full takes CAP_SYS_ADMIN or user namespaces, which aren't "
				   "there";
		if (plan->links == 0 && !stage_has(comparison->stage, plan->part))
			return "the part that fails isn't there with these paths";
	}
	return NULL;
}

/* What the last run has broken is mended; its clients may still be on their way back. */
static bool
await_calm(Comparison *comparison, Error *error)
{
	MonoUsec deadline = clock_mono() + CALM_LIMIT_USEC;

	while (!stage_app_ready(comparison->stage))
	{
		if (!stage_check(comparison->stage, error))
			return false;
		if (!interrupt_wait(comparison->interrupt, clock_mono() + STEP_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER,
								   "the application did not find its servers again");
	}
	return true;
}

/* False with the error set; an interrupted run is written first. */
static bool
play_once(Comparison *comparison, const Scenario *scenario, int repeat, Error *error)
{
	ConductConfig config = {.compare = comparison->config->compare,
							.scenario = scenario,
							.number = ++comparison->runs,
							.repeat = repeat};
	RunReport *report = malloc(sizeof(*report));
	bool done;

	if (report == NULL)
		return error_bug(error, "out of memory");
	done = await_calm(comparison, error);
	if (!done)
	{
		free(report);
		return false;
	}
	done = conduct(&config, comparison->stage, comparison->interrupt, report, error);
	if (done)
	{
		report_print_run(report, comparison->config->compare->modes, stdout);
		fflush(stdout);
		report_json_run(comparison->json, report);
		*(report->passed ? &comparison->passed : &comparison->failed) += 1;
		done = report_json_write(comparison->json, comparison->config->report_path, error);
		if (done && report->interrupted)
			done = error_transient(error, "interrupted");
	}
	timeline_free(&report->timeline);
	free(report);
	return done;
}

static bool
play(Comparison *comparison, const SuiteEntry *entry, Error *error)
{
	const Scenario *scenario = &entry->scenario;
	const char *why_not = obstacle(comparison, scenario);

	report_print_scenario(scenario, stdout);
	report_json_scenario(comparison->json, scenario, entry->file, why_not);
	if (why_not != NULL)
	{
		printf("  SKIPPED: %s\n", why_not);
		fflush(stdout);
		comparison->skipped++;
		return true;
	}
	fflush(stdout);
	for (int repeat = 1; repeat <= comparison->config->compare->repeat; repeat++)
	{
		if (!play_once(comparison, scenario, repeat, error))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static bool
perform(Comparison *comparison, Error *error)
{
	const RunConfig *config = comparison->config;
	int64_t breaker_reset_usec =
		compare_breaker_reset(config->compare, suite_shortest_usec(config->suite));
	bool done;

	report_print_settings(config->compare, breaker_reset_usec, stdout);
	fflush(stdout);
	done = start_stage(comparison, breaker_reset_usec, error) &&
		   start_report(comparison, breaker_reset_usec, error);
	for (int i = 0; done && i < config->suite->count; i++)
		done = play(comparison, &config->suite->entries[i], error);
	if (!done && interrupt_wanted(comparison->interrupt) && comparison->json != NULL)
	{
		Error ignored;

		report_json_interrupted(comparison->json);
		if (!report_json_write(comparison->json, config->report_path, &ignored))
			say(ignored.message);
	}
	return done && report_json_write(comparison->json, config->report_path, error);
}

bool
run_compare(const RunConfig *config, Interrupt *interrupt, bool *passed, Error *error)
{
	Comparison comparison = {.config = config, .interrupt = interrupt};
	bool done = perform(&comparison, error);

	if (comparison.passed + comparison.failed + comparison.skipped > 0)
	{
		printf("\n%d passed, %d failed", comparison.passed, comparison.failed);
		if (comparison.skipped > 0)
			printf(", %d skipped", comparison.skipped);
		printf("\nreport: %s\n", config->report_path);
		fflush(stdout);
	}
	*passed = comparison.failed == 0;
	report_json_free(comparison.json);
	stage_stop(comparison.stage);
	return done;
}
