/*
 * conduct.c
 *	  The conductor's loop: it looks at everything a few times a second.
 *
 * Phases follow from the clock and from the faults, never from what a path does.
 */
#include "conduct.h"

#include <string.h>

#include "conduct_quiet.h"
#include "exit_codes.h"
#include "observer.h"
#include "progress.h"
#include "settle.h"

#define LOOK_USEC (250 * USEC_PER_MS)
#define COST_USEC (2 * USEC_PER_SEC)
#define STEP_USEC (20 * USEC_PER_MS)
#define LEAD_USEC (200 * USEC_PER_MS)
/* Who looks takes at most this share of the time. */
#define LOOK_SHARE 5

typedef struct Conductor
{
	const ConductConfig *config;
	Stage *stage;
	Interrupt *interrupt;
	Load *load;
	Observer *observer;
	Quiet *quiet;
	CostMeter meter;
	Faults faults;
	Progress progress;
	Phase phase;
	MonoUsec start;
	UnixUsec wall_start;
	MonoUsec load_ended;
	MonoUsec next_look;
	MonoUsec next_cost;
	bool was_quiet;
} Conductor;

/* -------------------------------------------------------------------------
 * before the load
 * ------------------------------------------------------------------------- */

static void
begin_feed(Conductor *conductor, uint64_t seed)
{
	const ConductConfig *config = conductor->config;
	const LiveRun run = {.scenario = config->scenario,
						 .stage = conductor->stage,
						 .faults = &conductor->faults,
						 .load = conductor->load,
						 .seed = seed,
						 .repeat = config->repeat,
						 .repeats = config->compare->repeat,
						 .endless = config->endless,
						 .start = conductor->start};

	live_feed_begin(config->feed, &run);
}

static bool
start_load(Conductor *conductor, Error *error)
{
	const CompareConfig *compare = conductor->config->compare;
	const Scenario *scenario = conductor->config->scenario;
	LoadConfig config = {.id_seed = compare->seed,
						 .run = conductor->config->number,
						 .drivers = compare->drivers,
						 .timeout_usec = compare->limits.client_timeout_usec,
						 .port = stage_app(conductor->stage)->port};

	memcpy(config.modes, compare->modes, sizeof(config.modes));
	if (!schedule_init(&config.schedule, &scenario->shape, scenario->rate, scenario->duration_usec,
					   compare->seed + (uint64_t) conductor->config->repeat - 1))
		return error_bug(error, "out of memory");
	conductor->start = clock_mono() + LEAD_USEC;
	conductor->wall_start = clock_wall() + LEAD_USEC;
	conductor->next_look = conductor->next_cost = conductor->start;
	config.start_at = conductor->start;
	faults_init(&conductor->faults, conductor->stage, scenario, conductor->start);
	progress_init(&conductor->progress, compare->modes, conductor->start, stderr);
	conductor->load = load_start(&config, error);
	if (conductor->load == NULL)
		return false;
	begin_feed(conductor, config.schedule.seed);
	return true;
}

static bool
prepare(Conductor *conductor, Error *error)
{
	Stage *stage = conductor->stage;
	bool full = stage_has(stage, PART_SOURCE);
	ObserverConfig observer = {.target_conninfo = stage_target(stage)->conninfo,
							   .source_conninfo = full ? stage_source(stage)->conninfo : NULL,
							   .consumer_port = stage_consumer_port(stage)};

	conductor->observer = observer_create(&observer, error);
	if (conductor->observer == NULL)
		return false;
	conductor->quiet = full ? quiet_create(stage) : NULL;
	cost_start(&conductor->meter, stage);
	return start_load(conductor, error);
}

/* -------------------------------------------------------------------------
 * the loop
 * ------------------------------------------------------------------------- */

