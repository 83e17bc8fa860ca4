/*
 * live_feed.c
 *	  Snapshots (live.h has their form) and orders.
 *
 * Rates are over the last one to two seconds: between now and a mark that is at least a
 * second old.
 */
#include "live_feed.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MARK_USEC USEC_PER_SEC
#define NOTICE_SIZE 160

/* The counters at a moment. */
typedef struct Mark
{
	MonoUsec at;
	uint64_t offered, accepted, rejected, unknown;
	uint64_t latencies[LOAD_BUCKETS];
	int64_t visible;
} Mark;

struct LiveFeed
{
	Live *live;
	const bool *modes;
	LiveRun run;
	Mark old[MODE_COUNT];
	Mark young[MODE_COUNT];
	char notice[NOTICE_SIZE];
};

LiveFeed *
live_feed_open(const char *listen_at, const bool *modes, Error *error)
{
	LiveConfig config = {.listen = listen_at, .orders = true};
	LiveFeed *feed = calloc(1, sizeof(*feed));

	if (feed == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	feed->modes = modes;
	feed->live = live_start(&config, error);
	if (feed->live != NULL)
		return feed;
	free(feed);
	return NULL;
}

const char *
live_feed_url(const LiveFeed *feed)
{
	return live_url(feed->live);
}

void
live_feed_close(LiveFeed *feed)
{
	if (feed == NULL)
		return;
	live_stop(feed->live);
	free(feed);
}

static void
publish(LiveFeed *feed, json_t *snapshot)
{
	char *text = json_dumps(snapshot, JSON_COMPACT | JSON_REAL_PRECISION(8));

	if (text != NULL)
		live_publish(feed->live, text, strlen(text));
	free(text);
	json_decref(snapshot);
}

void
live_feed_wait(LiveFeed *feed, const char *why)
{
	if (feed != NULL)
		publish(feed, json_pack("{s:f, s:s, s:s}", "t", 0.0, "phase", "starting", "title", why));
}

/* -------------------------------------------------------------------------
 * a path
 * ------------------------------------------------------------------------- */

static void
take_mark(const LiveFeed *feed, int mode, const Sample *sample, MonoUsec now, Mark *mark)
{
	const LoadCounters *counters = load_counters(feed->run.load, (Mode) mode);

	*mark = (Mark){.at = now,
				   .offered = counters->offered,
				   .accepted = counters->accepted,
				   .rejected = counters->rejected,
				   .unknown = counters->unknown,
				   .visible = sample->visible[mode]};
	for (int i = 0; i < LOAD_BUCKETS; i++)
		mark->latencies[i] = counters->latencies[i];
}

static json_t *
rounded(double value)
{
	return json_real(round(value * 10) / 10);
}

static json_t *
rate_between(uint64_t before, uint64_t after, int64_t usec)
{
	return usec > 0 ? rounded((double) (after - before) * USEC_PER_SEC / (double) usec)
					: json_null();
}

/* The end of the bucket in which that share of the latest lies. */
static json_t *
latency_between(const Mark *before, const Mark *after, double share)
{
	uint64_t total = after->accepted - before->accepted;
	uint64_t seen = 0;

	if (total == 0)
		return json_null();
	for (int i = 0; i < LOAD_BUCKETS; i++)
	{
		seen += after->latencies[i] - before->latencies[i];
		if ((double) seen >= share * (double) total)
			return rounded(load_bucket_ms(i));
	}
	return rounded(load_bucket_ms(LOAD_BUCKETS - 1));
}

static json_t *
number_or_null(int64_t number)
{
	return number == UNSEEN ? json_null() : json_integer((json_int_t) number);
}

static json_t *
path_object(LiveFeed *feed, int mode, const Sample *sample, MonoUsec now)
{
	Mark *old = &feed->old[mode];
	Mark *young = &feed->young[mode];
	bool arrivals;
	int64_t usec;
	Mark mark;

	take_mark(feed, mode, sample, now, &mark);
	if (now - young->at >= MARK_USEC)
	{
		*old = *young;
		*young = mark;
	}
	usec = now - old->at;
	arrivals = mark.visible != UNSEEN && old->visible != UNSEEN && mark.visible >= old->visible;
	return json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "title",
		mode_title((Mode) mode), "offered", (json_int_t) mark.offered, "accepted",
		(json_int_t) mark.accepted, "rejected", (json_int_t) mark.rejected, "unknown",
		(json_int_t) mark.unknown, "in_target", number_or_null(mark.visible), "offered_rate",
		rate_between(old->offered, mark.offered, usec), "accepted_rate",
		rate_between(old->accepted, mark.accepted, usec), "rejected_rate",
		rate_between(old->rejected, mark.rejected, usec), "unknown_rate",
		rate_between(old->unknown, mark.unknown, usec), "in_target_rate",
		arrivals ? rate_between((uint64_t) old->visible, (uint64_t) mark.visible, usec)
				 : json_null(),
		"p50_ms", latency_between(old, &mark, 0.5), "p99_ms", latency_between(old, &mark, 0.99),
		"freshness_s",
		sample->age_usec[mode] == UNSEEN ? json_null()
										 : rounded((double) sample->age_usec[mode] / USEC_PER_SEC));
}

/* -------------------------------------------------------------------------
 * a snapshot
 * ------------------------------------------------------------------------- */

