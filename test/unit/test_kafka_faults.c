/*
 * test_kafka_faults.c
 *	  What brokers do to a producer, against the real kafka_sink and the real pump: whatever it
 *	  is, each partition ends up in order and without a hole, and no position is ever confirmed
 *	  whose events aren't in Kafka.
 */
#include "mocking_flight.h"

#include "random.h"

#define ANY_NUMBER 0

/* "sinks" producers are made, and then the last one goes on. */
static void
expect_settled(Stage *stage, int sinks, const char *what)
{
	assert_int_equal(stage_run(stage), STAGE_SETTLED);
	assert_int_equal(mock_script_left(stage->mock), 0);
	stage_give(stage, BATCH);
	assert_int_equal(stage_run(stage), STAGE_SETTLED);
	check_log(stage, stage->event_count);
	if (sinks != ANY_NUMBER && stage->sinks != sinks)
		fail_msg("%s: %d producers, not %d", what, stage->sinks, sinks);
	stage_close(stage);
}

static void
play(Mock *mock, rd_kafka_resp_err_t code, int sinks)
{
	for (size_t i = 0; i < LENGTH(places); i++)
	{
		Stage stage;

		/* A connection that is gone has no answers: see brokers_that_come_and_go. */
		if (code != RD_KAFKA_RESP_ERR__TRANSPORT)
		{
			open_with_five_in_flight(&stage, mock, code, places[i]);
			expect_settled(&stage, sinks, rd_kafka_err2name(code));
		}
		open_with_one_in_flight(&stage, mock, code, places[i]);
		expect_settled(&stage, sinks, rd_kafka_err2name(code));
	}
}

/* The same producer gets over them. */
static void
errors_that_pass_leave_no_hole(void **state)
{
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
		RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
		RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
		RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
		RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR,
		RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
		RD_KAFKA_RESP_ERR__TRANSPORT,
	};

	for (size_t i = 0; i < LENGTH(codes); i++)
		play(*state, codes[i], 1);
}

/* The producer is done for, and no event is to blame: another one begins where it got stuck. */
static void
errors_of_the_producer_replace_it(void **state)
{
	static const rd_kafka_resp_err_t codes[] = {
		RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH, RD_KAFKA_RESP_ERR_UNKNOWN,
		RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE, RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS,
		RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH};

	for (size_t i = 0; i < LENGTH(codes); i++)
		play(*state, codes[i], 2);
}

/* -------------------------------------------------------------------------
 * a fatal error, of librdkafka's own making
 * -------------------------------------------------------------------------
 */

