/*
 * mocking_lone.h
 *	  For the tests of Kafka's faults: a sink without a pump in front of it, and what it reports.
 */
#ifndef OUTBOX_TEST_MOCKING_LONE_H
#define OUTBOX_TEST_MOCKING_LONE_H

#include "mocking.h"

typedef struct Reports
{
	int delivered;
	int failed;
	int certain;		/* of those: not persisted */
	DeliveryToken last; /* they come in order, in a partition */
	int written;		/* and not delivered: in a transaction */
	Error error;		/* of the first that failed */
} Reports;

static inline void
take_report(const Delivery *delivery, void *arg)
{
	Reports *reports = arg;
	bool failed = !delivery->delivered && !delivery->written;

	/* Of a transaction they are told together, and by its end. */
	assert_true(delivery->token > reports->last || reports->written > 0 || delivery->token == 0);
	reports->last = delivery->token;
	reports->delivered += delivery->delivered;
	reports->written += delivery->written;
	if (failed && reports->failed == 0)
		reports->error = delivery->error;
	reports->failed += failed;
	reports->certain += failed && delivery->certainly_not_persisted;
}

typedef struct LoneSink
{
	Options *options;
	RelayConfig config;
	EventSink *sink;
	char topic[24];
	uint32_t topic_index;
	DeliveryToken next;
	Reports reports;
} LoneSink;

static inline IoResult
publish_into(LoneSink *lone, int32_t partition, size_t size)
{
	static const uint8_t value[32768] = "{}";
	RoutedEvent event = {.topic = lone->topic,
						 .topic_index = lone->topic_index,
						 .partition_count = 8,
						 .partition = partition,
						 .key = {(const uint8_t *) "0", 1},
						 .value = {value, size},
						 .size = (uint32_t) size + 1,
						 .timestamp_ms = 1};
	Error error;
	IoResult io;

	error_clear(&error);
	event.partition_key = event.key;
	io = lone->sink->ops->publish(lone->sink, &event, lone->next, &error);
	lone->next += io == IO_OK;
	return io;
}

static inline IoResult
publish_sized(LoneSink *lone, size_t size)
{
	return publish_into(lone, 0, size);
}

static inline IoResult
publish_one(LoneSink *lone)
{
	return publish_sized(lone, 2);
}

static inline void
drain_once(LoneSink *lone, int timeout_ms)
{
	struct pollfd ready = {lone->sink->ops->fd(lone->sink), POLLIN, 0};

	(void) lone->sink->ops->drain(lone->sink, take_report, &lone->reports, 1000);
	(void) poll(&ready, 1, timeout_ms);
}

static inline void
drain_until(LoneSink *lone, int reports)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;

	while (lone->reports.delivered + lone->reports.written + lone->reports.failed < reports)
	{
		drain_once(lone, 20);
		assert_true(clock_mono() < give_up_at);
	}
}

static inline void
configure_lone(LoneSink *lone, Mock *mock, int partitions, const char *const *settings)
{
	memset(lone, 0, sizeof(*lone));
	lone->next = 1;
	snprintf(lone->topic, sizeof(lone->topic), "lone%d", mock->topics++);
	assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, lone->topic, partitions, 1),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	configure(mock, &lone->options, &lone->config, settings);
}

static inline void
open_lone(LoneSink *lone, Mock *mock, const char *const *settings)
{
	configure_lone(lone, mock, 1, settings);
	lone->sink = open_kafka_sink(&lone->config);
}

static inline void
close_lone(LoneSink *lone)
{
	lone->sink->ops->close(lone->sink);
	options_free(lone->options);
}

static inline int
library_has(LoneSink *lone)
{
	return rd_kafka_outq_len(kafka_sink_handle(lone->sink));
}

/* One message is acknowledged, so that others may follow each other. */
static inline void
open_warm(LoneSink *lone, Mock *mock, const char *const *settings)
{
	open_lone(lone, mock, settings);
	assert_int_equal(publish_one(lone), IO_OK);
	drain_until(lone, 1);
	assert_int_equal(library_has(lone), 0);
}

#endif
