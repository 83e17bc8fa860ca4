/*
 * test_pump_transaction.c
 *	  P7: when a transaction of the sink is committed, what is said with it, and what
 *	  becomes of a transaction that fails.
 */
#include "pumping.h"

#define WITH_TRANSACTIONS(test)                                                                    \
	cmocka_unit_test_setup_teardown(test, set_up_transactions, tear_down)

static const TransactionLimits limits = {.interval_usec = USEC_PER_SEC,
										 .events = 4,
										 .bytes = 1 << 20,
										 .split_usec = 10 * USEC_PER_SEC,
										 .split_events = 0,
										 .whole = false};

static int
set_up_transactions(void **state)
{
	return set_up_with(state, &limits);
}

static int
set_up_whole(void **state)
{
	TransactionLimits whole = limits;

	whole.whole = true;
	return set_up_with(state, &whole);
}

static int
set_up_lingering(void **state)
{
	TransactionLimits lingering = limits;

	lingering.linger_usec = 5 * USEC_PER_MS;
	return set_up_with(state, &lingering);
}

static int
set_up_splitting(void **state)
{
	TransactionLimits splitting = limits;

	splitting.split_events = 3;
	return set_up_with(state, &splitting);
}

static PumpVerdict
transact(Bench *bench)
{
	return pump_transact(bench->pump, &bench->sink.base, false, bench->now, &bench->error);
}

static PumpVerdict
end_it(Bench *bench)
{
	bench->sink.end_reported = true;
	return deliver(bench, bench->sink.count);
}

static void
let_gather(Bench *bench)
{
	while (pump_gather_at(bench->pump, bench->now) != MONO_NEVER)
		bench->now = pump_gather_at(bench->pump, bench->now);
}

/* In a backlog nothing is read for a moment; then what came is. */
static void
gather(Bench *bench)
{
	assert_true(pump_gather_at(bench->pump, bench->now) != MONO_NEVER);
	let_gather(bench);
	assert_int_equal(read_all(bench), PUMP_IDLE);
}

/* Reports are no deliveries: what is written settles when the transaction is committed. */
static void
settles_at_the_commit_alone(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	give_transaction(bench, 300, "c");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 3), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(pump_in_flight(bench->pump), 3);
	assert_int_equal(pump_stats(bench->pump)->events_settled, 0);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.commit_lsn, 348);
	assert_int_equal(bench->sink.committed.ordinal, 0);
	assert_int_equal(bench->sink.committed.generation, GENERATION);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 348);
	assert_int_equal(pump_in_flight(bench->pump), 0);
	assert_int_equal(pump_stats(bench->pump)->events_settled, 3);
	assert_int_equal(pump_stats(bench->pump)->last.commit_lsn, 300);
	assert_int_equal(pump_stats(bench->pump)->kafka_commits, 1);
	assert_int_equal(pump_stats(bench->pump)->delivery_seconds.count, 3);
	/* At rest nothing is committed. */
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
}

static void
does_not_commit_within_a_transaction(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	for (int i = 0; i < 6; i++) /* more than a limit that counts between transactions */
		give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	bench->now += 5 * USEC_PER_SEC;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 0);
	assert_true(pump_is_torn(bench->pump));
	give_commit(bench, 200);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_false(pump_is_torn(bench->pump));
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.commit_lsn, 248);
	assert_int_equal(pump_stats(bench->pump)->transactions_split, 0);
}

/* The window is smaller than the transaction: written events make room. */
static void
a_transaction_larger_than_the_window_passes(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	for (int i = 0; i < 20; i++)
		give_event(bench, "ride", "a");
	give_commit(bench, 200);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(read_all(bench), i < 2 ? PUMP_HELD : PUMP_IDLE);
		assert_int_equal(deliver(bench, bench->sink.count), PUMP_IDLE);
	}
	assert_int_equal(pump_in_flight(bench->pump), 20);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
	assert_int_equal(pump_stats(bench->pump)->last.ordinal, 19);
}

static void
waits_with_the_next_transaction_when_enough_is_in_it(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abc");
	give_transaction(bench, 300, "de");
	give_transaction(bench, 400, "f");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "abcde");
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.committed.commit_lsn, 348);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "abcdef");
}

