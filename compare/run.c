/*
 * run.c
 *	  The conductor: what happens when, and that it is all taken down again.
 *
 * One loop looks at everything a few times a second.  Phases follow from the
 * clock and from what the target does, never from what a mode does.
 */
#include "run.h"

#include <stdio.h>
#include <string.h>

#include "exit_codes.h"
#include "load.h"
#include "observer.h"
#include "pg_session.h"
#include "progress.h"
#include "report.h"
#include "settle.h"
#include "stage.h"

#define LOOK_USEC (250 * USEC_PER_MS)
#define STEP_USEC (20 * USEC_PER_MS)
#define LEAD_USEC (200 * USEC_PER_MS)
#define RETURN_LIMIT_USEC (60 * USEC_PER_SEC)
#define LATE_USEC (1500 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC (5 * USEC_PER_SEC)

typedef struct Run
{
	const RunConfig *config;
	const CompareConfig *compare;
	Interrupt *interrupt;
	Stage *stage;
	Load *load;
	Observer *observer;
	Progress progress;
	Phase phase;
	bool restoring; /* the target was started and doesn't serve yet */
	MonoUsec start;
	UnixUsec wall_start;
	MonoUsec down_at;
	MonoUsec back_at;
	MonoUsec next_look;
	bool quiet;
} Run;

static void
say(const char *what)
{
	fprintf(stderr, "%s\n", what);
}

/* -------------------------------------------------------------------------
 * before the load
 * ------------------------------------------------------------------------- */

static bool
start_stage(Run *run, Error *error)
{
	const CompareConfig *compare = run->compare;
	StageConfig config = {.dir = run->config->dir,
						  .tree = run->config->tree,
						  .program_dir = run->config->program_dir,
						  .modes = compare->modes,
						  .limits = {.http_threads = compare->http_threads,
									 .pool_size = compare->pool_size,
									 .pool_queue = compare->pool_queue,
									 .pool_wait_usec = compare->pool_wait_usec,
									 .connect_timeout_usec = compare->connect_timeout_usec,
									 .statement_timeout_usec = compare->statement_timeout_usec,
									 .tcp_user_timeout_usec = compare->tcp_user_timeout_usec,
									 .client_timeout_usec = compare->client_timeout_usec,
									 .reconnect_min_usec = compare->reconnect_min_usec,
									 .reconnect_max_usec = compare->reconnect_max_usec},
						  .breaker_reset_usec = compare->breaker_reset_usec,
						  .say = say};

	run->stage = stage_create(&config, run->interrupt);
	if (run->stage == NULL)
		return error_bug(error, "out of memory");
	return stage_start(run->stage, error);
}

static bool
start_load(Run *run, Error *error)
{
	static const LoadShape constant = {.form = LOAD_CONSTANT};
	LoadConfig config = {.id_seed = run->compare->seed,
						 .run = 1,
						 .drivers = run->compare->drivers,
						 .timeout_usec = run->compare->client_timeout_usec,
						 .port = stage_app(run->stage)->port};
	ObserverConfig observer = {.target_conninfo = stage_target(run->stage)->conninfo,
							   .consumer_port = stage_consumer_port(run->stage)};

	if (!schedule_init(&config.schedule, &constant, run->compare->rate, run->compare->duration_usec,
					   run->compare->seed))
		return error_bug(error, "out of memory");
	memcpy(config.modes, run->compare->modes, sizeof(config.modes));
	run->observer = observer_create(&observer);
	if (run->observer == NULL)
		return error_bug(error, "out of memory");
	run->start = clock_mono() + LEAD_USEC;
	run->wall_start = clock_wall() + LEAD_USEC;
	run->next_look = run->start;
	config.start_at = run->start;
	progress_init(&run->progress, run->compare, run->start, stderr);
	run->load = load_start(&config, error);
	return run->load != NULL;
}

/* -------------------------------------------------------------------------
 * the load and the outage
 * ------------------------------------------------------------------------- */

static void
look(Run *run, MonoUsec now)
{
	const Sample *sample = observer_look(run->observer, run->phase);

	progress_show(&run->progress, run->load, sample, now);
	run->next_look = now + LOOK_USEC;
}

static bool
has_outage(const Run *run)
{
	return run->compare->outage_start_usec < run->compare->outage_end_usec;
}

/* The outage's next step, when it is due. */
static bool
turn_outage(Run *run, MonoUsec now, Error *error)
{
	bool serves;

	if (!has_outage(run))
		return true;
	if (run->phase == PHASE_CALM && now >= run->start + run->compare->outage_start_usec)
	{
		run->phase = PHASE_OUTAGE;
		if (!stage_crash(run->stage, PART_TARGET, error))
			return false;
		run->down_at = clock_mono();
	}
	else if (run->phase == PHASE_OUTAGE && !run->restoring &&
			 now >= run->start + run->compare->outage_end_usec)
	{
		run->restoring = true;
		return stage_restart(run->stage, PART_TARGET, error);
	}
	else if (run->restoring)
	{
		if (!stage_serves(run->stage, PART_TARGET, &serves, error))
			return false;
		if (!serves)
			return now <= run->start + run->compare->outage_end_usec + RETURN_LIMIT_USEC ||
				   error_permanent(error, EXIT_SERVER, "the target did not come back");
		run->restoring = false;
		run->phase = PHASE_RECOVERY;
		run->back_at = clock_mono();
	}
	return true;
}

/* One turn of the loop. */
static bool
turn(Run *run, Error *error)
{
	MonoUsec now = clock_mono();

	if (!turn_outage(run, now, error) || !stage_check(run->stage, error))
		return false;
	if (now >= run->next_look)
		look(run, now);
	if (!interrupt_wait(run->interrupt, now + STEP_USEC))
		return error_transient(error, "interrupted");
	return true;
}

