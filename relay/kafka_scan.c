/*
 * kafka_scan.c
 *	  Reads the recorded topics once.
 *
 * Refuses nothing that it reads: records of other programs are given, too.
 *
 * Invariants: a partition is done when its end was reached once, or the end that it had
 * at the beginning; what comes behind that may be given or not.
 */
#include "kafka_scan.h"

#include "envelope.h"
#include "exit_codes.h"
#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define WATERMARK_TIMEOUT_MS 500
#define SILENCE_USEC (20 * USEC_PER_SEC)
#define POLL_USEC (10 * USEC_PER_MS)
#define EVENTS_PER_STEP 256

struct KafkaScan
{
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	const TopicMap *topics;
	ScanFrom from;
	ScanFn take;
	void *arg;
	uint32_t topic; /* whose watermarks come next */
	uint32_t partition;
	rd_kafka_topic_partition_list_t *parts; /* those to be read */
	int64_t *ends;							/* of each of them; 0: it was reached */
	int end_count;							/* room for them */
	int left;								/* of them, not read to the end */
	bool assigned;
	char certificate[KAFKA_CERTIFICATE_TEXT];
	MonoUsec deadline; /* 0: not set yet */
	MonoUsec wake_at;
};

KafkaScan *
kafka_scan_open(const RelayConfig *config, const TopicMap *topics, const ScanFrom *from,
				ScanFn take, void *arg, Error *error)
{
	KafkaScan *scan = calloc(1, sizeof(*scan));
	rd_kafka_conf_t *conf;

	if (scan == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	scan->topics = topics;
	scan->from = *from;
	scan->take = take;
	scan->arg = arg;
	conf = kafka_conf_create(config, KAFKA_READER, error);
	if (conf != NULL)
		kafka_conf_explain(conf);
	scan->handle = conf != NULL ? kafka_handle_create(conf, KAFKA_READER, error) : NULL;
	if (scan->handle == NULL)
	{
		free(scan);
		return NULL;
	}
	(void) rd_kafka_poll_set_consumer(scan->handle);
	scan->queue = rd_kafka_queue_get_consumer(scan->handle);
	(void) rd_kafka_set_log_queue(scan->handle, scan->queue);
	scan->parts = rd_kafka_topic_partition_list_new(16);
	return scan;
}

void
kafka_scan_free(KafkaScan *scan)
{
	if (scan == NULL)
		return;
	if (scan->assigned)
		(void) rd_kafka_assign(scan->handle, NULL);
	rd_kafka_topic_partition_list_destroy(scan->parts);
	rd_kafka_queue_destroy(scan->queue);
	rd_kafka_destroy_flags(scan->handle, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	free(scan->ends);
	free(scan);
}

MonoUsec
kafka_scan_wake_at(const KafkaScan *scan)
{
	return scan->wake_at;
}

/* -------------------------------------------------------------------------
 * where to begin
 * -------------------------------------------------------------------------
 */

static bool
is_left_out(const KafkaScan *scan, const char *topic)
{
	uint32_t index;
	uint32_t partitions;

	return scan->from.but != NULL && topic_map_find(scan->from.but, topic, &index, &partitions);
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
topic_error(const KafkaScan *scan, const char *topic)
{
	const struct rd_kafka_metadata *metadata;
	rd_kafka_topic_t *handle = rd_kafka_topic_new(scan->handle, topic, NULL);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (handle == NULL)
		return code;
	if (rd_kafka_metadata(scan->handle, 0, handle, &metadata, WATERMARK_TIMEOUT_MS) ==
		RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		if (metadata->topic_cnt == 1)
			code = metadata->topics[0].err;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(handle);
	return code;
}

static bool
no_place(const KafkaScan *scan, const char *topic, rd_kafka_resp_err_t code, Error *error)
{
	if (is_forbidden(code, topic, error) || is_forbidden(topic_error(scan, topic), topic, error))
		return false;
	error_transient(error, "could not find the end of topic \"%s\" partition %u: %s", topic,
					scan->partition, rd_kafka_err2str(code));
	return kafka_explain(scan->handle, error);
}

/* The first record of that time; the end when there is none. */
static bool
ask_offset_of_time(KafkaScan *scan, const char *topic, int64_t high, int64_t *offset, Error *error)
{
	rd_kafka_topic_partition_list_t *asked = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_t *place =
		rd_kafka_topic_partition_list_add(asked, topic, (int32_t) scan->partition);
	rd_kafka_resp_err_t code;

	place->offset = scan->from.since_ms;
	code = rd_kafka_offsets_for_times(scan->handle, asked, WATERMARK_TIMEOUT_MS);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = place->err;
	*offset = place->offset >= 0 ? place->offset : high;
	rd_kafka_topic_partition_list_destroy(asked);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR || no_place(scan, topic, code, error);
}

static bool
add_place(KafkaScan *scan, const char *topic, int64_t offset, int64_t end, Error *error)
{
	if (scan->parts->cnt == scan->end_count)
	{
		int count = scan->end_count == 0 ? 16 : scan->end_count * 2;
		int64_t *ends = realloc(scan->ends, (size_t) count * sizeof(*ends));

		if (ends == NULL)
			return error_bug(error, "out of memory");
		scan->ends = ends;
		scan->end_count = count;
	}
	scan->ends[scan->parts->cnt] = end;
	rd_kafka_topic_partition_list_add(scan->parts, topic, (int32_t) scan->partition)->offset =
		offset;
	return true;
}

/* One partition; IO_OK when it is known where to begin. */
static IoResult
find_place(KafkaScan *scan, const char *topic, Error *error)
{
	int64_t low = 0;
	int64_t high = 0;
	int64_t offset;
	rd_kafka_resp_err_t code;

	if (scan->from.wants != NULL && !scan->from.wants(topic, scan->partition, scan->arg))
		return IO_OK;
	code = rd_kafka_query_watermark_offsets(scan->handle, topic, (int32_t) scan->partition, &low,
											&high, WATERMARK_TIMEOUT_MS);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		(void) no_place(scan, topic, code, error);
		return IO_FAILED;
	}
	if (scan->from.tail)
		offset = high - low > scan->from.tail_records ? high - scan->from.tail_records : low;
	else if (!ask_offset_of_time(scan, topic, high, &offset, error))
		return IO_FAILED;
	return offset >= high || add_place(scan, topic, offset, high, error) ? IO_OK : IO_FAILED;
}

/* -------------------------------------------------------------------------
 * records
 * -------------------------------------------------------------------------
 */

static ByteView
header(rd_kafka_headers_t *headers, const char *name, bool *there)
{
	const void *value = NULL;
	size_t len = 0;

	*there = rd_kafka_header_get_last(headers, name, &value, &len) == RD_KAFKA_RESP_ERR_NO_ERROR;
	return *there ? (ByteView){value, len} : (ByteView){NULL, 0};
}

static void
reached(KafkaScan *scan, const char *topic, int32_t partition, int64_t next)
{
	for (int i = 0; i < scan->parts->cnt; i++)
	{
		const rd_kafka_topic_partition_t *place = &scan->parts->elems[i];

		if (place->partition != partition || strcmp(place->topic, topic) != 0)
			continue;
		if (scan->ends[i] > 0 && next >= scan->ends[i])
		{
			scan->ends[i] = 0;
			scan->left--;
		}
		return;
	}
}

static void
take_record(KafkaScan *scan, const rd_kafka_message_t *message)
{
	ScannedRecord record = {.topic = rd_kafka_topic_name(message->rkt),
							.partition = message->partition};
	rd_kafka_headers_t *headers;
	rd_kafka_timestamp_type_t type;
	bool there;

	record.timestamp_ms = rd_kafka_message_timestamp(message, &type);
	if (rd_kafka_message_headers(message, &headers) == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		record.id = header(headers, ENVELOPE_HEADER_ID, &there);
		if (!there)
			record.id = header(headers, ENVELOPE_CE_ID, &there);
		record.position = header(headers, ENVELOPE_HEADER_POSITION, &there);
		(void) header(headers, ENVELOPE_HEADER_REPLAYED, &record.replayed);
	}
	scan->take(&record, scan->arg);
	reached(scan, record.topic, message->partition, message->offset + 1);
}

/* The end of a partition comes as an error, too. */
static IoResult
take_error(KafkaScan *scan, rd_kafka_event_t *event, Error *error)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	rd_kafka_topic_partition_t *place;
	bool forbidden = false;

	if (kafka_event_refusal(event, scan->certificate, error))
		return IO_FAILED;
	switch (code)
	{
		case RD_KAFKA_RESP_ERR__PARTITION_EOF:
			place = rd_kafka_event_topic_partition(event);
			if (place == NULL)
				return IO_OK;
			/* Whatever its offset is: nothing more is there. */
			reached(scan, place->topic, place->partition, INT64_MAX);
			rd_kafka_topic_partition_destroy(place);
			return IO_OK;
		case RD_KAFKA_RESP_ERR__TRANSPORT:
		case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		case RD_KAFKA_RESP_ERR__RESOLVE:
			return IO_OK; /* it connects again by itself, until our deadline */
		case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
			return IO_OK; /* librdkafka looks for the group's coordinator; we need none */
		default:
			place = rd_kafka_event_topic_partition(event);
			if (place != NULL)
			{
				forbidden = is_forbidden(code, place->topic, error);
				rd_kafka_topic_partition_destroy(place);
			}
			if (!forbidden)
				error_transient(error, "could not read the end of a topic: %s",
								rd_kafka_err2str(code));
			return IO_FAILED;
	}
}

/* What one event of the queue says; IO_AGAIN: nothing is there. */
static IoResult
take_event(KafkaScan *scan, Error *error)
{
	rd_kafka_event_t *event = rd_kafka_queue_poll(scan->queue, 0);
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
					take_record(scan, message);
			}
			scan->deadline = 0;
			break;
		case RD_KAFKA_EVENT_ERROR:
			io = take_error(scan, event, error);
			break;
		case RD_KAFKA_EVENT_LOG:
			(void) kafka_event_refusal(event, scan->certificate, error);
			break;
		default:
			break;
	}
	rd_kafka_event_destroy(event);
	return io;
}

