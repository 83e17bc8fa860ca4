/*
 * test_consumer_letters.c
 *	  The conductor over events that a target can't take, and a topic for them
 *	  that does as it is told.
 */
#include "consumer_ledger.h"
#include "exit_codes.h"

static Scene scene;
static FakeSink sink;

static int
scene_open(void **state)
{
	(void) state;
	scene_init(&scene);
	memset(&sink, 0, sizeof(sink));
	memset(&ledger, 0, sizeof(ledger));
	ledger.sqlstate = "22P02";
	ledger.good_after = -1;
	sink.base.methods = &fake_sink_class;
	scene.inbox.fill = fill;
	scene.inbox.end = EVENTS;
	scene.inbox.silent = true;
	scene.target.look = try_to_enter;
	scene.target.answer = tell;
	scene.config.retry_min_usec = scene.config.retry_max_usec = USEC_PER_MS;
	scene.config.reconnect_min_usec = scene.config.reconnect_max_usec = USEC_PER_MS;
	scene.config.lag_interval_usec = 3600 * SEC;
	scene.round_usec = 10 * USEC_PER_MS;
	scene_start(&scene);
	consumer_set_letters(scene.consumer, &sink.base);
	return 0;
}

static int
scene_end(void **state)
{
	(void) state;
	assert_int_equal(scene.inbox.anew, 0);
	scene_close(&scene);
	return 0;
}

static void
policy(const char *on_error, const char *on_foreign_key)
{
	Error error;

	assert_true(handlers_set_policy(&scene.handlers, on_error, on_foreign_key, &error));
}

/* Rounds, as many as a test may need; false: it ended. */
static bool
run(int rounds)
{
	return scene_run(&scene, rounds * scene.round_usec);
}

/* Every event has one fate, and the bad ones are dead. */
static void
ledger_closes(void)
{
	unsigned dead = 0;

	for (int i = 0; i < EVENTS; i++)
	{
		assert_int_equal(ledger.fate[i], ledger.bad[i] ? 'd' : 'a');
		dead += ledger.bad[i];
	}
	assert_int_equal(scene.target.next, EVENTS);
	assert_int_equal(scene.consumer->dead_lettered[0] + scene.consumer->dead_lettered[1], dead);
	assert_int_equal(scene.consumer->stats.applied, EVENTS - dead);
}

/* All before it are applied, and so many letters sent. */
static void
stops_at(int64_t offset, unsigned letters)
{
	const Error *error;

	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, offset);
	assert_int_equal(sink.sent, letters);
}

static void
the_others_are_applied_in_order(void **state)
{
	(void) state;
	ledger.bad[0] = ledger.bad[17] = ledger.bad[18] = true;
	ledger.bad[EVENTS - 1] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 4);
	assert_string_equal(ledger.rows[17].letter_topic, "dead");
	assert_int_equal(ledger.rows[17].letter_partition, 4);
	assert_int_equal(ledger.rows[17].letter_offset, 101);
	assert_string_equal(sink.value, "value 59");
	assert_int_equal(sink.timestamp_ms, 1059);
	assert_int_equal(scene.consumer->dead_lettered[0], 4);
	/* Cut within a character. */
	assert_string_equal(scene.consumer->lanes[0].letter.error.message, "it is bad ?");
}

static void
all_of_them_may_be_bad(void **state)
{
	(void) state;
	consumer_set_letters(scene.consumer, NULL);
	memset(ledger.bad, 1, sizeof(ledger.bad));
	assert_true(run(2000));
	ledger_closes();
	for (int i = 0; i < EVENTS; i++)
	{
		assert_null(ledger.rows[i].letter_topic);
		assert_string_equal(ledger.refusals[i], "\"dead_letter.topic\" is empty");
	}
}

static void
nothing_behind_it_passes_before_it_has_a_place(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	sink.waits = true;
	assert_true(run(300));
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(sink.sent, 1);
	assert_true(consumer_awaits_letter(scene.consumer));
	assert_true(consumer_wake_at(scene.consumer, scene.now) > scene.now);
	sink.waits = false;
	assert_true(run(100));
	ledger_closes();
}

static void
what_may_pass_is_tried_again(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	for (int i = 0; i < 4; i++)
		sink.outcomes[i] = LETTER_FAILED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 5);
	assert_int_equal(ledger.rows[20].letter_offset, 100);
	/* Nobody asks the target meanwhile. */
	assert_int_equal(ledger.failures, sink.failures);
}

static void
too_large_is_first_shortened(void **state)
{
	(void) state;
	ledger.bad[20] = ledger.bad[30] = true;
	sink.outcomes[0] = LETTER_TOO_LARGE;
	sink.outcomes[2] = LETTER_TOO_LARGE;
	sink.outcomes[3] = LETTER_TOO_LARGE;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 4);
	assert_true(sink.lengths[1] < sink.lengths[0] / 2);
	assert_string_equal(ledger.rows[20].letter_topic, "dead");
	/* In neither form: into the target, with its bytes. */
	assert_null(ledger.rows[30].letter_topic);
	assert_string_equal(ledger.refusals[30], "not today");
	assert_int_equal(ledger.rows[30].value.len, strlen("value 30"));
	assert_int_equal(ledger.rows[30].raw_headers.len, 4 + 3 + 4);
}

