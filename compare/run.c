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
#include "ingest.h"
#include "load.h"
#include "observer.h"
#include "pg_session.h"
#include "progress.h"
#include "report.h"
#include "settle.h"
#include "stage.h"

#define LOOK_USEC (250 * USEC_PER_MS)
#define STEP_USEC (20 * USEC_PER_MS)
#define CONNECT_WAIT_USEC (10 * USEC_PER_SEC)
#define LEAD_USEC (200 * USEC_PER_MS)
#define RETURN_LIMIT_USEC (60 * USEC_PER_SEC)
#define QUIET_LIMIT_USEC (30 * USEC_PER_SEC)
#define LATE_USEC (1500 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC (5 * USEC_PER_SEC)

typedef struct Run
{
	const RunConfig *config;
	const CompareConfig *compare;
	Interrupt *interrupt;
	Stage *stage;
	Ingest *ingest;
	Load *load;
	Observer *observer;
	Progress progress;
	Phase phase;
	bool restoring; /* the target was started and doesn't serve yet */
	MonoUsec start;
	MonoUsec down_at;
	MonoUsec back_at;
	MonoUsec drained_at;
	MonoUsec next_look;
	uint64_t accepted_before; /* by the outbox mode, at the last sample */
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
	StageConfig config = {.dir = run->config->dir,
						  .tree = run->config->tree,
						  .program_dir = run->config->program_dir,
						  .outbox = run->compare->modes[MODE_OUTBOX],
						  .breaker_reset_usec = run->compare->breaker_reset_usec,
						  .say = say};

	run->stage = stage_create(&config, run->interrupt);
	if (run->stage == NULL)
		return error_bug(error, "out of memory");
	return stage_start(run->stage, error);
}

/* The same pool for every mode; only the database differs. */
static PoolConfig
pool_config(const Run *run, Mode mode)
{
	const CompareConfig *compare = run->compare;
	const Cluster *cluster =
		mode == MODE_DIRECT ? stage_target(run->stage) : stage_source(run->stage);

	return (PoolConfig){.writer = {.mode = mode,
								   .conninfo = cluster->conninfo,
								   .connect_timeout_usec = compare->connect_timeout_usec,
								   .statement_timeout_usec = compare->statement_timeout_usec,
								   .tcp_user_timeout_usec = compare->tcp_user_timeout_usec},
						.size = compare->pool_size,
						.queue_length = compare->pool_queue,
						.wait_usec = compare->pool_wait_usec,
						.reconnect_min_usec = compare->reconnect_min_usec,
						.reconnect_max_usec = compare->reconnect_max_usec};
}

static bool
all_connected(const Run *run)
{
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (run->compare->modes[mode] &&
			ingest_connected(run->ingest, (Mode) mode) < run->compare->pool_size)
			return false;
	}
	return true;
}

static bool
start_ingest(Run *run, Error *error)
{
	IngestConfig config = {.http_threads = run->compare->http_threads};
	MonoUsec deadline = clock_mono() + CONNECT_WAIT_USEC;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		config.modes[mode] = run->compare->modes[mode];
		if (config.modes[mode])
			config.pools[mode] = pool_config(run, (Mode) mode);
	}
	run->ingest = ingest_start(&config, error);
	if (run->ingest == NULL)
		return false;
	while (!all_connected(run))
	{
		if (!interrupt_wait(run->interrupt, clock_mono() + STEP_USEC))
			return error_transient(error, "interrupted");
		if (clock_mono() > deadline)
			return error_permanent(error, EXIT_SERVER, "the pools could not connect");
	}
	return true;
}

static bool
start_load(Run *run, Error *error)
{
	LoadConfig config = {.id_seed = run->compare->seed,
						 .run = 1,
						 .schedule = {run->compare->seed, run->compare->rate},
						 .duration_usec = run->compare->duration_usec,
						 .drivers = run->compare->drivers,
						 .timeout_usec = run->compare->client_timeout_usec,
						 .port = ingest_port(run->ingest)};
	ObserverConfig observer = {.target_conninfo = stage_target(run->stage)->conninfo,
							   .consumer_port = stage_consumer_port(run->stage)};

	memcpy(config.modes, run->compare->modes, sizeof(config.modes));
	run->observer = observer_create(&observer);
	if (run->observer == NULL)
		return error_bug(error, "out of memory");
	run->start = clock_mono() + LEAD_USEC;
	run->next_look = run->start;
	config.start_at = run->start;
	progress_init(&run->progress, run->compare, run->start, stderr);
	run->load = load_start(&config, error);
	return run->load != NULL;
}

/* -------------------------------------------------------------------------
 * the load and the outage
 * ------------------------------------------------------------------------- */

/*
 * The backlog is gone when the target has as many rows as requests had been
 * accepted when we looked the last time.
 */