static void
raise_fatal_error(const Stage *stage)
{
	assert_int_equal(rd_kafka_test_fatal_error(kafka_sink_handle(stage->sink),
											   RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
											   "a test"),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
}

/* What was in flight comes again, from the first event that isn't known to be there. */
static void
a_fatal_error_makes_a_new_producer(void **state)
{
	Stage stage;

	open_with_five_in_flight(&stage, *state, RD_KAFKA_RESP_ERR_NO_ERROR, 0);
	stage_give(&stage, 3 * BATCH);
	raise_fatal_error(&stage);
	expect_settled(&stage, 2, "fatal error in flight");
}

static void
a_fatal_error_at_rest_is_noticed_with_the_next_event(void **state)
{
	Stage stage;

	stage_open(&stage, *state, 1, NULL);
	stage_warm_up(&stage);
	raise_fatal_error(&stage);
	stage_give(&stage, BATCH);
	expect_settled(&stage, 2, "fatal error at rest");
}

/* -------------------------------------------------------------------------
 * brokers that are slow, away or elsewhere
 * -------------------------------------------------------------------------
 */

static const char *const impatient[] = {"kafka.socket.timeout.ms", "100",
										"kafka.batch.num.messages", "1", NULL};

/* For at least so long, whatever else is going on. */
static void
keep_on_for(Stage *stage, int64_t usec)
{
	MonoUsec end = clock_mono() + usec;

	while (clock_mono() < end)
	{
		assert_int_equal(stage_round(stage), PUMP_IDLE);
		stage_wait(stage, 5);
	}
}

/* Each request times out, and may have been persisted each time; no message ever does. */
static void
answers_slower_than_every_timeout(void **state)
{
	Mock *mock = *state;
	Stage stage;
	PgLsn before;

	stage_open(&stage, mock, 1, impatient);
	stage_warm_up(&stage);
	before = pump_confirmed(stage.bench.pump);
	rd_kafka_mock_broker_set_rtt(mock->cluster, -1, 10000);
	stage.away = true;
	for (int i = 0; i < IN_FLIGHT_MAX; i++)
		stage_give(&stage, 1);
	keep_on_for(&stage, 3 * USEC_PER_SEC); /* time-outs are looked for once a second */
	assert_int_equal(pump_confirmed(stage.bench.pump), before);
	assert_int_equal(pump_in_flight(stage.bench.pump), IN_FLIGHT_MAX);
	rd_kafka_mock_broker_set_rtt(mock->cluster, -1, 0);
	stage.away = false;
	expect_settled(&stage, 1, "slow answers");
}

/* Ten times the socket's time-out; the queue behind it is full. */
static void
brokers_that_come_and_go(void **state)
{
	static const char *const small[] = {"kafka.socket.timeout.ms", "100", "window.events", "40",
										NULL};
	Mock *mock = *state;
	Stage stage;

	stage_open(&stage, mock, 3, small);
	stage_warm_up(&stage);
	for (int outage = 0; outage < 3; outage++)
	{
		for (int i = 0; i < 10; i++)
			stage_give(&stage, BATCH);
		while (pump_in_flight(stage.bench.pump) == 0)
			assert_int_equal(stage_round(&stage), PUMP_IDLE);
		assert_int_equal(rd_kafka_mock_broker_set_down(mock->cluster, -1),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
		stage.away = true;
		keep_on_for(&stage, outage == 0 ? USEC_PER_SEC : 50 * USEC_PER_MS);
		assert_int_equal(rd_kafka_mock_broker_set_up(mock->cluster, -1),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
		stage.away = false;
		assert_int_equal(stage_run(&stage), STAGE_SETTLED);
	}
	expect_settled(&stage, 1, "an outage");
}

/*
 * With events on the way to the old one, and while one leads that is gone.  None at all would do
 * as well, but the mock of librdkafka 2.8 and later then crashes by itself: it names the leader in its refusal.
 */
static void
leaders_that_move(void **state)
{
	Mock *mock = *state;
	Stage stage;

	stage_open(&stage, mock, 1, many_requests);
	/* Never the one that led until now: it might take what was sent behind a refused request. */
	assert_int_equal(rd_kafka_mock_partition_set_leader(mock->cluster, stage.topic, 0, 1),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	stage_warm_up(&stage);
	for (int i = 1; i <= 2 * BROKERS_MAX; i++)
	{
		int32_t gone = 1 + (i + 1) % BROKERS_MAX;

		rd_kafka_mock_broker_set_rtt(mock->cluster, -1, 20);
		for (int j = 0; j < 2 * IN_FLIGHT_MAX; j++)
			stage_give(&stage, 1);
		while (pump_in_flight(stage.bench.pump) == 0)
			assert_int_equal(stage_round(&stage), PUMP_IDLE);
		stage.away = true;
		assert_int_equal(rd_kafka_mock_broker_set_down(mock->cluster, gone),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
		assert_int_equal(rd_kafka_mock_partition_set_leader(mock->cluster, stage.topic, 0, gone),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
		/*
		 * Until all that is under way to the old leader is refused.  The new one of the mock takes
		 * whatever comes, where Kafka asks for the next sequence number; and librdkafka takes an
		 * acknowledgement for one of all that was sent before (rd_kafka_dr_implicit_ack()).
		 */
		keep_on_for(&stage, USEC_PER_SEC);
		assert_int_equal(
			rd_kafka_mock_partition_set_leader(mock->cluster, stage.topic, 0, 1 + i % BROKERS_MAX),
			RD_KAFKA_RESP_ERR_NO_ERROR);
		assert_int_equal(rd_kafka_mock_broker_set_up(mock->cluster, gone),
						 RD_KAFKA_RESP_ERR_NO_ERROR);
		stage.away = false;
		rd_kafka_mock_broker_set_rtt(mock->cluster, -1, 0);
		assert_int_equal(stage_run(&stage), STAGE_SETTLED);
	}
	expect_settled(&stage, 1, "another leader");
}

/* Brokers say for a while that there is no such topic, as after a start that isn't complete. */
static void
a_topic_that_is_unknown_for_a_while(void **state)
{
	static const char *const hasty[] = {"kafka.topic.metadata.propagation.max.ms", "0",
										"kafka.topic.metadata.refresh.interval.ms", "20", NULL};
	Mock *mock = *state;
	Stage stage;
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;

	stage_open(&stage, mock, 3, hasty);
	stage_warm_up(&stage);
	rd_kafka_mock_topic_set_error(mock->cluster, stage.topic,
								  RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	stage.away = true;
	for (int i = 0; i < IN_FLIGHT_MAX; i++)
		stage_give(&stage, BATCH);
	/* The producer knows where it was, until it asks; its successor doesn't. */
	while (stage.sinks < 4 && !stage_is_settled(&stage))
	{
		if (stage.sinks == 1)
			raise_fatal_error(&stage);
		keep_on_for(&stage, 20 * USEC_PER_MS);
		assert_true(clock_mono() < give_up_at);
	}
	assert_true(stage.marked < end_of(&stage.transactions[stage.transaction_count - 1]));
	rd_kafka_mock_topic_set_error(mock->cluster, stage.topic, RD_KAFKA_RESP_ERR_NO_ERROR);
	stage.away = false;
	/* The last one may have been told so, too, and not have said it yet. */
	expect_settled(&stage, ANY_NUMBER, "an unknown topic");
}

/* -------------------------------------------------------------------------
 * all of it, and crashes of the relay in between
 * -------------------------------------------------------------------------
 */

/* A message at most in flight in each partition: the mock needs no script for those behind it. */
static const char *const one_a_partition[] = {"window.events", "3", "kafka.socket.timeout.ms",
											  "100", NULL};

static void
harm(Stage *stage, Random *random)
{
	static const rd_kafka_resp_err_t codes[] = {RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
												RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND,
												RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
												RD_KAFKA_RESP_ERR__TRANSPORT,
												RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
												RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
												RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART};
	rd_kafka_mock_cluster_t *cluster = stage->mock->cluster;
	int32_t broker = (int32_t) random_below(random, BROKERS_MAX) + 1;

	switch (random_below(random, 6))
	{
		case 0:
			stage_crash(stage);
			break;
		case 1:
			rd_kafka_mock_partition_set_leader(cluster, stage->topic,
											   (int32_t) random_below(random, 3), broker);
			break;
		case 2:
			rd_kafka_mock_broker_set_down(cluster, broker);
			stage->away = true;
			keep_on_for(stage, (int64_t) random_below(random, 30 * USEC_PER_MS));
			rd_kafka_mock_broker_set_up(cluster, broker);
			stage->away = false;
			break;
		case 3:
			rd_kafka_mock_broker_set_rtt(cluster, broker, (int) random_below(random, 150));
			break;
		default:
			rd_kafka_mock_push_request_errors(cluster, API_PRODUCE, 1,
											  codes[random_below(random, LENGTH(codes))]);
			break;
	}
}

static void
whatever_happens_nothing_is_lost(void **state)
{
	Mock *mock = *state;

	for (uint64_t seed = 1; seed <= 4; seed++)
	{
		Random random;
		Stage stage;

		random_seed(&random, seed);
		stage_open(&stage, mock, 3, one_a_partition);
		for (int i = 0; i < 40; i++)
		{
			stage_give(&stage, 1 + (int) random_below(&random, 6));
			harm(&stage, &random);
			if (random_below(&random, 2) == 0)
				keep_on_for(&stage, (int64_t) random_below(&random, 10 * USEC_PER_MS));
		}
		rd_kafka_mock_broker_set_rtt(mock->cluster, -1, 0);
		rd_kafka_mock_clear_request_errors(mock->cluster, API_PRODUCE);
		if (stage_run(&stage) != STAGE_SETTLED)
			fail_msg("seed %llu: %s", (unsigned long long) seed, stage.bench.error.message);
		check_log(&stage, stage.event_count);
		stage_close(&stage);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE_BROKER(errors_that_pass_leave_no_hole),
		WITH_ONE_BROKER(errors_of_the_producer_replace_it),
		WITH_ONE_BROKER(a_fatal_error_makes_a_new_producer),
		WITH_ONE_BROKER(a_fatal_error_at_rest_is_noticed_with_the_next_event),
		WITH_ONE_BROKER(answers_slower_than_every_timeout),
		WITH_ONE_BROKER(brokers_that_come_and_go),
		WITH_THREE_BROKERS(leaders_that_move),
		WITH_ONE_BROKER(a_topic_that_is_unknown_for_a_while),
		WITH_THREE_BROKERS(whatever_happens_nothing_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
