/*
 * kafka_sink.c
 *	  An idempotent, gapless producer as an EventSink.
 *
 * Refuses everything after the first failed delivery or fatal error, until it is
 * replaced: what librdkafka would send after it could leave a hole.
 *
 * Invariants: a token travels as the message's opaque value and comes back in
 * exactly one report; the partition is always explicit; the eventfd doesn't
 * block, for librdkafka writes to it while it holds a lock.
 */
#include "kafka_sink.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define TOPICS_GROW 16
#define MESSAGE_FIELDS 8

typedef struct KafkaSink
{
	EventSink base;
	KafkaSinkHooks hooks;
	rd_kafka_t *handle;
	rd_kafka_queue_t *queue;
	rd_kafka_event_t *event; /* of which not every report was taken */
	rd_kafka_topic_t **topics;
	uint32_t topic_count;
	int fd;
	bool failed;
	bool cut_off;
} KafkaSink;

static const EventSinkOps kafka_sink_ops;

static bool
start_queue(KafkaSink *sink, Error *error)
{
	static const uint64_t one = 1;

	sink->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (sink->fd < 0)
		return error_bug(error, "could not make an eventfd: %s", strerror(errno));
	sink->queue = rd_kafka_queue_get_main(sink->handle);
	if (rd_kafka_set_log_queue(sink->handle, sink->queue) != RD_KAFKA_RESP_ERR_NO_ERROR)
		return error_bug(error, "could not redirect the Kafka client's log");
	rd_kafka_queue_io_event_enable(sink->queue, sink->fd, &one, sizeof(one));
	return true;
}

static void
sink_close(EventSink *base)
{
	KafkaSink *sink = (KafkaSink *) base;

	if (sink == NULL)
		return;
	if (sink->event != NULL)
		rd_kafka_event_destroy(sink->event);
	for (uint32_t i = 0; i < sink->topic_count; i++)
	{
		if (sink->topics[i] != NULL)
			rd_kafka_topic_destroy(sink->topics[i]);
	}
	free(sink->topics);
	if (sink->queue != NULL)
	{
		rd_kafka_queue_io_event_enable(sink->queue, -1, NULL, 0);
		rd_kafka_queue_destroy(sink->queue);
	}
	if (sink->handle != NULL)
	{
		rd_kafka_purge(sink->handle, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
										 RD_KAFKA_PURGE_F_NON_BLOCKING);
		rd_kafka_destroy(sink->handle);
	}
	if (sink->fd >= 0)
		close(sink->fd);
	free(sink);
}

