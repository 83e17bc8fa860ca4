/*
 * kafka_letter_reader.c
 *	  A consumer without a group that is told what to read.
 *
 * Refuses a place where Kafka has no record, or another one than that offset's.
 *
 * Invariants: next is what the library gives next of the place that is assigned.
 */
#include "kafka_letter_reader.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "exit_codes.h"
#include "kafka_clock.h"
#include "kafka_conf.h"
#include "kafka_inbox.h"
#include "kafka_setup.h"
#include "raw_headers.h"

#define POLL_MS 100

struct LetterReader
{
	rd_kafka_t *rk;
	rd_kafka_message_t *message;
	ClockWatch clock;
	Buffer headers;
	char *topic; /* that is assigned; NULL: none */
	int32_t partition;
	int64_t next;
};

LetterReader *
letter_reader_open(const Options *options, const char *group, Error *error)
{
	LetterReader *reader = calloc(1, sizeof(*reader));
	rd_kafka_conf_t *conf;

	if (reader == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	buffer_init(&reader->headers, RAW_HEADERS_MAX);
	conf = kafka_conf_create(options, group, error);
	if (conf != NULL)
		reader->rk = kafka_setup_client(conf, true, error);
	if (reader->rk == NULL)
	{
		letter_reader_close(reader);
		return NULL;
	}
	rd_kafka_poll_set_consumer(reader->rk);
	return reader;
}

static void
drop_message(LetterReader *reader)
{
	if (reader->message != NULL)
		rd_kafka_message_destroy(reader->message);
	reader->message = NULL;
}

void
letter_reader_close(LetterReader *reader)
{
	if (reader == NULL)
		return;
	drop_message(reader);
	if (reader->rk != NULL && kafka_can_destroy())
		rd_kafka_destroy_flags(reader->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	buffer_free(&reader->headers);
	free(reader->topic);
	free(reader);
}

static bool
assign(LetterReader *reader, const char *topic, int32_t partition, int64_t offset, Error *error)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t code;

	if (reader->topic != NULL && strcmp(reader->topic, topic) == 0 &&
		reader->partition == partition && reader->next <= offset)
		return true;
	free(reader->topic);
	reader->topic = strdup(topic);
	if (reader->topic == NULL)
		return error_bug(error, "out of memory");
	reader->partition = partition;
	reader->next = offset;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, topic, partition)->offset = offset;
	code = rd_kafka_assign(reader->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		return true;
	return error_transient(error, "could not read topic \"%s\": %s", topic, rd_kafka_err2str(code));
}

/* Nothing more is known of what comes next. */
static void
forget(LetterReader *reader)
{
	free(reader->topic);
	reader->topic = NULL;
}

static bool
fill(LetterReader *reader, LetterRecord *record, Error *error)
{
	const rd_kafka_message_t *message = reader->message;
	rd_kafka_timestamp_type_t timestamp_type;
	rd_kafka_headers_t *headers = NULL;
	const char *name;
	const void *value;
	size_t len;

	record->key = (ByteView){message->key, message->key_len};
	record->value = (ByteView){message->payload, message->len};
	record->timestamp_ms = rd_kafka_message_timestamp(message, &timestamp_type);
	if (timestamp_type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE)
		record->timestamp_ms = -1;
	buffer_reset(&reader->headers);
	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		for (size_t i = 0;
			 rd_kafka_header_get_all(headers, i, &name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
			 i++)
			raw_headers_put(&reader->headers, view_of(name),
							(ByteView){value, value != NULL ? len : 0});
	}
	record->headers = buffer_view(&reader->headers);
	return !reader->headers.failed || error_bug(error, "out of memory");
}

static IoResult
no_record(LetterReader *reader, const char *why, Error *error)
{
	error_permanent(error, EXIT_DATA, "%s", why);
	forget(reader);
	return IO_END;
}

/* IO_AGAIN: it isn't there yet. */
static IoResult
take(LetterReader *reader, int64_t offset, LetterRecord *record, Error *error)
{
	const rd_kafka_message_t *message = reader->message;

	switch (message->err)
	{
		case RD_KAFKA_RESP_ERR_NO_ERROR:
			break;
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			return message->offset <= offset
					   ? no_record(reader, "its partition ends before it", error)
					   : IO_AGAIN;
		case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
		case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
			return no_record(reader, "its partition has no such offset any more", error);
		case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
		case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
		case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
			return no_record(reader, "its topic isn't there", error);
		case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
			error_permanent(error, EXIT_PERMISSION, "Kafka: %s", rd_kafka_message_errstr(message));
			error_hint(error, "Add the ACL Read on the dead-letter topic for the consumer's "
							  "principal.");
			return IO_FAILED;
		default:
			/* The library tries again by itself. */
			return IO_AGAIN;
	}
	reader->next = message->offset + 1;
	if (message->offset < offset)
		return IO_AGAIN;
	if (message->offset > offset)
		return no_record(reader, "its partition has no record at that offset any more", error);
	return fill(reader, record, error) ? IO_OK : IO_FAILED;
}

IoResult
letter_reader_fetch(LetterReader *reader, const char *topic, int32_t partition, int64_t offset,
					int timeout_ms, LetterRecord *record, Error *error)
{
	MonoUsec deadline = clock_mono() + timeout_ms * USEC_PER_MS;

	if (!assign(reader, topic, partition, offset, error))
		return IO_FAILED;
	while (clock_mono() < deadline)
	{
		IoResult result;

		drop_message(reader);
		(void) kafka_clock_look(&reader->clock, reader->rk);
		reader->message = rd_kafka_consumer_poll(reader->rk, POLL_MS);
		if (reader->message == NULL)
			continue;
		result = take(reader, offset, record, error);
		if (result != IO_AGAIN)
			return result;
	}
	forget(reader);
	error_transient(error, "could not read topic \"%s\", partition %d: no answer for %d ms", topic,
					partition, timeout_ms);
	return IO_FAILED;
}
