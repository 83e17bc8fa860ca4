/*
 * pump_transaction.c
 *	  When a transaction of the sink is committed.
 *
 *		stream	BEGIN e e COMMIT   BEGIN e COMMIT   BEGIN e e e ...
 *		Kafka	begin ----------------------------- commit(position behind the second)
 *
 * It takes up whole transactions of the stream, until enough is in it or nothing more is
 * there to read; while it ends, the next one waits.  In a backlog the server is slower than
 * the relay, so that nothing is there to read every other moment: then it takes a pause to
 * be the end.  A stream that is current has no such end, only gaps: the first of them does,
 * as soon as it has been open for as long as such a pause.  Within a transaction of the stream it
 * is committed only when that would outlive it, or before a dead letter.
 *
 * Refuses nothing; without transactions none is ever open.
 *
 * Invariants: P7 of pump.h; what is committed is a prefix of the stream behind what was
 * committed before, and the position with it says where that prefix ends.
 */
#include "pump_intern.h"

static bool
has_transactions(const Pump *pump)
{
	return pump->config.transactions.interval_usec > 0;
}

Position
pump_position_of(const Pump *pump, StreamPoint point)
{
	return (Position){pump->generation, timeline_of(&pump->timelines, point.commit_lsn),
					  point.commit_lsn, point.ordinal};
}

void
pump_count_published(Pump *pump, StreamPoint point, uint32_t bytes)
{
	KafkaTransaction *kafka = &pump->kafka;

	if (!has_transactions(pump))
		return;
	if (!kafka->open)
	{
		kafka->open = true;
		kafka->opened_at = pump->now;
		kafka->first = point;
		kafka->events = kafka->bytes = 0;
		kafka->end_lsn = LSN_INVALID;
	}
	if (!kafka->amid && kafka->last.commit_lsn != point.commit_lsn)
		kafka->split = kafka->split_told = false;
	kafka->amid = true;
	kafka->events++;
	kafka->amid_events++;
	kafka->bytes += bytes;
	kafka->last = point;
}

void
pump_count_commit(Pump *pump, PgLsn end_lsn)
{
	KafkaTransaction *kafka = &pump->kafka;

	if (kafka->amid)
		kafka->end_lsn = end_lsn;
	kafka->amid = false;
	kafka->amid_events = 0;
}

/* Enough is in it. */
static bool
is_enough(const Pump *pump)
{
	const TransactionLimits *limits = &pump->config.transactions;
	const KafkaTransaction *kafka = &pump->kafka;

	return kafka->events >= limits->events || kafka->bytes >= limits->bytes ||
		   pump->now - kafka->opened_at >= limits->interval_usec;
}

/* The transaction of the stream can't wait for its end. */
static bool
is_too_much(const Pump *pump)
{
	const TransactionLimits *limits = &pump->config.transactions;
	const KafkaTransaction *kafka = &pump->kafka;

	return (limits->split_events > 0 && kafka->amid_events >= limits->split_events) ||
		   pump->now - kafka->opened_at >= limits->split_usec;
}

bool
pump_is_full(Pump *pump, PgLsn commit_lsn)
{
	KafkaTransaction *kafka = &pump->kafka;

	if (!kafka->open)
		return false;
	if (commit_lsn != pump->commit_before && !kafka->ending && !is_enough(pump))
		return false;
	kafka->due = true;
	return true;
}

PumpVerdict
pump_clear_the_way(Pump *pump, StreamPoint point, Error *error)
{
	KafkaTransaction *kafka = &pump->kafka;

	if (window_events(pump->window) == 0)
		return PUMP_MORE;
	if (!kafka->open || !pump->config.transactions.whole)
	{
		kafka->due = kafka->open;
		return PUMP_HELD;
	}
	if (kafka->ending)
		return PUMP_HELD;
	/* The relay will end here: what is of the same transaction isn't to be seen. */
	if (kafka->first.commit_lsn == point.commit_lsn)
		return PUMP_MORE;
	if (!kafka->amid)
	{
		kafka->due = true;
		return PUMP_HELD;
	}
	/* Nor can the rest be committed without it: all goes again, that transaction by itself. */
	pump->commit_before = point.commit_lsn;
	error->error_class = ERROR_CLASS_TRANSIENT;
	return PUMP_SINK_LOST;
}

/* Everything before this is in it, or was committed before. */
static StreamPoint
point_reached(const Pump *pump)
{
	const KafkaTransaction *kafka = &pump->kafka;

	if (kafka->amid || kafka->end_lsn == LSN_INVALID)
		return (StreamPoint){kafka->last.commit_lsn, kafka->last.ordinal + 1};
	return (StreamPoint){kafka->end_lsn, 0};
}

/* When it has waited long enough for more, while nothing is there to read. */
static MonoUsec
lingers_until(const Pump *pump)
{
	const KafkaTransaction *kafka = &pump->kafka;

	return (pump->pace.behind ? kafka->idle_since : kafka->opened_at) +
		   pump->config.transactions.linger_usec;
}

static bool
is_due(const Pump *pump, bool end)
{
	const KafkaTransaction *kafka = &pump->kafka;

	if (kafka->amid)
		return kafka->due || is_too_much(pump);
	return end || kafka->due || is_enough(pump) ||
		   (kafka->idle && pump->now >= lingers_until(pump));
}

PumpVerdict
pump_transact(Pump *pump, EventSink *sink, bool end, MonoUsec now, Error *error)
{
	KafkaTransaction *kafka = &pump->kafka;
	Position before;

	pump->now = now;
	if (!kafka->open || kafka->ending || pump->failed || !is_due(pump, end))
		return PUMP_IDLE;
	before = pump_position_of(pump, kafka->last);
	before.commit_lsn = point_reached(pump).commit_lsn;
	before.ordinal = point_reached(pump).ordinal;
	switch (sink->ops->commit(sink, &before, error))
	{
		case IO_OK:
			break;
		case IO_AGAIN:
			return PUMP_IDLE;
		default:
			return error->error_class == ERROR_CLASS_TRANSIENT ? PUMP_SINK_LOST : PUMP_STOP;
	}
	kafka->ending = true;
	kafka->ending_since = now;
	if (kafka->amid && !kafka->due && !kafka->split)
	{
		kafka->split = true;
		pump->stats.transactions_split++;
	}
	return PUMP_IDLE;
}

MonoUsec
pump_transact_wake_at(const Pump *pump)
{
	const TransactionLimits *limits = &pump->config.transactions;
	const KafkaTransaction *kafka = &pump->kafka;

	if (!kafka->open || kafka->ending)
		return MONO_NEVER;
	if (!kafka->amid && kafka->idle)
		return lingers_until(pump);
	return kafka->opened_at + (kafka->amid ? limits->split_usec : limits->interval_usec);
}

bool
pump_is_torn(const Pump *pump)
{
	return pump->kafka.open && pump->kafka.amid && !pump->kafka.ending;
}

bool
pump_take_split(Pump *pump, Position *where)
{
	if (!pump->kafka.split || pump->kafka.split_told)
		return false;
	pump->kafka.split_told = true;
	*where = pump_position_of(pump, pump->kafka.last);
	return true;
}
