/*
 * kafka_reader.c
 *	  Reads partitions that its owner chooses.
 *
 * Refuses topics that may not be read, and brokers that can't be trusted or don't trust us.
 *
 * Invariants: brokers that are away are waited for without an error; what librdkafka says of
 * a group's coordinator, which nobody here needs, is passed over.
 */
#include "kafka_reader.h"

#include "exit_codes.h"
#include "kafka_clock.h"
#include "kafka_conf.h"
#include "kafka_trust.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#define ASK_TIMEOUT_MS 500
#define SILENCE_USEC (20 * USEC_PER_SEC)
#define POLL_USEC (5 * USEC_PER_MS)
#define EVENTS_PER_CALL 256

struct KafkaReader
{
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event; /* that the last record is of */
	const char *doing;
	bool assigned;
	char certificate[KAFKA_CERTIFICATE_TEXT];
	MonoUsec deadline; /* 0: not set yet */
	ClockWatch clock;
};

static rd_kafka_t *
open_handle(const RelayConfig *config, KafkaIsolation isolation, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(config, KAFKA_READER, error);

	if (conf == NULL)
		return NULL;
	if (isolation == KAFKA_READ_UNCOMMITTED && !kafka_conf_read_uncommitted(conf, error))
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	kafka_conf_explain(conf);
	return kafka_handle_create(conf, KAFKA_READER, error);
}

