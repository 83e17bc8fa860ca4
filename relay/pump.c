/*
 * pump.c
 *	  The data path: frames in, events out, and what may be confirmed.
 *
 *		frame -> walframe -> pgoutput -> assemble -> route -> window -> sink
 *												 delivery -> window -> confirmed
 *
 * Refuses to go on after a failed delivery, behind an event that can't be published,
 * and what its parts refuse.
 *
 * Invariants: P1 to P6 of pump.h.  What is held borrows from the frame, which lives
 * until the source is asked for the next one.
 */
#include "pump_intern.h"

#include "exit_codes.h"
#include "walframe.h"

#include <stdio.h>
#include <string.h>

#define FRAMES_PER_ROUND 8192
/* So often in a backlog the walsender gets room to write on. */
#define FRAMES_PER_GATHERING 96
/* At most so much is taken from the connection while nothing can be published, */
#define FILL_BYTES (2 * 1024 * 1024)
/* and no longer: a commit that takes more waits for brokers that are away. */
#define FILL_USEC USEC_PER_SEC

static void
remember_subject(Pump *pump, const OutboxEvent *event)
{
	Subject *subject = &pump->subject;

	memcpy(subject->id, event->id, UUID_SIZE);
	subject->position = event->position;
	subject->size = pump->routed.size;
	if (subject->topic[0] != '\0' && subject->topic_index == pump->routed.topic_index)
		return;
	subject->topic_index = pump->routed.topic_index;
	snprintf(subject->topic, sizeof(subject->topic), "%s",
			 pump->routed.topic != NULL ? pump->routed.topic : "");
}

void
pump_name_event(const Pump *pump, Error *error)
{
	const Subject *subject = &pump->subject;
	char id[UUID_TEXT_SIZE];
	char lsn[LSN_TEXT_SIZE];

	uuid_format(subject->id, id);
	lsn_format(subject->position.commit_lsn, lsn);
	error_detail(error, "The event is %s for topic \"%s\", %u bytes, position %u.%u/%s/%llu.", id,
				 subject->topic, subject->size, subject->position.generation,
				 subject->position.timeline, lsn, (unsigned long long) subject->position.ordinal);
}

/* -------------------------------------------------------------------------
 * status updates
 * -------------------------------------------------------------------------
 */

PumpVerdict
pump_report(Pump *pump, ReplSource *source, MonoUsec now, PgUsec wall, Error *error)
{
	StatusUpdate update = feedback_due(&pump->feedback, pump->durable, now);
	uint8_t message[WAL_STATUS_SIZE];

	pump->wall = wall;
	if (!update.send)
		return PUMP_IDLE;
	walframe_build_status(message, pump->durable, pump->durable, wall, update.ask);
	if (source->ops->send_status(source, (ByteView){message, sizeof(message)}, error) != IO_OK)
		return PUMP_SOURCE_LOST;
	feedback_sent(&pump->feedback, pump->durable, update.ask, now);
	return PUMP_IDLE;
}

/* -------------------------------------------------------------------------
 * events
 * -------------------------------------------------------------------------
 */

static PumpVerdict
verdict_of(IoResult io)
{
	switch (io)
	{
		case IO_OK:
			return PUMP_MORE;
		case IO_FULL:
		case IO_AGAIN:
			return PUMP_HELD;
		default:
			return PUMP_STOP;
	}
}

PumpVerdict
pump_begin(Pump *pump, PgLsn commit_lsn, PgUsec commit_time, Error *error)
{
	PumpVerdict verdict = PUMP_MORE;

	if (pump_is_full(pump, commit_lsn))
		return PUMP_HELD;
	pump->suppressed = commit_lsn < pump->start_lsn;
	if (!pump->suppressed)
		verdict = verdict_of(window_begin(pump->window, commit_lsn, commit_time, error));
	if (verdict == PUMP_HELD)
		pump->kafka.due = pump->kafka.open; /* only its end makes room */
	if (verdict == PUMP_MORE)
	{
		pump->in_transaction = true;
		pump->published = 0;
		pump->settled_before = false;
	}
	return verdict;
}