static void
look(Run *run, MonoUsec now)
{
	const Sample *sample = observer_look(run->observer, run->phase);

	if (run->phase >= PHASE_RECOVERY && run->drained_at == 0 && sample->visible != UNSEEN &&
		(uint64_t) sample->visible >= run->accepted_before)
		run->drained_at = sample->at;
	if (run->compare->modes[MODE_OUTBOX])
		run->accepted_before = load_counters(run->load, MODE_OUTBOX)->accepted;
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
	if (!has_outage(run))
		return true;
	if (run->phase == PHASE_CALM && now >= run->start + run->compare->outage_start_usec)
	{
		run->phase = PHASE_OUTAGE;
		if (!stage_crash_target(run->stage, error))
			return false;
		run->down_at = clock_mono();
	}
	else if (run->phase == PHASE_OUTAGE && !run->restoring &&
			 now >= run->start + run->compare->outage_end_usec)
	{
		run->restoring = true;
		return stage_restore_target(run->stage, error);
	}
	else if (run->restoring && stage_target_ready(run->stage))
	{
		run->restoring = false;
		run->phase = PHASE_RECOVERY;
		run->back_at = clock_mono();
	}
	else if (run->restoring && now > run->start + run->compare->outage_end_usec + RETURN_LIMIT_USEC)
		return error_permanent(error, EXIT_SERVER, "the target did not come back");
	return true;
}

/* One turn of the loop. */
static bool
turn(Run *run, Error *error)
{
	MonoUsec now = clock_mono();

	if (!turn_outage(run, now, error) ||
		!stage_check(run->stage, run->phase == PHASE_OUTAGE && !run->restoring, error))
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
	if (run->phase == PHASE_CALM)
		run->drained_at = 0;
	run->phase = PHASE_DRAIN;
	return true;
}

/* -------------------------------------------------------------------------
 * the drain
 * ------------------------------------------------------------------------- */

/* Until the target has what the source has, or nothing has come for too long. */
static bool
drain(Run *run, int64_t stored, Error *error)
{
	int64_t best = UNSEEN;
	MonoUsec progress_at = clock_mono();

	for (;;)
	{
		const Sample *sample;

		if (!turn(run, error))
			return false;
		sample = observer_last(run->observer);
		if (sample->visible > best)
		{
			best = sample->visible;
			progress_at = clock_mono();
		}
		if (best >= stored)
		{
			if (run->drained_at == 0)
				run->drained_at = sample->at;
			return true;
		}
		if (clock_mono() - progress_at > run->compare->drain_timeout_usec)
		{
			run->drained_at = 0;
			return true;
		}
	}
}

/* PostgreSQL was told that Kafka has everything, and the consumer has nothing before it. */
static bool
is_quiet(Run *run, PgSession *source, const char *end_lsn)
{
	char query[160];
	int64_t confirmed;
	Error ignored;

	snprintf(query, sizeof(query),
			 "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn >= '%s'",
			 end_lsn);
	return observer_last(run->observer)->lag == 0 &&
		   pg_session_number(source, query, &confirmed, &ignored) && confirmed > 0;
}

/* Something is missing: is it still on its way? */
static bool
await_quiet(Run *run, PgSession *source, Error *error)
{
	MonoUsec deadline = clock_mono() + QUIET_LIMIT_USEC;
	char end_lsn[64];

	if (!pg_session_text(source, "SELECT pg_current_wal_lsn()", end_lsn, sizeof(end_lsn), error))
		return false;
	while (!run->quiet && clock_mono() < deadline)
	{
		if (!turn(run, error))
			return false;
		run->quiet = is_quiet(run, source, end_lsn);
	}
	return true;
}

/* Everything is there: whatever comes now is there twice. */
static bool
await_late(Run *run, Error *error)
{
	MonoUsec until = clock_mono() + LATE_USEC;

	while (clock_mono() < until)
	{
		if (!turn(run, error))
			return false;
	}
	run->quiet = true;
	return true;
}

static bool
settle_down(Run *run, Error *error)
{
	PgSession *source;
	int64_t stored;
	bool done;

	if (!run->compare->modes[MODE_OUTBOX])
		return true;
	source = pg_session_open(stage_source(run->stage)->conninfo, QUERY_TIMEOUT_USEC, error);
	done = source != NULL &&
		   pg_session_number(source, "SELECT count(*) FROM location_history", &stored, error) &&
		   drain(run, stored, error) &&
		   (run->drained_at != 0 ? await_late(run, error) : await_quiet(run, source, error));
	pg_session_close(source);
	return done;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static bool
conclude(Run *run, bool *passed, Error *error)
{
	SettleInput input = {.config = run->compare,
						 .audit = {.source_conninfo = stage_source(run->stage)->conninfo,
								   .target_conninfo = stage_target(run->stage)->conninfo,
								   .seed = run->compare->seed,
								   .run = 1},
						 .load = run->load,
						 .observer = run->observer,
						 .start = run->start,
						 .down_at = run->down_at,
						 .back_at = run->back_at,
						 .drained_at = run->drained_at,
						 .quiet = run->quiet};
	Report report;
	bool done = settle_report(&input, &report, error);

	if (done)
	{
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

	if (!start_stage(run, error) || !start_ingest(run, error) || !start_load(run, error))
		return false;
	done = run_load(run, error) && settle_down(run, error);
	progress_end(&run->progress);
	if (!done)
		return false;
	/* Nobody writes any more when the books are closed. */
	ingest_stop(run->ingest);
	run->ingest = NULL;
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
	ingest_stop(run.ingest);
	load_free(run.load);
	observer_free(run.observer);
	stage_stop(run.stage);
	return done;
}
