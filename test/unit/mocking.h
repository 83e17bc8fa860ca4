/*
 * mocking.h
 *	  For the tests of Kafka's faults: librdkafka's mock cluster, the real kafka_sink in front
 *	  of it, the real pump in front of that, and a source that gives the stream again from
 *	  where it is asked.  What the cluster holds in the end is read back and compared.
 *
 * The mock appends whatever it gets: it neither compares sequence numbers nor drops what was
 * there already.  So what a broker would answer to the requests behind a refused one
 * (OUT_OF_ORDER_SEQUENCE_NUMBER) is part of a script, and only where a partition has one
 * request in flight may it be left out.  A repetition is no fault.  The mock also forgets
 * acknowledged messages above 5 MiB or 100,000 batches a partition; these tests write some kB.
 */
#ifndef OUTBOX_TEST_MOCKING_H
#define OUTBOX_TEST_MOCKING_H

#define FRAMES_MAX 1024
#include "pumping.h"

#include "kafka_partition.h"
#include "kafka_sink.h"

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <poll.h>

#define API_PRODUCE 0
#define BROKERS_MAX 3
#define KEY_SIZE 24
#define PARTITIONS_MAX 3
#define EVENTS_MAX 512
#define TRANSACTIONS_MAX 64
#define PATIENCE_USEC (60 * USEC_PER_SEC)
#define IN_FLIGHT_MAX 5 /* requests of a producer, see kafka_conf.c */

typedef struct Mock
{
	rd_kafka_t *host; /* the cluster lives in its threads */
	rd_kafka_mock_cluster_t *cluster;
	rd_kafka_t *reader;
	char read_topic[24]; /* assigned to it */
	int topics;
} Mock;

/* Which events a topic of the mock holds, by partition and in order. */
typedef struct MockLog
{
	int64_t next[PARTITIONS_MAX]; /* the offset that isn't read yet */
	int length[PARTITIONS_MAX];
	int events[PARTITIONS_MAX][4 * EVENTS_MAX];
} MockLog;

typedef struct StageTransaction
{
	PgLsn commit_lsn;
	int first; /* event */
	int count;
} StageTransaction;

typedef enum StageEnd
{
	STAGE_SETTLED, /* all that was given is confirmed */
	STAGE_POISONED,
	STAGE_STOPPED
} StageEnd;

typedef struct Stage
{
	Bench bench; /* its source and its pump; its sink isn't used */
	Mock *mock;
	Options *options;
	RelayConfig config;
	EventSink *sink;
	int sinks; /* opened so far */
	int partitions;
	char type[16];
	char topic[24];
	StageTransaction transactions[TRANSACTIONS_MAX];
	int transaction_count;
	int event_count;
	PgLsn marked; /* the highest mark that was compared with the log */
	bool away;	  /* no broker can be read: no mark is made */
	MockLog log;
} Stage;

/* -------------------------------------------------------------------------
 * the cluster
 * -------------------------------------------------------------------------
 */

static inline rd_kafka_t *
mock_client(rd_kafka_type_t type, const char *servers)
{
	static const char *const properties[][2] = {{"log_level", "0"},
												{"socket.nagle.disable", "true"},
												{"group.id", "mock"},
												{"enable.auto.commit", "false"},
												{"fetch.wait.max.ms", "5"},
												{"reconnect.backoff.ms", "10"},
												{"reconnect.backoff.max.ms", "20"},
												{"auto.offset.reset", "earliest"}};
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char reason[256];
	rd_kafka_t *client;

	for (size_t i = 0; i < LENGTH(properties); i++)
	{
		if (type == RD_KAFKA_PRODUCER && i > 1)
			break;
		assert_int_equal(
			rd_kafka_conf_set(conf, properties[i][0], properties[i][1], reason, sizeof(reason)),
			RD_KAFKA_CONF_OK);
	}
	if (servers != NULL)
		assert_int_equal(
			rd_kafka_conf_set(conf, "bootstrap.servers", servers, reason, sizeof(reason)),
			RD_KAFKA_CONF_OK);
	rd_kafka_conf_set_log_cb(conf, NULL);
	client = rd_kafka_new(type, conf, reason, sizeof(reason));
	if (client == NULL)
		fail_msg("no Kafka client: %s", reason);
	return client;
}

