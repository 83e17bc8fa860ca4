/*
 * pump_settle.c
 *	  How an event becomes settled: its delivery report, or its dead letter.
 *
 * In a transaction of the sink an event is written first, and settles when that is committed.
 * Refuses everything else: no event leaves the pump by another door.  A failure that is
 * about one message takes its whole batch with it: the events up to the last that failed
 * so are sent again one at a time ("careful"), until the culprit is alone.
 *
 * Invariants: P3 and P6 of pump.h; a lone event that may have been persisted is no
 * poison; the position of a dead letter is settled together with all before it.
 * scripts/check-settled holds this file to be the only one that settles.
 */
#include "pump_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#define DELIVERIES_PER_ROUND 16384

/* -------------------------------------------------------------------------
 * deliveries
 * -------------------------------------------------------------------------
 */

typedef struct SettleContext
{
	Pump *pump;
	PgUsec wall;
} SettleContext;

static void
take_failure(Pump *pump, const Delivery *delivery)
{
	bool of_the_event = poison_is(&delivery->error);
	StreamPoint point;
	Settled event;

	pump->stats.deliveries_failed++;
	if (delivery->token == 0)
		point = pump->kafka.last; /* some event of the transaction, or none */
	else if (window_peek(pump->window, delivery->token, &event))
		point = (StreamPoint){event.commit_lsn, event.ordinal};
	else
		return;
	if (of_the_event && point_before(pump->careful_until, point))
		pump->careful_until = point;
	if (pump->failed)
		return;
	pump->failed = true;
	pump->failure = delivery->error;
	event_trace_place(&pump->trace, point.commit_lsn, point.ordinal, delivery->topic,
					  delivery->topic != NULL ? delivery->partition : -1);
	pump->lone = of_the_event && delivery->token != 0 && window_unacknowledged(pump->window) == 1 &&
				 delivery->certainly_not_persisted;
	if (!pump->lone)
		return;
	uuid_format(pump->subject.id, pump->trace.id);
	pump_condemn(pump, point, &delivery->error);
}

void
pump_remember_last(Pump *pump, StreamPoint point)
{
	if (point_before((StreamPoint){pump->stats.last.commit_lsn, pump->stats.last.ordinal}, point))
		pump->stats.last = pump_position_of(pump, point);
}

static void
take_delivery(const Delivery *delivery, void *arg)
{
	SettleContext *context = arg;
	Pump *pump = context->pump;
	uint64_t bytes = window_bytes(pump->window);
	Settled settled;

	if (delivery->written)
	{
		if (window_write(pump->window, delivery->token, &settled))
			pump_take_written(pump, (StreamPoint){settled.commit_lsn, settled.ordinal});
		pump->stats.bytes_settled += bytes - window_bytes(pump->window);
		return;
	}
	if (!delivery->delivered)
	{
		take_failure(pump, delivery);
		return;
	}
	if (delivery->token == 0)
	{
		pump_take_end(pump, context->wall);
		return;
	}
	if (!window_settle(pump->window, delivery->token, &settled))
		return;
	pump->failed |= FAILPOINT_ERROR("event-settled", &pump->failure);
	pump->stats.events_settled++;
	pump->stats.bytes_settled += bytes - window_bytes(pump->window);
	if (settled.commit_time != 0)
		histogram_observe(&pump->stats.delivery_seconds,
						  (double) (context->wall - settled.commit_time) / (double) USEC_PER_SEC);
	pump_remember_last(pump, (StreamPoint){settled.commit_lsn, settled.ordinal});
}

PumpVerdict
pump_settle(Pump *pump, EventSink *sink, PgUsec wall, Error *error)
{
	SettleContext context = {pump, wall};
	int count;

	pump->wall = wall;
	count = sink->ops->drain(sink, take_delivery, &context, DELIVERIES_PER_ROUND);

	if (!pump->failed)
		return count >= DELIVERIES_PER_ROUND ? PUMP_MORE : PUMP_IDLE;
	*error = pump->failure;
	if (pump->lone)
	{
		pump_name_event(pump, error);
		return PUMP_POISON;
	}
	if (error->error_class == ERROR_CLASS_PERMANENT && error->exit_code != EXIT_POISON)
		return PUMP_STOP;
	error->error_class = ERROR_CLASS_TRANSIENT;
	return PUMP_SINK_LOST;
}

/* -------------------------------------------------------------------------
 * dead letters
 * -------------------------------------------------------------------------
 */

void
pump_condemn(Pump *pump, StreamPoint point, const Error *error)
{
	pump->condemned = point;
	pump->sentence = poison_cause_of(error->code);
	pump->evidence = *error;
}

void
pump_forget_condemned(Pump *pump)
{
	pump->condemned = (StreamPoint){0};
}

/* Nothing before it was in flight when the dead letter was written. */
static void
settle_up_to(Pump *pump, const DeadLetterReceipt *receipt)
{
	StreamPoint behind = {receipt->position.commit_lsn, receipt->position.ordinal + 1};

	if (point_before(pump->resume, behind))
		pump->resume = behind;
	if (point_before(pump->condemned, behind))
		pump_forget_condemned(pump);
}

bool
pump_buried(Pump *pump, const DeadLetterReceipt *receipt, Error *error)
{
	if (position_compare(&receipt->position, &pump->poison.event.position) != 0 ||
		window_events(pump->window) > 0)
		return error_bug(error, "a dead letter of another event was written");
	settle_up_to(pump, receipt);
	pump->buried = (StreamPoint){receipt->position.commit_lsn, receipt->position.ordinal};
	pump->stats.dead_lettered[pump->poison.cause]++;
	return true;
}

void
pump_is_behind(Pump *pump, const DeadLetterReceipt *receipt)
{
	settle_up_to(pump, receipt);
}

/* -------------------------------------------------------------------------
 * transactions of the sink
 * -------------------------------------------------------------------------
 */

void
pump_take_written(Pump *pump, StreamPoint point)
{
	pump->failed |= FAILPOINT_ERROR("event-written", &pump->failure);
	if (point_before(pump->kafka.written, point))
		pump->kafka.written = point;
}

static void
observe(PgUsec commit_time, uint32_t events, void *arg)
{
	SettleContext *context = arg;
	Pump *pump = context->pump;

	pump->stats.events_settled += events;
	if (commit_time != 0)
		histogram_observe_many(&pump->stats.delivery_seconds,
							   (double) (context->wall - commit_time) / (double) USEC_PER_SEC,
							   events);
}

void
pump_take_end(Pump *pump, PgUsec wall)
{
	SettleContext context = {pump, wall};
	KafkaTransaction *kafka = &pump->kafka;

	if (!kafka->ending)
		return; /* of an anchor: it held no event */
	window_settle_written(pump->window, observe, &context);
	pump_remember_last(pump, kafka->written);
	pump->stats.kafka_commits++;
	kafka->open = kafka->ending = kafka->due = false;
	kafka->amid_events = 0;
	pump->failed |= FAILPOINT_ERROR("transaction-settled", &pump->failure);
}

void
pump_is_in_kafka(Pump *pump, const Position *before)
{
	StreamPoint point = {before->commit_lsn, before->ordinal};

	if (point_before(pump->resume, point))
		pump->resume = point;
	if (point_before(pump->condemned, point))
		pump_forget_condemned(pump);
}