static void
look(Conductor *conductor, MonoUsec now)
{
	const Faults *faults = &conductor->faults;
	PartState consumer = faults_part(faults, PART_CONSUMER);
	ObserverBlind blind = {.target = faults_hide(faults, PART_TARGET),
						   .source = faults_hide(faults, PART_SOURCE),
						   .consumer = consumer != PART_UP && consumer != PART_STARTING};
	const Sample *sample =
		observer_look(conductor->observer, conductor->phase, faults_active(faults), &blind);
	int64_t pause = observer_cost_usec(conductor->observer) * (LOOK_SHARE - 1);

	progress_show(&conductor->progress, conductor->load, sample, now);
	live_feed_show(conductor->config->feed, sample, now);
	conductor->next_look = now + (pause > LOOK_USEC ? pause : LOOK_USEC);
}

static void
turn_phase(Conductor *conductor)
{
	if (conductor->phase == PHASE_DRAIN)
		return;
	if (faults_active(&conductor->faults) != 0)
		conductor->phase = PHASE_FAULT;
	else if (conductor->phase == PHASE_FAULT)
		conductor->phase = PHASE_RECOVERY;
}

/* One turn; false with the error set, or when it was interrupted. */
static bool
turn(Conductor *conductor, Error *error)
{
	MonoUsec now = clock_mono();

	live_feed_obey(conductor->config->feed,
				   conductor->phase != PHASE_DRAIN ? &conductor->faults : NULL, now);
	/* A killed process takes its numbers along. */
	if (now >= conductor->next_cost || faults_due(&conductor->faults, now))
	{
		cost_look(&conductor->meter, conductor->stage);
		conductor->next_cost = now + COST_USEC;
	}
	if (!faults_turn(&conductor->faults, now, error) || !stage_check(conductor->stage, error))
		return false;
	turn_phase(conductor);
	now = clock_mono();
	if (now >= conductor->next_look)
		look(conductor, now);
	if (!interrupt_wait(conductor->interrupt, now + STEP_USEC))
		return error_transient(error, "interrupted");
	return true;
}

static bool
play(Conductor *conductor, Error *error)
{
	while (!load_done(conductor->load) || !faults_over(&conductor->faults))
	{
		if (!turn(conductor, error))
			return false;
		if (load_done(conductor->load))
			faults_release(&conductor->faults, clock_mono());
	}
	return true;
}

static int64_t
visible_rows(const Sample *sample)
{
	int64_t sum = 0;

	for (int mode = 0; mode < MODE_COUNT; mode++)
		sum += sample->visible[mode] != UNSEEN ? sample->visible[mode] : 0;
	return sum;
}

/* Until nothing is on its way any more, or nothing has come for too long. */
static bool
drain(Conductor *conductor, Error *error)
{
	MonoUsec progress_at = clock_mono();
	int64_t best = -1;

	conductor->phase = PHASE_DRAIN;
	while (conductor->quiet != NULL && !conductor->was_quiet &&
		   clock_mono() - progress_at < conductor->config->compare->drain_timeout_usec)
	{
		const Sample *sample;

		if (!turn(conductor, error))
			return false;
		sample = observer_last(conductor->observer);
		if (visible_rows(sample) > best)
		{
			best = visible_rows(sample);
			progress_at = clock_mono();
		}
		conductor->was_quiet = quiet_look(conductor->quiet, sample);
	}
	conductor->was_quiet = conductor->was_quiet || conductor->quiet == NULL;
	/* The last second of the timeline shows how it ended. */
	look(conductor, clock_mono());
	return true;
}

/* -------------------------------------------------------------------------
 * the report
 * ------------------------------------------------------------------------- */

static double
seconds_since(const Conductor *conductor, MonoUsec at)
{
	return (double) (at - conductor->start) / USEC_PER_SEC;
}

static void
fill_faults(const Conductor *conductor, RunReport *report)
{
	for (int i = 0; i < conductor->faults.count; i++)
	{
		const Fault *fault = &conductor->faults.all[i];
		FaultReport *entry = &report->faults[report->fault_count++];

		snprintf(entry->text, sizeof(entry->text), "%s", fault->plan.text);
		entry->from_s = fault->from != 0 ? seconds_since(conductor, fault->from) : -1;
		entry->until_s = fault->until != 0 ? seconds_since(conductor, fault->until) : -1;
	}
}

