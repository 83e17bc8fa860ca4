/*
 * inventory.c
 *	  The conductor of an inventory run.
 *
 *	services ──▶ load and faults ──▶ drain ──▶ replay ──▶ books
 *
 * Who is away follows from the clock alone.
 */
#include "inventory.h"

#include <string.h>

#include "exit_codes.h"
#include "inventory_quiet.h"
#include "inventory_settle.h"
#include "kafka_topics.h"
#include "pg_session.h"
#include "shop_services.h"

#define LOOK_USEC (250 * USEC_PER_MS)
#define STEP_USEC (20 * USEC_PER_MS)
#define LEAD_USEC (200 * USEC_PER_MS)
#define STATEMENT_TIMEOUT_USEC (30 * USEC_PER_SEC)
#define SCHEMA_LIMIT 16384
#define CONNECTIONS_OF_SERVICE 6

typedef struct Absence
{
	const FaultPlan *plan;
	MonoUsec from; /* 0: it hasn't begun */
	MonoUsec until;
} Absence;

typedef struct Run
{
	const InventoryConfig *config;
	Stage *stage;
	Interrupt *interrupt;
	InventoryReport *report;
	ShopServices services;
	Schedule schedule;
	ShopLoad *load;
	InventoryQuiet *quiet;
	Absence absences[SCENARIO_FAULTS_MAX];
	MonoUsec start;
	UnixUsec wall_start;
	MonoUsec load_ended;
	MonoUsec next_look;
	MonoUsec replay_from;
	int64_t behind; /* records that the services have before them; UNSEEN */
	bool was_quiet;
	bool replayed;
} Run;

/* Those of the sync path, and those of consumers and of who looks at them. */
int
inventory_connections(const IngestLimits *limits)
{
	return SERVICES_CALLED * limits->pool_size + CONNECTIONS_OF_SERVICE * SERVICE_COUNT;
}

const char *
inventory_obstacle(const Stage *stage)
{
	return stage_has(stage, PART_SOURCE) ? NULL
										 : "it takes a path that goes through Kafka, which isn't "
										   "there with these paths";
}

static uint64_t
seed_of(const Run *run)
{
	return run->config->compare->seed + (uint64_t) run->config->repeat - 1;
}

/* -------------------------------------------------------------------------
 * before the load
 * ------------------------------------------------------------------------- */

static bool
prepare_source(Run *run, Error *error)
{
	Buffer sql;
	bool done;

	buffer_init(&sql, SCHEMA_LIMIT);
	shop_source_schema(&sql);
	done = sql.failed ? error_bug(error, "the shop's tables are too long")
					  : pg_session_run_once(stage_source(run->stage)->conninfo,
											STATEMENT_TIMEOUT_USEC, sql.data, error);
	buffer_free(&sql);
	return done;
}

/* A consumer that doesn't find its topic looks again seconds later. */
static bool
prepare_topic(Run *run, Error *error)
{
	char topic[SHOP_TOPIC_SIZE];
	const char *const names[] = {topic};

	shop_topic(run->config->number, topic);
	return kafka_topics_create(stage_brokers(run->stage), names, 1, error);
}

static bool
prepare_services(Run *run, Error *error)
{
	const InventoryConfig *config = run->config;
	ShopServicesConfig services = {.target = stage_target(run->stage),
								   .brokers = stage_brokers(run->stage),
								   .dir = config->dir,
								   .program_dir = config->program_dir,
								   .run = config->number,
								   .breaker_reset_usec = config->breaker_reset_usec};

	shop_services_init(&run->services, &services);
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		if (!shop_service_start(&run->services, (Service) i, run->interrupt, error))
			return false;
	}
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		if (!shop_service_await(&run->services, (Service) i, run->interrupt, error))
			return false;
	}
	return true;
}

static bool
start_load(Run *run, Error *error)
{
	const InventoryConfig *config = run->config;
	const IngestLimits *limits = &config->compare->limits;
	const Scenario *scenario = config->scenario;
	ShopLoadConfig load = {.seed = seed_of(run),
						   .run = config->number,
						   .schedule = &run->schedule,
						   .databases = {.source = stage_source(run->stage)->conninfo,
										 .statement_timeout_usec = limits->statement_timeout_usec},
						   .threads = limits->pool_size,
						   .queue_length = limits->pool_queue,
						   .wait_usec = limits->pool_wait_usec,
						   .timeout_usec = limits->client_timeout_usec};

	for (int i = 0; i < SERVICES_CALLED; i++)
		load.databases.services[i] = run->services.all[i].conninfo;
	if (!schedule_init(&run->schedule, &scenario->shape, scenario->rate, scenario->duration_usec,
					   seed_of(run)))
		return error_bug(error, "out of memory");
	run->load = shop_load_create(&load, error);
	if (run->load == NULL)
		return false;
	run->start = clock_mono() + LEAD_USEC;
	run->wall_start = clock_wall() + LEAD_USEC;
	run->next_look = run->start;
	for (int i = 0; i < scenario->fault_count; i++)
		run->absences[i].plan = &scenario->faults[i];
	return shop_load_start(run->load, run->start, error);
}

