/*
 * run.c
 *	  The stage, and what is played on it.
 */
#include "run.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conduct.h"
#include "exit_codes.h"
#include "inventory.h"
#include "report_json.h"
#include "report_render.h"
#include "request_id.h"

#define CALM_LIMIT_USEC (30 * USEC_PER_SEC)
#define STEP_USEC (50 * USEC_PER_MS)

typedef struct Show
{
	const RunConfig *config;
	Interrupt *interrupt;
	Stage *stage;
	ReportJson *json;
	LiveFeed *feed; /* NULL: there is no page */
	int64_t breaker_reset_usec;
	uint32_t runs; /* so far */
	int passed;
	int failed;
	int skipped;
} Show;

static void
say(const char *what)
{
	fprintf(stderr, "%s\n", what);
}

static bool
make_stage(Show *show, int64_t breaker_reset_usec, Error *error)
{
	const RunConfig *config = show->config;
	StageConfig stage = {.dir = config->dir,
						 .tree = config->tree,
						 .program_dir = config->program_dir,
						 .modes = config->compare->modes,
						 .limits = config->compare->limits,
						 .breaker_reset_usec = breaker_reset_usec,
						 .more_connections = suite_has_kind(config->suite, SCENARIO_INVENTORY)
												 ? inventory_connections(&config->compare->limits)
												 : 0,
						 .small_disk = suite_has_fault(config->suite, FAULT_DISK_FULL),
						 .say = say};

	show->stage = stage_create(&stage, show->interrupt);
	if (show->stage == NULL)
		return error_bug(error, "out of memory");
	return stage_prepare(show->stage, error);
}

static bool
start_page(Show *show, Error *error)
{
	const CompareConfig *compare = show->config->compare;

	if (compare->live == NULL)
		return true;
	show->feed = live_feed_open(compare->live, compare->modes, error);
	if (show->feed == NULL)
		return false;
	printf("live      %s\n", live_feed_url(show->feed));
	fflush(stdout);
	live_feed_wait(show->feed, "The servers are starting");
	return true;
}

static bool
start_report(Show *show, int64_t breaker_reset_usec, Error *error)
{
	Facts facts;

	facts_find(&facts, show->config->tree, stage_target(show->stage)->conninfo);
	show->json = report_json_create(show->config->compare, &facts, breaker_reset_usec);
	return show->json != NULL || error_bug(error, "out of memory");
}

/* -------------------------------------------------------------------------
 * a scenario
 * ------------------------------------------------------------------------- */

/* Why the scenario can't be played here; NULL: it can. */
static const char *
obstacle(const Show *show, const Scenario *scenario)
{
	if (scenario->kind == SCENARIO_INVENTORY && show->config->suite->endless)
		return "the live page shows paths to the target, not services";
	if (scenario->kind == SCENARIO_INVENTORY)
		return inventory_obstacle(show->stage);
	for (int i = 0; i < scenario->fault_count; i++)
	{
		const FaultPlan *plan = &scenario->faults[i];

		if (plan->kind == FAULT_DISK_FULL && !stage_has_small_disk(show->stage))
			return "a disk that can be full takes CAP_SYS_ADMIN or user namespaces, which aren't "
				   "there";
		if (plan->links == 0 && !stage_has(show->stage, plan->part))
			return "the part that fails isn't there with these paths";
		if (plan->links != 0 && !stage_has_links(show->stage, plan->links))
			return "the link that fails isn't there with these paths";
	}
	return NULL;
}

