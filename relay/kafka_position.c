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
#include "failpoint.h"
#include "kafka_reader.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_PER_STEP 256
#define FIRST_SPAN 256
#define SPAN_GROWTH 16
#define KEY_SIZE 160

struct KafkaPosition
{
	KafkaReader *reader;
	KafkaReader *ends; /* sees them all: for the other one the first open transaction is the end */
	char doing[TOPIC_NAME_MAX + 32];
	const char *topic;
	char source_id[SOURCE_ID_MAX + 1];
	char key[KEY_SIZE];
	int64_t low;
	int64_t high;
	int64_t span; /* 0: the ends aren't known yet */
	int64_t from;
	bool found;
	Position before;
	PositionWriter writer;
	MonoUsec wake_at;
};

KafkaPosition *
kafka_position_open(const RelayConfig *config, const char *source_id, Error *error)
{
	KafkaPosition *position = calloc(1, sizeof(*position));

	if (position == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	position->topic = config->position_topic;
	snprintf(position->source_id, sizeof(position->source_id), "%s", source_id);
	snprintf(position->key, sizeof(position->key), "%s/%s", source_id, config->slot);
	snprintf(position->doing, sizeof(position->doing), "read the position topic \"%s\"",
			 position->topic);
	position->reader = kafka_reader_open(config, KAFKA_READ_COMMITTED, position->doing, error);
	if (position->reader != NULL)
		position->ends = kafka_reader_open(config, KAFKA_READ_UNCOMMITTED, position->doing, error);
	if (position->ends != NULL)
		return position;
	kafka_position_free(position);
	return NULL;
}

void
kafka_position_free(KafkaPosition *position)
{
	if (position == NULL)
		return;
	kafka_reader_free(position->reader);
	kafka_reader_free(position->ends);
	free(position);
}

MonoUsec
kafka_position_wake_at(const KafkaPosition *position)
{
	return position->wake_at;
}

bool
kafka_position_found(const KafkaPosition *position, Position *before, PositionWriter *writer)
{
	*before = position->before;
	*writer = position->writer;
	return position->found;
}

/* Reads from there on. */
static bool
read_from(KafkaPosition *position, int64_t span, Error *error)
{
	rd_kafka_topic_partition_list_t *parts = rd_kafka_topic_partition_list_new(1);
	bool ok;

	position->span = span;
	position->from = position->high - position->low > span ? position->high - span : position->low;
	rd_kafka_topic_partition_list_add(parts, position->topic, 0)->offset = position->from;
	ok = kafka_reader_assign(position->reader, parts, error);
	rd_kafka_topic_partition_list_destroy(parts);
	return ok;
}

/* One that is too long for us isn't ours: it is as good as none. */
static void
take_header(const rd_kafka_message_t *message, const char *name, char *text, size_t size)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t len;

	text[0] = '\0';
	if (rd_kafka_message_headers((rd_kafka_message_t *) message, &headers) !=
			RD_KAFKA_RESP_ERR_NO_ERROR ||
		rd_kafka_header_get_last(headers, name, &value, &len) != RD_KAFKA_RESP_ERR_NO_ERROR ||
		value == NULL || len >= size)
		return;
	memcpy(text, value, len);
	text[len] = '\0';
}

static bool
take_record(KafkaPosition *position, const rd_kafka_message_t *message, Error *error)
{
	char source_id[SOURCE_ID_MAX + 1];

	if (message->key_len != strlen(position->key) ||
		memcmp(message->key, position->key, message->key_len) != 0)
		return true;
	if (message->payload != NULL &&
		position_parse(message->payload, message->len, source_id, &position->before) &&
		strcmp(source_id, position->source_id) == 0)
	{
		position->found = true;
		take_header(message, POSITION_HEADER_SYSTEM, position->writer.system_identifier,
					sizeof(position->writer.system_identifier));
		take_header(message, POSITION_HEADER_WRITER, position->writer.transactional_id,
					sizeof(position->writer.transactional_id));
		return true;
	}
	return error_permanent(error, EXIT_GAP,
						   "the topic \"%s\" has a record at offset %lld with the key \"%s\" that "
						   "is no position",
						   position->topic, (long long) message->offset, position->key);
}

/* Up to the end; IO_OK: it is reached, IO_AGAIN: nothing is there, IO_FULL: there may be more. */
static IoResult
read_one(KafkaPosition *position, Error *error)
{
	KafkaRead read;
	IoResult io = kafka_reader_next(position->reader, &read, error);

	if (io != IO_OK)
		return io;
	if (read.record == NULL)
		return read.end >= position->high ? IO_OK : IO_FULL;
	if (read.record->offset < position->from)
		return IO_FULL;
	if (!take_record(position, read.record, error))
		return IO_FAILED;
	return read.record->offset + 1 >= position->high ? IO_OK : IO_FULL;
}

static IoResult
find_ends(KafkaPosition *position, Error *error)
{
	if (!kafka_reader_ends(position->ends, position->topic, 0, &position->low, &position->high,
						   error))
		return IO_FAILED;
	if (position->high <= position->low)
		return IO_OK;
	return read_from(position, FIRST_SPAN, error) ? IO_AGAIN : IO_FAILED;
}

IoResult
kafka_position_step(KafkaPosition *position, MonoUsec now, Error *error)
{
	position->wake_at = now;
	if (position->span == 0)
		return find_ends(position, error);
	for (int i = 0; i < RECORDS_PER_STEP; i++)
	{
		switch (read_one(position, error))
		{
			case IO_OK:
				if (position->found || position->from <= position->low)
					return FAILPOINT_ERROR("position-read", error) ? IO_FAILED : IO_OK;
				return read_from(position, position->span * SPAN_GROWTH, error) ? IO_AGAIN
																				: IO_FAILED;
			case IO_FULL:
				continue;
			case IO_AGAIN:
				if (kafka_reader_waits(position->reader, now, &position->wake_at))
					return IO_AGAIN;
				error_transient(error,
								"could not read the position topic \"%s\" to its end: somebody's "
								"transaction is open there",
								position->topic);
				return IO_FAILED;
			default:
				return IO_FAILED;
		}
	}
	return IO_AGAIN;
}
