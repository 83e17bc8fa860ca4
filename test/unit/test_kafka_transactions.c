/*
 * test_kafka_transactions.c
 *	  A sink of transactions whose transaction can't go on: whoever owns it hears why, whatever was
 *	  held for the end of a round.
 */
#include "mocking_lone.h"

#define API_ADD_PARTITIONS 24
#define SLOW_MS 100

static void
open_transactional(LoneSink *lone, Mock *mock)
{
	static const KafkaTransactions who = {
		.id = "made up", .source_id = "src", .slot = "slot", .system_identifier = "1"};
	KafkaSinkHooks hooks = {getenv("MOCK_LOG") != NULL ? print_log : NULL, NULL};
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;
	Error error;

	error_clear(&error);
	configure_lone(lone, mock, 2, NULL);
	assert_int_equal(rd_kafka_mock_topic_create(mock->cluster, lone->config.position_topic, 1, 1),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	lone->sink = kafka_sink_open(&lone->config, 0, &who, &hooks, &error);
	if (lone->sink == NULL)
		fail_msg("%s", error.message);
	while (!kafka_sink_is_ready(lone->sink))
	{
		drain_once(lone, 20);
		assert_true(clock_mono() < give_up_at);
	}
	/* From here on events for the first partition are held until a round's end. */
	assert_int_equal(publish_into(lone, 0, 2), IO_OK);
	drain_until(lone, 1);
	assert_int_equal(lone->reports.written, 1);
}

/* Rounds of some events each, until the sink says that it failed. */
static void
publish_until_it_fails(LoneSink *lone)
{
	MonoUsec give_up_at = clock_mono() + PATIENCE_USEC;

	while (lone->reports.failed == 0)
	{
		for (int i = 0; i < 3; i++)
			assert_int_not_equal(publish_into(lone, 0, 2), IO_FAILED);
		lone->sink->ops->release(lone->sink);
		drain_once(lone, 1);
		assert_true(clock_mono() < give_up_at);
	}
}

/* Else nobody would look for the event that may not go. */
static void
a_forbidden_topic_is_named_whatever_is_held(void **state)
{
	Mock *mock = *state;
	LoneSink lone;

	open_transactional(&lone, mock);
	assert_int_equal(rd_kafka_mock_broker_push_request_error_rtts(
						 mock->cluster, 1, API_ADD_PARTITIONS, 1,
						 RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, SLOW_MS),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(publish_into(&lone, 1, 2), IO_OK);
	publish_until_it_fails(&lone);
	assert_string_equal(lone.reports.error.code, "TOPIC_AUTHORIZATION_FAILED");
	assert_int_equal(lone.reports.error.exit_code, EXIT_POISON);
	assert_false(kafka_sink_is_fenced(lone.sink));
	close_lone(&lone);
}

static void
a_later_producer_is_told_whatever_is_held(void **state)
{
	LoneSink lone;

	open_transactional(&lone, *state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(publish_into(&lone, 0, 2), IO_OK);
	assert_int_equal(rd_kafka_test_fatal_error(kafka_sink_handle(lone.sink),
											   RD_KAFKA_RESP_ERR__FENCED, "made up"),
					 RD_KAFKA_RESP_ERR_NO_ERROR);
	publish_until_it_fails(&lone);
	assert_true(kafka_sink_is_fenced(lone.sink));
	assert_string_equal(lone.reports.error.code, "_FENCED");
	close_lone(&lone);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE_BROKER(a_forbidden_topic_is_named_whatever_is_held),
		WITH_ONE_BROKER(a_later_producer_is_told_whatever_is_held),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