static void
a_busy_stream_is_committed_by_time(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "a");
	give_begin(bench, 300);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	bench->now += USEC_PER_SEC;
	give_relation(bench);
	give_event(bench, "ride", "b");
	give_commit(bench, 300);
	give_transaction(bench, 400, "c");
	/* A transaction that is begun goes along, the next one doesn't. */
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "ab");
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.committed.commit_lsn, 348);
	assert_int_equal(pump_transact_wake_at(bench->pump), MONO_NEVER);
}

/* A moment without frames is no end; one that lasts is. */
static void
waits_a_moment_for_more(void **state)
{
	Bench *bench = *state;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	gather(bench);
	assert_int_equal(pump_transact_wake_at(bench->pump), bench->now + 5 * USEC_PER_MS);
	bench->now += 4 * USEC_PER_MS;
	assert_int_equal(transact(bench), PUMP_IDLE);
	give_transaction(bench, 300, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	gather(bench);
	bench->now += 4 * USEC_PER_MS;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 0);
	bench->now += 1 * USEC_PER_MS;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.commit_lsn, 348);
}

/* With events all the time there would be no pause, and each would wait for the interval. */
static void
what_is_current_waits_for_no_pause(void **state)
{
	Bench *bench = *state;

	bench->source.sent_at = 50 * USEC_PER_MS;
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_transact_wake_at(bench->pump), bench->now + 5 * USEC_PER_MS);
	bench->now += 4 * USEC_PER_MS;
	give_transaction(bench, 300, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 0);
	assert_int_equal(pump_transact_wake_at(bench->pump), bench->now + 1 * USEC_PER_MS);
	bench->now += 1 * USEC_PER_MS;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.commit_lsn, 348);
	/* A backlog, and then its end. */
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 400, "c");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	give_transaction(bench, 500, "d");
	gather(bench);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	bench->source.sent_at = 0;
	give_transaction(bench, 600, "e");
	gather(bench);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 2);
}

/* More than are worth a wake-up each: they come together, and are committed as without that. */
static void
what_is_busy_waits_for_no_pause(void **state)
{
	PumpConfig config = {.mark_interval_usec = USEC_PER_SEC, .gather_usec = 4 * USEC_PER_MS};
	Bench *bench = *state;
	PgLsn lsn = 200;

	pump_configure(bench->pump, &config, USEC_PER_SEC);
	for (int i = 0; i < 300; i++, lsn += 100)
	{
		drop_frames(bench);
		give_transaction(bench, lsn, "");
		bench->now += 200;
		assert_int_equal(read_all(bench), PUMP_IDLE);
	}
	give_transaction(bench, lsn, "a");
	gather(bench);
	assert_true(pump_gather_at(bench->pump, bench->now) != MONO_NEVER);
	assert_int_equal(pump_transact_wake_at(bench->pump), bench->now + 5 * USEC_PER_MS);
	bench->now += 5 * USEC_PER_MS;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
}

/* The walsender needn't wait for Kafka; but what is taken from it meanwhile has a limit. */
static void
a_backlog_comes_while_one_is_committed(void **state)
{
	Bench *bench = *state;
	int steps = 0;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "abcd");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	give_transaction(bench, 300, "e");
	assert_true(pump_fill_at(bench->pump, bench->now) == MONO_NEVER);
	let_gather(bench);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	bench->source.gathered = 0;
	bench->source.gives = 65536;
	for (MonoUsec at; (at = pump_fill_at(bench->pump, bench->now)) != MONO_NEVER; bench->now = at)
	{
		assert_int_equal(read_all(bench), PUMP_HELD);
		assert_true(++steps < 1000);
	}
	assert_int_equal(bench->source.gathered, 2 * 1024 * 1024 / 65536);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(bench->source.gathered, 2 * 1024 * 1024 / 65536);
	assert_int_equal(deliver(bench, 4), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "abcde");
}

