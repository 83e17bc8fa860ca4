/*
 * kafka_topics.c
 *	  CreateTopics.
 */
#include "kafka_topics.h"

#include <librdkafka/rdkafka.h>

#include "exit_codes.h"

#define PARTITIONS 3 /* as the relay makes them */
#define CALL_MS 20000

static bool
check_results(rd_kafka_event_t *event, Error *error)
{
	const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
	const rd_kafka_topic_result_t **topics;
	size_t count;

	if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_permanent(error, EXIT_SERVER, "could not make topics: %s",
							   rd_kafka_event_error_string(event));
	topics = rd_kafka_CreateTopics_result_topics(result, &count);
	for (size_t i = 0; i < count; i++)
	{
		rd_kafka_resp_err_t code = rd_kafka_topic_result_error(topics[i]);

		if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS)
			return error_permanent(error, EXIT_SERVER, "could not make topic \"%s\": %s",
								   rd_kafka_topic_result_name(topics[i]), rd_kafka_err2str(code));
	}
	return true;
}

static bool
create(rd_kafka_t *kafka, rd_kafka_NewTopic_t **topics, size_t count, Error *error)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_new(kafka);
	rd_kafka_event_t *event;
	bool done = false;

	rd_kafka_CreateTopics(kafka, topics, count, NULL, queue);
	event = rd_kafka_queue_poll(queue, CALL_MS);
	if (event == NULL)
		error_permanent(error, EXIT_SERVER, "could not make topics: no answer from Kafka");
	else
		done = check_results(event, error);
	if (event != NULL)
		rd_kafka_event_destroy(event);
	rd_kafka_queue_destroy(queue);
	return done;
}

bool
kafka_topics_create(const char *brokers, const char *const *names, size_t count, Error *error)
{
	rd_kafka_NewTopic_t *topics[KAFKA_TOPICS_MAX];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *kafka = NULL;
	char reason[256] = "";
	bool done = true;

	for (size_t i = 0; i < count; i++)
		topics[i] = rd_kafka_NewTopic_new(names[i], PARTITIONS, 1, reason, sizeof(reason));
	if (count > 0 && rd_kafka_conf_set(conf, "bootstrap.servers", brokers, reason,
									   sizeof(reason)) == RD_KAFKA_CONF_OK)
		kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	if (kafka == NULL)
		rd_kafka_conf_destroy(conf);
	if (count > 0)
		done = kafka != NULL ? create(kafka, topics, count, error)
							 : error_permanent(error, EXIT_SERVER,
											   "could not make a Kafka client: %s", reason);
	rd_kafka_NewTopic_destroy_array(topics, count);
	if (kafka != NULL)
		rd_kafka_destroy(kafka);
	return done;
}

bool
kafka_topics_make(const char *brokers, const bool *modes, Error *error)
{
	const char *names[MODE_COUNT];
	size_t count = 0;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (modes[mode] && mode_produces((Mode) mode))
			names[count++] = mode_topic((Mode) mode);
	}
	return kafka_topics_create(brokers, names, count, error);
}
