/*
 * test_pump_poison.c
 *	  Events that can't be published: what the pump says of them, and what lets it go on.
 */
#include "pumping.h"

/* As the ordinary connection does it, once the row is committed. */
static void
bury(Bench *bench)
{
	DeadLetterReceipt receipt = {pump_poison(bench->pump)->event.position};

	assert_true(pump_buried(bench->pump, &receipt, &bench->error));
}

static void
expect_poison(Bench *bench, PoisonCause cause, PgLsn commit_lsn, uint64_t ordinal)
{
	const Poison *poison = pump_poison(bench->pump);

	assert_int_equal(poison->cause, cause);
	assert_int_equal(poison->event.position.commit_lsn, commit_lsn);
	assert_int_equal(poison->event.position.ordinal, ordinal);
	assert_true(poison_is(&poison->error));
}

/* P6: nothing is confirmed, whatever else happens, until the receipt is there. */
static void
goes_on_behind_a_dead_letter_and_not_before_it(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "no topic", "a");
	give_event(bench, "ride", "b");
	give_commit(bench, 200);
	for (int i = 0; i < 3; i++)
	{
		assert_int_equal(read_all(bench), PUMP_POISON);
		expect_poison(bench, POISON_INVALID_TOPIC, 200, 0);
		assert_false(pump_poison(bench->pump)->has_topic);
		assert_int_equal(bench->error.exit_code, EXIT_POISON);
	}
	assert_string_equal(bench->sink.published, "");
	assert_int_equal(pump_confirmed(bench->pump), 100);
	bury(bench);
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "b");
	assert_int_equal(pump_confirmed(bench->pump), 100);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
	assert_int_equal(pump_stats(bench->pump)->dead_lettered[POISON_INVALID_TOPIC], 1);
	assert_int_equal(pump_stats(bench->pump)->events_settled, 1);
	assert_int_equal(pump_stats(bench->pump)->events_suppressed, 0);
}

static void
confirms_a_transaction_of_dead_letters_alone(void **state)
{
	Bench *bench = *state;
	PumpMark mark;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "no topic", "a");
	give_event(bench, "no topic", "b");
	give_commit(bench, 200);
	assert_int_equal(read_all(bench), PUMP_POISON);
	bury(bench);
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_INVALID_TOPIC, 200, 1);
	bury(bench);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 248);
	assert_true(pump_mark_wanted(bench->pump, false, bench->now + 2 * USEC_PER_SEC, &mark));
	assert_int_equal(mark.mark_lsn, 248);
	assert_false(mark.has_last); /* nothing was published */
}

/* What is before it is settled first: so its row says that all of that is. */
static void
waits_for_what_is_in_flight_before_it(void **state)
{
	Bench *bench = *state;

	give_begin(bench, 200);
	give_relation(bench);
	give_event(bench, "ride", "a");
	give_event(bench, "no topic", "b");
	give_event(bench, "ride", "c");
	give_commit(bench, 200);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_INVALID_TOPIC, 200, 1);
	assert_string_equal(bench->sink.published, "a");
}

static void
refuses_the_receipt_of_another_event(void **state)
{
	DeadLetterReceipt other = {{GENERATION, 1, 200, 5}};
	Bench *bench = *state;

	give_lone(bench, 200, "no topic", "a");
	assert_int_equal(read_all(bench), PUMP_POISON);
	assert_false(pump_buried(bench->pump, &other, &bench->error));
	assert_int_equal(bench->error.error_class, ERROR_CLASS_BUG);
	assert_int_equal(read_all(bench), PUMP_POISON);
	assert_int_equal(pump_confirmed(bench->pump), 100);
}

static void
names_the_cause_of_a_refusal_at_once(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "ab");
	bench->sink.refuse = IO_FAILED;
	bench->sink.refuse_exit = EXIT_POISON;
	bench->sink.code = "MSG_SIZE_TOO_LARGE";
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_TOO_LARGE, 200, 0);
	assert_string_equal(pump_poison(bench->pump)->topic, "t.ride");
	assert_string_equal(pump_poison(bench->pump)->error.code, "MSG_SIZE_TOO_LARGE");
	assert_int_equal(pump_in_flight(bench->pump), 0);
	bury(bench);
	bench->sink.refuse = IO_OK;
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "b");
}