static void
what_the_topic_refuses_is_in_the_row(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	sink.outcomes[0] = LETTER_REFUSED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 1);
	assert_null(ledger.rows[20].letter_topic);
	assert_string_equal(ledger.refusals[20], "not today");
}

static void
a_handler_may_stop(void **state)
{
	(void) state;
	policy("stop", NULL);
	ledger.bad[20] = true;
	stops_at(20, 0);
}

static void
a_row_that_is_refused_stops(void **state)
{
	(void) state;
	ledger.bad[20] = ledger.refuse_rows = true;
	stops_at(20, 1);
}

/* Whatever the handlers say. */
static void
what_cannot_be_judged_stops(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	ledger.handler = -1;
	ledger.sqlstate = "OBX03";
	stops_at(20, 0);
}

static void
codes_of_ours_that_a_handler_raises(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	ledger.sqlstate = "OBX03";
	assert_true(run(300));
	ledger_closes();
}

/* At COMMIT nobody knows whose it is. */
static void
a_handler_that_is_not_known_is_the_topics(void **state)
{
	(void) state;
	ledger.handler = -1;
	ledger.bad[20] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.consumer->dead_lettered[1], 1);
	assert_null(ledger.rows[20].handler);
}

static void
a_missing_row_is_waited_for(void **state)
{
	(void) state;
	policy(NULL, "retry");
	ledger.sqlstate = "23503";
	ledger.bad[0] = true;
	/* 60, 30, 15, 7, 3, 1 events: found; and once more. */
	ledger.good_after = 7;
	assert_true(run(300));
	assert_int_equal(ledger.fate[0], 'a');
	ledger.bad[0] = false;
	ledger_closes();
	assert_int_equal(sink.sent, 0);
}

static void
but_not_for_ever(void **state)
{
	(void) state;
	policy(NULL, "retry");
	ledger.sqlstate = "23503";
	ledger.bad[0] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 1);
}

static void
and_not_at_all_without_the_setting(void **state)
{
	(void) state;
	ledger.sqlstate = "23503";
	ledger.bad[0] = true;
	ledger.good_after = 6;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 1);
}

/* The answer to the COMMIT of its row is lost: no second letter, whatever became of it. */
static void
a_lost_answer_makes_no_second_letter(void **state)
{
	(void) state;
	for (int done = 0; done < 2; done++)
	{
		if (done > 0)
		{
			scene_end(NULL);
			scene_open(NULL);
		}
		ledger.bad[20] = true;
		ledger.lose_commits = 2;
		ledger.commit_lost = done > 0;
		assert_true(run(300));
		for (int i = 0; i < EVENTS; i++)
			assert_int_equal(ledger.fate[i], i == 20 ? 'd' : 'a');
		assert_int_equal(sink.sent, 1);
	}
}

/* Who has the partition next decides anew; the letter was one too many. */
static void
a_partition_that_goes_takes_its_letter_along(void **state)
{
	(void) state;
	ledger.bad[20] = true;
	sink.waits = true;
	assert_true(run(300));
	assert_int_equal(scene.target.next, 20);
	scene.inbox.next_event = INBOX_REVOKED;
	assert_true(run(5));
	assert_int_equal(scene.inbox.finished, 1);
	assert_false(consumer_letter_waits(&scene.consumer->lanes[0]));
	sink.waits = false;
	/* Mended meanwhile. */
	ledger.bad[20] = false;
	scene.inbox.next_event = INBOX_ASSIGNED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(sink.sent, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_end)
	const struct CMUnitTest tests[] = {
		TEST(the_others_are_applied_in_order),
		TEST(all_of_them_may_be_bad),
		TEST(nothing_behind_it_passes_before_it_has_a_place),
		TEST(what_may_pass_is_tried_again),
		TEST(too_large_is_first_shortened),
		TEST(what_the_topic_refuses_is_in_the_row),
		TEST(a_handler_may_stop),
		TEST(a_row_that_is_refused_stops),
		TEST(what_cannot_be_judged_stops),
		TEST(codes_of_ours_that_a_handler_raises),
		TEST(a_handler_that_is_not_known_is_the_topics),
		TEST(a_missing_row_is_waited_for),
		TEST(but_not_for_ever),
		TEST(and_not_at_all_without_the_setting),
		TEST(a_lost_answer_makes_no_second_letter),
		TEST(a_partition_that_goes_takes_its_letter_along),
	};

	return cmocka_run_group_tests_name("letters of the consumer", tests, NULL, NULL);
}
