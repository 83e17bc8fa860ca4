/*
 * relay_delivery.c
 *	  delivery = exactly-once: what is done between opening a producer of transactions and
 *	  the stream, and when transactions are committed.
 *
 *	fence -> read the position -> [fence its writer, read again] -> [make the topic]
 *		  -> [anchor] -> [record the mode] -> known
 *
 * A relay that publishes at least once goes the same way, with a producer of its own for
 * the fence, when the one before it published in transactions.
 *
 * Refuses as relay_check_delivery.h says, and a position topic that can't be made.
 *
 * Invariants: the position is read after earlier producers were fenced off, so that it
 * can't move any more; the anchor is committed and the mode is recorded before the first
 * event; all this again with each new producer, for only Kafka knows whether the last
 * transaction of the one before was committed.
 */
#include "relay_intern.h"

#include "exit_codes.h"

#include <stdio.h>
#include <string.h>

#define SOON_USEC (5 * USEC_PER_MS)

const char *
relay_transactional_id(const Relay *relay, char text[TRANSACTIONAL_ID_SIZE])
{
	if (*relay->config->transaction_id != '\0')
		snprintf(text, TRANSACTIONAL_ID_SIZE, "%s", relay->config->transaction_id);
	else
		snprintf(text, TRANSACTIONAL_ID_SIZE, "pg_outbox.%s.%s", relay->facts.source_id,
				 relay->config->slot);
	return text;
}

/* This relay, or the one before it. */
static bool
has_transactions(const Relay *relay)
{
	return relay->config->exactly_once || relay->facts.exactly_once;
}

TransactionLimits
relay_transaction_limits(const RelayConfig *config)
{
	if (!config->exactly_once)
		return (TransactionLimits){.interval_usec = 0};
	return (TransactionLimits){
		.linger_usec = config->transaction_linger_usec,
		.interval_usec = config->transaction_interval_usec,
		.events = config->transaction_events,
		.bytes = config->transaction_bytes,
		.split_usec = config->transaction_timeout_ms * USEC_PER_MS / 2,
		.split_events = config->transaction_split_events,
		.whole = config->poison_policy == POISON_STOP,
	};
}

void
relay_forget_delivery(Relay *relay)
{
	kafka_position_free(relay->position);
	relay->position = NULL;
	topic_maker_free(relay->position_maker);
	relay->position_maker = NULL;
	if (relay->fence != NULL)
		relay->fence->ops->close(relay->fence);
	relay->fence = NULL;
	relay->fenced_other[0] = '\0';
	relay->delivery = DELIVERY_UNKNOWN;
}

MonoUsec
relay_delivery_wake_at(const Relay *relay, MonoUsec now)
{
	switch (relay->delivery)
	{
		case DELIVERY_RECORDING:
			return MONO_NEVER; /* the registry answers */
		case DELIVERY_KNOWN:
			return now; /* the next step follows */
		case DELIVERY_UNKNOWN:
			if (relay->config->exactly_once && relay->sink != NULL &&
				!kafka_sink_is_ready(relay->sink))
				return MONO_NEVER; /* the sink's descriptor says so, maybe in hours */
								   /* FALLTHROUGH */
		default:
			return has_transactions(relay) ? now + SOON_USEC : now;
	}
}

/* Nothing but failures can come from it. */
static void
take_fence_report(const Delivery *delivery, void *arg)
{
	Error *error = arg;

	*error = delivery->error;
}

/* true: earlier producers with that id are fenced off. */
static bool
fence_off(Relay *relay, const char *transactional_id, MonoUsec now)
{
	Error error;

	error_clear(&error);
	if (relay->fence == NULL)
		relay->fence = relay_open_producer(relay, transactional_id, &error);
	if (relay->fence != NULL)
		(void) relay->fence->ops->drain(relay->fence, take_fence_report, &error, 64);
	if (error.error_class != ERROR_CLASS_NONE)
	{
		relay_fail_kafka(relay, &error, now);
		return false;
	}
	if (!kafka_sink_is_ready(relay->fence))
		return false;
	relay->fence->ops->close(relay->fence);
	relay->fence = NULL;
	return true;
}

static bool
fence_off_the_one_before(Relay *relay, MonoUsec now)
{
	char id[TRANSACTIONAL_ID_SIZE];

	if (relay->config->exactly_once && relay->sink != NULL)
		return kafka_sink_is_ready(relay->sink);
	return fence_off(relay, relay_transactional_id(relay, id), now);
}

/* A relay with another transactional id committed last. */
static bool
has_another_writer(const Relay *relay)
{
	const PositionWriter *writer = &relay->position_writer;
	char id[TRANSACTIONAL_ID_SIZE];

	return relay->has_position && writer->transactional_id[0] != '\0' &&
		   strcmp(writer->transactional_id, relay_transactional_id(relay, id)) != 0 &&
		   (writer->system_identifier[0] == '\0' ||
			strcmp(writer->system_identifier, relay->facts.system_identifier) == 0);
}

