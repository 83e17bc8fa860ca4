/*
 * relay_compare.c
 *	  What Kafka must hold before a stream may start: the recorded topics, and no position
 *	  above the server's WAL.
 *
 * Refuses as relay_check.h says.  A topic that this relay may not look at refuses the start,
 * but where dead letters are kept: then what goes there is poison, and nothing else is.  One that
 * Kafka doesn't know is asked for again, for a while: a broker may not have heard of it yet.
 *
 * Invariants: the tail of Kafka is compared at the first start, after another relay had
 * the slot, on a new timeline, and with other brokers; that of a topic which was there when it
 * is recorded, then.
 */
#include "relay_intern.h"

#include "exit_codes.h"

#include <stdio.h>

#define MISSING_USEC (10 * USEC_PER_SEC)
#define LOOK_AGAIN_USEC (200 * USEC_PER_MS)
#define CLOCKS_APART_MS 60000 /* those of the server and of the brokers, at most */

bool
relay_waits_for_topic(Relay *relay, const char *topic, MonoUsec now)
{
	if (relay->missing_since == 0)
	{
		relay->missing_since = now;
		log_event(LOG_LEVEL_WARNING, "Kafka doesn't know the topic, asking again", "topic", topic,
				  NULL);
	}
	relay->look_at = now + LOOK_AGAIN_USEC;
	return now - relay->missing_since < MISSING_USEC;
}

void
relay_waits_no_more(Relay *relay)
{
	relay->missing_since = relay->look_at = 0;
}

/* Once for each topic in the life of a relay, however often it connects. */
static bool
log_growth(Relay *relay, const char *topic, uint32_t recorded, uint32_t present, MonoUsec now)
{
	char recorded_text[16];
	char present_text[16];
	uint32_t index;
	uint32_t known;
	Error error;

	if (relay->config->repartitioning || topic_map_find(relay->grown, topic, &index, &known))
		return true;
	error_clear(&error);
	if (!topic_map_add(relay->grown, topic, recorded, &error))
	{
		relay_fail(relay, &error, now);
		return false;
	}
	snprintf(recorded_text, sizeof(recorded_text), "%u", recorded);
	snprintf(present_text, sizeof(present_text), "%u", present);
	log_event(LOG_LEVEL_WARNING,
			  "the topic has more partitions than recorded, the new ones stay unused until "
			  "outbox-relay repartition",
			  "topic", topic, "recorded", recorded_text, "partitions", present_text, NULL);
	return true;
}

bool
relay_is_comparing_topics(const Relay *relay)
{
	return relay->next_topic < topic_map_count(relay->topics);
}

/* One look a round; false: not yet, or failed. */
bool
relay_topics_are_there(Relay *relay, MonoUsec now)
{
	uint32_t recorded;
	uint32_t present;
	const char *topic;
	bool grew;
	Error error;

	if (relay->next_topic == topic_map_count(relay->topics))
		return true;
	if (now < relay->look_at)
		return false;
	topic = topic_map_name(relay->topics, relay->next_topic, &recorded);
	error_clear(&error);
	if (kafka_topic_partitions(relay->sink, topic, relay->next_topic, &present, &error) == IO_OK &&
		present == 0 && relay_waits_for_topic(relay, topic, now))
		return false;
	if (error.error_class != ERROR_CLASS_NONE ||
		!relay_check_topic(topic, recorded, present, &grew, &error))
	{
		if (relay_keeps_dead_letters(relay) && poison_is(&error) &&
			topic_map_add(relay->forbidden, topic, recorded, &error))
		{
			/* What goes there is poison; the others aren't concerned. */
			log_error(LOG_LEVEL_WARNING, &error, "topic", topic, NULL);
			relay->next_topic++;
			return false;
		}
		relay_fail_kafka(relay, &error, now);
		return false;
	}
	relay_waits_no_more(relay);
	if (grew && !log_growth(relay, topic, recorded, present, now))
		return false;
	relay->next_topic++;
	return false;
}

