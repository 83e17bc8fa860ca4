/*
 * relay_sink.c
 *	  The producer of a relay: opened, drained, given up.
 *
 * Refuses nothing itself: what Kafka refused goes to relay_peers.c, an event that can't be
 * published to relay_poison.c.
 *
 * Invariants: a producer that failed is never used again; the pump hears of it before it is
 * closed, so that what was in flight comes again.
 */
#include "relay_intern.h"

#include "failpoint.h"

#include <stdio.h>

#define BATCH_BYTES_FIRST 524288 /* half of librdkafka's default */
#define BATCH_BYTES_MIN 8192
#define YIELD_USEC USEC_PER_SEC

/* -------------------------------------------------------------------------
 * opened, and closed
 * -------------------------------------------------------------------------
 */

static void
log_kafka(int level, const char *text, void *arg)
{
	Relay *relay = arg;
	unsigned long repeated;
	char count[LOG_COUNT_SIZE];

	relay_kafka_complains(relay, level, text);
	/* The same complaint of each connection attempt, for hours: now and then is enough. */
	if (relay_may_complain(relay, PEER_KAFKA, text, relay->now, &repeated))
		log_event(level <= 4 ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text, "peer",
				  relay_peer_name(PEER_KAFKA), "repeated", log_count(repeated, count), NULL);
}

EventSink *
relay_open_producer(Relay *relay, const char *transactional_id, Error *error)
{
	KafkaSinkHooks hooks = {log_kafka, relay};
	KafkaTransactions who = {
		.id = transactional_id,
		.source_id = relay->facts.source_id,
		.slot = relay->config->slot,
		.system_identifier = relay->facts.system_identifier,
	};

	return kafka_sink_open(relay->config, relay->batch_bytes,
						   transactional_id != NULL ? &who : NULL, &hooks, error);
}

bool
relay_open_sink(Relay *relay, MonoUsec now)
{
	char id[TRANSACTIONAL_ID_SIZE];
	Error error;

	if (relay->sink != NULL)
		return true;
	error_clear(&error);
	relay->sink = relay_open_producer(
		relay, relay->config->exactly_once ? relay_transactional_id(relay, id) : NULL, &error);
	if (relay->sink == NULL)
	{
		relay_fail_kafka(relay, &error, now);
		return false;
	}
	relay->sinks++;
	relay->sink_at = now;
	relay->sink_answered = false;
	if (!FAILPOINT_ERROR("producer-opened", &error))
		return true;
	relay_lose_sink(relay, &error, now);
	return false;
}

void
relay_close_sink(Relay *relay)
{
	relay_drop_topic(relay);
	relay_forget_delivery(relay);
	if (relay->sink != NULL && kafka_sink_is_fenced(relay->sink))
	{
		relay->fenced++;
		/* It may still be on its way to the slot: a fence of ours would end it in turn. */
		relay->yield_until = relay->now + YIELD_USEC +
							 (MonoUsec) random_below(&relay->random, (uint64_t) YIELD_USEC);
		log_event(LOG_LEVEL_WARNING,
				  "another relay with the same transactional id has taken over, or Kafka has given "
				  "up the transaction: nothing more is published by this producer",
				  "slot", relay->config->slot, NULL);
	}
	if (relay->sink != NULL)
	{
		relay->kafka_answered |= kafka_sink_has_answer(relay->sink);
		relay->sink->ops->close(relay->sink);
	}
	relay->sink = NULL;
}

void
relay_lose_sink(Relay *relay, const Error *error, MonoUsec now)
{
	pump_sink_lost(relay->pump);
	relay_close_sink(relay);
	if (relay->state == RELAY_DRAINING || relay->state == RELAY_WAITING)
	{
		relay_note_error(relay, error);
		log_error(LOG_LEVEL_WARNING, error, "peer", relay_peer_name(PEER_KAFKA),
				  EVENT_TRACE_FIELDS(&relay->culprit), NULL);
		relay->culprit = (EventTrace){0};
		return;
	}
	relay_fail_session(relay, error, now);
}

/* -------------------------------------------------------------------------
 * what comes back
 * -------------------------------------------------------------------------
 */

/*
 * The broker refused a whole batch, and maybe no event of it is to blame: a topic's
 * max.message.bytes counts for a batch.  The next producer makes smaller ones.
 */
static void
shrink_batches(Relay *relay)
{
	char bytes[16];

	if (relay->batch_bytes == BATCH_BYTES_MIN)
		return;
	relay->batch_bytes = relay->batch_bytes == 0 ? BATCH_BYTES_FIRST : relay->batch_bytes / 2;
	snprintf(bytes, sizeof(bytes), "%u", relay->batch_bytes);
	log_event(LOG_LEVEL_INFO, "the broker refused a batch, the next ones are smaller", "at_most",
			  bytes, NULL);
}

bool
relay_settle(Relay *relay, MonoUsec now, PgUsec wall)
{
	PumpVerdict verdict;
	Error error;

	if (relay->sink == NULL)
		return false;
	error_clear(&error);
	verdict = pump_settle(relay->pump, relay->sink, wall, &error);
	if (verdict != PUMP_IDLE && verdict != PUMP_MORE)
		relay->culprit = *pump_trace(relay->pump);
	switch (verdict)
	{
		case PUMP_IDLE:
			return false;
		case PUMP_MORE:
			return true;
		case PUMP_POISON:
			if (relay_keeps_dead_letters(relay) || relay->config->exactly_once)
			{
				/* Its producer is done for; the event comes again, and is buried then. */
				error.error_class = ERROR_CLASS_TRANSIENT;
				relay_lose_sink(relay, &error, now);
				return true;
			}
			/* FALLTHROUGH */
		case PUMP_STOP:
			/* The sink is done for, too; what it failed with stays in flight. */
			pump_sink_lost(relay->pump);
			relay_close_sink(relay);
			relay_fail(relay, &error, now);
			return true;
		default:
			if (poison_cause_of(error.code) == POISON_TOO_LARGE)
				shrink_batches(relay);
			relay_lose_sink(relay, &error, now);
			return true;
	}
}

void
relay_take_refusal(Relay *relay, MonoUsec now)
{
	unsigned long repeated;
	char count[LOG_COUNT_SIZE];
	Error error;

	error_clear(&error);
	if (relay->sink == NULL || !kafka_sink_refusal(relay->sink, &error))
		return;
	relay->kafka_answered |= kafka_sink_has_answer(relay->sink);
	if ((!relay->kafka_answered || error.code[0] != '\0') && !relay_is_ending(relay))
		relay_fail_kafka(relay, &error, now);
	else if (relay_may_complain(relay, PEER_KAFKA, error.message, now, &repeated))
		log_error(LOG_LEVEL_WARNING, &error, "peer", relay_peer_name(PEER_KAFKA), "repeated",
				  log_count(repeated, count), NULL);
}
