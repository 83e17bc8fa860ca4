/*
 * relay_poison.c
 *	  An event that can't be published: stop, or write it to outbox.dead_letter and go on.
 *
 * Refuses to go on without the receipt of the committed row: as long as it can't be written
 * nothing is read, and the LSN stays.
 *
 * Invariants: one dead letter is under way at a time; the pump hears of it only after its
 * commit; an attempt that failed is begun anew from the event itself, which the pump holds;
 * an event that the database can't hold in one form comes in the next one, and in the last
 * one there is nothing to refuse.
 */
#include "relay_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#include <stdio.h>

#define BURIAL_LOG_USEC (60 * USEC_PER_SEC)
#define LOOKS_MAX 10
#define LOOK_USEC (100 * USEC_PER_MS)

bool
relay_keeps_dead_letters(const Relay *relay)
{
	return relay->config->poison_policy == POISON_DEAD_LETTER;
}

void
relay_drop_burial(Relay *relay)
{
	relay->burial = BURIAL_NONE;
	relay->burial_form = LETTER_AS_IT_IS;
	relay->burial_looks = 0;
}

static void
wait_to_bury(Relay *relay, MonoUsec now)
{
	relay->burial = BURIAL_WAITING;
	relay->burial_failed = true;
	relay->burial_retry_at = backoff_next(&relay->burial_backoff, now, &relay->random);
}

/*
 * The Kafka client remembers for minutes that a topic was forbidden, and refuses by itself
 * what goes there.  Nothing is given up on hearsay: Kafka is asked.
 */
static bool
may_be_free(Relay *relay, const Poison *poison)
{
	uint32_t partitions;
	Error error;

	if (poison->cause != POISON_FORBIDDEN_TOPIC || poison->proven || relay->sink == NULL ||
		relay->burial_looks == LOOKS_MAX)
		return false;
	error_clear(&error);
	if (kafka_topic_partitions(relay->sink, poison->topic, poison->topic_index, &partitions,
							   &error) == IO_OK)
	{
		relay->burial_looks++;
		return true;
	}
	return !poison_is(&error); /* it is away: there is time */
}

bool
relay_bury(Relay *relay, const Error *error, MonoUsec now)
{
	if (!relay_keeps_dead_letters(relay))
	{
		Error told = *error;

		poison_hint(&told, relay->config->poison_policy);
		relay->culprit = *pump_trace(relay->pump);
		relay_fail(relay, &told, now);
		return false;
	}
	if (may_be_free(relay, pump_poison(relay->pump)))
	{
		relay->burial = BURIAL_WAITING;
		relay->burial_retry_at = now + LOOK_USEC;
		return true;
	}
	if (!FAILPOINT("letter-due") &&
		registry_dead_letter(relay->registry, pump_poison(relay->pump), relay->burial_form))
		relay->burial = BURIAL_WRITING;
	else
		wait_to_bury(relay, now);
	return true;
}

void
relay_burial_step(Relay *relay, MonoUsec now)
{
	if (relay->burial == BURIAL_WAITING && now >= relay->burial_retry_at)
		relay->burial = BURIAL_NONE;
}

/* Never what is in it. */
static void
log_burial(const Relay *relay, const Poison *poison)
{
	const EventTrace *trace = pump_trace(relay->pump);
	char position[POSITION_TEXT_SIZE];
	char id[UUID_TEXT_SIZE];

	position_format(relay->facts.source_id, &poison->event.position, position);
	uuid_format(poison->event.id, id);
	log_event(
		LOG_LEVEL_WARNING, "dead-lettered an event", "event_id", poison->event.no_id ? NULL : id,
		"position", position, "topic", poison->has_topic ? poison->topic : NULL, "reason",
		poison_cause_name(poison->cause), "error", poison->error.message, "hint",
		poison->error.hint[0] != '\0' ? poison->error.hint : NULL, "lsn",
		EVENT_TRACE_FIELD(trace->lsn), "ordinal", EVENT_TRACE_FIELD(trace->ordinal), "xid",
		EVENT_TRACE_FIELD(trace->xid), "traceparent", EVENT_TRACE_FIELD(trace->traceparent), NULL);
}

void
relay_take_burial(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	unsigned long suppressed;
	Error error = reply->error;

	if (relay->burial != BURIAL_WRITING)
		return;
	if (reply->failed && relay->burial_form < LETTER_BYTES &&
		poison_form_is_refused(error.sqlstate))
	{
		relay->burial_form++;
		relay->burial = BURIAL_NONE;
		return;
	}
	if (reply->failed)
	{
		wait_to_bury(relay, now);
		if (log_limit_pass(&relay->burial_log, now, BURIAL_LOG_USEC, &suppressed))
			log_error(LOG_LEVEL_WARNING, &error, "job",
					  "dead letter: nothing is published until it is written", NULL);
		return;
	}
	error_clear(&error);
	if (!pump_buried(relay->pump, &reply->u.receipt, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	backoff_reset(&relay->burial_backoff);
	relay_drop_burial(relay);
	relay->burial_failed = false;
	log_burial(relay, pump_poison(relay->pump));
	if (FAILPOINT_ERROR("letter-settled", &error))
		relay_fail(relay, &error, now);
}