static json_t *
parts_object(const LiveRun *run)
{
	json_t *parts = json_object();

	for (int part = 0; part < PART_COUNT; part++)
	{
		if (stage_has(run->stage, (Part) part))
			json_object_set_new(
				parts, part_name((Part) part),
				json_string(part_state_name(faults_part(run->faults, (Part) part))));
	}
	return parts;
}

static json_t *
faults_array(const LiveRun *run)
{
	uint64_t active = faults_active(run->faults);
	json_t *faults = json_array();

	for (int i = 0; i < run->faults->count; i++)
	{
		if ((active >> i & 1) != 0)
			json_array_append_new(faults, json_string(run->faults->all[i].plan.text));
	}
	return faults;
}

static json_t *
paths_object(LiveFeed *feed, const Sample *sample, MonoUsec now)
{
	json_t *paths = json_object();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (feed->modes[mode])
			json_object_set_new(paths, mode_name((Mode) mode),
								path_object(feed, mode, sample, now));
	}
	return paths;
}

static json_t *
snapshot_object(LiveFeed *feed, const Sample *sample, MonoUsec now)
{
	const LiveRun *run = &feed->run;
	char which[48];

	snprintf(which, sizeof(which), "run %d of %d", run->repeat, run->repeats);
	return json_pack(
		"{s:o, s:s, s:s, s:s, s:I, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:s}", "t",
		json_real(round((double) (now - run->start) / 1e4) / 100), "title", run->scenario->title,
		"run", run->repeats > 1 ? which : "", "scenario", run->scenario->name, "seed",
		(json_int_t) run->seed, "phase", phase_name(sample->phase), "duration_s",
		run->endless ? json_null()
					 : json_real((double) run->scenario->duration_usec / USEC_PER_SEC),
		"parts", parts_object(run), "faults", faults_array(run), "breaker",
		sample->breaker == UNSEEN ? json_null() : json_string(breaker_name(sample->breaker)), "lag",
		number_or_null(sample->lag), "retained_wal_bytes", number_or_null(sample->retained),
		"paths", paths_object(feed, sample, now), "notice", feed->notice);
}

void
live_feed_begin(LiveFeed *feed, const LiveRun *run)
{
	LiveCommand command;

	if (feed == NULL)
		return;
	feed->run = *run;
	feed->notice[0] = '\0';
	/* What was ordered while there was nothing to break isn't meant for this run. */
	while (live_command(feed->live, &command))
		snprintf(feed->notice, sizeof(feed->notice),
				 "The order for the %s came before the load: nothing was done.", command.part);
	for (int mode = 0; mode < MODE_COUNT; mode++)
		feed->old[mode] = feed->young[mode] = (Mark){.at = run->start};
}

void
live_feed_show(LiveFeed *feed, const Sample *sample, MonoUsec now)
{
	if (feed != NULL)
		publish(feed, snapshot_object(feed, sample, now));
}

static json_t *
ledger_object(const LiveFeed *feed, const RunReport *report)
{
	json_t *ledger = json_object();

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		const LedgerTotals *totals = &report->paths[mode].totals;

		if (!feed->modes[mode])
			continue;
		json_object_set_new(
			ledger, mode_name((Mode) mode),
			json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "closes", totals->closes ? 1 : 0,
					  "durable", (json_int_t) totals->durable, "lost", (json_int_t) totals->lost,
					  "duplicates", (json_int_t) totals->duplicates, "order_violations",
					  (json_int_t) totals->order_violations, "pending",
					  (json_int_t) totals->pending, "invented", (json_int_t) totals->invented,
					  "unknown_missing", (json_int_t) totals->unknown_missing));
	}
	return ledger;
}

void
live_feed_end(LiveFeed *feed, const RunReport *report, const Sample *sample, MonoUsec now)
{
	json_t *snapshot;

	if (feed == NULL)
		return;
	snapshot = snapshot_object(feed, sample, now);
	json_object_set_new(snapshot, "phase", json_string("done"));
	json_object_set_new(snapshot, "ledger", ledger_object(feed, report));
	publish(feed, snapshot);
}

/* -------------------------------------------------------------------------
 * orders
 * ------------------------------------------------------------------------- */

static void
obey(LiveFeed *feed, Faults *faults, const LiveCommand *command, MonoUsec now)
{
	Part part;
	bool done = faults != NULL && part_parse(command->part, strlen(command->part), &part) &&
				(command->order == LIVE_CRASH ? faults_add_crash(faults, part, now)
											  : faults_end_crash(faults, part, now));

	feed->notice[0] = '\0';
	if (done)
		return;
	if (faults == NULL)
	{
		snprintf(feed->notice, sizeof(feed->notice), "The load has ended: nothing is broken now.");
		return;
	}
	snprintf(feed->notice, sizeof(feed->notice), "The %s could not be %s: it %s.", command->part,
			 command->order == LIVE_CRASH ? "crashed" : "restored",
			 faults->count == FAULTS_MAX	? "was the last of as many faults as a run can have"
			 : command->order == LIVE_CRASH ? "isn't there, or isn't up"
											: "didn't crash, or is on its way back");
}

void
live_feed_obey(LiveFeed *feed, Faults *faults, MonoUsec now)
{
	LiveCommand command;

	while (feed != NULL && live_command(feed->live, &command))
		obey(feed, faults, &command, now);
}
