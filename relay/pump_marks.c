/*
 * pump_marks.c
 *	  When a mark pays, what it says, and the numbers that people ask for.
 *
 * Refuses nothing: it compares positions and times.
 *
 * Invariants: the durable mark never goes back, and moves only when the owner says
 * that it was committed; at rest no mark is wanted.
 */
#include "pump_intern.h"

/* At rest our own mark must not make the next one due. */
static bool
mark_pays(const Pump *pump)
{
	PgLsn confirmed = window_confirmed(pump->window);

	if (heartbeats_confirmed(&pump->heartbeats, confirmed) != NULL)
		return true;
	if (confirmed <= pump->durable)
		return false;
	return pump->last_event_end > pump->durable ||
		   confirmed - pump->durable >= pump->config.mark_idle_bytes;
}

bool
pump_heartbeat(Pump *pump, const char *snapshot, PgLsn lsn, PgUsec at)
{
	return heartbeats_take(&pump->heartbeats, snapshot, lsn, at);
}

bool
pump_mark_wanted(const Pump *pump, bool force, MonoUsec now, PumpMark *mark)
{
	PgLsn confirmed = window_confirmed(pump->window);
	const Heartbeat *heartbeat = heartbeats_confirmed(&pump->heartbeats, confirmed);

	if (force ? confirmed <= pump->durable
			  : !mark_pays(pump) || now < pump->marked_at + pump->config.mark_interval_usec)
		return false;
	*mark = (PumpMark){
		.mark_lsn = confirmed > pump->durable ? confirmed : pump->durable,
		.has_last = pump->stats.last.commit_lsn != LSN_INVALID,
		.last = pump->stats.last,
	};
	if (heartbeat != NULL)
	{
		mark->heartbeat_snapshot = heartbeat->snapshot;
		mark->heartbeat_at = heartbeat->at;
	}
	return true;
}

MonoUsec
pump_mark_wake_at(const Pump *pump)
{
	return mark_pays(pump) ? pump->marked_at + pump->config.mark_interval_usec : MONO_NEVER;
}

void
pump_marked(Pump *pump, const PumpMark *mark, MonoUsec now)
{
	if (mark->mark_lsn > pump->durable)
		pump->durable = mark->mark_lsn;
	if (mark->heartbeat_snapshot != NULL)
		heartbeats_drop_confirmed(&pump->heartbeats);
	pump->marked_at = now;
	pump->stats.marks++;
}

void
pump_mark_failed(Pump *pump, bool heartbeat_is_bad, MonoUsec now)
{
	if (heartbeat_is_bad)
		heartbeats_drop_confirmed(&pump->heartbeats);
	pump->marked_at = now;
}

PgLsn
pump_confirmed(const Pump *pump)
{
	return window_confirmed(pump->window);
}

PgLsn
pump_durable(const Pump *pump)
{
	return pump->durable;
}

bool
pump_sent_is_confirmed(const Pump *pump)
{
	return pump->sent.commit_lsn == LSN_INVALID ||
		   pump->sent.commit_lsn < window_confirmed(pump->window);
}

uint32_t
pump_in_flight(const Pump *pump)
{
	return window_events(pump->window);
}

uint64_t
pump_in_flight_bytes(const Pump *pump)
{
	return window_bytes(pump->window);
}

PgUsec
pump_oldest_commit_time(const Pump *pump)
{
	return window_oldest_commit_time(pump->window);
}

uint64_t
pump_transactions_settled(const Pump *pump)
{
	return pump->transactions_settled + window_transactions_settled(pump->window);
}

const PumpStats *
pump_stats(const Pump *pump)
{
	return &pump->stats;
}
