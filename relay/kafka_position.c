/*
 * kafka_position.c
 *	  How far the Kafka transactions of a relay came.
 *
 * Refuses a record with its key that is no position of its source: somebody else wrote it.
 *
 * Invariants: only committed records are read; records of other keys are passed over; the
 * topic is compacted, so that the last record of a key stays.
 */
#include "kafka_position.h"

#include "exit_codes.h"
#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WATERMARK_TIMEOUT_MS 500
#define SILENCE_USEC (20 * USEC_PER_SEC)
#define POLL_USEC (5 * USEC_PER_MS)
#define EVENTS_PER_STEP 256
#define FIRST_SPAN 256
#define SPAN_GROWTH 16
#define KEY_SIZE 160

struct KafkaPosition
{
	rd_kafka_t *handle;
	rd_kafka_t *ends; /* sees them all: for "handle" the first open transaction is the end */
	rd_kafka_queue_t *queue;
	const char *topic;
	char source_id[SOURCE_ID_MAX + 1];
	char key[KEY_SIZE];
	int64_t low;
	int64_t high;
	int64_t span; /* 0: the ends aren't known yet */
	int64_t from;
	bool found;
	Position before;
	MonoUsec deadline; /* 0: not set yet */
	MonoUsec wake_at;
};

static rd_kafka_t *
open_handle(const RelayConfig *config, const char *isolation, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(config, KAFKA_READER, error);
	char reason[256];

	if (conf == NULL)
		return NULL;
	if (rd_kafka_conf_set(conf, "isolation.level", isolation, reason, sizeof(reason)) !=
		RD_KAFKA_CONF_OK)
	{
		rd_kafka_conf_destroy(conf);
		error_bug(error, "could not set isolation.level: %s", reason);
		return NULL;
	}
	return kafka_handle_create(conf, KAFKA_READER, error);
}

KafkaPosition *
kafka_position_open(const RelayConfig *config, const char *source_id, Error *error)
{
	KafkaPosition *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	reader->topic = config->position_topic;
	snprintf(reader->source_id, sizeof(reader->source_id), "%s", source_id);
	snprintf(reader->key, sizeof(reader->key), "%s/%s", source_id, config->slot);
	reader->handle = open_handle(config, "read_committed", error);
	reader->ends = reader->handle != NULL ? open_handle(config, "read_uncommitted", error) : NULL;
	if (reader->ends == NULL)
	{
		if (reader->handle != NULL)
			rd_kafka_destroy(reader->handle);
		free(reader);
		return NULL;
	}
	(void) rd_kafka_poll_set_consumer(reader->handle);
	reader->queue = rd_kafka_queue_get_consumer(reader->handle);
	(void) rd_kafka_set_log_queue(reader->handle, reader->queue);
	return reader;
}

