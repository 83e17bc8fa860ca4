/*
 * kafka_read.c
 *	  When a reader with librdkafka's own settings gets each record.
 */
#include "probe.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "kafka_setup.h"
#include "notes.h"

#define PAYLOAD_START "{\"n\":"
#define ANSWER_MS 10000
#define POLL_MS 100
#define PATIENCE_USEC (120 * USEC_PER_SEC)

static rd_kafka_t *
make_reader(const ReadTask *task, Error *error)
{
	const char *settings[][2] = {{"bootstrap.servers", task->servers},
								 {"group.id", "latency-probe"}, /* needed, never joined */
								 {"isolation.level", "read_committed"},
								 {"enable.auto.commit", "false"},
								 {"auto.offset.reset", "error"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason)) !=
			RD_KAFKA_CONF_OK)
		{
			error_bug(error, "%s: %s", settings[i][0], reason);
			rd_kafka_conf_destroy(conf);
			return NULL;
		}
	}
	return kafka_setup_client(conf, true, error);
}

/* From the present ends of all partitions on. */
static bool
assign(rd_kafka_t *reader, const char *topic, Error *error)
{
	rd_kafka_topic_t *handle = rd_kafka_topic_new(reader, topic, NULL);
	rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(1);
	const struct rd_kafka_metadata *metadata;
	rd_kafka_resp_err_t code = rd_kafka_metadata(reader, 0, handle, &metadata, ANSWER_MS);

	for (int i = 0; code == RD_KAFKA_RESP_ERR_NO_ERROR && i < metadata->topics[0].partition_cnt;
		 i++)
	{
		int64_t low;
		int64_t high;

		code = rd_kafka_query_watermark_offsets(reader, topic, i, &low, &high, ANSWER_MS);
		rd_kafka_topic_partition_list_add(places, topic, i)->offset = high;
	}
	if (handle != NULL)
		rd_kafka_topic_destroy(handle);
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		rd_kafka_metadata_destroy(metadata);
		code = rd_kafka_assign(reader, places);
	}
	rd_kafka_topic_partition_list_destroy(places);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR ||
		   error_transient(error, "could not read \"%s\": %s", topic, rd_kafka_err2str(code));
}

/* The number in the payload; -1 without one. */
static int64_t
number_of(const rd_kafka_message_t *message)
{
	size_t len = strlen(PAYLOAD_START);
	char text[32];
	size_t rest;

	if (message->len < len || memcmp(message->payload, PAYLOAD_START, len) != 0)
		return -1;
	rest = message->len - len < sizeof(text) - 1 ? message->len - len : sizeof(text) - 1;
	memcpy(text, (const char *) message->payload + len, rest);
	text[rest] = '\0';
	return strtoll(text, NULL, 10);
}

static bool
read_all(rd_kafka_t *reader, const ReadTask *task, Notes *notes, Error *error)
{
	MonoUsec heard_at = clock_mono();

	while (notes->count < (size_t) task->count)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, POLL_MS);
		UnixUsec now = clock_wall();
		int64_t number;

		if (clock_mono() > heard_at + PATIENCE_USEC)
			return error_transient(error, "%zu records came, and then none for long", notes->count);
		if (message == NULL)
			continue;
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			heard_at = clock_mono();
		number = message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? number_of(message) : -1;
		if (number >= task->first && number < task->first + task->count)
			(void) notes_add(notes,
							 (int64_t[NOTE_NUMBERS]){
								 number, message->partition, message->offset,
								 rd_kafka_message_timestamp(message, NULL) * USEC_PER_MS, now});
		rd_kafka_message_destroy(message);
	}
	return true;
}

bool
kafka_read(const ReadTask *task, Error *error)
{
	rd_kafka_t *reader = make_reader(task, error);
	Notes notes;
	bool ok = false;

	if (reader == NULL)
		return false;
	if (notes_init(&notes, (size_t) task->count, 5, error))
	{
		ok = assign(reader, task->topic, error);
		if (ok)
		{
			probe_ready();
			ok = read_all(reader, task, &notes, error) && notes_print(&notes, error);
		}
		notes_free(&notes);
	}
	rd_kafka_destroy(reader);
	return ok;
}