/* true: it can't commit any more; what it did meanwhile is to be read. */
static bool
fence_off_writer(Relay *relay, MonoUsec now)
{
	const char *id = relay->position_writer.transactional_id;

	if (relay->fence == NULL)
		log_event(LOG_LEVEL_WARNING,
				  "the relay before had another transactional id, it is fenced off, too",
				  "transactional_id", id, "slot", relay->config->slot, NULL);
	if (!fence_off(relay, id, now))
		return false;
	snprintf(relay->fenced_other, sizeof(relay->fenced_other), "%s", id);
	return true;
}

/* Whether the topic is there; false with relay_fail() otherwise. */
static bool
look_for_topic(Relay *relay, bool *there, MonoUsec now)
{
	uint32_t partitions;
	Error error;

	error_clear(&error);
	if (kafka_topic_partitions(relay->sink, relay->config->position_topic,
							   topic_map_count(relay->topics), &partitions, &error) != IO_OK)
	{
		if (error.exit_code == EXIT_POISON)
			error.exit_code = EXIT_PERMISSION;
		relay_fail_kafka(relay, &error, now);
		return false;
	}
	*there = partitions > 0;
	return true;
}

/* true: the position, or that there is none, is known. */
static bool
read_position(Relay *relay, MonoUsec now)
{
	bool there;
	Error error;

	error_clear(&error);
	if (relay->position == NULL)
	{
		if (now < relay->look_at || !look_for_topic(relay, &there, now))
			return false;
		if (!there && relay->facts.exactly_once &&
			relay_waits_for_topic(relay, relay->config->position_topic, now))
			return false;
		relay_waits_no_more(relay);
		relay->has_position = false;
		relay->position_topic_is_there = there;
		if (!there)
			return true;
		relay->position = kafka_position_open(relay->config, relay->facts.source_id, &error);
		if (relay->position == NULL)
		{
			relay_fail_kafka(relay, &error, now);
			return false;
		}
	}
	switch (kafka_position_step(relay->position, now, &error))
	{
		case IO_AGAIN:
			return false;
		case IO_OK:
			relay->has_position = kafka_position_found(relay->position, &relay->position_before,
													   &relay->position_writer);
			kafka_position_free(relay->position);
			relay->position = NULL;
			relay->flushed_asked = relay->flushed_known = false;
			return true;
		default:
			relay_fail_kafka(relay, &error, now);
			return false;
	}
}

/*
 * The server said how far its WAL is before the position was read; another relay may have got the
 * slot in between, and published what was written since.  So it is asked again before that is a gap.
 * true: it was, or needn't be.
 */
static bool
knows_the_server(Relay *relay, MonoUsec now)
{
	Error error;

	if (!relay->has_position || relay->position_before.commit_lsn <= relay->identity.flushed ||
		relay->flushed_known)
		return true;
	if (relay->flushed_asked)
		return false;
	relay->flushed_asked = registry_ask_flushed(relay->registry);
	if (relay->flushed_asked)
		return false;
	error_clear(&error);
	error_bug(&error, "could not queue a statement");
	relay_fail(relay, &error, now);
	return false;
}

static bool
decide(Relay *relay, MonoUsec now)
{
	const PumpStats *stats = pump_stats(relay->pump);
	DeliveryFacts facts = {
		.exactly_once = relay->config->exactly_once,
		.before = relay->has_position ? &relay->position_before : NULL,
		.written_on = relay->has_position ? relay->position_writer.system_identifier : "",
		.another_writer = has_another_writer(relay),
		.last = stats->last.commit_lsn != LSN_INVALID ? &stats->last : NULL,
		.tail = relay->has_tail ? &relay->highest.position : NULL,
		.timelines = pg_source_timelines(relay->source),
		.flushed = relay->identity.flushed,
	};
	char text[POSITION_TEXT_SIZE];
	Error error;

	error_clear(&error);
	if (!relay_check_delivery(&relay->facts, &facts, &relay->delivery_start, &error))
	{
		relay_refuse_to_begin(relay, &error, now);
		return false;
	}
	relay->refused_to_begin = false;
	(void) position_format(relay->facts.source_id, &relay->delivery_start.before, text);
	log_event(LOG_LEVEL_INFO,
			  relay->delivery_start.anchor && relay->delivery_start.record
				  ? "beginning with Kafka transactions"
				  : "Kafka has everything before this position",
			  "position", text, NULL);
	return true;
}

/* true: the topic is there. */
static bool
make_topic(Relay *relay, MonoUsec now)
{
	uint32_t partitions;
	Error error;

	if (relay->position_topic_is_there)
		return true;
	error_clear(&error);
	if (relay->position_maker == NULL)
		relay->position_maker =
			topic_maker_start_compacted(relay->sink, relay->config, relay->config->position_topic,
										topic_map_count(relay->topics), &error);
	switch (relay->position_maker != NULL
				? topic_maker_step(relay->position_maker, now, &partitions, &error)
				: IO_FAILED)
	{
		case IO_AGAIN:
			return false;
		case IO_OK:
			topic_maker_free(relay->position_maker);
			relay->position_maker = NULL;
			relay->position_topic_is_there = true;
			return true;
		default:
			if (error.exit_code == EXIT_POISON)
			{
				error.exit_code = EXIT_ROUTING;
				error_hint(&error, "Make it with one partition, cleanup.policy=compact and "
								   "message.timestamp.type=LogAppendTime, or name another one by "
								   "transaction.position.topic.");
			}
			relay_fail(relay, &error, now);
			return false;
	}
}

