/*
 * test_kafka_refusals.c
 *	  What a broker refuses for good, what may be persisted all the same, and what librdkafka has
 *	  no room for: the real kafka_sink, with the real pump in front of it or alone.
 */
#include "mocking_flight.h"
#include "mocking_lone.h"

/* -------------------------------------------------------------------------
 * an event that is refused for good
 * -------------------------------------------------------------------------
 */

static const rd_kafka_resp_err_t permanent[] = {
	RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
	RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE,
	RD_KAFKA_RESP_ERR_INVALID_RECORD,
	RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP,
	RD_KAFKA_RESP_ERR_POLICY_VIOLATION,
	RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
	RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
	RD_KAFKA_RESP_ERR_INVALID_MSG, /* the last one: see permanent_count() */
};

/* What was damaged on its way: librdkafka sends it again by itself, but for old ones. */
#define RETRIES_INVALID_MSG 0x02040000

static size_t
permanent_count(void)
{
	return LENGTH(permanent) - (rd_kafka_version() >= RETRIES_INVALID_MSG ? 1 : 0);
}

/* The position before the transaction of that event. */
static PgLsn
end_before(const Stage *stage, int event)
{
	PgLsn end = stage->marked;

	for (int i = 0; i < stage->transaction_count; i++)
	{
		const StageTransaction *transaction = &stage->transactions[i];

		if (event >= transaction->first && event < transaction->first + transaction->count)
			return end;
		end = end_of(transaction);
	}
	fail_msg("there is no event %d", event);
	return 0;
}

/* It stops at that event and nowhere else; when the event can go, nothing is missing. */
static void
expect_stop_at(Stage *stage, int event, rd_kafka_resp_err_t code)
{
	char position[32];

	assert_int_equal(stage_run(stage), STAGE_POISONED);
	assert_string_equal(stage->bench.error.code, rd_kafka_err2name(code));
	assert_int_equal(pump_confirmed(stage->bench.pump), end_before(stage, event));
	check_log(stage, event);
	for (int i = 0; i < stage->transaction_count; i++)
	{
		const StageTransaction *transaction = &stage->transactions[i];

		if (event < transaction->first || event >= transaction->first + transaction->count)
			continue;
		snprintf(position, sizeof(position), "0/%llX/%d",
				 (unsigned long long) transaction->commit_lsn, event - transaction->first);
		if (strstr(stage->bench.error.detail, position) == NULL)
			fail_msg("%s isn't in \"%s\"", position, stage->bench.error.detail);
	}
	if (mock_script_left(stage->mock) > 0)
		fail_msg("%s, event %d: %zu answers are left", rd_kafka_err2name(code), event,
				 mock_script_left(stage->mock));
	/* The relay has ended; the next one is started when the cause is mended. */
	stage_crash(stage);
	assert_int_equal(stage_run(stage), STAGE_SETTLED);
	check_log(stage, stage->event_count);
	stage_close(stage);
}

/* Those behind it in flight are refused for their sequence numbers, and don't get in. */
static void
the_one_of_five_in_flight_is_found(void **state)
{
	for (size_t i = 0; i < permanent_count(); i++)
	{
		for (size_t j = 0; j < LENGTH(places); j++)
		{
			Stage stage;

			open_with_five_in_flight(&stage, *state, permanent[i], places[j]);
			if (places[j] < IN_FLIGHT_MAX - 1)
				mock_answer(*state, permanent[i], 0); /* when it comes alone; the last one was */
			expect_stop_at(&stage, 1 + places[j], permanent[i]);
		}
	}
}

/* A batch is refused for one of its messages: the first, one in the middle, the last. */
static void
the_one_of_a_batch_is_found(void **state)
{
	static const int culprits[] = {0, BATCH / 2, BATCH - 1};
	Mock *mock = *state;

	for (size_t i = 0; i < permanent_count(); i++)
	{
		Stage stage;
		int culprit = culprits[i % LENGTH(culprits)];
		int place = places[i % LENGTH(places)];

		open_with_one_in_flight(&stage, mock, permanent[i], place);
		mock_script(mock, culprit, permanent[i], 0, 0);
		expect_stop_at(&stage, 1 + place * BATCH + culprit, permanent[i]);
	}
}

/* It concerns every event: a setting is wrong, and none of them is to blame. */
static void
a_right_that_every_event_lacks_stops(void **state)
{
	Stage stage;

	open_with_five_in_flight(&stage, *state, RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, 0);
	assert_int_equal(stage_run(&stage), STAGE_STOPPED);
	assert_int_equal(stage.bench.error.exit_code, EXIT_PERMISSION);
	check_log(&stage, 1);
	stage_close(&stage);
}

/* -------------------------------------------------------------------------
 * what may be persisted
 * -------------------------------------------------------------------------
 */

static const char *const impatient[] = {"kafka.socket.timeout.ms", "100", NULL};

