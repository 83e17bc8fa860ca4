/*
 * test_pump.c
 *	  Frames in, events out, and what may be confirmed; each of P1 to P5.
 */
#include "pumping.h"

static void
confirms_a_transaction_when_all_of_it_settled(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "abc");
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
	assert_int_equal(pump_stats(bench->pump)->last.ordinal, 2);
}

/* P1 */
static void
reports_the_durable_mark_alone(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	assert_int_equal(pump_report(bench->pump, &bench->source.base, bench->now, 0, &bench->error),
					 PUMP_IDLE);
	assert_int_equal(bench->source.flushed, 100);
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	assert_int_equal(mark.mark_lsn, 248);
	give_keepalive(bench, 200, true);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_report(bench->pump, &bench->source.base, bench->now, 0, &bench->error),
					 PUMP_IDLE);
	assert_int_equal(bench->source.updates, 2);
	assert_int_equal(bench->source.flushed, 100);
	pump_marked(bench->pump, &mark, bench->now);
	assert_int_equal(pump_report(bench->pump, &bench->source.base, bench->now, 0, &bench->error),
					 PUMP_IDLE);
	assert_int_equal(bench->source.flushed, 248);
}

/* P2 */
static void
suppresses_what_is_below_the_start(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 60, "ab");
	give_transaction(bench, 100, "c"); /* its commit LSN may equal the mark */
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "c");
	assert_int_equal(pump_stats(bench->pump)->events_suppressed, 2);
}

/* P2: a half published transaction goes on with what it lacks. */
static void
goes_on_within_a_transaction_after_a_lost_source(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	give_event(bench, "ride", "b");
	bench->source.ends = true;
	assert_int_equal(read_all(bench), PUMP_SOURCE_LOST);
	pump_source_lost(bench->pump);
	bench->source.ends = false;
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abcd");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "abcd");
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* At an end: what is half out is finished, nothing else is begun. */
static void
finishes_the_open_transaction_and_begins_none(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_true(pump_is_amid_transaction(bench->pump));
	pump_finish(bench->pump);
	give_event(bench, "ride", "b");
	give_commit(bench, 200);
	give_transaction(bench, 300, "c");
	/* Nor is it waited for: that it is there wakes nobody up. */
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_false(pump_is_amid_transaction(bench->pump));
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "ab");
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* The commit came with the next stream; every event had gone with the one before. */
static void
marks_a_transaction_whose_events_settled_before_its_commit_came(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	pump_source_lost(bench->pump);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "a");
	assert_int_equal(pump_confirmed(bench->pump), 248);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now + 2 * USEC_PER_SEC, &mark));
	assert_int_equal(mark.mark_lsn, 248);
}

static void
refuses_a_new_stream_with_events_in_flight(void **state)
{
	FeedbackConfig feedback = {10 * USEC_PER_SEC, 60 * USEC_PER_SEC};
	Bench *bench = *state;
	PgLsn start_lsn;

	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_false(pump_start(bench->pump, GENERATION, &bench->timelines, bench->router, 100,
							&feedback, bench->now, &start_lsn, &bench->error));
	assert_int_equal(bench->error.error_class, ERROR_CLASS_BUG);
}

static void
starts_behind_a_mark_that_another_relay_moved(void **state)
{
	Bench *bench = *state;

	pump_source_lost(bench->pump);
	assert_int_equal(start_stream(bench, 500), 500);
	assert_int_equal(pump_durable(bench->pump), 500);
	assert_int_equal(start_stream(bench, 300), 500);
}

/* P3 */
static void
resumes_at_the_first_unsettled_event_after_a_failure(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	give_transaction(bench, 300, "cde");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 3), PUMP_IDLE);
	bench->sink.fail_next = true;
	assert_int_equal(deliver(bench, 1), PUMP_SINK_LOST);
	assert_int_equal(bench->error.error_class, ERROR_CLASS_TRANSIENT);

	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 248);
	give_transaction(bench, 300, "cde");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "de");
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 348);
}

