/*
 * relay_topics.c
 *	  A topic that the routing map lacks: look at it in Kafka, make it when that is
 *	  allowed, record its partition count in the source database, and go on.
 *
 * Refuses to route by a count that isn't recorded: what is in outbox.topic is the
 * only truth, and the first relay to record it wins.  Refuses a topic whose tail is above the
 * server's WAL, as relay_compare.c does at a start.
 *
 * Invariants: a count is that of the topic that the reply names.  A producer may be replaced
 * while a job is under way, and another topic wanted before its reply comes.
 */
#include "relay_intern.h"

#include "exit_codes.h"
#include "failpoint.h"

#include <stdio.h>
#include <string.h>

void
relay_want_topic(Relay *relay)
{
	if (relay->topic_wanted)
		return;
	relay->topic_wanted = true;
	snprintf(relay->topic_name, sizeof(relay->topic_name), "%s", pump_wanted_topic(relay->pump));
}

void
relay_drop_topic(Relay *relay)
{
	topic_maker_free(relay->maker);
	relay->maker = NULL;
	relay->topic_wanted = false;
	relay->topic_recording = false;
	relay->topic_retry_at = 0;
	if (relay->new_topic == NULL)
		return;
	kafka_tail_free(relay->tail);
	relay->tail = NULL;
	topic_map_free(relay->new_topic);
	relay->new_topic = NULL;
}

/* From here on events go there. */
static void
open_topic(Relay *relay, uint32_t partitions, MonoUsec now)
{
	Error error;

	relay_drop_topic(relay);
	error_clear(&error);
	if (FAILPOINT_ERROR("topic-opened", &error) ||
		!topic_map_add(relay->topics, relay->topic_name, partitions, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	log_event(LOG_LEVEL_INFO, "recorded a topic", "topic", relay->topic_name, NULL);
}

/*
 * It was there before: what it has may be of another life of this source, whose positions are
 * above those that are to come.  Until that is known the next session compares all topics.
 */
static void
begin_to_compare(Relay *relay, uint32_t partitions, MonoUsec now)
{
	Error error;

	error_clear(&error);
	relay->new_topic = topic_map_create();
	if (relay->new_topic == NULL)
		error_bug(&error, "out of memory");
	if (relay->new_topic == NULL ||
		!topic_map_add(relay->new_topic, relay->topic_name, partitions, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	relay->tail_was_known = relay->tail_is_known;
	relay->tail_is_known = false;
}

static void
compare_step(Relay *relay, MonoUsec now)
{
	TailPosition highest;
	uint32_t partitions;
	bool found;

	if (!relay_tail_of_is_fine(relay, relay->new_topic, 0, &highest, &found, now))
		return;
	relay->tail_is_known = relay->tail_was_known;
	(void) topic_map_name(relay->new_topic, 0, &partitions);
	open_topic(relay, partitions, now);
}

void
relay_topic_step(Relay *relay, MonoUsec now)
{
	const char *topic = relay->topic_name;
	uint32_t partitions;
	Error error;

	if (!relay->topic_wanted || relay->topic_recording || now < relay->topic_retry_at)
		return;
	if (relay->new_topic != NULL)
	{
		compare_step(relay, now);
		return;
	}
	error_clear(&error);
	if (relay->maker == NULL)
		relay->maker = topic_maker_start(relay->sink, relay->config, topic,
										 topic_map_count(relay->topics), &error);
	if (relay->maker == NULL)
	{
		relay_fail(relay, &error, now);
		return;
	}
	switch (topic_maker_step(relay->maker, now, &partitions, &error))
	{
		case IO_AGAIN:
			return;
		case IO_OK:
			backoff_reset(&relay->topic_backoff);
			relay->topic_recording =
				registry_record_topic(relay->registry, relay->facts.generation, topic, partitions);
			return;
		default:
			break;
	}
	if (relay_keeps_dead_letters(relay) && poison_is(&error))
	{
		pump_topic_refused(relay->pump, &error);
		relay_drop_topic(relay);
		return;
	}
	if (error.error_class != ERROR_CLASS_TRANSIENT)
	{
		if (error.exit_code == EXIT_POISON)
			pump_name_event(relay->pump, &error);
		relay_fail(relay, &error, now);
		return;
	}
	log_error(LOG_LEVEL_WARNING, &error, "topic", topic, NULL);
	topic_maker_free(relay->maker);
	relay->maker = NULL;
	relay->topic_retry_at = backoff_next(&relay->topic_backoff, now, &relay->random);
}

MonoUsec
relay_topic_wake_at(const Relay *relay, MonoUsec now)
{
	if (relay->new_topic != NULL)
	{
		if (relay->flushed_asked && !relay->flushed_known)
			return MONO_NEVER;
		return relay->tail != NULL ? kafka_tail_wake_at(relay->tail) : now;
	}
	if (!relay->topic_wanted || relay->topic_recording)
		return MONO_NEVER;
	return relay->maker != NULL ? topic_maker_wake_at(relay->maker) : relay->topic_retry_at;
}

void
relay_take_topic(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	if (!relay->topic_recording || strcmp(reply->topic, relay->topic_name) != 0)
		return; /* asked for with a producer that is gone; the row is there for the next look */
	relay->topic_recording = false;
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
	if (reply->u.partitions == 0)
		return; /* another relay recorded it in this very moment: the next try sees its count */
	if (topic_maker_made(relay->maker))
		open_topic(relay, reply->u.partitions, now);
	else
		begin_to_compare(relay, reply->u.partitions, now);
}