PumpVerdict
pump_commit(Pump *pump, PgLsn end_lsn, Error *error)
{
	PumpVerdict verdict = PUMP_MORE;

	if (!pump->suppressed)
		verdict = verdict_of(window_commit(pump->window, end_lsn, error));
	if (verdict != PUMP_MORE)
		return verdict;
	pump->in_transaction = false;
	pump->suppressed = false;
	pump_count_commit(pump, end_lsn);
	if (pump->published > 0)
		pump->stats.transactions++;
	if (pump->published > 0 || pump->settled_before)
		pump->last_event_end = end_lsn;
	return PUMP_MORE;
}

/* false: one is in flight, and this one may not join it; nor the first after the last of those. */
static bool
may_go(Pump *pump, StreamPoint point)
{
	if (pump->careful_until.commit_lsn == LSN_INVALID)
		return true;
	if (window_unacknowledged(pump->window) > 0)
		return false;
	if (point_before(pump->careful_until, point))
		pump->careful_until = (StreamPoint){0};
	return true;
}

/*
 * What is to become of it is for the owner to decide, once everything before it is settled:
 * until then it is held.
 */
static PumpVerdict
poisoned(Pump *pump, const OutboxEvent *event, PoisonCause cause, Error *error)
{
	StreamPoint point = {event->position.commit_lsn, event->position.ordinal};
	Poison *poison = &pump->poison;
	PumpVerdict verdict = pump_clear_the_way(pump, point, error);

	if (verdict != PUMP_MORE)
		return verdict;
	event_trace_fill(&pump->trace, event, pump->routed.topic, pump->xid);
	pump->subject.topic[0] = '\0';
	remember_subject(pump, event);
	if (error->detail[0] == '\0' || event->problem == NULL)
		pump_name_event(pump, error);
	poison->cause = cause;
	poison->error = *error;
	poison->event = *event;
	poison->proven = is_point(pump->condemned, point);
	poison->topic_index = pump->routed.topic_index;
	poison->has_topic = pump->routed.topic != NULL;
	snprintf(poison->topic, sizeof(poison->topic), "%s",
			 poison->has_topic ? pump->routed.topic : "");
	return PUMP_POISON;
}

static PumpVerdict
carry_out(Pump *pump, const OutboxEvent *event, Error *error)
{
	*error = pump->evidence;
	return poisoned(pump, event, pump->sentence, error);
}

void
pump_topic_refused(Pump *pump, const Error *error)
{
	const Position *position = &pump->subject.position;

	pump_condemn(pump, (StreamPoint){position->commit_lsn, position->ordinal}, error);
}

const EventTrace *
pump_trace(const Pump *pump)
{
	return &pump->trace;
}

const Poison *
pump_poison(const Pump *pump)
{
	return &pump->poison;
}

PumpVerdict
pump_publish(Pump *pump, const OutboxEvent *event, EventSink *sink, Error *error)
{
	StreamPoint point = {event->position.commit_lsn, event->position.ordinal};
	DeliveryToken token;
	IoResult io;

	if (pump->suppressed || point_before(point, pump->resume))
	{
		if (!is_point(pump->buried, point))
			pump->stats.events_suppressed++;
		pump->settled_before |= !pump->suppressed;
		return PUMP_MORE;
	}
	if (!may_go(pump, point))
		return PUMP_HELD;
	if (event->problem != NULL)
	{
		*error = *event->problem;
		pump->routed = (RoutedEvent){0};
		return poisoned(pump, event, POISON_NO_EVENT, error);
	}
	switch (router_route(pump->router, event, &pump->routed, error))
	{
		case ROUTE_OK:
			break;
		case ROUTE_UNKNOWN_TOPIC:
			pump->subject.topic[0] = '\0';
			pump->routed.size = (uint32_t) event->payload.len;
			pump->routed.topic_index = UINT32_MAX; /* none yet */
			remember_subject(pump, event);
			if (is_point(pump->condemned, point))
				return carry_out(pump, event, error);
			return PUMP_TOPIC;
		default:
			if (!poison_is(error))
				return PUMP_STOP;
			pump->routed.size = (uint32_t) event->payload.len;
			return poisoned(pump, event, poison_cause_of_route(pump->routed.fault), error);
	}
	if (is_point(pump->condemned, point))
		return carry_out(pump, event, error);
	io = window_add(pump->window, event->position.ordinal, pump->routed.size, &token, error);
	if (io != IO_OK)
		return verdict_of(io);
	io = sink->ops->publish(sink, &pump->routed, token, error);
	if (io == IO_OK)
	{
		if (point_before(pump->sent, point))
			pump->sent = point;
		remember_subject(pump, event);
		pump->stats.events_published++;
		pump->published++;
		pump_count_published(pump, point, pump->routed.size);
		return PUMP_MORE;
	}
	window_retract(pump->window, token);
	if (io != IO_FAILED)
		return PUMP_HELD;
	if (error->error_class == ERROR_CLASS_TRANSIENT)
		return PUMP_SINK_LOST;
	if (poison_is(error))
		return poisoned(pump, event, poison_cause_of(error->code), error);
	remember_subject(pump, event);
	pump_name_event(pump, error);
	return PUMP_STOP;
}