static inline void
mock_open(Mock *mock, int brokers)
{
	*mock = (Mock){.host = mock_client(RD_KAFKA_PRODUCER, NULL)};
	mock->cluster = rd_kafka_mock_cluster_new(mock->host, brokers);
	assert_non_null(mock->cluster);
	mock->reader = mock_client(RD_KAFKA_CONSUMER, rd_kafka_mock_cluster_bootstraps(mock->cluster));
	rd_kafka_poll_set_consumer(mock->reader);
}

static inline void
mock_close(Mock *mock)
{
	rd_kafka_destroy_flags(mock->reader, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	rd_kafka_mock_cluster_destroy(mock->cluster);
	rd_kafka_destroy(mock->host);
}

/* Without what is left of a script. */
static inline void
mock_renew(Mock *mock, int brokers)
{
	int topics = mock->topics;

	mock_close(mock);
	mock_open(mock, brokers);
	mock->topics = topics;
}

static inline int
set_up_cluster(void **state, int brokers)
{
	Mock *mock = calloc(1, sizeof(*mock));

	assert_non_null(mock);
	mock_open(mock, brokers);
	*state = mock;
	return 0;
}

static inline int
set_up_one_broker(void **state)
{
	return set_up_cluster(state, 1);
}

static inline int
set_up_three_brokers(void **state)
{
	return set_up_cluster(state, BROKERS_MAX);
}

static inline int
tear_down_cluster(void **state)
{
	mock_close(*state);
	free(*state);
	return 0;
}

#define WITH_ONE_BROKER(test)                                                                      \
	cmocka_unit_test_setup_teardown(test, set_up_one_broker, tear_down_cluster)
#define WITH_THREE_BROKERS(test)                                                                   \
	cmocka_unit_test_setup_teardown(test, set_up_three_brokers, tear_down_cluster)

/* The answer of broker 1 to the produce request behind those that have one. */
static inline void
mock_answer(Mock *mock, rd_kafka_resp_err_t error, int rtt_ms)
{
	assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(mock->cluster, 1, API_PRODUCE, 1,
																  error, rtt_ms),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
}

/*
 * The answers to the next produce requests: "before" good ones, the error, and what a broker
 * says to those that were sent behind the refused one.  The first takes slow_ms, so that the
 * others are on their way by then; answers keep their order.
 */
static inline void
mock_script(Mock *mock, int before, rd_kafka_resp_err_t error, int followers, int slow_ms)
{
	/* What says nothing about the sequence numbers concerns those behind it as well. */
	bool all = error == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
			   error == RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND;
	rd_kafka_resp_err_t behind = all ? error : RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER;

	for (int i = 0; i < before + 1 + followers; i++)
		mock_answer(mock,
					i < before	  ? RD_KAFKA_RESP_ERR_NO_ERROR
					: i == before ? error
								  : behind,
					i == 0 ? slow_ms : 0);
}

static inline size_t
mock_script_left(Mock *mock)
{
	size_t count = 0;

	assert_int_equal(rd_kafka_mock_broker_error_stack_cnt(mock->cluster, 1, API_PRODUCE, &count),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	return count;
}

static inline void
mock_assign(Mock *mock, const char *topic, int partitions)
{
	rd_kafka_topic_partition_list_t *places;

	if (strcmp(mock->read_topic, topic) == 0)
		return;
	places = rd_kafka_topic_partition_list_new(partitions);
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(places, topic, i)->offset = 0;
	assert_int_equal(rd_kafka_assign(mock->reader, places), RD_KAFKA_RESP_ERR_NO_ERROR);
	rd_kafka_topic_partition_list_destroy(places);
	snprintf(mock->read_topic, sizeof(mock->read_topic), "%s", topic);
}

/* What the topic has by now is added to the log. */
static inline void
mock_read(Mock *mock, const char *topic, int partitions, MockLog *log)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;
	int64_t ends[PARTITIONS_MAX];
	int missing = 0;

	mock_assign(mock, topic, partitions);
	for (int i = 0; i < partitions; i++)
	{
		int64_t low;

		while (rd_kafka_query_watermark_offsets(mock->reader, topic, i, &low, &ends[i], 1000) !=
			   RD_KAFKA_RESP_ERR_NO_ERROR)
			assert_true(clock_mono() < give_up_at);
		assert_int_equal(low, 0);
		missing += log->next[i] < ends[i];
	}
	while (missing > 0)
	{
		rd_kafka_message_t *message = rd_kafka_consumer_poll(mock->reader, 100);
		int place;

		assert_true(clock_mono() < give_up_at);
		if (message == NULL)
			continue;
		place = message->partition;
		if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR &&
			strcmp(rd_kafka_topic_name(message->rkt), topic) == 0 &&
			message->offset == log->next[place])
		{
			char key[16];

			assert_true(log->length[place] < 4 * EVENTS_MAX);
			snprintf(key, sizeof(key), "%.*s", (int) message->key_len, (const char *) message->key);
			log->events[place][log->length[place]++] = (int) strtol(key, NULL, 10);
			log->next[place]++;
			missing -= log->next[place] == ends[place];
		}
		rd_kafka_message_destroy(message);
	}
}

