/*
 * kafka_sink_topics.c
 *	  Which topics a producer uses, and how far it came in each of their partitions.
 *
 * Refuses for now, in kafka_sink_may_follow(), what would follow the first message of a
 * partition before that one is acknowledged: a broker that knows nothing yet of a producer takes
 * any sequence number from it, so that the second message would get in when the first is refused.
 *
 * Invariant: a partition is open only while its broker must still know this producer.
 */
#include "kafka_sink_intern.h"

#include <stdlib.h>
#include <string.h>

#define TOPICS_GROW 16
/* Far less than the producer.id.expiration.ms (1 day) after which a broker forgets a producer. */
#define RUN_QUIET_USEC (60 * USEC_PER_SEC)

static void
forget_topic(SinkTopic *topic)
{
	if (topic->handle != NULL)
		rd_kafka_topic_destroy(topic->handle);
	free(topic->runs);
	*topic = (SinkTopic){0};
}

void
kafka_sink_forget_topics(KafkaSink *sink)
{
	for (uint32_t i = 0; i < sink->topic_count; i++)
		forget_topic(&sink->topics[i]);
	free(sink->topics);
	sink->topics = NULL;
	sink->topic_count = 0;
}

SinkTopic *
kafka_sink_use_topic(KafkaSink *sink, const char *name, uint32_t index, Error *error)
{
	SinkTopic *topic;

	if (index >= sink->topic_count)
	{
		uint32_t count = index + TOPICS_GROW;
		SinkTopic *topics = realloc(sink->topics, count * sizeof(*topics));

		if (topics == NULL)
		{
			error_bug(error, "out of memory");
			return NULL;
		}
		memset(topics + sink->topic_count, 0, (count - sink->topic_count) * sizeof(*topics));
		sink->topics = topics;
		sink->topic_count = count;
	}
	topic = &sink->topics[index];
	/* Looked up before the map was read again, which gave the index to another? */
	if (topic->handle != NULL && strcmp(rd_kafka_topic_name(topic->handle), name) != 0)
	{
		/* What is held is for the old one. */
		if (kafka_sink_let_go(sink, true) != IO_OK)
		{
			error_transient(error, "events for a topic that has another place now can't go");
			return NULL;
		}
		forget_topic(topic);
	}
	if (topic->handle == NULL)
	{
		topic->handle = rd_kafka_topic_new(sink->handle, name, NULL);
		if (topic->handle == NULL)
		{
			kafka_error_fill(error, rd_kafka_last_error(), "use the topic");
			return NULL;
		}
	}
	return topic;
}

rd_kafka_topic_t *
kafka_sink_topic(EventSink *base, const char *topic, uint32_t topic_index, Error *error)
{
	SinkTopic *used = kafka_sink_use_topic((KafkaSink *) base, topic, topic_index, error);

	return used != NULL ? used->handle : NULL;
}

/* One that was only looked at, before the map gave it another index, has the same handle and no runs. */
static bool
has_run(const SinkTopic *topic, const rd_kafka_message_t *message)
{
	return topic->handle == message->rkt && (uint32_t) message->partition < topic->run_count;
}

PartitionRun *
kafka_sink_find_run(KafkaSink *sink, const rd_kafka_message_t *message)
{
	uint32_t index = sink->reported_topic;

	if (index >= sink->topic_count || !has_run(&sink->topics[index], message))
	{
		for (index = 0; index < sink->topic_count; index++)
		{
			if (has_run(&sink->topics[index], message))
				break;
		}
		if (index == sink->topic_count)
			return NULL;
		sink->reported_topic = index;
	}
	return &sink->topics[index].runs[message->partition];
}

PartitionRun *
kafka_sink_use_run(SinkTopic *topic, uint32_t partition, uint32_t partition_count)
{
	if (topic->run_count < partition_count)
	{
		PartitionRun *runs = realloc(topic->runs, partition_count * sizeof(*runs));

		if (runs == NULL)
			return NULL;
		memset(runs + topic->run_count, 0, (partition_count - topic->run_count) * sizeof(*runs));
		topic->runs = runs;
		topic->run_count = partition_count;
	}
	return &topic->runs[partition];
}

bool
kafka_sink_may_follow(PartitionRun *run, MonoUsec now)
{
	if (run->in_flight == 0)
	{
		if (run->open && now - run->acknowledged_at > RUN_QUIET_USEC)
			run->open = false; /* it may be forgotten */
		return true;
	}
	return run->open;
}
