/*
 * kafka_sink.c
 *	  An idempotent, gapless producer as an EventSink.
 *
 * Refuses everything after the first failed delivery or fatal error, until it is
 * replaced: what librdkafka would send after it could leave a hole.  Without transactions
 * (those are in kafka_sink_transactions.c) it refuses for now (IO_FULL) what may not follow yet
 * (kafka_sink_topics.c).
 *
 * Invariants: a token travels as the message's opaque value and comes back in
 * exactly one report; the partition is always explicit; the eventfd doesn't
 * block, for librdkafka writes to it while it holds a lock.
 */
#include "kafka_sink_intern.h"

#include "exit_codes.h"
#include "failpoint.h"
#include "kafka_clock.h"
#include "kafka_partition.h"
#include "kafka_trust.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

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

void
kafka_sink_close(EventSink *base)
{
	KafkaSink *sink = (KafkaSink *) base;

	if (sink == NULL)
		return;
	kafka_sink_end_transactions(sink);
	if (sink->event != NULL)
		rd_kafka_event_destroy(sink->event);
	kafka_sink_end_rounds(sink);
	kafka_sink_forget_topics(sink);
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

static rd_kafka_conf_t *
make_conf(const RelayConfig *config, KafkaRole role, uint32_t batch_bytes,
		  const KafkaTransactions *transactions, Error *error)
{
	rd_kafka_conf_t *conf = kafka_conf_create(config, role, error);

	if (conf == NULL)
		return NULL;
	if ((batch_bytes > 0 && !kafka_conf_limit_batch(conf, batch_bytes, error)) ||
		(transactions != NULL &&
		 !kafka_conf_set_transactions(conf, transactions->id, config->transaction_timeout_ms,
									  error)))
	{
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_events(conf, RD_KAFKA_EVENT_DR | RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG);
	return conf;
}

EventSink *
kafka_sink_open(const RelayConfig *config, uint32_t batch_bytes,
				const KafkaTransactions *transactions, const KafkaSinkHooks *hooks, Error *error)
{
	KafkaRole role = transactions != NULL ? KAFKA_TRANSACTIONS : KAFKA_PRODUCER;
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
	conf = make_conf(config, role, batch_bytes, transactions, error);
	if (conf == NULL)
	{
		free(sink);
		return NULL;
	}
	sink->handle = kafka_handle_create(conf, role, error);
	if (sink->handle == NULL || !start_queue(sink, error) ||
		!kafka_sink_start_rounds(sink, error) ||
		(transactions != NULL && !kafka_sink_start_transactions(sink, config, transactions, error)))
	{
		kafka_sink_close(&sink->base);
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

bool
kafka_sink_refusal(EventSink *base, Error *refusal)
{
	KafkaSink *sink = (KafkaSink *) base;

	if (sink->refusal.error_class == ERROR_CLASS_NONE)
		return false;
	*refusal = sink->refusal;
	error_clear(&sink->refusal);
	return true;
}

bool
kafka_sink_has_answer(const EventSink *base)
{
	const KafkaSink *sink = (const KafkaSink *) base;
	/* Of the last answer; doesn't wait for one. */
	char *cluster = rd_kafka_clusterid(sink->handle, 0);

	if (cluster == NULL)
		return false;
	rd_kafka_mem_free(sink->handle, cluster);
	return true;
}

bool
kafka_sink_probe(EventSink *base, int timeout_ms)
{
	KafkaSink *sink = (KafkaSink *) base;
	const struct rd_kafka_metadata *metadata = NULL;

	if (rd_kafka_metadata(sink->handle, 0, NULL, &metadata, timeout_ms) !=
		RD_KAFKA_RESP_ERR_NO_ERROR)
		return false;
	rd_kafka_metadata_destroy(metadata);
	sink->cut_off = false;
	return true;
}

/* -------------------------------------------------------------------------
 * out
 * -------------------------------------------------------------------------
 */

IoResult
kafka_sink_publish(EventSink *base, const RoutedEvent *event, DeliveryToken token, Error *error)
{
	KafkaSink *sink = (KafkaSink *) base;
	SinkTopic *topic;
	PartitionRun *run;
	int32_t partition;
	IoResult io;

	/* Also when it failed, as long as the reason is on its way. */
	if (sink->transaction != TRANSACTION_NONE && sink->transaction != TRANSACTION_OPEN)
		return IO_FULL;
	if (sink->failed)
	{
		error_transient(error, "the producer failed and is to be replaced");
		return IO_FAILED;
	}
	topic = kafka_sink_use_topic(sink, event->topic, event->topic_index, error);
	if (topic == NULL)
		return IO_FAILED;
	partition = kafka_partition(event);
	run = kafka_sink_use_run(topic, (uint32_t) partition, event->partition_count);
	if (run == NULL)
	{
		error_bug(error, "out of memory");
		return IO_FAILED;
	}
	/* In a transaction, too: what is acknowledged and wasn't written would be committed as a hole. */
	if (!kafka_sink_may_follow(run, sink->now))
		return IO_FULL;
	if (FAILPOINT_ERROR("event-offered", error))
		return IO_FAILED;
	io = kafka_sink_take(sink, topic->handle, partition, event, token, error);
	if (io == IO_OK)
		run->in_flight++;
	/* The producer breaks under it. */
	sink->failed |= io == IO_OK && FAILPOINT("event-given");
	return io;
}

void
kafka_sink_release(EventSink *base)
{
	(void) kafka_sink_let_go((KafkaSink *) base, false);
}

/* -------------------------------------------------------------------------
 * and back
 * -------------------------------------------------------------------------
 */

static void
report(KafkaSink *sink, const rd_kafka_message_t *message, DeliveryFn deliver, void *arg)
{
	PartitionRun *run = kafka_sink_find_run(sink, message);
	Delivery delivery = {0};

	if (run != NULL && run->in_flight > 0)
		run->in_flight--;
	delivery.token = (DeliveryToken) (uintptr_t) message->_private;
	delivery.delivered = message->err == RD_KAFKA_RESP_ERR_NO_ERROR && !FAILPOINT("report-taken");
	if (delivery.delivered)
	{
		sink->cut_off = false;
		delivery.written = sink->transaction != TRANSACTION_NONE;
		delivery.delivered = !delivery.written;
		if (run != NULL)
		{
			run->open = true;
			run->acknowledged_at = sink->now;
		}
	}
	else
	{
		sink->failed = true;
		if (kafka_sink_takes_purged(sink, message))
			return;
		delivery.topic = rd_kafka_topic_name(message->rkt);
		delivery.partition = message->partition;
		delivery.certainly_not_persisted =
			rd_kafka_message_status(message) == RD_KAFKA_MSG_STATUS_NOT_PERSISTED;
		kafka_error_fill(&delivery.error, message->err, "publish an event");
		if (delivery.token == 0)
			kafka_sink_blame_position(&delivery.error);
	}
	/* That the position of a transaction is written says nothing about an event. */
	if (delivery.token != 0 || !delivery.written)
		deliver(&delivery, arg);
}

/* A producer without the right to be one: no event is to blame, and the next would fail alike. */
static bool
is_forbidden(KafkaSink *sink)
{
	char reason[256];
	rd_kafka_resp_err_t code = rd_kafka_fatal_error(sink->handle, reason, sizeof(reason));

	if (code != RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED &&
		code != RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
		return false;
	error_clear(&sink->refusal);
	error_permanent(&sink->refusal, EXIT_PERMISSION, "Kafka refused the producer: %s", reason);
	kafka_error_name(&sink->refusal, code);
	return !error_hint(
		&sink->refusal,
		code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED
			? "Add the ACL Write on the relay's topics, or on their prefix, for the "
			  "relay's principal (IdempotentWrite on the cluster before Kafka 2.8)."
			: "Add the ACL Write on the TransactionalId, for the relay's principal.");
}

static void
take_error(KafkaSink *sink, rd_kafka_event_t *event)
{
	rd_kafka_resp_err_t code = rd_kafka_event_error(event);
	char room[KAFKA_TEXT_SIZE];

	if (code == RD_KAFKA_RESP_ERR__FATAL || rd_kafka_event_error_is_fatal(event))
	{
		sink->failed = true;
		sink->doomed = sink->transaction != TRANSACTION_NONE;
	}
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		sink->cut_off = true;
	if (sink->failed && is_forbidden(sink))
		return;
	if (kafka_event_refusal(event, sink->certificate, &sink->refusal))
		return;
	if (sink->hooks.log != NULL)
		sink->hooks.log(4, kafka_text(rd_kafka_event_error_string(event), room), sink->hooks.arg);
}

static void
take_log(KafkaSink *sink, rd_kafka_event_t *event)
{
	char room[KAFKA_TEXT_SIZE];
	const char *facility;
	const char *text;
	int level;

	(void) kafka_event_refusal(event, sink->certificate, &sink->refusal);
	if (sink->hooks.log == NULL || rd_kafka_event_log(event, &facility, &text, &level) != 0)
		return;
	/* It calls the property experimental each time; docs/decisions/0030 has what it does. */
	if (strstr(text, "enable.gapless.guarantee") == NULL)
		sink->hooks.log(level, kafka_text(text, room), sink->hooks.arg);
}

int
kafka_sink_drain(EventSink *base, DeliveryFn deliver, void *arg, int max)
{
	KafkaSink *sink = (KafkaSink *) base;
	uint64_t wakeups;
	int count;

	sink->now = clock_mono();
	(void) kafka_clock_look(&sink->clock, sink->handle);
	count = kafka_sink_drain_round(sink, deliver, arg, max);
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
	/* They may have made room. */
	(void) kafka_sink_let_go(sink, false);
	if (count < max && sink->transaction != TRANSACTION_NONE)
		count += kafka_sink_drain_thread(sink, deliver, arg);
	return count;
}

int
kafka_sink_fd(const EventSink *base)
{
	return ((const KafkaSink *) base)->fd;
}

static const EventSinkOps kafka_sink_ops = {
	.publish = kafka_sink_publish,
	.release = kafka_sink_release,
	.drain = kafka_sink_drain,
	.fd = kafka_sink_fd,
	.close = kafka_sink_close,
};
