/*
 * kafka_audit.c
 *	  Reads the records that came into a topic since the run's start, to its end:
 *	  nobody writes any more.
 *
 * A record that is no report, or has no request id of ours, is a stranger's.
 */
#include "audit.h"

#include <librdkafka/rdkafka.h>
#include <string.h>

#include "exit_codes.h"
#include "location.h"

#define CALL_MS 10000
#define POLL_MS 200
#define SILENCE_USEC (20 * USEC_PER_SEC)

typedef struct TopicReader
{
	const Audit *audit;
	const char *topic;
	rd_kafka_t *kafka;
	rd_kafka_topic_partition_list_t *partitions; /* offsets: where to read from */
	int unread;									 /* partitions whose end has not come */
} TopicReader;

static bool
kafka_error(const TopicReader *reader, rd_kafka_resp_err_t code, Error *error)
{
	return error_permanent(error, EXIT_SERVER, "could not read topic \"%s\": %s", reader->topic,
						   rd_kafka_err2str(code));
}

static bool
open_reader(TopicReader *reader, Error *error)
{
	static const char *const settings[][2] = {{"group.id", "outbox-compare-audit"},
											  {"enable.auto.commit", "false"},
											  {"enable.partition.eof", "true"},
											  {"auto.offset.reset", "earliest"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];
	bool set = rd_kafka_conf_set(conf, "bootstrap.servers", reader->audit->config->brokers, reason,
								 sizeof(reason)) == RD_KAFKA_CONF_OK;

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
		set = set && rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason,
									   sizeof(reason)) == RD_KAFKA_CONF_OK;
	if (set)
		reader->kafka = rd_kafka_new(RD_KAFKA_CONSUMER, conf, reason, sizeof(reason));
	if (reader->kafka != NULL)
		return true;
	rd_kafka_conf_destroy(conf);
	return error_permanent(error, EXIT_SERVER, "could not make a Kafka client: %s", reason);
}

/* The topic's partitions, with the run's start as their "offset". */
static bool
list_partitions(TopicReader *reader, Error *error)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(reader->kafka, reader->topic, NULL);
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_resp_err_t code = rd_kafka_metadata(reader->kafka, 0, topic, &metadata, CALL_MS);

	rd_kafka_topic_destroy(topic);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_error(reader, code, error);
	reader->partitions = rd_kafka_topic_partition_list_new(metadata->topics[0].partition_cnt);
	for (int i = 0; i < metadata->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(reader->partitions, reader->topic,
										  metadata->topics[0].partitions[i].id)
			->offset = reader->audit->config->since / USEC_PER_MS;
	rd_kafka_metadata_destroy(metadata);
	return true;
}

static bool
assign(TopicReader *reader, Error *error)
{
	rd_kafka_resp_err_t code =
		rd_kafka_offsets_for_times(reader->kafka, reader->partitions, CALL_MS);

	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = rd_kafka_assign(reader->kafka, reader->partitions);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
		return kafka_error(reader, code, error);
	reader->unread = reader->partitions->cnt;
	return true;
}

static void
take_record(const TopicReader *reader, const rd_kafka_message_t *message)
{
	LocationReport report;
	char id[UUID_TEXT_SIZE] = "";
	const char *reason;

	if (location_parse(message->payload, message->len, &report, &reason))
		uuid_format(report.request_id, id);
	audit_stored(reader->audit, id);
}

static bool
read_records(TopicReader *reader, Error *error)
{
	MonoUsec heard_at = clock_mono();

	while (reader->unread > 0)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader->kafka, POLL_MS);

		if (message == NULL)
		{
			if (clock_mono() - heard_at > SILENCE_USEC)
				return kafka_error(reader, RD_KAFKA_RESP_ERR__TIMED_OUT, error);
			continue;
		}
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
			take_record(reader, message);
		else if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			reader->unread--;
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR ||
			message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			heard_at = clock_mono();
		rd_kafka_message_destroy(message);
	}
	return true;
}

bool
kafka_audit_topic(const Audit *audit, Error *error)
{
	TopicReader reader = {.audit = audit, .topic = mode_topic(audit->mode)};
	bool done = open_reader(&reader, error) && list_partitions(&reader, error) &&
				assign(&reader, error) && read_records(&reader, error);

	if (reader.partitions != NULL)
		rd_kafka_topic_partition_list_destroy(reader.partitions);
	if (reader.kafka != NULL)
	{
		rd_kafka_consumer_close(reader.kafka);
		rd_kafka_destroy(reader.kafka);
	}
	return done;
}