const char *
pump_wanted_topic(const Pump *pump)
{
	return pump->routed.topic;
}

/* -------------------------------------------------------------------------
 * reading
 * -------------------------------------------------------------------------
 */

/* PUMP_MORE: it has gone. */
static PumpVerdict
apply_pending(Pump *pump, EventSink *sink, Error *error)
{
	const Assembled *pending = &pump->pending;

	switch (pending->kind)
	{
		case ASSEMBLED_BEGIN:
			return pump_begin(pump, pending->commit_lsn, pending->commit_time, error);
		case ASSEMBLED_EVENT:
			return pump_publish(pump, &pending->event, sink, error);
		case ASSEMBLED_COMMIT:
			return pump_commit(pump, pending->end_lsn, error);
		default:
			return PUMP_MORE;
	}
}

/* Each event once, however often it is held. */
static void
count_pending(Pump *pump)
{
	const Assembled *pending = &pump->pending;

	if (pending->kind == ASSEMBLED_BEGIN)
		pump->read_event = false;
	if (pending->kind != ASSEMBLED_EVENT)
		return;
	pump->stats.events_read++;
	if (pump->read_event)
		return;
	pump->read_event = true;
	pump->stats.transactions_read++;
	heartbeats_read(&pump->heartbeats, pump->xid);
	histogram_observe(&pump->stats.read_seconds,
					  (double) (pump->wall - pending->event.commit_time) / (double) USEC_PER_SEC);
}

/* Fills pump->pending; PUMP_MORE: held, or a keepalive that was dealt with. */
static PumpVerdict
take_frame(Pump *pump, ByteView bytes, MonoUsec now, Error *error)
{
	PgoutputMessage message;
	WalFrame frame;

	if (!walframe_parse(bytes, &frame, error))
		return PUMP_STOP;
	pump->stats.frames++;
	pace_read(&pump->pace);
	feedback_frame(&pump->feedback, frame.kind == WAL_FRAME_KEEPALIVE && frame.reply_requested,
				   now);
	pump_server_at(pump, frame.end);
	if (frame.kind == WAL_FRAME_KEEPALIVE)
	{
		if (!pump->in_transaction)
			window_idle_at(pump->window, frame.end);
		return PUMP_MORE;
	}
	if (!pgoutput_decode(frame.payload, &message, error) ||
		!assembler_take(pump->assembler, &message, &pump->pending, error))
		return PUMP_STOP;
	if (message.kind == PGOUTPUT_BEGIN)
	{
		pump->xid = message.u.begin.xid;
		pace_begin(&pump->pace, frame.sent_at - message.u.begin.commit_time);
	}
	count_pending(pump);
	pump->held = true;
	pump->filled = 0;
	return PUMP_MORE;
}