/* Its brokers are away, maybe for hours: then nobody looks whether there is more. */
static void
a_commit_that_hangs_is_waited_for_in_peace(void **state)
{
	Bench *bench = *state;
	MonoUsec began;
	int steps = 0;

	bench->source.sent_at = USEC_PER_SEC;
	give_transaction(bench, 200, "abcd");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	give_transaction(bench, 300, "e");
	let_gather(bench);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(transact(bench), PUMP_IDLE);
	began = bench->now;
	for (MonoUsec at; (at = pump_fill_at(bench->pump, bench->now)) != MONO_NEVER; bench->now = at)
	{
		assert_int_equal(read_all(bench), PUMP_HELD);
		assert_true(++steps < 2000);
	}
	assert_true(bench->now - began >= 100 * USEC_PER_MS);
	assert_true(bench->now - began <= 2 * USEC_PER_SEC);
	assert_true(pump_gather_at(bench->pump, bench->now) == MONO_NEVER);
	assert_true(pump_transact_wake_at(bench->pump) == MONO_NEVER);
}

/* A keepalive says nothing about what is written and not committed (P5). */
static void
a_keepalive_waits_for_the_commit(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	give_keepalive(bench, 5000, false);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* All of a failed transaction goes again, and nothing of what was committed before. */
static void
a_failure_takes_the_whole_transaction_back(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	give_transaction(bench, 300, "bc");
	give_transaction(bench, 400, "d");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 2), PUMP_IDLE); /* b and c are written */
	bench->sink.fail_next = true;
	assert_int_equal(deliver(bench, 1), PUMP_SINK_LOST);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 248);
	give_transaction(bench, 200, "a");
	give_transaction(bench, 300, "bc");
	give_transaction(bench, 400, "d");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "bcd");
	assert_int_equal(pump_stats(bench->pump)->events_suppressed, 1);
}

static void
a_commit_that_fails_takes_it_back_too(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	bench->sink.fail_end = true;
	assert_int_equal(end_it(bench), PUMP_SINK_LOST);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "ab");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "ab");
}

/* But Kafka may know that it was committed: then none of it goes. */
static void
what_kafka_has_is_not_published_again(void **state)
{
	Bench *bench = *state;
	Position before = {GENERATION, 1, 348, 0};

	pump_is_in_kafka(bench->pump, &before);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "ab");
	give_transaction(bench, 300, "c");
	give_transaction(bench, 348, "d"); /* it may begin where the last one ended */
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "d");
	assert_int_equal(pump_confirmed(bench->pump), 348);
}

static void
a_split_transaction_goes_on_where_it_was_split(void **state)
{
	Bench *bench = *state;
	Position where;

	give_begin(bench, 200);
	give_relation(bench);
	for (int i = 0; i < 4; i++)
		give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.commit_lsn, 200);
	assert_int_equal(bench->sink.committed.ordinal, 4);
	assert_true(pump_take_split(bench->pump, &where));
	assert_int_equal(where.ordinal, 3);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	for (int i = 0; i < 4; i++)
		give_event(bench, "ride", "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.committed.ordinal, 8);
	/* It is said once. */
	assert_false(pump_take_split(bench->pump, &where));
	assert_int_equal(pump_stats(bench->pump)->transactions_split, 1);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	/* The source is lost: what was committed in parts stays so. */
	pump_source_lost(bench->pump);
	assert_false(pump_is_torn(bench->pump));
	assert_int_equal(start_stream(bench, 100), 100);
	give_begin(bench, 200);
	give_relation(bench);
	for (int i = 0; i < 9; i++)
		give_event(bench, "ride", i < 8 ? "x" : "c");
	give_commit(bench, 200);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "aaaabbbbc");
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.committed.commit_lsn, 248);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

static void
a_transaction_that_takes_too_long_is_split(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_transact_wake_at(bench->pump), bench->now + limits.split_usec);
	bench->now += limits.split_usec - 1;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 0);
	bench->now += 1;
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.ordinal, 1);
	assert_int_equal(pump_stats(bench->pump)->transactions_split, 1);
}

/* The topic "t.no" can't be had: its event is poison. */
static PumpVerdict
read_to_poison(Bench *bench)
{
	Error error;

	if (read_all(bench) != PUMP_TOPIC)
		return PUMP_STOP;
	error_clear(&error);
	(void) error_permanent(&error, EXIT_POISON, "no such topic");
	pump_topic_refused(bench->pump, &error);
	return read_all(bench);
}