EventSink *
kafka_sink_open(const RelayConfig *config, const KafkaSinkHooks *hooks, Error *error)
{
	KafkaSink *sink = calloc(1, sizeof(*sink));
	rd_kafka_conf_t *conf;

	if (sink == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	sink->base.ops = &kafka_sink_ops;
	sink->hooks = *hooks;
	sink->fd = -1;
	conf = kafka_conf_create(config, KAFKA_PRODUCER, error);
	if (conf == NULL)
	{
		free(sink);
		return NULL;
	}
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
	sink->handle = kafka_handle_create(conf, KAFKA_PRODUCER, error);
	if (sink->handle == NULL || !start_queue(sink, error))
	{
		sink_close(&sink->base);
		return NULL;
	}
	return &sink->base;
}

rd_kafka_t *
kafka_sink_handle(EventSink *base)
{
	return ((KafkaSink *) base)->handle;
}

bool
kafka_sink_is_cut_off(const EventSink *base)
{
	return ((const KafkaSink *) base)->cut_off;
}

rd_kafka_topic_t *
kafka_sink_topic(EventSink *base, const char *topic, uint32_t topic_index, Error *error)
{
	KafkaSink *sink = (KafkaSink *) base;

	if (topic_index >= sink->topic_count)
	{
		uint32_t count = topic_index + TOPICS_GROW;
		rd_kafka_topic_t **topics = realloc(sink->topics, count * sizeof(*topics));

		if (topics == NULL)
		{
			error_bug(error, "out of memory");
			return NULL;
		}
		memset(topics + sink->topic_count, 0, (count - sink->topic_count) * sizeof(*topics));
		sink->topics = topics;
		sink->topic_count = count;
	}
	if (sink->topics[topic_index] != NULL &&
		strcmp(rd_kafka_topic_name(sink->topics[topic_index]), topic) != 0)
	{
		/* Looked up before the map was read again, which gave the index to another. */
		rd_kafka_topic_destroy(sink->topics[topic_index]);
		sink->topics[topic_index] = NULL;
	}
	if (sink->topics[topic_index] == NULL)
	{
		sink->topics[topic_index] = rd_kafka_topic_new(sink->handle, topic, NULL);
		if (sink->topics[topic_index] == NULL)
			kafka_error_fill(error, rd_kafka_last_error(), "use the topic");
	}
	return sink->topics[topic_index];
}

/* -------------------------------------------------------------------------
 * out
 * -------------------------------------------------------------------------
 */

/* NULL: out of memory. */
static rd_kafka_headers_t *
make_headers(const RoutedEvent *event)
{
	rd_kafka_headers_t *headers = rd_kafka_headers_new((size_t) event->header_count);

	if (headers == NULL)
		return NULL;
	for (int i = 0; i < event->header_count; i++)
	{
		const RoutedHeader *header = &event->headers[i];

		if (rd_kafka_header_add(headers, (const char *) header->name.data,
								(ssize_t) header->name.len, header->value.data,
								(ssize_t) header->value.len) != RD_KAFKA_RESP_ERR_NO_ERROR)
		{
			rd_kafka_headers_destroy(headers);
			return NULL;
		}
	}
	return headers;
}

/* librdkafka takes a null pointer for null, whatever the length. */
static const void *
data_or_null(ByteView view)
{
	return view.data == NULL ? NULL : view.data;
}

static IoResult
sink_publish(EventSink *base, const RoutedEvent *event, DeliveryToken token, Error *error)
{
	KafkaSink *sink = (KafkaSink *) base;
	rd_kafka_topic_t *topic;
	rd_kafka_headers_t *headers;
	rd_kafka_error_t *failure;
	rd_kafka_resp_err_t code;
	rd_kafka_vu_t fields[MESSAGE_FIELDS];
	int n = 0;

	if (sink->failed)
	{
		error_transient(error, "the producer failed and is to be replaced");
		return IO_FAILED;
	}
	topic = kafka_sink_topic(base, event->topic, event->topic_index, error);
	if (topic == NULL)
		return IO_FAILED;
	headers = make_headers(event);
	if (headers == NULL)
	{
		error_bug(error, "out of memory");
		return IO_FAILED;
	}
	fields[n].vtype = RD_KAFKA_VTYPE_RKT;
	fields[n++].u.rkt = topic;
	fields[n].vtype = RD_KAFKA_VTYPE_PARTITION;
	fields[n++].u.i32 =
		rd_kafka_msg_partitioner_murmur2(topic, event->partition_key.data, event->partition_key.len,
										 (int32_t) event->partition_count, NULL, NULL);
	fields[n].vtype = RD_KAFKA_VTYPE_MSGFLAGS;
	fields[n++].u.i = RD_KAFKA_MSG_F_COPY;
	fields[n].vtype = RD_KAFKA_VTYPE_KEY;
	fields[n].u.mem.ptr = (void *) data_or_null(event->key);
	fields[n++].u.mem.size = event->key.len;
	fields[n].vtype = RD_KAFKA_VTYPE_VALUE;
	fields[n].u.mem.ptr = (void *) data_or_null(event->value);
	fields[n++].u.mem.size = event->value.len;
	fields[n].vtype = RD_KAFKA_VTYPE_TIMESTAMP;
	fields[n++].u.i64 = event->timestamp_ms;
	fields[n].vtype = RD_KAFKA_VTYPE_OPAQUE;
	fields[n++].u.ptr = (void *) (uintptr_t) token;
	fields[n].vtype = RD_KAFKA_VTYPE_HEADERS;
	fields[n++].u.headers = headers;

	failure = rd_kafka_produceva(sink->handle, fields, (size_t) n);
	if (failure == NULL)
		return IO_OK;
	/* The headers are ours again. */
	rd_kafka_headers_destroy(headers);
	code = rd_kafka_error_code(failure);
	rd_kafka_error_destroy(failure);
	if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
		return IO_FULL;
	if (code == RD_KAFKA_RESP_ERR__FATAL)
		sink->failed = true;
	kafka_error_fill(error, code, "publish an event");
	return IO_FAILED;
}

/* -------------------------------------------------------------------------
 * and back
 * -------------------------------------------------------------------------
 */

static void
report(KafkaSink *sink, const rd_kafka_message_t *message, DeliveryFn deliver, void *arg)
{
	Delivery delivery;

	delivery.token = (DeliveryToken) (uintptr_t) message->_private;
	delivery.delivered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR;
	if (delivery.delivered)
		sink->cut_off = false;
	else
	{
		sink->failed = true;
		delivery.certainly_not_persisted =
			rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
		kafka_error_fill(&delivery.error, message->err, "publish an event");
	}
	deliver(&delivery, arg);
}

static void
take_error(KafkaSink *sink, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);

	if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event))
		sink->failed = true;
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		sink->cut_off = true;
	if (sink->hooks.log != NULL)
		sink->hooks.log(4, rd_kafka_event_error_string(event), sink->hooks.arg);
}

static void
take_log(KafkaSink *sink, rd_kafka_event_t *event)
{
	const char *facility;
	const char *text;
	int level;

	if (sink->hooks.log == NULL || rd_kafka_event_log(event, &facility, &text, &level) != 0)
		return;
	/* It calls the property experimental each time; docs/decisions/0030 has what it does. */
	if (strstr(text, "enable.gapless.guarantee") == NULL)
		sink->hooks.log(level, text, sink->hooks.arg);
}

static int
sink_drain(EventSink *base, DeliveryFn deliver, void *arg, int max)
{
	KafkaSink *sink = (KafkaSink *) base;
	uint64_t wakeups;
	int count = 0;

	/* First the eventfd, then the queue until it is empty: nothing is missed. */
	if (read(sink->fd, &wakeups, sizeof(wakeups)) < 0)
		wakeups = 0;
	while (count < max)
	{
		if (sink->event == NULL)
			sink->event = rd_kafka_queue_poll(sink->queue, 0);
		if (sink->event == NULL)
			break;
		switch (rd_kafka_event_type(sink->event))
		{
			case RD_KAFKA_EVENT_DR:
			{
				const rd_kafka_message_t *message = NULL;

				while (count < max && (message = rd_kafka_event_message_next(sink->event)) != NULL)
				{
					report(sink, message, deliver, arg);
					count++;
				}
				if (message != NULL)
					return count; /* the rest of this event comes next time */
				break;
			}
			case RD_KAFKA_EVENT_ERROR:
				take_error(sink, sink->event);
				break;
			case RD_KAFKA_EVENT_LOG:
				take_log(sink, sink->event);
				break;
			default:
				break;
		}
		rd_kafka_event_destroy(sink->event);
		sink->event = NULL;
	}
	return count;
}

static int
sink_fd(const EventSink *base)
{
	return ((const KafkaSink *) base)->fd;
}

static const EventSinkOps kafka_sink_ops = {
	.publish = sink_publish,
	.drain = sink_drain,
	.fd = sink_fd,
	.close = sink_close,
};