/* Nothing to read: is anybody there? */
static PumpVerdict
listen_on(Pump *pump, MonoUsec now, Error *error)
{
	MonoUsec since;

	if (!pump->listening)
	{
		pump->listening = true;
		pump->listening_since = now;
	}
	since = pump->feedback.last_frame_at > pump->listening_since ? pump->feedback.last_frame_at
																 : pump->listening_since;
	if (!pump->feedback.ask_pending || now - since < pump->config.silence_usec)
		return PUMP_IDLE;
	error_transient(error, "the walsender doesn't answer");
	return PUMP_SOURCE_LOST;
}

static PumpVerdict
run_dry(Pump *pump, MonoUsec now, Error *error)
{
	bool gathers;

	pace_dry(&pump->pace, now);
	gathers = pump_gather_at(pump, now) != MONO_NEVER;
	/* In a backlog that says nothing about what comes. */
	if (gathers && pump->pace.behind)
		return PUMP_IDLE;
	if (!pump->kafka.idle)
		pump->kafka.idle_since = now;
	pump->kafka.idle = true;
	return gathers ? PUMP_IDLE : listen_on(pump, now, error);
}

static PumpVerdict
gather(Pump *pump, ReplSource *source, Error *error)
{
	size_t bytes;

	if (source->ops->gather(source, &bytes, error) != IO_OK)
		return PUMP_SOURCE_LOST;
	pace_gathered(&pump->pace, bytes);
	if (pump->held)
		pump->filled += bytes;
	return PUMP_IDLE;
}

/* What is held waits for the end of a transaction of the sink, and the walsender needn't. */
MonoUsec
pump_fill_at(const Pump *pump, MonoUsec now)
{
	bool fills = pump->held && pump->kafka.ending && now - pump->kafka.ending_since < FILL_USEC &&
				 pump->pace.behind && pump->filled < FILL_BYTES;

	return fills ? now + pump->pace.step_usec : MONO_NEVER;
}

void
pump_finish(Pump *pump)
{
	pump->finishing = true;
}

bool
pump_is_amid_transaction(const Pump *pump)
{
	return pump->in_transaction && (pump->published > 0 || pump->settled_before);
}

PumpVerdict
pump_read(Pump *pump, ReplSource *source, EventSink *sink, MonoUsec now, Error *error)
{
	size_t bytes;

	pump->now = now;
	if (pump_gather_at(pump, now) != MONO_NEVER)
	{
		PumpVerdict verdict = gather(pump, source, error);

		/* Unless that was enough. */
		if (verdict != PUMP_IDLE || pump_gather_at(pump, now) != MONO_NEVER)
			return verdict;
	}
	if (pump_fill_at(pump, now) != MONO_NEVER)
	{
		PumpVerdict verdict = gather(pump, source, error);

		if (verdict != PUMP_IDLE)
			return verdict;
	}
	for (int i = 0; i < FRAMES_PER_ROUND; i++)
	{
		PumpVerdict verdict;
		ByteView frame;

		/* What comes isn't waited for. */
		if (pump->finishing && !pump_is_amid_transaction(pump))
			return PUMP_HELD;
		if (pump->pace.behind && i % FRAMES_PER_GATHERING == FRAMES_PER_GATHERING - 1 &&
			!pump->held && source->ops->gather(source, &bytes, error) != IO_OK)
			return PUMP_SOURCE_LOST;
		if (!pump->held)
		{
			switch (source->ops->next(source, &frame, error))
			{
				case IO_OK:
					pump->kafka.idle = false;
					break;
				case IO_AGAIN:
					return run_dry(pump, now, error);
				case IO_END:
					error_transient(error, "the server ended the replication stream");
					return PUMP_SOURCE_LOST;
				default:
					return PUMP_SOURCE_LOST;
			}
			verdict = take_frame(pump, frame, now, error);
			if (verdict != PUMP_MORE)
				return verdict;
		}
		if (pump->held)
		{
			verdict = apply_pending(pump, sink, error);
			if (verdict != PUMP_MORE)
			{
				pump->listening = false;
				return verdict;
			}
			pump->held = false;
		}
	}
	return PUMP_MORE;
}

MonoUsec
pump_wake_at(const Pump *pump)
{
	return feedback_wake_at(&pump->feedback);
}

MonoUsec
pump_gather_at(const Pump *pump, MonoUsec now)
{
	return pace_gather_at(&pump->pace, now);
}
