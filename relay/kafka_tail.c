/*
 * kafka_tail.c
 *	  The highest positions at the end of the recorded topics.
 *
 * Refuses nothing that it reads: records of other programs, without a position
 * or with one that doesn't parse, are passed over.
 *
 * Invariants: a partition is done when its end of this moment was reached; at
 * most TAIL_RECORDS of each are looked at; values aren't kept.
 */
#include "kafka_tail.h"

#include "envelope.h"
#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATERMARK_TIMEOUT_MS 500
#define TAIL_RECORDS 8
#define TAIL_TIMEOUT_USEC (20 * USEC_PER_SEC)
#define TAIL_POLL_USEC (10 * USEC_PER_MS)
#define RECORDS_PER_STEP 256

struct KafkaTail
{
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	const TopicMap *topics;
	const TopicMap *but;
	char source_id[SOURCE_ID_MAX + 1];
	uint32_t topic; /* whose watermarks come next */
	uint32_t partition;
	rd_kafka_topic_partition_list_t *parts; /* those with records */
	int left;								/* of them, not read to the end */
	bool assigned;
	bool found;
	TailPosition highest;
	MonoUsec deadline;
	MonoUsec wake_at;
};

KafkaTail *
kafka_tail_open(const RelayConfig *config, const TopicMap *topics, const TopicMap *but,
				const char *source_id, MonoUsec now, Error *error)
{
	KafkaTail *tail = calloc(1, sizeof(*tail));
	rd_kafka_conf_t *conf;

	if (tail == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	tail->topics = topics;
	tail->but = but;
	snprintf(tail->source_id, sizeof(tail->source_id), "%s", source_id);
	tail->deadline = now + TAIL_TIMEOUT_USEC;
	conf = kafka_conf_create(config, KAFKA_READER, error);
	tail->handle = conf != NULL ? kafka_handle_create(conf, KAFKA_READER, error) : NULL;
	if (tail->handle == NULL)
	{
		free(tail);
		return NULL;
	}
	(void) rd_kafka_poll_set_consumer(tail->handle);
	tail->queue = rd_kafka_queue_get_consumer(tail->handle);
	(void) rd_kafka_set_log_queue(tail->handle, tail->queue);
	tail->parts = rd_kafka_topic_partition_list_new(16);
	return tail;
}

void
kafka_tail_free(KafkaTail *tail)
{
	if (tail == NULL)
		return;
	if (tail->assigned)
		(void) rd_kafka_assign(tail->handle, NULL);
	rd_kafka_topic_partition_list_destroy(tail->parts);
	rd_kafka_queue_destroy(tail->queue);
	rd_kafka_destroy_flags(tail->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(tail);
}

MonoUsec
kafka_tail_wake_at(const KafkaTail *tail)
{
	return tail->wake_at;
}

bool
kafka_tail_highest(const KafkaTail *tail, TailPosition *highest)
{
	*highest = tail->highest;
	return tail->found;
}

/* One partition; IO_OK when it is known where its end is. */
static IoResult
ask_watermarks(KafkaTail *tail, const char *topic, Error *error)
{
	int64_t low = 0;
	int64_t high = 0;
	rd_kafka_resp_err_t code;

	code = rd_kafka_query_watermark_offsets(tail->handle, topic, (int32_t) tail->partition, &low,
											&high, WATERMARK_TIMEOUT_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		error_transient(error, "could not find the end of topic \"%s\" partition %u: %s", topic,
						tail->partition, rd_kafka_err2str(code));
		return IO_FAILED;
	}
	if (high > low)
		rd_kafka_topic_partition_list_add(tail->parts, topic, (int32_t) tail->partition)->offset =
			high - low > TAIL_RECORDS ? high - TAIL_RECORDS : low;
	return IO_OK;
}

static void
take_record(KafkaTail *tail, const rd_kafka_message_t *message)
{
	char source_id[SOURCE_ID_MAX + 1];
	rd_kafka_headers_t *headers;
	Position position;
	const void *value;
	size_t len;

	if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_last(headers, ENVELOPE_HEADER_POSITION, &value, &len) !=
			RD_KAFKA_RESP_ERR_NO_ERROR ||
		value == NULL || !position_parse(value, len, source_id, &position) ||
		strcmp(source_id, tail->source_id) != 0)
		return;
	if (tail->found && position_compare(&position, &tail->highest.position) <= 0)
		return;
	tail->found = true;
	tail->highest.position = position;
	tail->highest.partition = message->partition;
	snprintf(tail->highest.topic, sizeof(tail->highest.topic), "%s",
			 rd_kafka_topic_name(message->rkt));
}

/* The end of a partition comes as an error, too. */
static IoResult
take_error(KafkaTail *tail, rd_kafka_event_t *event, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);

	switch (code)
	{
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			tail->left--;
			return IO_OK;
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
			return IO_OK; /* it connects again by itself, until our deadline */
		default:
			error_transient(error, "could not read the end of a topic: %s", rd_kafka_err2str(code));
			return IO_FAILED;
	}
}

/* What one event of the queue says; IO_AGAIN: nothing is there. */
static IoResult
take_event(KafkaTail *tail, Error *error)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(tail->queue, 0);
	const rd_kafka_message_t *message;
	IoResult io = IO_OK;

	if (event == NULL)
		return IO_AGAIN;
	switch (rd_kafka_event_type(event))
	{
		case RD_KAFKA_EVENT_FETCH:
			while ((message = rd_kafka_event_message_next(event)) != NULL)
			{
				if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
					take_record(tail, message);
			}
			break;
		case RD_KAFKA_EVENT_ERROR:
			io = take_error(tail, event, error);
			break;
		default:
			break;
	}
	rd_kafka_event_destroy(event);
	return io;
}

static IoResult
read_ends(KafkaTail *tail, Error *error)
{
	if (!tail->assigned)
	{
		rd_kafka_resp_err_t code = rd_kafka_assign(tail->handle, tail->parts);

		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			error_transient(error, "could not read the ends of the topics: %s",
							rd_kafka_err2str(code));
			return IO_FAILED;
		}
		tail->assigned = true;
		tail->left = tail->parts->cnt;
	}
	for (int i = 0; i < RECORDS_PER_STEP && tail->left > 0; i++)
	{
		IoResult io = take_event(tail, error);

		if (io != IO_OK)
			return io;
	}
	return tail->left > 0 ? IO_AGAIN : IO_OK;
}

IoResult
kafka_tail_step(KafkaTail *tail, MonoUsec now, Error *error)
{
	uint32_t partitions;
	uint32_t index;
	uint32_t count;
	IoResult io;

	tail->wake_at = now; /* one partition a step: the loop turns in between */
	while (tail->topic < topic_map_count(tail->topics))
	{
		const char *topic = topic_map_name(tail->topics, tail->topic, &partitions);

		if (tail->partition < partitions && !topic_map_find(tail->but, topic, &index, &count))
		{
			io = ask_watermarks(tail, topic, error);
			if (io != IO_OK)
				return io;
			tail->partition++;
			return IO_AGAIN;
		}
		tail->topic++;
		tail->partition = 0;
	}
	if (tail->parts->cnt == 0)
		return IO_OK;
	io = read_ends(tail, error);
	if (io == IO_AGAIN)
	{
		if (now >= tail->deadline)
		{
			error_transient(error, "could not read the ends of the topics: no answer");
			return IO_FAILED;
		}
		tail->wake_at = now + TAIL_POLL_USEC;
	}
	return io;
}