/* The first request is appended, and its answer comes too late; the next one is told "answer". */
static void
open_with_a_late_answer(Stage *stage, Mock *mock, rd_kafka_resp_err_t answer)
{
	stage_open(stage, mock, 1, impatient);
	stage_warm_up(stage);
	mock_answer(mock, RD_KAFKA_RESP_ERR_NO_ERROR, 10000);
	mock_answer(mock, answer, 0);
	stage_give(stage, 1);
}

/* Given up on, it would be in the topic and in the table of dead letters. */
static void
what_may_be_persisted_is_no_poison(void **state)
{
	Stage stage;

	open_with_a_late_answer(&stage, *state, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	assert_int_equal(stage_run(&stage), STAGE_SETTLED);
	assert_int_equal(mock_script_left(*state), 0);
	assert_int_equal(stage.sinks, 2);
	check_log(&stage, stage.event_count);
	assert_int_equal(stage.log.length[0], 3); /* one of them twice, and nothing says otherwise */
	stage_close(&stage);
}

/* The broker has had it: no offset comes with that answer, and none is needed. */
static void
a_duplicate_is_a_delivery(void **state)
{
	Stage stage;

	open_with_a_late_answer(&stage, *state, RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER);
	assert_int_equal(stage_run(&stage), STAGE_SETTLED);
	assert_int_equal(stage.sinks, 1);
	check_log(&stage, stage.event_count);
	assert_int_equal(stage.log.length[0], 2);
	stage_close(&stage);
}

/* -------------------------------------------------------------------------
 * the sink alone
 * -------------------------------------------------------------------------
 */

/* More is taken when the first one is acknowledged, and not before. */
static void
the_first_message_of_a_producer_goes_alone(void **state)
{
	LoneSink lone;

	open_lone(&lone, *state, NULL);
	assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(publish_one(&lone), IO_FULL);
	drain_until(&lone, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, 4);
	assert_int_equal(lone.reports.delivered, 4);
	close_lone(&lone);
}

static void
those_of_a_round_go_at_its_end(void **state)
{
	LoneSink lone;

	open_warm(&lone, *state, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(library_has(&lone), 0);
	lone.sink->ops->release(lone.sink);
	assert_int_equal(library_has(&lone), 3);
	drain_until(&lone, 4);
	assert_int_equal(lone.reports.delivered, 4);
	close_lone(&lone);
}

/* librdkafka sends no more to a partition that has five under way, and would go round for it. */
static void
what_would_wait_for_an_answer_is_held(void **state)
{
	Mock *mock = *state;
	LoneSink lone;

	open_warm(&lone, mock, NULL);
	mock_answer(mock, RD_KAFKA_RESP_ERR_NO_ERROR, 300);
	for (int i = 0; i < 4; i++)
		assert_int_equal(publish_one(&lone), IO_OK);
	lone.sink->ops->release(lone.sink);
	for (int round = 0; round < 3; round++)
	{
		assert_int_equal(publish_one(&lone), IO_OK);
		lone.sink->ops->release(lone.sink);
		assert_int_equal(library_has(&lone), 5);
	}
	drain_until(&lone, 8);
	assert_int_equal(lone.reports.delivered, 8);
	close_lone(&lone);
}

/* What is large takes with it what came before, so that order stays; so does more than a round can hold. */
static void
what_is_large_goes_at_once(void **state)
{
	LoneSink lone;
	int given = 2;

	open_warm(&lone, *state, NULL);
	assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(publish_sized(&lone, 32768), IO_OK);
	assert_int_equal(library_has(&lone), given);
	while (library_has(&lone) <= 2)
	{
		assert_int_equal(publish_sized(&lone, 10000), IO_OK);
		assert_true(++given < 1000);
	}
	drain_until(&lone, 1 + given);
	assert_int_equal(lone.reports.delivered, 1 + given);
	close_lone(&lone);
}

/* The client's limit for a message is met where that one can be blamed for it. */
static void
what_the_client_refuses_is_refused_at_once(void **state)
{
	static const char *const small[] = {"kafka.message.max.bytes", "2000", NULL};
	LoneSink lone;

	open_warm(&lone, *state, small);
	assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(publish_sized(&lone, 4000), IO_FAILED);
	drain_until(&lone, 2);
	assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, 3);
	assert_int_equal(lone.reports.delivered, 3);
	close_lone(&lone);
}

/* There is no such partition.  What came before goes first. */
static void
the_first_one_to_a_partition_is_refused_at_once(void **state)
{
	LoneSink lone;

	open_warm(&lone, *state, NULL);
	assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(library_has(&lone), 0);
	assert_int_equal(publish_into(&lone, 7, 2), IO_FAILED);
	assert_int_equal(library_has(&lone), 1);
	drain_until(&lone, 2);
	assert_int_equal(lone.reports.delivered, 2);
	close_lone(&lone);
}

/* Somebody looked for it when the map had no place for it yet. */
static void
a_topic_may_have_been_looked_up_under_another_index(void **state)
{
	LoneSink lone;
	Error error;

	error_clear(&error);
	open_lone(&lone, *state, NULL);
	assert_non_null(kafka_sink_topic(lone.sink, lone.topic, 0, &error));
	lone.topic_index = 1;
	for (int i = 1; i <= 3; i++)
	{
		assert_int_equal(publish_one(&lone), IO_OK);
		drain_until(&lone, i);
	}
	assert_int_equal(lone.reports.delivered, 3);
	for (int i = 0; i < 20; i++)
		assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, 23);
	assert_int_equal(lone.reports.delivered, 23);
	close_lone(&lone);
}

