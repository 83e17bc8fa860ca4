/*
 * kafka_read.c
 *	  A whole topic, from its beginning to its end of this moment.
 *
 * Refuses a topic that isn't there, and waits no longer than SILENCE_MS for the next record.
 *
 * Invariants: no group is joined, and nothing is stored.
 */
#include "kafka_read.h"

#include "exit_codes.h"
#include "kafka_setup.h"

#include <string.h>

#define ANSWER_MS 20000
#define SILENCE_MS 30000
#define BATCH 5000

bool
kafka_set(rd_kafka_conf_t *conf, const char *name, const char *value, Error *error)
{
	char reason[256];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
		return true;
	return error_permanent(error, EXIT_CONFIG, "%s=%s: %s", name, value, reason);
}

static rd_kafka_t *
make_reader(const char *servers, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (!kafka_set(conf, "bootstrap.servers", servers, error) ||
		!kafka_set(conf, "group.id", "bench-relay", error) ||
		!kafka_set(conf, "enable.auto.commit", "false", error) ||
		!kafka_set(conf, "isolation.level", "read_committed", error) ||
		!kafka_set(conf, "fetch.wait.max.ms", "5", error) ||
		!kafka_set(conf, "enable.partition.eof", "true", error))
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	return kafka_setup_client(conf, true, error);
}

/* The number of partitions; 0 with the Error filled. */
static int
assign_all(rd_kafka_t *handle, const char *name, Error *error)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(handle, name, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_partition_list_t *places = rd_kafka_topic_partition_list_new(16);
	int count = 0;

	if (rd_kafka_metadata(handle, 0, topic, &metadata, ANSWER_MS) == RD_KAFKA_RESP_ERR_NO_ERROR &&
		metadata->topic_cnt == 1)
		count = metadata->topics[0].partition_cnt;
	for (int i = 0; i < count; i++)
		rd_kafka_topic_partition_list_add(places, name, i)->offset = RD_KAFKA_OFFSET_BEGINNING;
	if (count == 0 || rd_kafka_assign(handle, places) != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		error_permanent(error, EXIT_CONFIG, "could not read the topic \"%s\"", name);
		count = 0;
	}
	if (metadata != NULL)
		rd_kafka_metadata_destroy(metadata);
	rd_kafka_topic_partition_list_destroy(places);
	rd_kafka_topic_destroy(topic);
	return count;
}

/* open: partitions whose end isn't reached. */
static bool
take(const rd_kafka_message_t *message, int *open, RecordFn fn, void *arg, Error *error)
{
	if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
	{
		(*open)--;
		return true;
	}
	if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_permanent(error, EXIT_CONFIG, "could not read: %s",
							   rd_kafka_message_errstr(message));
	return fn(message, arg, error);
}

static bool
read_all(rd_kafka_t *handle, int open, RecordFn fn, void *arg, Error *error)
{
	static rd_kafka_message_t *messages[BATCH];
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(handle);
	bool ok = true;

	while (ok && open > 0)
	{
		/* Waits until there are as many, or for the time; so short ones, and the silence apart. */
		int waited = 0;
		ssize_t count;

		do
			count = rd_kafka_consume_batch_queue(queue, 50, messages, BATCH);
		while (count == 0 && (waited += 50) < SILENCE_MS);
		if (count <= 0)
			ok = error_permanent(error, EXIT_CONFIG, "no record for %d s", SILENCE_MS / 1000);
		for (ssize_t i = 0; i < count; i++)
		{
			ok = ok && take(messages[i], &open, fn, arg, error);
			rd_kafka_message_destroy(messages[i]);
		}
	}
	rd_kafka_queue_destroy(queue);
	return ok;
}

bool
kafka_read(const char *servers, const char *topic, RecordFn fn, void *arg, Error *error)
{
	rd_kafka_t *handle = make_reader(servers, error);
	bool ok;
	int count;

	if (handle == NULL)
		return false;
	rd_kafka_poll_set_consumer(handle);
	count = assign_all(handle, topic, error);
	ok = count > 0 && read_all(handle, count, fn, arg, error);
	rd_kafka_consumer_close(handle);
	rd_kafka_destroy(handle);
	return ok;
}

uint64_t
kafka_event_number(const rd_kafka_message_t *message)
{
	static const char start[] = "{\"n\": ";
	const char *text = message->payload;
	size_t place = sizeof(start) - 1;
	uint64_t number = 0;
	bool some = false;

	if (text == NULL || message->len < place || memcmp(text, start, place) != 0)
		return UINT64_MAX;
	while (place < message->len && text[place] == ' ')
		place++;
	for (; place < message->len && text[place] >= '0' && text[place] <= '9'; place++)
	{
		number = number * 10 + (uint64_t) (text[place] - '0');
		some = true;
	}
	return some ? number : UINT64_MAX;
}