/* -------------------------------------------------------------------------
 * a stage: one topic, one stream
 * -------------------------------------------------------------------------
 */

/* Quick, so that a test doesn't wait; NULL ends the list of more settings. */
static inline void
configure(Mock *mock, Options **options, RelayConfig *config, const char *const *more)
{
	static const char *const quick[] = {"kafka.retry.backoff.ms",
										"5",
										"kafka.reconnect.backoff.ms",
										"5",
										"kafka.reconnect.backoff.max.ms",
										"20",
										"kafka.topic.metadata.refresh.fast.interval.ms",
										"10",
										"kafka.socket.nagle.disable",
										"true",
										"kafka.batch.num.messages",
										"10",
										"kafka.linger.ms",
										"5",
										NULL};
	Error error;

	error_clear(&error);
	*options = options_create(&relay_option_table);
	assert_non_null(*options);
	assert_true(options_set(*options, "kafka.bootstrap.servers",
							rd_kafka_mock_cluster_bootstraps(mock->cluster), "test", &error));
	for (const char *const *pair = quick; *pair != NULL; pair += 2)
		assert_true(options_set(*options, pair[0], pair[1], "test", &error));
	for (const char *const *pair = more; pair != NULL && *pair != NULL; pair += 2)
		assert_true(options_set(*options, pair[0], pair[1], "test", &error));
	if (getenv("MOCK_LOG") != NULL)
		assert_true(options_set(*options, "kafka.debug", getenv("MOCK_LOG"), "test", &error));
	if (!relay_config_fill(config, *options, &error))
		fail_msg("%s", error.message);
}

/* For whoever looks for a fault: MOCK_LOG=msg,eos,topic. */
static inline void
print_log(int level, const char *text, void *arg)
{
	(void) arg;
	fprintf(stderr, "%lld %d %s\n", (long long) (clock_mono() / USEC_PER_MS), level, text);
}

static inline EventSink *
open_kafka_sink(const RelayConfig *config)
{
	KafkaSinkHooks hooks = {getenv("MOCK_LOG") != NULL ? print_log : NULL, NULL};
	Error error;
	EventSink *sink;

	error_clear(&error);
	sink = kafka_sink_open(config, 0, NULL, &hooks, &error);
	if (sink == NULL)
		fail_msg("%s", error.message);
	return sink;
}

static inline PgLsn
end_of(const StageTransaction *transaction)
{
	return transaction->commit_lsn + 48;
}

/* A key with the event's number that leads to the partition number modulo their count. */
static inline void
key_of(const Stage *stage, int event, char key[KEY_SIZE])
{
	RoutedEvent routed = {.partition = PARTITION_BY_KEY,
						  .partition_count = (uint32_t) stage->partitions};

	for (int i = 0;; i++)
	{
		snprintf(key, KEY_SIZE, "%d.%d", event, i);
		routed.partition_key = (ByteView){(const uint8_t *) key, strlen(key)};
		if (kafka_partition(&routed) == event % stage->partitions)
			return;
	}
}

static inline void
give_frames(Stage *stage, const StageTransaction *transaction)
{
	give_begin(&stage->bench, transaction->commit_lsn);
	give_relation(&stage->bench);
	for (int i = 0; i < transaction->count; i++)
	{
		char key[KEY_SIZE];

		key_of(stage, transaction->first + i, key);
		give_event(&stage->bench, stage->type, key);
	}
	give_commit(&stage->bench, transaction->commit_lsn);
}