/* What the last run has broken is mended; its clients may still be on their way back. */
static bool
await_calm(Show *show, Error *error)
{
	MonoUsec deadline = clock_mono() + CALM_LIMIT_USEC;

	while (!stage_app_ready(show->stage))
	{
		if (!stage_check(show->stage, error))
			return false;
		if (!interrupt_wait(show->interrupt, clock_mono() + STEP_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER,
								   "the application did not find its servers again");
	}
	return true;
}

/* False with the error set; an interrupted run is written first. */
static bool
count_run(Show *show, bool passed, bool interrupted, Error *error)
{
	*(passed ? &show->passed : &show->failed) += 1;
	if (!report_json_write(show->json, show->config->report_path, error))
		return false;
	return !interrupted || error_transient(error, "interrupted");
}

static bool
play_paths(Show *show, const Scenario *scenario, int repeat, Error *error)
{
	ConductConfig config = {.compare = show->config->compare,
							.scenario = scenario,
							.number = ++show->runs,
							.repeat = repeat,
							.feed = show->feed,
							.endless = show->config->suite->endless};
	RunReport *report = malloc(sizeof(*report));
	bool done;

	if (report == NULL)
		return error_bug(error, "out of memory");
	done = conduct(&config, show->stage, show->interrupt, report, error);
	if (done)
	{
		report_print_run(report, show->config->compare->modes, stdout);
		fflush(stdout);
		report_json_run(show->json, report);
		if (show->config->suite->endless)
			report_json_duration(show->json, report->load_s);
		done = count_run(show, report->verdict.passed, report->interrupted, error);
	}
	timeline_free(&report->timeline);
	free(report);
	return done;
}

/* Of the calm alone. */
static bool
measure_price(Show *show, const Scenario *scenario, Error *error)
{
	const CompareConfig *compare = show->config->compare;
	Price price;

	if (!compare->price || scenario->fault_count > 0 || strcmp(scenario->name, "calm") != 0)
		return true;
	say("measuring what each path costs alone");
	live_feed_wait(show->feed, "What each path costs alone");
	if (!await_calm(show, error) ||
		!price_measure(compare, scenario, &show->runs, show->stage, show->interrupt, &price, error))
		return false;
	report_json_price(show->json, &price);
	return report_json_write(show->json, show->config->report_path, error);
}

static bool
play_inventory(Show *show, const Scenario *scenario, int repeat, Error *error)
{
	InventoryConfig config = {.compare = show->config->compare,
							  .scenario = scenario,
							  .dir = show->config->dir,
							  .program_dir = show->config->program_dir,
							  .breaker_reset_usec = show->breaker_reset_usec,
							  .number = ++show->runs,
							  .repeat = repeat};
	InventoryReport *report = malloc(sizeof(*report));
	bool done;

	if (report == NULL)
		return error_bug(error, "out of memory");
	if (show->feed != NULL)
		live_feed_wait(show->feed, "Orders go to three services; their table is in the report");
	done = inventory_run(&config, show->stage, show->interrupt, report, error);
	if (done)
	{
		inventory_print(report, stdout);
		fflush(stdout);
		report_json_inventory(show->json, report);
		done = count_run(show, report->verdict.passed, report->interrupted, error);
	}
	inventory_report_free(report);
	free(report);
	return done;
}

static bool
play_once(Show *show, const Scenario *scenario, int repeat, Error *error)
{
	if (!await_calm(show, error))
		return false;
	return scenario->kind == SCENARIO_INVENTORY ? play_inventory(show, scenario, repeat, error)
												: play_paths(show, scenario, repeat, error);
}

static bool
play(Show *show, const SuiteEntry *entry, Error *error)
{
	const Scenario *scenario = &entry->scenario;
	const char *why_not = obstacle(show, scenario);

	report_print_scenario(scenario, stdout);
	report_json_scenario(show->json, scenario, entry->file, why_not);
	if (why_not != NULL)
	{
		printf("  SKIPPED: %s\n", why_not);
		fflush(stdout);
		show->skipped++;
		return true;
	}
	fflush(stdout);
	for (int repeat = 1; repeat <= show->config->compare->repeat; repeat++)
	{
		if (!play_once(show, scenario, repeat, error))
			return false;
	}
	return measure_price(show, scenario, error);
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

/* What had still to be played is in the report, too, so that nobody takes it for the whole. */
static void
break_off(const Show *show, int next, const Error *error)
{
	const Suite *suite = show->config->suite;
	bool interrupted = interrupt_wanted(show->interrupt);
	const char *not_run = interrupted ? "The comparison was interrupted before."
									  : "The comparison ended with an error before.";
	Error second;

	error_clear(&second);
	report_json_broken_off(show->json, interrupted ? NULL : error->message, not_run);
	for (int i = next; i < suite->count; i++)
		report_json_scenario(show->json, &suite->entries[i].scenario, suite->entries[i].file,
							 not_run);
	if (!report_json_write(show->json, show->config->report_path, &second))
		say(second.message);
}

static bool
perform(Show *show, Error *error)
{
	const RunConfig *config = show->config;
	int64_t breaker_reset_usec =
		compare_breaker_reset(config->compare, suite_shortest_usec(config->suite));
	int next = 0;
	bool done;

	show->breaker_reset_usec = breaker_reset_usec;
	if (suite_has_kind(config->suite, SCENARIO_PATHS))
		report_print_settings(config->compare, breaker_reset_usec, stdout);
	else
		report_print_inventory_settings(config->compare, breaker_reset_usec, stdout);
	fflush(stdout);
	done = make_stage(show, breaker_reset_usec, error) && start_page(show, error) &&
		   stage_start(show->stage, error) && start_report(show, breaker_reset_usec, error);
	while (done && next < config->suite->count)
		done = play(show, &config->suite->entries[next++], error);
	if (!done && show->json != NULL)
		break_off(show, next, error);
	return done && report_json_write(show->json, config->report_path, error);
}

/* What people read, of what was written: also when the rest was interrupted. */
static void
show_report(const Show *show)
{
	const char *json = show->config->report_path;
	char page[PATH_MAX];
	Error error;

	error_clear(&error);
	if (report_render(json, NULL, page, sizeof(page), &error))
		printf("\nreport: %s\n        %s\n", page, json);
	else
		printf("\nreport: %s (%s)\n", json, error.message);
}

bool
run_compare(const RunConfig *config, Interrupt *interrupt, bool *passed, Error *error)
{
	Show show = {.config = config, .interrupt = interrupt};
	bool done = perform(&show, error);

	if (show.json != NULL)
	{
		printf("\n%d passed, %d failed", show.passed, show.failed);
		if (show.skipped > 0)
			printf(", %d skipped", show.skipped);
		show_report(&show);
		fflush(stdout);
	}
	/* Where nothing could be played nothing was shown. */
	*passed = show.failed == 0 && show.passed > 0;
	live_feed_close(show.feed);
	report_json_free(show.json);
	stage_stop(show.stage);
	return done;
}
