/*
 * kafka_size.c
 *	  Whether an event is small enough for the relay's producer.
 *
 * Refuses what the client's own rule refuses, which counts key, value, headers and what frames them.
 *
 * Invariants: this client has no broker, so nothing can leave it; what it took is thrown away at once.
 */
#include "kafka_size.h"

#include "kafka_conf.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>

#define TOPIC "size"

struct KafkaSize
{
	rd_kafka_t *handle;
	rd_kafka_topic_t *topic;
};

/* Of all settings this one alone. */
static rd_kafka_conf_t *
make_conf(const RelayConfig *config, Error *error)
{
	char limit[32];
	char reason[256];
	size_t size = sizeof(limit);
	rd_kafka_conf_t *whole = kafka_conf_create(config, KAFKA_PRODUCER, error);
	rd_kafka_conf_t *conf;
	bool ok;

	if (whole == NULL)
		return NULL;
	conf = rd_kafka_conf_new();
	ok = rd_kafka_conf_get(whole, "message.max.bytes", limit, &size) == RD_KAFKA_CONF_OK &&
		 rd_kafka_conf_set(conf, "message.max.bytes", limit, reason, sizeof(reason)) ==
			 RD_KAFKA_CONF_OK;
	rd_kafka_conf_destroy(whole);
	if (ok)
		return conf;
	rd_kafka_conf_destroy(conf);
	error_bug(error, "could not read message.max.bytes of the Kafka client");
	return NULL;
}

KafkaSize *
kafka_size_open(const RelayConfig *config, Error *error)
{
	KafkaSize *size = calloc(1, sizeof(*size));
	rd_kafka_conf_t *conf;
	char reason[256];

	if (size == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	conf = make_conf(config, error);
	if (conf != NULL)
	{
		rd_kafka_conf_set_log_cb(conf, NULL);
		size->handle = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
		if (size->handle == NULL)
		{
			rd_kafka_conf_destroy(conf);
			error_bug(error, "could not make a Kafka client: %s", reason);
		}
	}
	if (size->handle != NULL)
	{
		size->topic = rd_kafka_topic_new(size->handle, TOPIC, NULL);
		if (size->topic == NULL)
			kafka_error_fill(error, rd_kafka_last_error(), "use a topic");
	}
	if (size->topic != NULL)
		return size;
	kafka_size_close(size);
	return NULL;
}

void
kafka_size_close(KafkaSize *size)
{
	if (size == NULL)
		return;
	if (size->topic != NULL)
		rd_kafka_topic_destroy(size->topic);
	if (size->handle != NULL)
		rd_kafka_destroy(size->handle);
	free(size);
}

bool
kafka_size_fits(KafkaSize *size, const RoutedEvent *event, Error *error)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t) event->header_count);
	rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;

	for (int i = 0; i < event->header_count && code == RD_KAFKA_RESP_ERR_NO_ERROR; i++)
	{
		const RoutedHeader *header = &event->headers[i];

		code = rd_kafka_header_add(headers, (const char *) header->name.data,
								   (ssize_t) header->name.len, header->value.data,
								   (ssize_t) header->value.len);
	}
	if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
		code = rd_kafka_producev(
			size->handle, RD_KAFKA_V_RKT(size->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_KEY(event->key.data, event->key.len),
			RD_KAFKA_V_VALUE((void *) (uintptr_t) event->value.data, event->value.len),
			RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
	if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
	{
		rd_kafka_headers_destroy(headers);
		return kafka_error_fill(error, code, "publish an event");
	}
	(void) rd_kafka_purge(size->handle, RD_KAFKA_PURGE_F_QUEUE);
	(void) rd_kafka_poll(size->handle, 0);
	return true;
}
