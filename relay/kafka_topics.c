/*
 * kafka_topics.c
 *	  What Kafka says about topics, and making one that is missing.
 *
 * Refuses to make a topic when topics.create is off, or when it must not: then an
 * event for it is poison.  A number that no broker takes is a wrong configuration.
 *
 * Invariants: what counts is the number of partitions that Kafka has, not the
 * number that was asked for: somebody else may have made the topic meanwhile.
 */
#include "kafka_topics.h"

#include "exit_codes.h"
#include "failpoint.h"
#include "kafka_conf.h"
#include "kafka_sink.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_TIMEOUT_MS 500
#define CREATE_TIMEOUT_MS 10000
#define CREATE_POLL_USEC (20 * USEC_PER_MS)
#define LOOK_AGAIN_USEC (50 * USEC_PER_MS)
#define ERROR_TEXT_SIZE 256
#define COMPACTED_SEGMENT_BYTES "16777216"

typedef enum MakerPhase
{
	MAKER_LOOK,
	MAKER_CREATING,
	MAKER_LOOK_AGAIN
} MakerPhase;

struct TopicMaker
{
	EventSink *sink;
	bool may_create;
	int partitions;
	int replication_factor;
	bool compacted;
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t topic_index;
	MakerPhase phase;
	MonoUsec wake_at;
	rd_kafka_queue_t *queue;
};

IoResult
kafka_topic_partitions(EventSink *sink, const char *topic, uint32_t topic_index,
					   uint32_t *partitions, Error *error)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = kafka_sink_topic(sink, topic, topic_index, error);
	rd_kafka_resp_err_t code;
	IoResult io = IO_OK;

	*partitions = 0;
	if (handle == NULL)
		return IO_FAILED;
	code = rd_kafka_metadata(kafka_sink_handle(sink), 0, handle, &metadata, METADATA_TIMEOUT_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		error_transient(error, "could not ask Kafka about the topic \"%s\": %s", topic,
						rd_kafka_err2str(code));
		return IO_FAILED;
	}
	code = metadata->topic_cnt == 1 ? metadata->topics[0].err
									: RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			*partitions = (uint32_t) metadata->topics[0].partition_cnt;
			break;
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
			break;
		default:
			kafka_error_fill(error, code, "look at a topic");
			error_detail(error, "The topic is \"%s\".", topic);
			io = IO_FAILED;
			break;
	}
	rd_kafka_metadata_destroy(metadata);
	return io;
}

TopicMaker *
topic_maker_start(EventSink *sink, const RelayConfig *config, const char *topic,
				  uint32_t topic_index, Error *error)
{
	TopicMaker *maker = calloc(1, sizeof(*maker));

	if (maker == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	maker->sink = sink;
	maker->may_create = config->create_topics;
	maker->partitions = config->topic_partitions;
	maker->replication_factor = config->topic_replication_factor;
	snprintf(maker->topic, sizeof(maker->topic), "%s", topic);
	maker->topic_index = topic_index;
	return maker;
}

TopicMaker *
topic_maker_start_compacted(EventSink *sink, const RelayConfig *config, const char *topic,
							uint32_t topic_index, Error *error)
{
	TopicMaker *maker = topic_maker_start(sink, config, topic, topic_index, error);

	if (maker == NULL)
		return NULL;
	maker->partitions = 1;
	maker->compacted = true;
	return maker;
}

void
topic_maker_free(TopicMaker *maker)
{
	if (maker == NULL)
		return;
	if (maker->queue != NULL)
		rd_kafka_queue_destroy(maker->queue);
	free(maker);
}

MonoUsec
topic_maker_wake_at(const TopicMaker *maker)
{
	return maker->wake_at;
}

const char *
topic_maker_topic(const TopicMaker *maker)
{
	return maker->topic;
}

static bool
send_create(TopicMaker *maker, Error *error)
{
	rd_kafka_t *handle = kafka_sink_handle(maker->sink);
	char reason[ERROR_TEXT_SIZE] = "";
	rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(
		maker->topic, maker->partitions, maker->replication_factor, reason, sizeof(reason));
	rd_kafka_AdminOptions_t *options;

	if (topic == NULL)
		return error_permanent(error, EXIT_CONFIG, "could not make the topic \"%s\": %s",
							   maker->topic, reason);
	if (maker->compacted)
	{
		/* Small segments: only closed ones are compacted. */
		(void) rd_kafka_NewTopic_set_config(topic, "cleanup.policy", "compact");
		(void) rd_kafka_NewTopic_set_config(topic, "segment.bytes", COMPACTED_SEGMENT_BYTES);
		/* The brokers refuse a record from a clock that is too far ahead of theirs, but for these. */
		(void) rd_kafka_NewTopic_set_config(topic, "message.timestamp.type", "LogAppendTime");
	}
	options = rd_kafka_AdminOptions_new(handle, RD_KAFKA_ADMIN_OP_CREATETOPICS);
	maker->queue = rd_kafka_queue_new(handle);
	(void) rd_kafka_AdminOptions_set_request_timeout(options, CREATE_TIMEOUT_MS, reason,
													 sizeof(reason));
	rd_kafka_CreateTopics(handle, &topic, 1, options, maker->queue);
	rd_kafka_AdminOptions_destroy(options);
	rd_kafka_NewTopic_destroy(topic);
	maker->phase = MAKER_CREATING;
	return true;
}

static bool
creation_refused(const TopicMaker *maker, rd_kafka_resp_err_t code, const char *reason,
				 Error *error)
{
	if (reason == NULL)
		reason = rd_kafka_err2str(code);
	switch (code)
	{
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
			error_permanent(error, EXIT_POISON, "could not make the topic \"%s\": %s", maker->topic,
							reason);
			break;
		case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
		case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
		case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
			/* Every new topic would be refused: no event is to blame. */
			error_permanent(error, EXIT_CONFIG, "could not make the topic \"%s\": %s", maker->topic,
							reason);
			error_hint(error, "See topics.partitions and topics.replication_factor.");
			break;
		default:
			error_transient(error, "could not make the topic \"%s\": %s", maker->topic, reason);
			break;
	}
	kafka_error_name(error, code);
	if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
		code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED)
		error_hint(error,
				   "Add the ACL Create on the topic, on its prefix or on the cluster, for the "
				   "relay's principal; or make the topic yourself.");
	return false;
}