/* A server gives transactions whose commit LSN is at or above the start. */
static inline void
stage_start(Stage *stage)
{
	PgLsn start_lsn = start_stream(&stage->bench, stage->marked);

	for (int i = 0; i < stage->transaction_count; i++)
	{
		if (stage->transactions[i].commit_lsn >= start_lsn)
			give_frames(stage, &stage->transactions[i]);
	}
}

/* So many events more, in one transaction. */
static inline void
stage_give(Stage *stage, int events)
{
	StageTransaction *transaction = &stage->transactions[stage->transaction_count];

	assert_true(stage->transaction_count < TRANSACTIONS_MAX);
	assert_true(stage->event_count + events <= EVENTS_MAX);
	*transaction = (StageTransaction){(PgLsn) (1000 + 100 * stage->transaction_count),
									  stage->event_count, events};
	stage->transaction_count++;
	stage->event_count += events;
	give_frames(stage, transaction);
}

static inline void
stage_make_pump(Stage *stage)
{
	PumpConfig config = {.window = {stage->config.window_events, TRANSACTIONS_MAX, 1 << 20},
						 .mark_interval_usec = 0,
						 .mark_idle_bytes = 0,
						 .silence_usec = 3600 * USEC_PER_SEC};

	stage->bench.pump = pump_create(&config);
	assert_non_null(stage->bench.pump);
	stage_start(stage);
}

/* A topic of its own in the mock. */
static inline void
stage_open(Stage *stage, Mock *mock, int partitions, const char *const *settings)
{
	Bench *bench = &stage->bench;

	memset(stage, 0, sizeof(*stage));
	stage->mock = mock;
	stage->partitions = partitions;
	stage->marked = 100;
	snprintf(stage->type, sizeof(stage->type), "x%d", mock->topics++);
	snprintf(stage->topic, sizeof(stage->topic), "t.%s", stage->type);
	assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, stage->topic, partitions, 1),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	configure(mock, &stage->options, &stage->config, settings);
	bench->source.base.ops = &fake_source_ops;
	bench->now = clock_mono();
	error_clear(&bench->error);
	timeline_init(&bench->timelines, 1);
	bench->topics = topic_map_create();
	assert_true(topic_map_add(bench->topics, stage->topic, (uint32_t) partitions, &bench->error));
	bench->router = router_create("t.{aggregatetype}", "src", bench->topics, &bench->error);
	assert_non_null(bench->router);
	stage->sink = open_kafka_sink(&stage->config);
	stage->sinks = 1;
	stage_make_pump(stage);
}

static inline void
stage_close(Stage *stage)
{
	if (stage->sink != NULL)
		stage->sink->ops->close(stage->sink);
	drop_frames(&stage->bench);
	pump_free(stage->bench.pump);
	router_free(stage->bench.router);
	topic_map_free(stage->bench.topics);
	options_free(stage->options);
}

static inline bool
log_has(const MockLog *log, int event)
{
	for (int i = 0; i < PARTITIONS_MAX; i++)
	{
		for (int j = 0; j < log->length[i]; j++)
		{
			if (log->events[i][j] == event)
				return true;
		}
	}
	return false;
}

/* Every event that this position stands for is in Kafka at this moment. */
static inline void
check_position(Stage *stage, PgLsn position)
{
	mock_read(stage->mock, stage->topic, stage->partitions, &stage->log);
	for (int i = 0; i < stage->transaction_count; i++)
	{
		const StageTransaction *transaction = &stage->transactions[i];

		if (end_of(transaction) > position)
			return;
		for (int event = transaction->first; event < transaction->first + transaction->count;
			 event++)
		{
			if (!log_has(&stage->log, event))
				fail_msg("%s: event %d is confirmed and not in Kafka", stage->topic, event);
		}
	}
}

static inline void
stage_mark(Stage *stage)
{
	PumpMark mark;

	if (stage->away || !pump_mark_wanted(stage->bench.pump, true, stage->bench.now, &mark))
		return;
	check_position(stage, mark.mark_lsn);
	stage->marked = mark.mark_lsn;
	pump_marked(stage->bench.pump, &mark, stage->bench.now);
}