/* Each of them is reported. */
static void
what_was_held_fails_with_its_producer(void **state)
{
	LoneSink lone;

	open_warm(&lone, *state, NULL);
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_one(&lone), IO_OK);
	assert_int_equal(rd_kafka_test_fatal_error(kafka_sink_handle(lone.sink),
											   RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER,
											   "made up"),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	lone.sink->ops->release(lone.sink);
	drain_until(&lone, 4);
	assert_int_equal(lone.reports.failed, 3);
	assert_int_equal(lone.reports.certain, 3);
	assert_int_equal(publish_one(&lone), IO_FAILED);
	close_lone(&lone);
}

/* While no broker is there: it says so, keeps what it has, and goes on in order. */
static void
a_full_queue_is_no_failure(void **state)
{
	static const char *const small[] = {"window.events", "1", NULL};
	LoneSink lone;
	Mock *mock = *state;
	int taken = 1;

	open_lone(&lone, mock, small);
	assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, 1);
	assert_int_equal(rd_kafka_mock_broker_set_down(mock->cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
	while (publish_one(&lone) == IO_OK)
		taken++;
	/* librdkafka's limit is above the window, which is full first. */
	assert_true(taken > 1000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_one(&lone), IO_FULL);
	assert_int_equal(lone.reports.failed, 0);
	assert_int_equal(rd_kafka_mock_broker_set_up(mock->cluster, -1), RD_KAFKA_RESP_ERR_NO_ERROR);
	drain_until(&lone, taken);
	assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, taken + 1);
	assert_int_equal(lone.reports.delivered, taken + 1);
	assert_int_equal(lone.reports.failed, 0);
	close_lone(&lone);
}

/* Refused: certainly not persisted.  Behind it: neither, and the sink takes nothing more. */
static void
a_refused_message_is_certainly_not_persisted(void **state)
{
	LoneSink lone;
	Mock *mock = *state;

	for (size_t i = 0; i < permanent_count(); i++)
	{
		open_lone(&lone, mock, NULL);
		mock_answer(mock, permanent[i], 0);
		assert_int_equal(publish_one(&lone), IO_OK);
		drain_until(&lone, 1);
		assert_int_equal(lone.reports.failed, 1);
		assert_int_equal(lone.reports.certain, 1);
		assert_int_equal(publish_one(&lone), IO_FAILED);
		close_lone(&lone);
	}
}

/* The answer is late, and then the message is refused: it may be there for the first time. */
static void
a_late_answer_leaves_it_open(void **state)
{
	LoneSink lone;
	Mock *mock = *state;

	open_lone(&lone, mock, impatient);
	mock_answer(mock, RD_KAFKA_RESP_ERR_NO_ERROR, 10000);
	mock_answer(mock, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 0);
	assert_int_equal(publish_one(&lone), IO_OK);
	drain_until(&lone, 1);
	assert_int_equal(lone.reports.failed, 1);
	assert_int_equal(lone.reports.certain, 0);
	close_lone(&lone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE_BROKER(the_one_of_five_in_flight_is_found),
		WITH_ONE_BROKER(the_one_of_a_batch_is_found),
		WITH_ONE_BROKER(a_right_that_every_event_lacks_stops),
		WITH_ONE_BROKER(what_may_be_persisted_is_no_poison),
		WITH_ONE_BROKER(a_duplicate_is_a_delivery),
		WITH_ONE_BROKER(the_first_message_of_a_producer_goes_alone),
		WITH_ONE_BROKER(those_of_a_round_go_at_its_end),
		WITH_ONE_BROKER(what_would_wait_for_an_answer_is_held),
		WITH_ONE_BROKER(what_is_large_goes_at_once),
		WITH_ONE_BROKER(what_the_client_refuses_is_refused_at_once),
		WITH_ONE_BROKER(the_first_one_to_a_partition_is_refused_at_once),
		WITH_ONE_BROKER(a_topic_may_have_been_looked_up_under_another_index),
		WITH_ONE_BROKER(what_was_held_fails_with_its_producer),
		WITH_ONE_BROKER(a_full_queue_is_no_failure),
		WITH_ONE_BROKER(a_refused_message_is_certainly_not_persisted),
		WITH_ONE_BROKER(a_late_answer_leaves_it_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