/* true: it is on its way. */
static bool
drop_anchor(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	switch (relay->sink->ops->commit(relay->sink, &relay->delivery_start.before, &error))
	{
		case IO_OK:
			return true;
		case IO_AGAIN:
			return false;
		default:
			relay_lose_sink(relay, &error, now);
			return false;
	}
}

static bool
record_mode(Relay *relay, MonoUsec now)
{
	Error error;

	if (registry_set_delivery(relay->registry, relay->facts.generation,
							  relay->config->exactly_once))
		return true;
	error_clear(&error);
	error_bug(&error, "could not queue a statement");
	relay_fail(relay, &error, now);
	return false;
}

bool
relay_delivery_is_known(Relay *relay, MonoUsec now)
{
	if (!has_transactions(relay))
		return true;
	switch (relay->delivery)
	{
		case DELIVERY_UNKNOWN:
			if (!fence_off_the_one_before(relay, now))
				return false;
			/* A relay that published at least once may have had the slot since it was compared. */
			if (!relay->facts.exactly_once)
				relay->tail_is_known = false;
			relay->delivery = DELIVERY_READING;
			/* FALLTHROUGH */
		case DELIVERY_READING:
			if (!read_position(relay, now))
				return false;
			relay->delivery = DELIVERY_FENCING;
			/* FALLTHROUGH */
		case DELIVERY_FENCING:
			if (has_another_writer(relay) &&
				strcmp(relay->position_writer.transactional_id, relay->fenced_other) != 0)
			{
				if (fence_off_writer(relay, now))
					relay->delivery = DELIVERY_READING;
				return false;
			}
			relay->delivery = DELIVERY_DECIDING;
			/* FALLTHROUGH */
		case DELIVERY_DECIDING:
			if (!relay_tail_is_fine(relay, now) || !knows_the_server(relay, now) ||
				!decide(relay, now))
				return false;
			relay->delivery = DELIVERY_MAKING;
			/* FALLTHROUGH */
		case DELIVERY_MAKING:
			if (relay->delivery_start.anchor &&
				(!make_topic(relay, now) || !drop_anchor(relay, now)))
				return false;
			relay->delivery = DELIVERY_ANCHORING;
			/* FALLTHROUGH */
		case DELIVERY_ANCHORING:
			if (relay->delivery_start.anchor && !kafka_sink_is_ready(relay->sink))
				return false;
			if (relay->delivery_start.record)
			{
				if (record_mode(relay, now))
					relay->delivery = DELIVERY_RECORDING;
				return false;
			}
			relay->delivery = DELIVERY_KNOWN;
			break;
		case DELIVERY_RECORDING:
			return false;
		case DELIVERY_KNOWN:
			break;
	}
	return true;
}

void
relay_take_delivery(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	if (relay->delivery != DELIVERY_RECORDING)
		return;
	if (reply->failed)
	{
		relay_fail(relay, &reply->error, now);
		return;
	}
	if (reply->rows == 0)
	{
		relay_fail_unregistered(relay, now);
		return;
	}
	relay->delivery = DELIVERY_KNOWN;
}

bool
relay_delivery_point(const Relay *relay, Position *before)
{
	*before = relay->delivery_start.before;
	return relay->delivery == DELIVERY_KNOWN;
}

/* -------------------------------------------------------------------------
 * while it publishes
 * -------------------------------------------------------------------------
 */

static void
log_split(Relay *relay)
{
	char position[POSITION_TEXT_SIZE];
	Position where;

	if (!pump_take_split(relay->pump, &where))
		return;
	(void) position_format(relay->facts.source_id, &where, position);
	log_event(
		LOG_LEVEL_WARNING, "a transaction was too much for one of Kafka and is published in parts",
		"position", position, "hint",
		"See transaction.timeout and transaction.split.events. Readers may see the first parts "
		"without the rest.",
		NULL);
}

void
relay_transact(Relay *relay, MonoUsec now)
{
	bool end = relay->state == RELAY_BACKFILLING
				   ? relay->backfill.published
				   : relay->renewing || (relay->state != RELAY_STREAMING && !relay_finishes(relay));
	PumpVerdict verdict;
	Error error;

	if (relay->sink == NULL || !relay->config->exactly_once)
		return;
	error_clear(&error);
	verdict = pump_transact(relay->pump, relay->sink, end, now, &error);
	log_split(relay);
	if (verdict != PUMP_IDLE)
		(void) relay_take_verdict(relay, verdict, &error, now);
}

void
relay_drop_torn(Relay *relay)
{
	if (!pump_is_torn(relay->pump))
		return;
	log_event(LOG_LEVEL_INFO,
			  "the rest of a transaction doesn't come: the Kafka transaction is aborted", NULL);
	pump_sink_lost(relay->pump);
	relay_close_sink(relay);
}