static inline void
stage_replace_sink(Stage *stage)
{
	pump_sink_lost(stage->bench.pump);
	stage->sink->ops->close(stage->sink);
	stage->sink = open_kafka_sink(&stage->config);
	stage->sinks++;
	stage_start(stage);
}

/* kill -9: the mark alone is left. */
static inline void
stage_crash(Stage *stage)
{
	stage->sink->ops->close(stage->sink);
	pump_free(stage->bench.pump);
	stage->sink = open_kafka_sink(&stage->config);
	stage->sinks++;
	stage_make_pump(stage);
}

static inline PumpVerdict
stage_work(Stage *stage)
{
	Bench *bench = &stage->bench;
	PumpVerdict verdict = pump_settle(bench->pump, stage->sink, clock_pg(), &bench->error);

	bench->now = clock_mono();
	if (verdict == PUMP_SINK_LOST)
	{
		stage_replace_sink(stage);
		return PUMP_IDLE;
	}
	if (verdict == PUMP_POISON || verdict == PUMP_STOP)
		return verdict;
	stage_mark(stage);
	assert_int_equal(
		pump_report(bench->pump, &bench->source.base, bench->now, clock_pg(), &bench->error),
		PUMP_IDLE);
	assert_true(bench->source.flushed <= stage->marked);
	verdict = pump_read(bench->pump, &bench->source.base, stage->sink, bench->now, &bench->error);
	if (verdict == PUMP_SINK_LOST)
	{
		stage_replace_sink(stage);
		return PUMP_IDLE;
	}
	if (verdict == PUMP_POISON || verdict == PUMP_STOP)
		return verdict;
	assert_true(verdict == PUMP_IDLE || verdict == PUMP_HELD || verdict == PUMP_MORE);
	return PUMP_IDLE;
}

/* One round, as relay.c makes it; PUMP_IDLE, or a verdict that ends the stage. */
static inline PumpVerdict
stage_round(Stage *stage)
{
	PumpVerdict verdict = stage_work(stage);

	stage->sink->ops->release(stage->sink);
	return verdict;
}

static inline void
stage_wait(Stage *stage, int timeout_ms)
{
	struct pollfd ready = {stage->sink->ops->fd(stage->sink), POLLIN, 0};

	(void) poll(&ready, 1, timeout_ms);
}

static inline bool
stage_is_settled(const Stage *stage)
{
	return stage->transaction_count == 0 ||
		   stage->marked >= end_of(&stage->transactions[stage->transaction_count - 1]);
}

static inline StageEnd
stage_run(Stage *stage)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;

	for (;;)
	{
		PumpVerdict verdict = stage_round(stage);

		if (verdict == PUMP_POISON)
			return STAGE_POISONED;
		if (verdict == PUMP_STOP)
			return STAGE_STOPPED;
		if (stage_is_settled(stage))
			return STAGE_SETTLED;
		if (clock_mono() > give_up_at)
			fail_msg("%s: no end; confirmed %llu, %u in flight, %d producers", stage->topic,
					 (unsigned long long) pump_confirmed(stage->bench.pump),
					 pump_in_flight(stage->bench.pump), stage->sinks);
		stage_wait(stage, 20);
	}
}

/*
 * Of each partition: first occurrences are in order and leave nothing out, up to "until" events
 * of the stream; nothing behind them is there.
 */
static inline void
check_log(Stage *stage, int until)
{
	const MockLog *log = &stage->log;
	int found = 0;

	mock_read(stage->mock, stage->topic, stage->partitions, &stage->log);
	for (int i = 0; i < stage->partitions; i++)
	{
		int next = i;

		for (int j = 0; j < log->length[i]; j++)
		{
			int event = log->events[i][j];

			if (event >= until)
				fail_msg("%s/%d: event %d is there, behind the last one", stage->topic, i, event);
			if (event > next || event % stage->partitions != i)
				fail_msg("%s/%d: event %d is there before event %d", stage->topic, i, event, next);
			if (event == next)
			{
				next += stage->partitions;
				found++;
			}
		}
	}
	assert_int_equal(found, until);
}

/* An event for each partition, acknowledged: from now on several requests go at a time. */
static inline void
stage_warm_up(Stage *stage)
{
	stage_give(stage, stage->partitions);
	assert_int_equal(stage_run(stage), STAGE_SETTLED);
}

#endif