/* A producer that is gone may have left it in Kafka: it counts until it came again, and is settled. */
static void
what_was_sent_is_not_forgotten_with_its_sink(void **state)
{
	Bench *bench = *state;

	assert_true(pump_sent_is_confirmed(bench->pump));
	give_transaction(bench, 200, "a");
	give_transaction(bench, 300, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_false(pump_sent_is_confirmed(bench->pump));

	replace_sink(bench);
	assert_int_equal(pump_in_flight(bench->pump), 0);
	assert_false(pump_sent_is_confirmed(bench->pump));
	assert_int_equal(start_stream(bench, 100), 248);
	assert_false(pump_sent_is_confirmed(bench->pump));
	give_transaction(bench, 300, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_true(pump_sent_is_confirmed(bench->pump));
}

/* A second failure before the first one was made good must not go back behind it. */
static void
keeps_the_later_of_two_resume_points(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abcd");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 3), PUMP_IDLE);
	pump_sink_lost(bench->pump);
	bench->sink.count = 0;
	assert_int_equal(start_stream(bench, 100), 100);
	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	pump_sink_lost(bench->pump);
	bench->sink.published[0] = '\0';
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abcd");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "d");
}

static void
finds_the_culprit_of_a_failed_batch(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 3, NULL, true), PUMP_SINK_LOST);

	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "a");
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "ab");
	assert_int_equal(deliver_refusal(bench, 1, NULL, true), PUMP_POISON);
	assert_int_equal(bench->error.exit_code, EXIT_POISON);
	assert_non_null(strstr(bench->error.detail, "0190b2c4-1111-7222-8333-444455556666"));
	assert_non_null(strstr(bench->error.detail, "0/C8/1"));
	assert_int_equal(pump_confirmed(bench->pump), 100);
}

/* The last of those that failed is alone, too: what comes behind waits for it. */
static void
sends_nothing_behind_the_last_of_a_failed_batch(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 1, NULL, true), PUMP_SINK_LOST);

	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "b");
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "bc");
}

/* P4 */
static void
holds_what_finds_no_room(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abcdefghij");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "abcdefgh");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "abcdefghi");
	assert_int_equal(deliver(bench, 8), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "abcdefghij");
}

static void
holds_what_the_sink_can_not_take(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	bench->sink.refuse = IO_FULL;
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(pump_in_flight(bench->pump), 0);
	bench->sink.refuse = IO_OK;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "ab");
}

static void
asks_for_a_topic_and_goes_on(void **state)
{
	Bench *bench = *state;

	give_lone(bench, 200, "walk", "a");
	assert_int_equal(read_all(bench), PUMP_TOPIC);
	assert_string_equal(pump_wanted_topic(bench->pump), "t.walk");
	assert_int_equal(read_all(bench), PUMP_TOPIC);
	assert_true(topic_map_add(bench->topics, "t.walk", 5, &bench->error));
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "a");
}

static void
stops_when_the_sink_refuses_whatever_comes(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	bench->sink.refuse = IO_FAILED;
	bench->sink.refuse_exit = EXIT_PERMISSION;
	assert_int_equal(read_all(bench), PUMP_STOP);
	assert_int_equal(bench->error.exit_code, EXIT_PERMISSION);
	assert_int_equal(pump_in_flight(bench->pump), 0);
}