static bool
fill_paths(Conductor *conductor, RunReport *report, Error *error)
{
	const CompareConfig *compare = conductor->config->compare;
	Stage *stage = conductor->stage;
	SettleInput input = {.audit = {.source_conninfo = stage_source(stage)->conninfo,
								   .target_conninfo = stage_target(stage)->conninfo,
								   .brokers = stage_brokers(stage),
								   .seed = compare->seed,
								   .run = conductor->config->number,
								   .since = conductor->wall_start},
						 .load = conductor->load,
						 .drivers = compare->drivers,
						 .start = conductor->start,
						 .wall_start = conductor->wall_start,
						 .load_ended = conductor->load_ended,
						 .back_at = faults_last_over(&conductor->faults),
						 .quiet = conductor->was_quiet};

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (!compare->modes[mode])
			continue;
		if (!settle_path(&input, (Mode) mode, &report->paths[mode], NULL, error))
			return false;
		if (!timeline_fill(&report->timeline, (Mode) mode, conductor->load))
			return error_bug(error, "out of memory");
	}
	return true;
}

static bool
conclude(Conductor *conductor, RunReport *report, Error *error)
{
	const CompareConfig *compare = conductor->config->compare;
	size_t count;
	const Sample *samples = observer_samples(conductor->observer, &count);

	report->seed = compare->seed + (uint64_t) conductor->config->repeat - 1;
	report->repeat = conductor->config->repeat;
	report->load_s = seconds_since(conductor, conductor->load_ended);
	report->took_s = seconds_since(conductor, clock_mono());
	cost_end(&conductor->meter, conductor->stage, &report->cost);
	fill_faults(conductor, report);
	if (!timeline_init(&report->timeline, samples, count, conductor->start))
		return error_bug(error, "out of memory");
	if (!fill_paths(conductor, report, error))
		return false;
	report_judge(report, conductor->config->scenario, compare->modes);
	return true;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

/* The end of an endless run. */
static bool
is_meant_to_end(Conductor *conductor, Error *error)
{
	if (!conductor->config->endless || !interrupt_wanted(conductor->interrupt))
		return false;
	interrupt_settle(conductor->interrupt);
	error_clear(error);
	return true;
}

static bool
perform(Conductor *conductor, RunReport *report, Error *error)
{
	bool done;
	bool mended;
	Error second;

	error_clear(&second);
	if (!prepare(conductor, error))
		return false;
	done = play(conductor, error) || is_meant_to_end(conductor, error);
	report->interrupted = !done && interrupt_wanted(conductor->interrupt);
	load_finish(conductor->load);
	conductor->load_ended = clock_mono();
	mended = faults_end(&conductor->faults, done ? error : &second);
	if (!mended && done)
		return false;
	if (done)
	{
		done = drain(conductor, error);
		report->interrupted = !done && interrupt_wanted(conductor->interrupt);
	}
	progress_end(&conductor->progress);
	if (!done && !report->interrupted)
		return false;
	if (!mended)
	{
		*error = second;
		return false;
	}
	if (!conclude(conductor, report, error))
		return false;
	live_feed_end(conductor->config->feed, report, observer_last(conductor->observer),
				  clock_mono());
	return true;
}

bool
conduct(const ConductConfig *config, Stage *stage, Interrupt *interrupt, RunReport *report,
		Error *error)
{
	Conductor conductor = {.config = config, .stage = stage, .interrupt = interrupt};
	bool done;

	memset(report, 0, sizeof(*report));
	done = perform(&conductor, report, error);
	progress_end(&conductor.progress);
	if (conductor.load != NULL)
		load_finish(conductor.load);
	load_free(conductor.load);
	observer_free(conductor.observer);
	quiet_free(conductor.quiet);
	return done;
}