/* P6, with dead letters: it waits until all before it is committed, and splits for that. */
static void
poison_waits_for_the_commit(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	give_event(bench, "no", "p");
	give_commit(bench, 200);
	assert_int_equal(read_to_poison(bench), PUMP_HELD);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(bench->sink.committed.ordinal, 1);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_POISON);
	assert_int_equal(pump_poison(bench->pump)->event.position.ordinal, 1);
	assert_int_equal(pump_stats(bench->pump)->transactions_split, 0);
}

/* Without: nothing of its transaction is committed, and all before that is. */
static void
poison_that_ends_the_relay_tears_nothing(void **state)
{
	Bench *bench = *state;

	for (int round = 0; round < 2; round++)
	{
		give_transaction(bench, 200, "a");
		give_begin(bench, 300);
		give_relation(bench);
		give_event(bench, "ride", "b");
		give_event(bench, "no", "p");
		give_commit(bench, 300);
		if (round == 0)
		{
			assert_int_equal(read_to_poison(bench), PUMP_SINK_LOST);
			assert_int_equal(bench->sink.commits, 0);
			replace_sink(bench);
			assert_int_equal(start_stream(bench, 100), 100);
		}
	}
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "a");
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.committed.commit_lsn, 248);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_POISON); /* it is known by now */
	assert_string_equal(bench->sink.published, "ab");
	assert_true(pump_is_torn(bench->pump));
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(bench->sink.commits, 1);
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* One message a time until the culprit is alone; what is written meanwhile is no obstacle. */
static void
the_culprit_of_a_refused_transaction_is_found(void **state)
{
	Bench *bench = *state;
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 3, "MSG_SIZE_TOO_LARGE", false), PUMP_SINK_LOST);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "a");
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "ab");
	assert_int_equal(deliver_refusal(bench, 1, "MSG_SIZE_TOO_LARGE", true), PUMP_POISON);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_string_equal(bench->sink.published, "a");
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(transact(bench), PUMP_IDLE);
	assert_int_equal(end_it(bench), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_POISON);
	assert_true(pump_poison(bench->pump)->proven);
	assert_int_equal(pump_poison(bench->pump)->event.position.ordinal, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_TRANSACTIONS(settles_at_the_commit_alone),
		WITH_TRANSACTIONS(does_not_commit_within_a_transaction),
		WITH_TRANSACTIONS(a_transaction_larger_than_the_window_passes),
		WITH_TRANSACTIONS(waits_with_the_next_transaction_when_enough_is_in_it),
		WITH_TRANSACTIONS(a_busy_stream_is_committed_by_time),
		cmocka_unit_test_setup_teardown(waits_a_moment_for_more, set_up_lingering, tear_down),
		cmocka_unit_test_setup_teardown(what_is_current_waits_for_no_pause, set_up_lingering,
										tear_down),
		cmocka_unit_test_setup_teardown(what_is_busy_waits_for_no_pause, set_up_lingering,
										tear_down),
		cmocka_unit_test_setup_teardown(a_backlog_comes_while_one_is_committed, set_up_lingering,
										tear_down),
		cmocka_unit_test_setup_teardown(a_commit_that_hangs_is_waited_for_in_peace,
										set_up_lingering, tear_down),
		WITH_TRANSACTIONS(a_keepalive_waits_for_the_commit),
		WITH_TRANSACTIONS(a_failure_takes_the_whole_transaction_back),
		WITH_TRANSACTIONS(a_commit_that_fails_takes_it_back_too),
		WITH_TRANSACTIONS(what_kafka_has_is_not_published_again),
		cmocka_unit_test_setup_teardown(a_split_transaction_goes_on_where_it_was_split,
										set_up_splitting, tear_down),
		WITH_TRANSACTIONS(a_transaction_that_takes_too_long_is_split),
		WITH_TRANSACTIONS(poison_waits_for_the_commit),
		cmocka_unit_test_setup_teardown(poison_that_ends_the_relay_tears_nothing, set_up_whole,
										tear_down),
		WITH_TRANSACTIONS(the_culprit_of_a_refused_transaction_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