/* P5 */
static void
takes_a_keepalive_only_at_rest(void **state)
{
	Bench *bench = *state;

	give_keepalive(bench, 150, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 150);
	give_transaction(bench, 200, "a");
	give_keepalive(bench, 900, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 150);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
	give_begin(bench, 300);
	give_keepalive(bench, 950, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* Not in a transaction that is only skipped, either. */
static void
takes_no_keepalive_in_a_suppressed_transaction(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 60);
	give_keepalive(bench, 950, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 100);
}

/* Its clock begins with 0 there. */
static void
marks_at_once_also_on_a_machine_that_is_up_for_less_than_the_interval(void **state)
{
	Bench *bench = *state;
	PumpConfig config = {.mark_interval_usec = 2 * START_AT};
	PumpMark mark;

	pump_configure(bench->pump, &config, USEC_PER_SEC);
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_true(pump_mark_wake_at(bench->pump) <= bench->now);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	pump_marked(bench->pump, &mark, bench->now);
	give_transaction(bench, 300, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(pump_mark_wake_at(bench->pump), bench->now + config.mark_interval_usec);
	assert_false(pump_mark_wanted(bench->pump, false, bench->now, &mark));
}

static void
marks_idle_positions_rarely(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	give_keepalive(bench, 1099, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_false(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	assert_int_equal(pump_mark_wake_at(bench->pump), MONO_NEVER);
	assert_true(pump_mark_wanted(bench->pump, true, bench->now, &mark));
	give_keepalive(bench, 1100, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	pump_marked(bench->pump, &mark, bench->now);
	assert_false(pump_mark_wanted(bench->pump, false, bench->now + USEC_PER_SEC, &mark));
}

static void
stores_a_heartbeat_once_it_is_confirmed(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	give_transaction(bench, 200, "a");
	give_begin(bench, 300);
	give_heartbeat(bench, "s 10:12:11");
	give_commit(bench, 300);
	give_begin(bench, 400);
	give_commit(bench, 400);
	assert_true(pump_heartbeat(bench->pump, "10:12:11", 290, 7));
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_false(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	assert_int_equal(mark.mark_lsn, 448);
	assert_string_equal(mark.heartbeat_snapshot, "10:12:11");
	assert_int_equal(mark.heartbeat_at, 7);
	pump_marked(bench->pump, &mark, bench->now);
	assert_false(pump_mark_wanted(bench->pump, false, bench->now + USEC_PER_SEC, &mark));
	/* Its answer may come behind it. */
	assert_true(pump_heartbeat(bench->pump, "20:20:", 448, 8));
	assert_true(pump_mark_wanted(bench->pump, false, bench->now + USEC_PER_SEC, &mark));
	assert_int_equal(mark.mark_lsn, 448);
	assert_string_equal(mark.heartbeat_snapshot, "20:20:");
}

static void
believes_no_heartbeat_of_the_stream(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	give_transaction(bench, 200, "a");
	give_begin(bench, 300);
	give_heartbeat(bench, "s 4000000000:4000000000:");
	give_commit(bench, 300);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now, &mark));
	assert_int_equal(mark.mark_lsn, 348);
	assert_null(mark.heartbeat_snapshot);
}

static void
gives_up_a_server_that_does_not_answer(void **state)
{
	Bench *bench = *state;

	bench->now += 60 * USEC_PER_SEC;
	assert_int_equal(pump_report(bench->pump, &bench->source.base, bench->now, 0, &bench->error),
					 PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	bench->now += 59 * USEC_PER_SEC;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	bench->now += USEC_PER_SEC;
	assert_int_equal(read_all(bench), PUMP_SOURCE_LOST);
}

/* What waits in the server is gathered, and then taken at once. */
static void
a_backlog_is_gathered(void **state)
{
	Bench *bench = *state;
	MonoUsec at;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "a");
	give_transaction(bench, 300, "b");
	at = pump_gather_at(bench->pump, bench->now);
	assert_true(at > bench->now && at < bench->now + USEC_PER_MS);
	bench->now = at;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(bench->source.gathered, 1);
	assert_string_equal(bench->sink.published, "a");
	/* To the end of this gathering, and of the one behind what it brought; then there is nothing. */
	for (int steps = 0; pump_gather_at(bench->pump, bench->now) != MONO_NEVER; steps++)
	{
		assert_true(steps < 1000);
		bench->now = pump_gather_at(bench->pump, bench->now);
		assert_int_equal(read_all(bench), PUMP_IDLE);
	}
	assert_string_equal(bench->sink.published, "ab");
}

/* In time for the memory of the connection. */
static void
much_is_read_before_the_time(void **state)
{
	Bench *bench = *state;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	give_transaction(bench, 300, "b");
	bench->now = pump_gather_at(bench->pump, bench->now);
	bench->source.gives = 16 * 1024 * 1024;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "ab");
}

static void
a_new_stream_is_not_gathered(void **state)
{
	Bench *bench = *state;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_true(pump_gather_at(bench->pump, bench->now) != MONO_NEVER);
	pump_source_lost(bench->pump);
	assert_true(pump_gather_at(bench->pump, bench->now) == MONO_NEVER);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BENCH(confirms_a_transaction_when_all_of_it_settled),
		WITH_BENCH(reports_the_durable_mark_alone),
		WITH_BENCH(suppresses_what_is_below_the_start),
		WITH_BENCH(goes_on_within_a_transaction_after_a_lost_source),
		WITH_BENCH(finishes_the_open_transaction_and_begins_none),
		WITH_BENCH(marks_a_transaction_whose_events_settled_before_its_commit_came),
		WITH_BENCH(refuses_a_new_stream_with_events_in_flight),
		WITH_BENCH(starts_behind_a_mark_that_another_relay_moved),
		WITH_BENCH(resumes_at_the_first_unsettled_event_after_a_failure),
		WITH_BENCH(what_was_sent_is_not_forgotten_with_its_sink),
		WITH_BENCH(keeps_the_later_of_two_resume_points),
		WITH_BENCH(finds_the_culprit_of_a_failed_batch),
		WITH_BENCH(sends_nothing_behind_the_last_of_a_failed_batch),
		WITH_BENCH(holds_what_finds_no_room),
		WITH_BENCH(holds_what_the_sink_can_not_take),
		WITH_BENCH(asks_for_a_topic_and_goes_on),
		WITH_BENCH(stops_when_the_sink_refuses_whatever_comes),
		WITH_BENCH(takes_a_keepalive_only_at_rest),
		WITH_BENCH(takes_no_keepalive_in_a_suppressed_transaction),
		WITH_BENCH(marks_at_once_also_on_a_machine_that_is_up_for_less_than_the_interval),
		WITH_BENCH(marks_idle_positions_rarely),
		WITH_BENCH(stores_a_heartbeat_once_it_is_confirmed),
		WITH_BENCH(believes_no_heartbeat_of_the_stream),
		WITH_BENCH(gives_up_a_server_that_does_not_answer),
		WITH_BENCH(a_backlog_is_gathered),
		WITH_BENCH(much_is_read_before_the_time),
		WITH_BENCH(a_new_stream_is_not_gathered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
