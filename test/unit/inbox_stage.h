/*
 * inbox_stage.h
 *	  The real kafka_inbox on librdkafka's mock cluster, with what the conductor owes it.
 */
#ifndef OUTBOX_TEST_INBOX_STAGE_H
#define OUTBOX_TEST_INBOX_STAGE_H

#include "unit.h"

#include "clock.h"
#include "consumer_options.h"
#include "kafka_inbox.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#define PATIENCE_USEC (60 * USEC_PER_SEC)

typedef struct Stage
{
	rd_kafka_t *host; /* the cluster lives in its threads */
	rd_kafka_mock_cluster_t *cluster;
	Options *options;
	Inbox *inbox;
	Error error;  /* of the last event */
	int assigned; /* assignments of something */
	int partitions;
	int lost;
	int rejoined;
	int renewed;
} Stage;

/* Of topics with two partitions each; "more": names and values of settings, to NULL. */
static inline void
stage_open(Stage *stage, char *const *topics, int count, const char *const *more)
{
	const KafkaSubscription subscription = {topics, count, NULL};
	char reason[256];
	const char *pairs[] = {"consumer.group",
						   "g",
						   "kafka.session.timeout.ms",
						   "3500", /* the mock takes 3 s for the first assignment */
						   "kafka.heartbeat.interval.ms",
						   "100",
						   "kafka.reconnect.backoff.max.ms",
						   "100",
						   "kafka.auto.commit.interval.ms",
						   "60000",
						   NULL};

	*stage = (Stage){.host = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, reason, sizeof(reason))};
	assert_non_null(stage->host);
	stage->cluster = rd_kafka_mock_cluster_new(stage->host, 1);
	assert_non_null(stage->cluster);
	for (int i = 0; i < count; i++)
		assert_int_equal(rd_kafka_mock_topic_create(stage->cluster, topics[i], 2, 1),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
	stage->options = options_create(&consumer_option_table);
	error_clear(&stage->error);
	for (const char *const *pair = pairs; *pair != NULL; pair += 2)
		assert_true(options_set(stage->options, pair[0], pair[1], "test", &stage->error));
	for (const char *const *pair = more; *pair != NULL; pair += 2)
		assert_true(options_set(stage->options, pair[0], pair[1], "test", &stage->error));
	assert_true(options_set(stage->options, "kafka.bootstrap.servers",
							rd_kafka_mock_cluster_bootstraps(stage->cluster), "test",
							&stage->error));
	stage->inbox = kafka_inbox_create(stage->options, "g", &subscription, &stage->error);
	if (stage->inbox == NULL)
		fail_msg("%s", stage->error.message);
}

static inline void
stage_close(Stage *stage)
{
	stage->inbox->methods->destroy(stage->inbox);
	options_free(stage->options);
	rd_kafka_mock_cluster_destroy(stage->cluster);
	rd_kafka_destroy(stage->host);
}

/* As the conductor does: partitions begin, have something stored, and are given back. */
static inline void
stage_take(Stage *stage, const InboxEvent *event)
{
	const InboxClass *inbox = stage->inbox->methods;
	InboxPlace places[8];
	Error error;

	error_clear(&error);
	stage->error = event->error;
	for (size_t i = 0; i < event->place_count && i < LENGTH(places); i++)
		places[i] =
			(InboxPlace){.topic = event->places[i].topic, .partition = event->places[i].partition};
	if (event->type == INBOX_ASSIGNED && event->place_count > 0)
	{
		assert_true(inbox->begin(stage->inbox, places, event->place_count, &error));
		for (size_t i = 0; i < event->place_count; i++)
			places[i].offset = 7;
		inbox->store(stage->inbox, places, event->place_count);
		stage->assigned++;
		stage->partitions += (int) event->place_count;
	}
	else if (event->type == INBOX_REVOKED)
	{
		stage->lost += event->lost;
		stage->partitions -= (int) event->place_count;
		assert_true(inbox->finish(stage->inbox, places, event->place_count, &error));
	}
	else if (event->type == INBOX_REJOINING)
		stage->rejoined++;
	else if (event->type == INBOX_RENEWING)
		stage->renewed++;
}

/* Until an event of that type came. */
static inline void
stage_wait(Stage *stage, InboxEventType type)
{
	static InboxEvent event;
	MonoUsec until = clock_mono() + PATIENCE_USEC;

	while (clock_mono() < until)
	{
		struct pollfd fd = {.fd = stage->inbox->methods->fd(stage->inbox), .events = POLLIN};

		while (stage->inbox->methods->poll(stage->inbox, &event) == IO_OK)
		{
			stage_take(stage, &event);
			if (event.type == type)
				return;
		}
		(void) poll(&fd, 1, 100);
	}
	fail_msg("no event %d, the last error was: %s", type, stage->error.message);
}

#endif
