/*
 * kafka_producer.c
 *	  librdkafka's producer behind a small interface.
 *
 * After a fatal error an idempotent producer is of no use any more (a broker that was
 * killed can cause one).  Then it is thrown away with what was in its queue, and there
 * is a new one.
 */
#include "kafka_producer.h"

#include <jansson.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"

#define POLL_MS 100
#define LOOK_MS 200
#define PAYLOAD_LIMIT 4096

struct KafkaProducer
{
	KafkaProducerConfig config;
	char *topic;
	rd_kafka_t *kafka;
	pthread_rwlock_t lock; /* of "kafka": its own thread alone replaces it */
	pthread_t thread;
	_Atomic bool connected;
	bool numbered; /* a broker gave this producer its id: before that none takes a record of it */
	_Atomic bool stopping;
	bool started;
};

static JobResult
result_of(const rd_kafka_message_t *message)
{
	if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return JOB_STORED;
	return rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED ? JOB_AWAY
																				 : JOB_UNKNOWN;
}

static void
on_delivery(rd_kafka_t *kafka, const rd_kafka_message_t *message, void *arg)
{
	KafkaProducer *producer = arg;
	JobResult result = result_of(message);

	(void) kafka;
	if (result == JOB_STORED)
		producer->connected = true;
	producer->config.delivered(result, message->_private);
}

static void
on_error(rd_kafka_t *kafka, int code, const char *reason, void *arg)
{
	KafkaProducer *producer = arg;

	(void) kafka;
	(void) reason;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		producer->connected = false;
}

/* librdkafka says in its statistics alone how far an idempotent producer is. */
static int
on_statistics(rd_kafka_t *kafka, char *text, size_t len, void *arg)
{
	KafkaProducer *producer = arg;
	const char *state = NULL;
	json_t *statistics;

	(void) kafka;
	if (producer->numbered)
		return 0;
	statistics = json_loadb(text, len, 0, NULL);
	json_unpack(statistics, "{s:{s:s}}", "eos", "idemp_state", &state);
	producer->numbered = state != NULL && strcmp(state, "Assigned") == 0;
	json_decref(statistics);
	return 0;
}

/* Asks for the topic, until somebody answers. */
static void
look_for_broker(KafkaProducer *producer)
{
	rd_kafka_topic_t *topic = rd_kafka_topic_new(producer->kafka, producer->topic, NULL);
	const struct rd_kafka_metadata *metadata = NULL;

	if (topic == NULL)
		return;
	if (rd_kafka_metadata(producer->kafka, 0, topic, &metadata, LOOK_MS) ==
		RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		producer->connected =
			metadata->topic_cnt == 1 && metadata->topics[0].err == RD_KAFKA_RESP_ERR_NO_ERROR;
		rd_kafka_metadata_destroy(metadata);
	}
	rd_kafka_topic_destroy(topic);
}

static void give_up_queue(rd_kafka_t *kafka);
static bool open_producer(KafkaProducer *producer, Error *error);

/* What was queued is heard of, as failed. */
static void
renew(KafkaProducer *producer)
{
	rd_kafka_t *old = producer->kafka;
	Error ignored;
	bool renewed;

	give_up_queue(old);
	pthread_rwlock_wrlock(&producer->lock);
	renewed = open_producer(producer, &ignored);
	pthread_rwlock_unlock(&producer->lock);
	producer->connected = producer->numbered = false;
	if (renewed)
		rd_kafka_destroy(old);
}

