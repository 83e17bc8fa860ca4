/*
 * relay_end.c
 *	  How a relay ends, on request or because of an error that won't pass.
 *
 *		draining	no transaction is begun, one that is half out is read to its end, what
 *					is in flight settles; up to drain.timeout
 *		marking		the last mark is being committed
 *		closing		the last status update and the end of the stream are on their way
 *
 * Refuses nothing.  What isn't marked when it ends comes again, and its repetition is
 * dropped by the consumers.
 */
#include "relay_intern.h"

#include "failpoint.h"

#include <stdio.h>

#define LAST_MARK_USEC (5 * USEC_PER_SEC)
#define CLOSING_USEC (2 * USEC_PER_SEC)

bool
relay_is_ending(const Relay *relay)
{
	return relay->state == RELAY_DRAINING || relay->state == RELAY_MARKING ||
		   relay->state == RELAY_CLOSING || relay->state == RELAY_STOPPED;
}

bool
relay_is_stopping(const Relay *relay)
{
	return relay_is_ending(relay);
}

void
relay_begin_end(Relay *relay, MonoUsec now)
{
	relay_drop_topic(relay);
	if (relay->state == RELAY_STREAMING)
	{
		relay->drain_deadline = now + relay->config->drain_timeout_usec;
		pump_finish(relay->pump);
		relay_set_state(relay, RELAY_DRAINING, now);
		return;
	}
	/* Without a stream there is nothing to mark; what is in flight comes again. */
	relay_end_session(relay);
	relay_set_state(relay, RELAY_STOPPED, now);
}

/* A wait that isn't explained looks like one that hangs. */
static void
log_stopping(const Relay *relay)
{
	char events[16];
	char seconds[24];

	if (relay->state != RELAY_STREAMING || pump_in_flight(relay->pump) == 0)
	{
		log_event(LOG_LEVEL_INFO, "stopping", NULL);
		return;
	}
	snprintf(events, sizeof(events), "%u", pump_in_flight(relay->pump));
	snprintf(seconds, sizeof(seconds), "%.3g",
			 (double) relay->config->drain_timeout_usec / (double) USEC_PER_SEC);
	log_event(LOG_LEVEL_INFO,
			  "stopping: waiting for Kafka to acknowledge what is in flight; a second signal stops "
			  "at once",
			  "events", events, "at_most_seconds", seconds, NULL);
}

void
relay_stop(Relay *relay, MonoUsec now)
{
	if (relay_is_ending(relay))
	{
		relay_end_session(relay);
		relay_set_state(relay, RELAY_STOPPED, now);
		return;
	}
	log_stopping(relay);
	relay_begin_end(relay, now);
}

bool
relay_finishes(const Relay *relay)
{
	/* What stops a relay by itself may be that very transaction. */
	return relay->state == RELAY_DRAINING && relay->sink != NULL &&
		   relay->stop_error.error_class == ERROR_CLASS_NONE &&
		   pump_is_amid_transaction(relay->pump);
}

static void
end_step(Relay *relay, MonoUsec now, PgUsec wall)
{
	char left[16];
	Error error;

	error_clear(&error);
	if (relay->state == RELAY_DRAINING)
	{
		if (!relay_finishes(relay))
			relay_drop_torn(relay);
		if ((pump_in_flight(relay->pump) > 0 || relay_finishes(relay)) &&
			now < relay->drain_deadline)
			return;
		if (pump_in_flight(relay->pump) > 0)
		{
			snprintf(left, sizeof(left), "%u", pump_in_flight(relay->pump));
			log_event(LOG_LEVEL_WARNING, "stopping with events in flight, they come again",
					  "events", left, NULL);
		}
		relay->drain_deadline = now + LAST_MARK_USEC;
		relay_set_state(relay, RELAY_MARKING, now);
		if (FAILPOINT_ERROR("stop-drained", &error))
		{
			relay_fail(relay, &error, now);
			return;
		}
	}
	if (relay->state == RELAY_MARKING)
	{
		if (relay->mark_in_flight || relay_start_mark(relay, true, now))
		{
			if (now < relay->drain_deadline)
				return;
			log_event(LOG_LEVEL_WARNING, "stopping without the last mark", NULL);
		}
		if (!relay_report(relay, now, wall))
			return;
		relay->drained = !relay->mark_in_flight && pump_in_flight(relay->pump) == 0 &&
						 !pump_is_amid_transaction(relay->pump) && relay->burial == BURIAL_NONE &&
						 pump_durable(relay->pump) == pump_confirmed(relay->pump) &&
						 pump_sent_is_confirmed(relay->pump);
		pg_source_end(relay->source);
		relay->drain_deadline = now + CLOSING_USEC;
		relay_set_state(relay, RELAY_CLOSING, now);
		if (FAILPOINT_ERROR("stop-marked", &error))
		{
			relay_fail(relay, &error, now);
			return;
		}
	}
	if (!relay_flush_source(relay, now))
		return;
	if (!relay->source_full || now >= relay->drain_deadline)
	{
		relay_end_session(relay);
		relay_set_state(relay, RELAY_STOPPED, now);
	}
}

bool
relay_drain_step(Relay *relay, MonoUsec now, PgUsec wall)
{
	bool more;

	if (!relay_report(relay, now, wall) || !relay_flush_source(relay, now))
		return false;
	more = relay_finishes(relay) && relay_read_stream(relay, now);
	if (relay->state != RELAY_STOPPED)
		end_step(relay, now, wall);
	return more;
}