/* IO_OK: made, or there already. */
static IoResult
take_creation(TopicMaker *maker, Error *error)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(maker->queue, 0);
	const rd_kafka_CreateTopics_result_t *result;
	rd_kafka_resp_err_t code;
	IoResult io = IO_OK;

	if (event == NULL)
		return IO_AGAIN;
	code = rd_kafka_event_error(event);
	result = rd_kafka_event_CreateTopics_result(event);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		(void) creation_refused(maker, code, rd_kafka_event_error_string(event), error);
		io = IO_FAILED;
	}
	else if (result != NULL)
	{
		size_t count;
		const rd_kafka_topic_result_t **topics =
			rd_kafka_CreateTopics_result_topics(result, &count);

		code = count == 1 ? rd_kafka_topic_result_error(topics[0]) : RD_KAFKA_RESP_ERR__FAIL;
		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
		{
			(void) creation_refused(
				maker, code, count == 1 ? rd_kafka_topic_result_error_string(topics[0]) : NULL,
				error);
			io = IO_FAILED;
		}
	}
	rd_kafka_event_destroy(event);
	return io;
}

static IoResult
look(TopicMaker *maker, MonoUsec now, uint32_t *partitions, Error *error)
{
	IoResult io =
		kafka_topic_partitions(maker->sink, maker->topic, maker->topic_index, partitions, error);

	if (io != IO_OK || *partitions > 0)
		return io;
	if (maker->phase == MAKER_LOOK_AGAIN)
	{
		maker->wake_at = now + LOOK_AGAIN_USEC; /* made, but not known everywhere yet */
		return IO_AGAIN;
	}
	if (!maker->may_create)
	{
		error_permanent(error, EXIT_POISON, "the topic \"%s\" doesn't exist", maker->topic);
		error_hint(error, "Make it, or set topics.create = on.");
		kafka_error_name(error, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
		return IO_FAILED;
	}
	if (!send_create(maker, error))
		return IO_FAILED;
	maker->wake_at = now + CREATE_POLL_USEC;
	return IO_AGAIN;
}

bool
topic_maker_made(const TopicMaker *maker)
{
	return maker->phase == MAKER_LOOK_AGAIN;
}

IoResult
topic_maker_step(TopicMaker *maker, MonoUsec now, uint32_t *partitions, Error *error)
{
	IoResult io;

	if (now < maker->wake_at)
		return IO_AGAIN;
	if (maker->phase == MAKER_CREATING)
	{
		io = take_creation(maker, error);
		if (io != IO_OK)
		{
			maker->wake_at = now + CREATE_POLL_USEC;
			return io;
		}
		maker->phase = MAKER_LOOK_AGAIN;
		if (FAILPOINT_ERROR("topic-made", error))
			return IO_FAILED;
	}
	return look(maker, now, partitions, error);
}
