/*
 * mocking_flight.h
 *	  For the tests of Kafka's faults: a stage with five requests in flight, or with one, and the
 *	  error that one of them gets.
 */
#ifndef OUTBOX_TEST_MOCKING_FLIGHT_H
#define OUTBOX_TEST_MOCKING_FLIGHT_H

#include "mocking.h"

#define BATCH 10 /* events of a transaction, and of a request */

/*
 * librdkafka 2.0.2 counts messages where it limits the requests of a partition: five are in
 * flight when each has one message, but of larger ones the next waits for the last.
 */
static const char *const many_requests[] = {"kafka.batch.num.messages", "1", NULL};
static const char *const one_request[] = {"window.events", "10", "kafka.linger.ms", "100", NULL};

/* -------------------------------------------------------------------------
 * each error, at the first, the middle and the last request of what is in flight
 * -------------------------------------------------------------------------
 */

static const int places[] = {0, IN_FLIGHT_MAX / 2, IN_FLIGHT_MAX - 1};

/*
 * Five requests, and the script for them.  The first answer takes slow_ms: only when all five had
 * theirs by then were they in flight together.  false: they weren't, and the stage is of no use.
 */
static inline bool
give_five(Stage *stage, rd_kafka_resp_err_t code, int place, int slow_ms)
{
	MonoUsec answered_at;

	stage_open(stage, stage->mock, 1, many_requests);
	stage_warm_up(stage);
	mock_script(stage->mock, place, code, IN_FLIGHT_MAX - 1 - place, slow_ms);
	for (int i = 0; i < IN_FLIGHT_MAX; i++)
		stage_give(stage, 1);
	answered_at = clock_mono() + slow_ms * USEC_PER_MS;
	while (mock_script_left(stage->mock) > 0 && clock_mono() < answered_at)
	{
		assert_int_equal(stage_round(stage), PUMP_IDLE);
		stage_wait(stage, 1);
	}
	if (mock_script_left(stage->mock) == 0 && clock_mono() < answered_at)
		return true;
	stage_close(stage);
	return false;
}

static inline void
open_with_five_in_flight(Stage *stage, Mock *mock, rd_kafka_resp_err_t code, int place)
{
	for (int slow_ms = 40; slow_ms < 20000; slow_ms *= 3)
	{
		stage->mock = mock;
		if (give_five(stage, code, place, slow_ms))
			return;
		mock_renew(mock, 1);
	}
	fail_msg("five requests were never in flight together");
}

/* Five batches, one after the other. */
static inline void
open_with_one_in_flight(Stage *stage, Mock *mock, rd_kafka_resp_err_t code, int place)
{
	stage_open(stage, mock, 1, one_request);
	stage_warm_up(stage);
	mock_script(mock, place, code, 0, 0);
	for (int i = 0; i < IN_FLIGHT_MAX; i++)
		stage_give(stage, BATCH);
}

#endif