/* -------------------------------------------------------------------------
 * the loop
 * ------------------------------------------------------------------------- */

/* Who goes and who comes back.  now: MONO_NEVER brings everybody back and sends nobody away. */
static bool
turn_absences(Run *run, MonoUsec now, Error *error)
{
	for (int i = 0; i < run->config->scenario->fault_count; i++)
	{
		Absence *absence = &run->absences[i];
		const FaultPlan *plan = absence->plan;

		if (plan == NULL)
			continue;
		if (absence->from == 0 && now != MONO_NEVER && now >= run->start + plan->from_usec)
		{
			if (!shop_service_away(&run->services, plan->service, error))
				return false;
			absence->from = clock_mono();
		}
		if (absence->from != 0 && absence->until == 0 &&
			(now == MONO_NEVER || now >= run->start + plan->until_usec))
		{
			if (!shop_service_back(&run->services, plan->service, error))
				return false;
			absence->until = clock_mono();
		}
	}
	return true;
}

static bool
absences_over(const Run *run)
{
	for (int i = 0; i < run->config->scenario->fault_count; i++)
	{
		if (run->absences[i].until == 0)
			return false;
	}
	return true;
}

static unsigned
absent(const Run *run)
{
	unsigned bits = 0;

	for (int i = 0; i < run->config->scenario->fault_count; i++)
	{
		if (run->absences[i].from != 0 && run->absences[i].until == 0)
			bits |= 1U << i;
	}
	return bits;
}

/* Breakers and who is away go into the row of this second. */
static bool
look(Run *run, MonoUsec now, Error *error)
{
	size_t second = now > run->start ? (size_t) ((now - run->start) / USEC_PER_SEC) : 0;
	int last = run->replay_from != 0 ? SERVICE_COUNT : SERVICES_CALLED;
	InventoryRow *row = NULL;

	run->next_look = now + LOOK_USEC;
	/* The replay is no part of the timeline. */
	if (run->replay_from == 0)
	{
		if (!inventory_report_reach(run->report, second))
			return error_bug(error, "out of memory");
		row = &run->report->rows[second];
		row->faults |= absent(run);
	}
	run->behind = 0;
	for (int i = 0; i < last; i++)
	{
		ServiceState state;

		shop_service_look(&run->services, (Service) i, &state);
		if (row != NULL && state.breaker > row->breaker[i])
			row->breaker[i] = state.breaker;
		if (state.lag == UNSEEN || run->behind == UNSEEN)
			run->behind = UNSEEN;
		else
			run->behind += state.lag;
	}
	return true;
}

/* One turn; false with the error set, or when it was interrupted. */
static bool
turn(Run *run, Error *error)
{
	MonoUsec now = clock_mono();

	if (!turn_absences(run, now, error) || !shop_services_check(&run->services, error) ||
		!stage_check(run->stage, error))
		return false;
	if (now >= run->next_look && !look(run, now, error))
		return false;
	if (!interrupt_wait(run->interrupt, now + STEP_USEC))
		return error_transient(error, "interrupted");
	return true;
}