KafkaReader *
kafka_reader_open(const RelayConfig *config, KafkaIsolation isolation, const char *doing,
				  Error *error)
{
	KafkaReader *reader = calloc(1, sizeof(*reader));

	if (reader == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	reader->doing = doing;
	reader->handle = open_handle(config, isolation, error);
	if (reader->handle == NULL)
	{
		free(reader);
		return NULL;
	}
	(void) rd_kafka_poll_set_consumer(reader->handle);
	reader->queue = rd_kafka_queue_get_consumer(reader->handle);
	(void) rd_kafka_set_log_queue(reader->handle, reader->queue);
	return reader;
}

static void
drop_event(KafkaReader *reader)
{
	if (reader->event != NULL)
		rd_kafka_event_destroy(reader->event);
	reader->event = NULL;
}

void
kafka_reader_free(KafkaReader *reader)
{
	if (reader == NULL)
		return;
	drop_event(reader);
	if (reader->assigned)
		(void) rd_kafka_assign(reader->handle, NULL);
	rd_kafka_queue_destroy(reader->queue);
	rd_kafka_destroy_flags(reader->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(reader);
}

/* -------------------------------------------------------------------------
 * what keeps it from reading
 * -------------------------------------------------------------------------
 */

static bool
fail(const KafkaReader *reader, rd_kafka_resp_err_t code, Error *error)
{
	error_transient(error, "could not %s: %s", reader->doing, rd_kafka_err2str(code));
	kafka_error_name(error, code);
	return false;
}

/* Nobody but the owner of the access lists can help. */
static bool
is_forbidden(rd_kafka_resp_err_t code, const char *topic, Error *error)
{
	if (code != RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
		return false;
	error_permanent(error, EXIT_PERMISSION, "could not read the topic \"%s\": %s", topic,
					rd_kafka_err2str(code));
	kafka_error_name(error, code);
	error_hint(error,
			   "Add the ACL Read on the topic, or on its prefix, for the relay's principal; it "
			   "includes Describe.");
	return true;
}

/* A query of such a topic only says that it knows no leader. */
static rd_kafka_resp_err_t
topic_error(const KafkaReader *reader, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(reader->handle, topic, NULL);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (handle == NULL)
		return code;
	if (rd_kafka_metadata(reader->handle, 0, handle, &metadata, ASK_TIMEOUT_MS) ==
		RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (metadata->topic_cnt == 1)
			code = metadata->topics[0].err;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(handle);
	return code;
}

/* Of a question that was asked and waited for. */
static bool
no_answer(const KafkaReader *reader, const char *topic, uint32_t partition,
		  rd_kafka_resp_err_t code, Error *error)
{
	if (is_forbidden(code, topic, error) || is_forbidden(topic_error(reader, topic), topic, error))
		return false;
	error_transient(error, "could not find the end of topic \"%s\" partition %u: %s", topic,
					partition, rd_kafka_err2str(code));
	kafka_error_name(error, code);
	return kafka_explain(reader->handle, error);
}

/* -------------------------------------------------------------------------
 * where to begin
 * -------------------------------------------------------------------------
 */

bool
kafka_reader_ends(KafkaReader *reader, const char *topic, uint32_t partition, int64_t *low,
				  int64_t *high, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_query_watermark_offsets(
		reader->handle, topic, (int32_t) partition, low, high, ASK_TIMEOUT_MS);

	return code == RD_KAFKA_RESP_ERR_NO_ERROR || no_answer(reader, topic, partition, code, error);
}

bool
kafka_reader_seek_time(KafkaReader *reader, const char *topic, uint32_t partition, int64_t time_ms,
					   int64_t *offset, Error *error)
{
	rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *place =
		rd_kafka_topic_partition_list_add(asked, topic, (int32_t) partition);
	rd_kafka_resp_err_t code;

	place->offset = time_ms;
	code = rd_kafka_offsets_for_times(reader->handle, asked, ASK_TIMEOUT_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = place->err;
	if (place->offset >= 0)
		*offset = place->offset;
	rd_kafka_topic_partition_list_destroy(asked);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || no_answer(reader, topic, partition, code, error);
}

bool
kafka_reader_assign(KafkaReader *reader, const rd_kafka_topic_partition_list_t *parts, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_assign(reader->handle, parts);

	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return fail(reader, code, error);
	reader->assigned = true;
	return true;
}

/* -------------------------------------------------------------------------
 * records
 * -------------------------------------------------------------------------
 */

/* The end of a partition comes as an error, too.  IO_AGAIN: it is nothing to the owner. */
static IoResult
take_error(KafkaReader *reader, KafkaRead *read, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(reader->event);
	rd_kafka_topic_partition_t *place;
	IoResult io = IO_AGAIN;

	if (kafka_event_refusal(reader->event, reader->certificate, error))
		return IO_FAILED;
	switch (code)
	{
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
			return IO_AGAIN; /* it connects again by itself, until our deadline */
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
			return IO_AGAIN; /* librdkafka looks for the group's coordinator; we need none */
		default:
			break;
	}
	place = rd_kafka_event_topic_partition(reader->event);
	if (code != RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		io = IO_FAILED;
		if (place == NULL || !is_forbidden(code, place->topic, error))
			(void) fail(reader, code, error);
	}
	else if (place != NULL)
	{
		io = IO_OK;
		snprintf(read->topic, sizeof(read->topic), "%s", place->topic);
		read->partition = place->partition;
		read->end = place->offset;
	}
	if (place != NULL)
		rd_kafka_topic_partition_destroy(place);
	return io;
}

static IoResult
take_event(KafkaReader *reader, KafkaRead *read, Error *error)
{
	switch (rd_kafka_event_type(reader->event))
	{
		case RD_KAFKA_EVENT_FETCH:
			reader->deadline = 0;
			do
				read->record = rd_kafka_event_message_next(reader->event);
			while (read->record != NULL && read->record->err != RD_KAFKA_RESP_ERR_NO_ERROR);
			return read->record != NULL ? IO_OK : IO_AGAIN;
		case RD_KAFKA_EVENT_ERROR:
			return take_error(reader, read, error);
		case RD_KAFKA_EVENT_LOG:
			(void) kafka_event_refusal(reader->event, reader->certificate, error);
			return IO_AGAIN;
		default:
			return IO_AGAIN;
	}
}

IoResult
kafka_reader_next(KafkaReader *reader, KafkaRead *read, Error *error)
{
	*read = (KafkaRead){.end = -1};
	(void) kafka_clock_look(&reader->clock, reader->handle);
	for (int i = 0; i < EVENTS_PER_CALL; i++)
	{
		IoResult io;

		if (reader->event == NULL)
			reader->event = rd_kafka_queue_poll(reader->queue, 0);
		if (reader->event == NULL)
			break;
		io = take_event(reader, read, error);
		/* A fetch may hold another record. */
		if (io != IO_OK || read->record == NULL)
			drop_event(reader);
		if (io != IO_AGAIN)
			return io;
	}
	return IO_AGAIN;
}

bool
kafka_reader_waits(KafkaReader *reader, MonoUsec now, MonoUsec *wake_at)
{
	if (reader->deadline == 0)
		reader->deadline = now + SILENCE_USEC;
	*wake_at = now + POLL_USEC;
	return now < reader->deadline;
}