static bool
run_load(Run *run, Error *error)
{
	while (!load_done(run->load) || run->restoring ||
		   (has_outage(run) && run->phase < PHASE_RECOVERY))
	{
		if (!turn(run, error))
			return false;
	}
	load_finish(run->load);
	run->phase = PHASE_DRAIN;
	return true;
}

/* -------------------------------------------------------------------------
 * the drain
 * ------------------------------------------------------------------------- */

/* The application, PostgreSQL and the consumer have nothing before them. */
static bool
is_quiet(Run *run, PgSession *source, const char *end_lsn)
{
	AppPath paths[MODE_COUNT];
	char query[160];
	int64_t confirmed;
	int64_t queued = 0;
	Error ignored;

	if (!app_state(stage_app(run->stage), paths))
		return false;
	for (int mode = 0; mode < MODE_COUNT; mode++)
		queued += paths[mode].queued;
	snprintf(query, sizeof(query),
			 "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn >= '%s'",
			 end_lsn);
	if (queued > 0 || observer_last(run->observer)->lag != 0)
		return false;
	return !mode_any(run->compare->modes, mode_relayed) ||
		   (pg_session_number(source, query, &confirmed, &ignored) && confirmed > 0);
}

/* Until all is quiet, for a while: whatever comes later is there twice; or given up. */
static bool
await_quiet(Run *run, PgSession *source, Error *error)
{
	char end_lsn[64];
	MonoUsec deadline = clock_mono() + run->compare->drain_timeout_usec;
	MonoUsec quiet_since = 0;

	if (!pg_session_text(source, "SELECT pg_current_wal_lsn()", end_lsn, sizeof(end_lsn), error))
		return false;
	while (!run->quiet && clock_mono() < deadline)
	{
		int64_t seen = observer_last(run->observer)->visible;

		if (!turn(run, error))
			return false;
		if (observer_last(run->observer)->visible > seen)
			deadline = clock_mono() + run->compare->drain_timeout_usec;
		if (!is_quiet(run, source, end_lsn))
			quiet_since = 0;
		else if (quiet_since == 0)
			quiet_since = clock_mono();
		run->quiet = quiet_since != 0 && clock_mono() - quiet_since >= LATE_USEC;
	}
	return true;
}

static bool
settle_down(Run *run, Error *error)
{
	PgSession *source;
	bool done;

	if (!mode_any(run->compare->modes, mode_consumed))
		return true;
	source = pg_session_open(stage_source(run->stage)->conninfo, QUERY_TIMEOUT_USEC, error);
	done = source != NULL && await_quiet(run, source, error);
	pg_session_close(source);
	return done;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static bool
settle_modes(Run *run, Report *report, Error *error)
{
	SettleInput input = {.audit = {.source_conninfo = stage_source(run->stage)->conninfo,
								   .target_conninfo = stage_target(run->stage)->conninfo,
								   .brokers = stage_brokers(run->stage),
								   .seed = run->compare->seed,
								   .run = 1,
								   .since = run->wall_start},
						 .load = run->load,
						 .drivers = run->compare->drivers,
						 .start = run->start,
						 .wall_start = run->wall_start,
						 .load_ended = run->start + run->compare->duration_usec,
						 .back_at = run->back_at,
						 .quiet = run->quiet};

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LoadRecord *records = load_records(run->load, (Mode) mode);

		if (!run->compare->modes[mode])
			continue;
		if (!settle_path(&input, (Mode) mode, &report->paths[mode], NULL, error))
			return false;
		for (uint32_t n = 0; n < load_count(run->load); n++)
			timeline_add(&report->timeline, (Mode) mode, load_intended(run->load, n),
						 records[n].outcome);
	}
	return true;
}

static bool
conclude(Run *run, bool *passed, Error *error)
{
	Report report = {.config = run->compare};
	size_t count;
	const Sample *samples = observer_samples(run->observer, &count);
	bool done = timeline_init(&report.timeline, samples, count, run->start)
					? settle_modes(run, &report, error)
					: error_bug(error, "out of memory");

	if (run->back_at > 0)
	{
		report.down_at_s = (double) (run->down_at - run->start) / USEC_PER_SEC;
		report.back_at_s = (double) (run->back_at - run->start) / USEC_PER_SEC;
	}
	if (count > 0)
		report.took_s = (double) (samples[count - 1].at - run->start) / USEC_PER_SEC;
	if (done)
	{
		report.passed = report_verdict(&report);
		*passed = report.passed;
		report_print(&report, stdout);
		done = report_write(&report, run->config->report_path, error);
		if (done)
			printf("  report: %s\n", run->config->report_path);
		fflush(stdout);
	}
	timeline_free(&report.timeline);
	return done;
}

static bool
perform(Run *run, bool *passed, Error *error)
{
	bool done;

	if (!start_stage(run, error) || !start_load(run, error))
		return false;
	done = run_load(run, error) && settle_down(run, error);
	progress_end(&run->progress);
	if (!done)
		return false;
	/* Nobody writes any more when the books are closed. */
	stage_end_app(run->stage);
	return conclude(run, passed, error);
}

bool
run_compare(const RunConfig *config, Interrupt *interrupt, bool *passed, Error *error)
{
	Run run = {.config = config, .compare = config->compare, .interrupt = interrupt};
	bool done;

	report_print_settings(config->compare, stdout);
	fflush(stdout);
	done = perform(&run, passed, error);
	if (run.load != NULL)
		load_finish(run.load);
	load_free(run.load);
	observer_free(run.observer);
	stage_stop(run.stage);
	return done;
}
