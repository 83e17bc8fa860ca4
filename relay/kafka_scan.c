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
#include "kafka_reader.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_PER_STEP 256

struct KafkaScan
{
	KafkaReader *reader;
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
	MonoUsec wake_at;
};

KafkaScan *
kafka_scan_open(const RelayConfig *config, const TopicMap *topics, const ScanFrom *from,
				ScanFn take, void *arg, Error *error)
{
	KafkaScan *scan = calloc(1, sizeof(*scan));

	if (scan == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	scan->topics = topics;
	scan->from = *from;
	scan->take = take;
	scan->arg = arg;
	scan->reader =
		kafka_reader_open(config, from->uncommitted ? KAFKA_READ_UNCOMMITTED : KAFKA_READ_COMMITTED,
						  "read the ends of the topics", error);
	if (scan->reader == NULL)
	{
		free(scan);
		return NULL;
	}
	scan->parts = rd_kafka_topic_partition_list_new(16);
	return scan;
}

void
kafka_scan_free(KafkaScan *scan)
{
	if (scan == NULL)
		return;
	kafka_reader_free(scan->reader);
	rd_kafka_topic_partition_list_destroy(scan->parts);
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
	int64_t since;

	if (scan->from.wants != NULL && !scan->from.wants(topic, scan->partition, scan->arg))
		return IO_OK;
	if (!kafka_reader_ends(scan->reader, topic, scan->partition, &low, &high, error))
		return IO_FAILED;
	offset = since = high;
	if (scan->from.tail_records > 0)
		offset = high - low > scan->from.tail_records ? high - scan->from.tail_records : low;
	if ((scan->from.tail_records == 0 || scan->from.since_ms > 0) &&
		!kafka_reader_seek_time(scan->reader, topic, scan->partition, scan->from.since_ms, &since,
								error))
		return IO_FAILED;
	if (since < offset)
		offset = since;
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

/* IO_FULL: more is there. */
static IoResult
read_records(KafkaScan *scan, Error *error)
{
	if (!scan->assigned)
	{
		if (!kafka_reader_assign(scan->reader, scan->parts, error))
			return IO_FAILED;
		scan->assigned = true;
		scan->left = scan->parts->cnt;
	}
	for (int i = 0; i < RECORDS_PER_STEP && scan->left > 0; i++)
	{
		KafkaRead read;
		IoResult io = kafka_reader_next(scan->reader, &read, error);

		if (io != IO_OK)
			return io;
		if (read.record != NULL)
			take_record(scan, read.record);
		else /* Whatever its offset is: nothing more is there. */
			reached(scan, read.topic, read.partition, INT64_MAX);
	}
	return scan->left > 0 ? IO_FULL : IO_OK;
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
	if (io == IO_FULL)
		return IO_AGAIN;
	if (io != IO_AGAIN || kafka_reader_waits(scan->reader, now, &scan->wake_at))
		return io;
	error_transient(error, "could not read the ends of the topics: no answer");
	return IO_FAILED;
}