static bool
play(Run *run, Error *error)
{
	while (!shop_load_done(run->load) || !absences_over(run))
	{
		if (!turn(run, error))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------------
 * after the load
 * ------------------------------------------------------------------------- */

/* Until all these services have what the topic has, or nothing has come for too long. */
static bool
drain(Run *run, unsigned services, bool *quiet, Error *error)
{
	/* Once the topic was known to be whole, nobody has written to it. */
	InventoryQuietConfig config = {.source =
									   run->was_quiet ? NULL : stage_source(run->stage)->conninfo,
								   .services = &run->services,
								   .present = services};
	MonoUsec progress_at = clock_mono();
	int64_t best = -1;

	inventory_quiet_free(run->quiet);
	run->quiet = inventory_quiet_create(&config);
	if (run->quiet == NULL)
		return error_bug(error, "out of memory");
	*quiet = false;
	while (clock_mono() - progress_at < run->config->compare->drain_timeout_usec)
	{
		int64_t rows;

		if (!turn(run, error))
			return false;
		rows = inventory_quiet_look(run->quiet, run->behind);
		*quiet = inventory_quiet_is(run->quiet);
		if (*quiet)
			break;
		if (rows > best)
		{
			best = rows;
			progress_at = clock_mono();
		}
	}
	return true;
}

/* A service that nobody had thought of: it finds the whole topic before it. */
static bool
replay(Run *run, Error *error)
{
	bool quiet;

	run->replay_from = clock_mono();
	if (!shop_service_start(&run->services, SERVICE_AUDIT, run->interrupt, error) ||
		!shop_service_await(&run->services, SERVICE_AUDIT, run->interrupt, error))
		return false;
	run->behind = UNSEEN;
	run->next_look = clock_mono();
	run->replayed = true;
	return drain(run, SERVICE_BIT(SERVICE_AUDIT) | SERVICES_ALL, &quiet, error);
}

/* -------------------------------------------------------------------------
 * the report
 * ------------------------------------------------------------------------- */

static double
seconds_since(const Run *run, MonoUsec at)
{
	return (double) (at - run->start) / USEC_PER_SEC;
}

static void
fill_faults(const Run *run)
{
	InventoryReport *report = run->report;

	for (int i = 0; i < run->config->scenario->fault_count; i++)
	{
		const Absence *absence = &run->absences[i];
		FaultReport *entry = &report->faults[report->fault_count++];

		snprintf(entry->text, sizeof(entry->text), "%s", run->config->scenario->faults[i].text);
		entry->from_s = absence->from != 0 ? seconds_since(run, absence->from) : -1;
		entry->until_s = absence->until != 0 ? seconds_since(run, absence->until) : -1;
	}
}

/* The last return of a service; without one, the load's end. */
static MonoUsec
back_at(const Run *run)
{
	MonoUsec back = 0;

	for (int i = 0; i < run->config->scenario->fault_count; i++)
	{
		if (run->absences[i].until > back)
			back = run->absences[i].until;
	}
	return back != 0 ? back : run->load_ended;
}

static bool
conclude(Run *run, Error *error)
{
	InventoryReport *report = run->report;
	InventorySettleInput input = {.source = stage_source(run->stage)->conninfo,
								  .seed = seed_of(run),
								  .run = run->config->number,
								  .load = run->load,
								  .schedule = &run->schedule,
								  .start = run->start,
								  .wall_start = run->wall_start,
								  .back_at = back_at(run),
								  .replay_from = run->replayed ? run->replay_from : 0,
								  .quiet = run->was_quiet};

	for (int i = 0; i < SERVICE_COUNT; i++)
		input.services[i] = run->services.all[i].conninfo;
	report->seed = seed_of(run);
	report->repeat = run->config->repeat;
	report->took_s = seconds_since(run, clock_mono());
	fill_faults(run);
	if (!inventory_settle(&input, report, error))
		return false;
	inventory_judge(report, run->config->scenario);
	return true;
}

/* -------------------------------------------------------------------------
 * the whole
 * ------------------------------------------------------------------------- */

static bool
perform(Run *run, Error *error)
{
	Error second;
	bool done;
	bool mended;

	if (!prepare_source(run, error) || !prepare_topic(run, error) ||
		!prepare_services(run, error) || !start_load(run, error))
		return false;
	done = play(run, error);
	shop_load_finish(run->load);
	run->load_ended = clock_mono();
	error_clear(&second);
	mended = turn_absences(run, MONO_NEVER, done ? error : &second);
	done = done && mended && drain(run, SERVICES_ALL, &run->was_quiet, error) && replay(run, error);
	run->report->interrupted = !done && interrupt_wanted(run->interrupt);
	if (!done && !run->report->interrupted)
		return false;
	return conclude(run, error);
}

bool
inventory_run(const InventoryConfig *config, Stage *stage, Interrupt *interrupt,
			  InventoryReport *report, Error *error)
{
	Run run = {.config = config,
			   .stage = stage,
			   .interrupt = interrupt,
			   .report = report,
			   .behind = UNSEEN};
	bool done;

	memset(report, 0, sizeof(*report));
	done = perform(&run, error);
	shop_load_free(run.load);
	inventory_quiet_free(run.quiet);
	shop_services_stop(&run.services);
	schedule_free(&run.schedule);
	return done;
}