static IoResult
read_records(KafkaScan *scan, Error *error)
{
	if (!scan->assigned)
	{
		rd_kafka_resp_err_t code = rd_kafka_assign(scan->handle, scan->parts);

		if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			error_transient(error, "could not read the ends of the topics: %s",
							rd_kafka_err2str(code));
			return IO_FAILED;
		}
		scan->assigned = true;
		scan->left = scan->parts->cnt;
	}
	for (int i = 0; i < EVENTS_PER_STEP && scan->left > 0; i++)
	{
		IoResult io = take_event(scan, error);

		if (io != IO_OK)
			return io;
	}
	return scan->left > 0 ? IO_AGAIN : IO_OK;
}

IoResult
kafka_scan_step(KafkaScan *scan, MonoUsec now, Error *error)
{
	uint32_t partitions;
	IoResult io;

	scan->wake_at = now; /* one partition a step: the loop turns in between */
	while (scan->topic < topic_map_count(scan->topics))
	{
		const char *topic = topic_map_name(scan->topics, scan->topic, &partitions);

		if (scan->partition < partitions && !is_left_out(scan, topic))
		{
			io = find_place(scan, topic, error);
			if (io != IO_OK)
				return io;
			scan->partition++;
			return IO_AGAIN;
		}
		scan->topic++;
		scan->partition = 0;
	}
	if (scan->parts->cnt == 0)
		return IO_OK;
	io = read_records(scan, error);
	if (scan->deadline == 0)
		scan->deadline = now + SILENCE_USEC;
	else if (io == IO_AGAIN && now >= scan->deadline)
	{
		error_transient(error, "could not read the ends of the topics: no answer");
		return IO_FAILED;
	}
	if (io == IO_AGAIN)
		scan->wake_at = now + POLL_USEC;
	return io;
}