/* The broker refused it, so that its producer is gone: it comes again, and isn't sent again. */
static void
buries_what_the_broker_refused_without_sending_it_again(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 3, "TOPIC_AUTHORIZATION_FAILED", true), PUMP_SINK_LOST);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_HELD);
	assert_int_equal(deliver_refusal(bench, 1, "TOPIC_AUTHORIZATION_FAILED", true), PUMP_POISON);

	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_FORBIDDEN_TOPIC, 200, 0);
	assert_string_equal(bench->sink.published, "");
	/* The database is away: it is poison still. */
	pump_source_lost(bench->pump);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	assert_int_equal(read_all(bench), PUMP_POISON);
	bury(bench);
	assert_int_equal(read_all(bench), PUMP_HELD); /* one at a time, as before */
	assert_string_equal(bench->sink.published, "b");
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver(bench, 1), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "bc");
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* A relay that starts behind a dead letter that the last one wrote, and never marked. */
static void
starts_behind_the_last_dead_letter(void **state)
{
	DeadLetterReceipt receipt = {{GENERATION, 1, 200, 1}};
	Bench *bench = *state;

	pump_source_lost(bench->pump);
	pump_is_behind(bench->pump, &receipt);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "abc");
	give_transaction(bench, 300, "d");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "cd");
	assert_int_equal(pump_stats(bench->pump)->events_suppressed, 2);
	assert_int_equal(deliver(bench, 2), PUMP_IDLE);
	assert_int_equal(pump_confirmed(bench->pump), 348);
	/* An older one takes nothing back. */
	receipt.position.ordinal = 0;
	pump_is_behind(bench->pump, &receipt);
	pump_source_lost(bench->pump);
	assert_int_equal(start_stream(bench, 100), 348);
}

/* It was written, the answer was lost: what was found out about it is no longer needed. */
static void
forgets_a_condemned_event_that_was_buried(void **state)
{
	DeadLetterReceipt receipt = {{GENERATION, 1, 200, 0}};
	Bench *bench = *state;
	Error refusal;

	give_lone(bench, 200, "walk", "a");
	assert_int_equal(read_all(bench), PUMP_TOPIC);
	error_clear(&refusal);
	(void) error_permanent(&refusal, EXIT_POISON, "the topic doesn't exist");
	snprintf(refusal.code, sizeof(refusal.code), "UNKNOWN_TOPIC_OR_PART");
	pump_topic_refused(bench->pump, &refusal);
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_UNKNOWN_TOPIC, 200, 0);
	assert_string_equal(pump_poison(bench->pump)->topic, "t.walk");
	pump_source_lost(bench->pump);
	pump_is_behind(bench->pump, &receipt);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "x");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "");
	assert_int_equal(pump_confirmed(bench->pump), 248);
}

/* It may have come in: a lone failure that isn't certain is tried again. */
static void
buries_nothing_that_may_have_been_persisted(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 1, NULL, false), PUMP_SINK_LOST);
	replace_sink(bench);
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "a");
}

/* A promoted standby may have other events at the same place. */
static void
forgets_it_in_another_life_of_the_server(void **state)
{
	Bench *bench = *state;

	give_transaction(bench, 200, "a");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_int_equal(deliver_refusal(bench, 1, NULL, true), PUMP_POISON);
	replace_sink(bench);
	assert_true(pump_forget(bench->pump, &bench->error));
	assert_int_equal(start_stream(bench, 100), 100);
	give_transaction(bench, 200, "b");
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "b");
}

static void
gives_up_a_row_that_is_no_event(void **state)
{
	Bench *bench = *state;
	Buffer *frame;

	give_begin(bench, 200);
	give_relation(bench);
	frame = new_data(bench);
	buffer_append_u8(frame, 'I');
	buffer_append_u32(frame, EVENT_OID);
	buffer_append_u8(frame, 'N');
	buffer_append_u16(frame, 8);
	for (int i = 0; i < 8; i++)
		buffer_append_u8(frame, 'n');
	give_event(bench, "ride", "b");
	give_commit(bench, 200);
	assert_int_equal(read_all(bench), PUMP_POISON);
	expect_poison(bench, POISON_NO_EVENT, 200, 0);
	assert_true(pump_poison(bench->pump)->event.no_id);
	bury(bench);
	assert_int_equal(read_all(bench), PUMP_IDLE);
	assert_string_equal(bench->sink.published, "b");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BENCH(goes_on_behind_a_dead_letter_and_not_before_it),
		WITH_BENCH(confirms_a_transaction_of_dead_letters_alone),
		WITH_BENCH(waits_for_what_is_in_flight_before_it),
		WITH_BENCH(refuses_the_receipt_of_another_event),
		WITH_BENCH(names_the_cause_of_a_refusal_at_once),
		WITH_BENCH(buries_what_the_broker_refused_without_sending_it_again),
		WITH_BENCH(starts_behind_the_last_dead_letter),
		WITH_BENCH(forgets_a_condemned_event_that_was_buried),
		WITH_BENCH(buries_nothing_that_may_have_been_persisted),
		WITH_BENCH(forgets_it_in_another_life_of_the_server),
		WITH_BENCH(gives_up_a_row_that_is_no_event),
	};

	return cmocka_run_group_tests_name("pump_poison", tests, NULL, NULL);
}