void
relay_take_flushed(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	if (reply->failed)
	{
		relay_fail(relay, &reply->error, now);
		return;
	}
	relay->flushed_known = true;
	if (reply->u.server_end > relay->identity.flushed)
		relay->identity.flushed = reply->u.server_end;
}

/*
 * The tail was read after the server said how far it is: another relay may have got the slot
 * meanwhile, and published what was written since.  So before it is a gap the server is asked again.
 * false: not yet, or failed.
 */
static bool
judge_tail(Relay *relay, TailPosition *highest, bool *found, MonoUsec now)
{
	Error error;

	error_clear(&error);
	*found = kafka_tail_highest(relay->tail, highest);
	if (!*found || relay_check_tail(&highest->position, highest->topic, highest->partition,
									relay->facts.generation, relay->identity.timeline,
									relay->identity.flushed, &error))
		return true;
	if (relay->flushed_known)
		relay_fail(relay, &error, now);
	else if (!relay->flushed_asked)
	{
		relay->flushed_asked = registry_ask_flushed(relay->registry);
		if (!relay->flushed_asked)
		{
			error_bug(&error, "could not queue a statement");
			relay_fail(relay, &error, now);
		}
	}
	return false;
}

/*
 * A relay that begins with transactions has to see every event behind the mark, also where one that
 * crashed was followed by another that sent what is before it again, and no more.  The times of rows
 * from before the slot are their own, and those that a field makes are anybody's: of them only the
 * last records are looked at.
 */
static int64_t
tail_since(const Relay *relay)
{
	const char *field = relay->config->route.timestamp;
	int64_t since_ms = relay->facts.behind_mark_since_ms - CLOCKS_APART_MS;
	bool begins = relay->config->exactly_once && !relay->facts.exactly_once;

	if (!begins || relay->facts.backfill || (field != NULL && *field != '\0'))
		return 0;
	return since_ms > 0 ? since_ms : 1;
}

bool
relay_tail_is_fine(Relay *relay, MonoUsec now)
{
	if (relay->tail_is_known)
		return true;
	relay->has_tail = false;
	if (topic_map_count(relay->topics) == 0)
		return true;
	if (!relay_tail_of_is_fine(relay, relay->topics, tail_since(relay), &relay->highest,
							   &relay->has_tail, now))
		return false;
	relay->tail_is_known = true;
	return true;
}

bool
relay_tail_of_is_fine(Relay *relay, const TopicMap *topics, int64_t since_ms, TailPosition *highest,
					  bool *found, MonoUsec now)
{
	Error error;

	error_clear(&error);
	if (relay->tail == NULL)
	{
		relay->tail = kafka_tail_open(relay->config, topics, relay->forbidden,
									  relay->facts.source_id, since_ms, &error);
		relay->tail_read = relay->flushed_asked = relay->flushed_known = false;
		if (relay->tail != NULL && since_ms > 0)
			log_event(LOG_LEVEL_INFO,
					  "reading what the topics got since the last heartbeat, before the first "
					  "transaction",
					  NULL);
	}
	if (relay->tail == NULL)
	{
		relay_fail_kafka(relay, &error, now);
		return false;
	}
	if (!relay->tail_read)
	{
		switch (kafka_tail_step(relay->tail, now, &error))
		{
			case IO_AGAIN:
				return false;
			case IO_OK:
				relay->tail_read = true;
				break;
			default:
				relay_fail_kafka(relay, &error, now);
				return false;
		}
	}
	if (!judge_tail(relay, highest, found, now))
		return false;
	kafka_tail_free(relay->tail);
	relay->tail = NULL;
	return true;
}

/*
 * The registration was read before the tail, and nobody has the slot as yet: another relay may have begun
 * with transactions in between.  Then all is read once more, before somebody has to do something.
 */
void
relay_refuse_to_begin(Relay *relay, Error *error, MonoUsec now)
{
	bool again =
		error->exit_code == EXIT_CONFIG && !relay->facts.exactly_once && !relay->refused_to_begin;

	relay->refused_to_begin = again;
	if (again)
		error_transient(error, "Kafka has events behind the mark, looking again: another relay may "
							   "have begun with transactions meanwhile");
	relay_fail(relay, error, now);
}