static void *
run_producer(void *arg)
{
	KafkaProducer *producer = arg;

	while (!producer->stopping)
	{
		if (rd_kafka_fatal_error(producer->kafka, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)
			renew(producer);
		if (!producer->connected && producer->numbered)
			look_for_broker(producer);
		rd_kafka_poll(producer->kafka, producer->connected ? POLL_MS : POLL_MS / 10);
	}
	return NULL;
}

static bool
set(rd_kafka_conf_t *conf, const char *name, const char *value, Error *error)
{
	char reason[256];

	if (rd_kafka_conf_set(conf, name, value, reason, sizeof(reason)) == RD_KAFKA_CONF_OK)
		return true;
	return error_permanent(error, EXIT_CONFIG, "librdkafka refused \"%s\": %s", name, reason);
}

static bool
set_number(rd_kafka_conf_t *conf, const char *name, int64_t value, Error *error)
{
	char text[32];

	snprintf(text, sizeof(text), "%lld", (long long) value);
	return set(conf, name, text, error);
}

static bool
configure(const KafkaProducerConfig *config, rd_kafka_conf_t *conf, Error *error)
{
	return set(conf, "bootstrap.servers", config->brokers, error) &&
		   set(conf, "client.id", "outbox-compare", error) &&
		   set(conf, "enable.idempotence", "true", error) && set(conf, "acks", "all", error) &&
		   set(conf, "partitioner", "murmur2_random", error) &&
		   set_number(conf, "linger.ms", config->linger_ms, error) &&
		   set(conf, "reconnect.backoff.ms", "20", error) &&
		   set(conf, "reconnect.backoff.max.ms", "200", error) &&
		   set(conf, "log.connection.close", "false", error) &&
		   set_number(conf, "statistics.interval.ms", POLL_MS, error) &&
		   (config->timeout_usec == 0 ||
			set_number(conf, "message.timeout.ms", config->timeout_usec / USEC_PER_MS, error));
}

static bool
open_producer(KafkaProducer *producer, Error *error)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *kafka;
	char reason[256];

	if (!configure(&producer->config, conf, error))
	{
		rd_kafka_conf_destroy(conf);
		return false;
	}
	rd_kafka_conf_set_opaque(conf, producer);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_error_cb(conf, on_error);
	rd_kafka_conf_set_stats_cb(conf, on_statistics);
	kafka = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
	if (kafka != NULL)
	{
		producer->kafka = kafka;
		return true;
	}
	rd_kafka_conf_destroy(conf);
	return error_permanent(error, EXIT_CONFIG, "could not make a producer: %s", reason);
}

KafkaProducer *
kafka_producer_start(const KafkaProducerConfig *config, Error *error)
{
	KafkaProducer *producer = calloc(1, sizeof(*producer));
	bool done = false;

	if (producer != NULL)
	{
		pthread_rwlock_init(&producer->lock, NULL);
		producer->config = *config;
		producer->topic = strdup(config->topic);
	}
	if (producer == NULL || producer->topic == NULL)
		error_bug(error, "out of memory");
	else if (open_producer(producer, error))
	{
		done = pthread_create(&producer->thread, NULL, run_producer, producer) == 0;
		producer->started = done;
		if (!done)
			error_bug(error, "could not start the producer's thread");
	}
	if (done)
		return producer;
	kafka_producer_stop(producer, 0);
	return NULL;
}

bool
kafka_producer_send(KafkaProducer *producer, const LocationReport *report, int64_t version,
					void *arg)
{
	char id[UUID_TEXT_SIZE];
	Buffer payload;
	rd_kafka_resp_err_t code;

	uuid_format(report->request_id, id);
	buffer_init(&payload, PAYLOAD_LIMIT);
	location_format(report, version, &payload);
	pthread_rwlock_rdlock(&producer->lock);
	code = rd_kafka_producev(
		producer->kafka, RD_KAFKA_V_TOPIC(producer->topic),
		RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		RD_KAFKA_V_KEY(report->driver_id, strlen(report->driver_id)),
		RD_KAFKA_V_VALUE(payload.data, payload.len), RD_KAFKA_V_HEADER("id", id, -1),
		RD_KAFKA_V_HEADER("type", "LocationReported", -1), RD_KAFKA_V_OPAQUE(arg), RD_KAFKA_V_END);
	pthread_rwlock_unlock(&producer->lock);
	buffer_free(&payload);
	return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool
kafka_producer_connected(const KafkaProducer *producer)
{
	return producer->connected;
}

int64_t
kafka_producer_queued(KafkaProducer *producer)
{
	int64_t queued;

	pthread_rwlock_rdlock(&producer->lock);
	queued = rd_kafka_outq_len(producer->kafka);
	pthread_rwlock_unlock(&producer->lock);
	return queued;
}

static void
give_up_queue(rd_kafka_t *kafka)
{
	rd_kafka_purge(kafka, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_flush(kafka, POLL_MS);
}

void
kafka_producer_stop(KafkaProducer *producer, int64_t wait_usec)
{
	if (producer == NULL)
		return;
	producer->stopping = true;
	if (producer->started)
		pthread_join(producer->thread, NULL);
	if (producer->kafka != NULL)
	{
		rd_kafka_flush(producer->kafka, (int) (wait_usec / USEC_PER_MS));
		give_up_queue(producer->kafka);
		rd_kafka_destroy(producer->kafka);
	}
	pthread_rwlock_destroy(&producer->lock);
	free(producer->topic);
	free(producer);
}