void
kafka_position_free(KafkaPosition *reader)
{
	if (reader == NULL)
		return;
	if (reader->span > 0)
		(void) rd_kafka_assign(reader->handle, NULL);
	rd_kafka_queue_destroy(reader->queue);
	rd_kafka_destroy_flags(reader->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	rd_kafka_destroy_flags(reader->ends, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(reader);
}

MonoUsec
kafka_position_wake_at(const KafkaPosition *reader)
{
	return reader->wake_at;
}

bool
kafka_position_found(const KafkaPosition *reader, Position *before)
{
	*before = reader->before;
	return reader->found;
}

static bool
failed(const KafkaPosition *reader, rd_kafka_resp_err_t code, Error *error)
{
	kafka_error_fill(error, code, "read the position topic");
	if (error->exit_code == EXIT_POISON)
		error->exit_code = EXIT_PERMISSION;
	return error_detail(error, "The topic is \"%s\".", reader->topic);
}

/* Reads from there on. */
static bool
read_from(KafkaPosition *reader, int64_t span, Error *error)
{
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t code;

	reader->span = span;
	reader->from = reader->high - reader->low > span ? reader->high - span : reader->low;
	rd_kafka_topic_partition_list_add(parts, reader->topic, 0)->offset = reader->from;
	code = rd_kafka_assign(reader->handle, parts);
	rd_kafka_topic_partition_list_destroy(parts);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || failed(reader, code, error);
}

static bool
take_record(KafkaPosition *reader, const rd_kafka_message_t *message, Error *error)
{
	char source_id[SOURCE_ID_MAX + 1];

	if (message->key_len != strlen(reader->key) ||
		memcmp(message->key, reader->key, message->key_len) != 0)
		return true;
	if (message->payload != NULL &&
		position_parse(message->payload, message->len, source_id, &reader->before) &&
		strcmp(source_id, reader->source_id) == 0)
	{
		reader->found = true;
		return true;
	}
	return error_permanent(error, EXIT_GAP,
						   "the topic \"%s\" has a record at offset %lld with the key \"%s\" that "
						   "is no position",
						   reader->topic, (long long) message->offset, reader->key);
}

/* Up to the end; IO_OK: it is reached, IO_AGAIN: nothing is there. */
static IoResult
take_event(KafkaPosition *reader, Error *error)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(reader->queue, 0);
	rd_kafka_topic_partition_t *place;
	const rd_kafka_message_t *message;
	int64_t next = -1;
	bool ok = true;

	if (event == NULL)
		return IO_AGAIN;
	if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_FETCH)
	{
		while (ok && (message = rd_kafka_event_message_next(event)) != NULL)
		{
			if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR || message->offset < reader->from)
				continue;
			ok = take_record(reader, message, error);
			next = message->offset + 1;
		}
		reader->deadline = 0;
	}
	else if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR)
	{
		rd_kafka_resp_err_t code = rd_kafka_event_error(event);

		switch (code)
		{
			case RD_KAFKA_RESP_ERR__PARTITION_EOF:
				place = rd_kafka_event_topic_partition(event);
				if (place != NULL)
				{
					next = place->offset;
					rd_kafka_topic_partition_destroy(place);
				}
				break;
			case RD_KAFKA_RESP_ERR__TRANSPORT:
			case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
			case RD_KAFKA_RESP_ERR__RESOLVE:
				break; /* it connects again by itself, until our deadline */
			default:
				ok = failed(reader, code, error);
				break;
		}
	}
	rd_kafka_event_destroy(event);
	if (!ok)
		return IO_FAILED;
	return next >= reader->high ? IO_OK : IO_FULL;
}

static IoResult
find_ends(KafkaPosition *reader, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
		reader->ends, reader->topic, 0, &reader->low, &reader->high, WATERMARK_TIMEOUT_MS);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		(void) failed(reader, code, error);
		return IO_FAILED;
	}
	if (reader->high <= reader->low)
		return IO_OK;
	return read_from(reader, FIRST_SPAN, error) ? IO_AGAIN : IO_FAILED;
}

IoResult
kafka_position_step(KafkaPosition *reader, MonoUsec now, Error *error)
{
	reader->wake_at = now;
	if (reader->span == 0)
		return find_ends(reader, error);
	for (int i = 0; i < EVENTS_PER_STEP; i++)
	{
		switch (take_event(reader, error))
		{
			case IO_OK:
				if (reader->found || reader->from <= reader->low)
					return IO_OK;
				return read_from(reader, reader->span * SPAN_GROWTH, error) ? IO_AGAIN : IO_FAILED;
			case IO_FULL:
				continue;
			case IO_AGAIN:
				if (reader->deadline == 0)
					reader->deadline = now + SILENCE_USEC;
				reader->wake_at = now + POLL_USEC;
				if (now < reader->deadline)
					return IO_AGAIN;
				error_transient(error,
								"could not read the position topic \"%s\" to its end: somebody's "
								"transaction is open there",
								reader->topic);
				return IO_FAILED;
			default:
				return IO_FAILED;
		}
	}
	return IO_AGAIN;
}
