/*
 * test_consumer_letters.c
 *	  The conductor over events that a target can't take, and a topic for them
 *	  that does as it is told.
 *
 * The ledger is what the target committed, each offset once and in order, as
 * applied or as a row of a dead letter.
 */
#include "consumer_fakes.h"
#include "exit_codes.h"

#define EVENTS 60
#define ROUND (10 * USEC_PER_MS)

typedef struct Ledger
{
	char fate[EVENTS]; /* 'a' applied, 'd' dead */
	TargetLetter rows[EVENTS];
	char refusals[EVENTS][512];

	bool bad[EVENTS];
	const char *sqlstate; /* of what is bad */
	int handler;
	int good_after; /* failures after which nothing is bad any more; -1: never */
	int failures;
	int lose_commits; /* of transactions with a row: the answer is lost */
	bool commit_lost; /* ... and it was done all the same */
	bool refuse_rows;

	/* The application under way. */
	bool fails;
	bool lost;
} Ledger;

typedef struct FakeSink
{
	LetterSink base;
	LetterOutcome outcomes[8]; /* of one letter after the other, then STORED */
	size_t at;
	bool waits; /* no answer */
	bool busy;
	unsigned sent;
	unsigned stored;
	int failures;		/* of the target, before the first letter */
	size_t lengths[16]; /* of headers */
	int64_t timestamp_ms;
	char value[16];
} FakeSink;

static Scene scene;
static Ledger ledger;

static void
fill(InboxRecord *record)
{
	static char value[32];
	static const InboxHeader headers[] = {{{(const uint8_t *) "own", 3}, {NULL, 0}}};

	snprintf(value, sizeof(value), "value %lld", (long long) record->offset);
	record->timestamp_ms = 1000 + record->offset;
	record->value = view_of(value);
	record->headers = headers;
	record->header_count = 1;
}

/* -------------------------------------------------------------------------
 * ledger
 * ------------------------------------------------------------------------- */

static void
enter(int64_t next, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		assert_int_equal(record->offset, next);
		assert_int_equal(ledger.fate[record->offset], 0);
		ledger.fate[record->offset] = record->dead ? 'd' : 'a';
		next = record->offset + 1;
		if (!record->dead)
			continue;
		assert_non_null(apply->letter);
		assert_int_equal(apply->letter->offset, record->offset);
		ledger.rows[record->offset] = *apply->letter;
		snprintf(ledger.refusals[record->offset], sizeof(ledger.refusals[0]), "%s",
				 apply->letter->refusal);
	}
	assert_int_equal(apply->moves[0].new_next, next);
}

static void
try_to_enter(FakeTarget *target, const TargetApply *apply)
{
	const Batch *batch = apply->batch;
	bool well = ledger.good_after >= 0 && ledger.failures >= ledger.good_after;

	ledger.fails = ledger.lost = false;
	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (batch_record_runs(record) && ledger.bad[record->offset] && !well)
			ledger.fails = true;
	}
	ledger.fails = ledger.fails || (ledger.refuse_rows && apply->letter != NULL);
	if (ledger.fails)
		return;
	ledger.lost = apply->letter != NULL && ledger.lose_commits > 0;
	if (ledger.lost)
		ledger.lose_commits--;
	if (!ledger.lost || ledger.commit_lost)
		enter(target->next < 0 ? 0 : target->next, apply);
}

static TargetEvent
tell(FakeTarget *target, TargetFailure *failure)
{
	if (ledger.lost)
	{
		if (ledger.commit_lost)
			fake_commit(target);
		target->connected = false;
		failure->lost = failure->unknown = true;
		failure->failure = FAILURE_INFRASTRUCTURE;
		error_transient(&failure->error, "gone");
		return TARGET_FAILED;
	}
	if (!ledger.fails)
		return TARGET_DONE;
	ledger.failures++;
	failure->handler = ledger.handler;
	failure->failure = sqlstate_class(ledger.sqlstate);
	error_transient(&failure->error, "it is bad \xc3");
	snprintf(failure->error.sqlstate, sizeof(failure->error.sqlstate), "%s", ledger.sqlstate);
	return TARGET_FAILED;
}

/* -------------------------------------------------------------------------
 * topic
 * ------------------------------------------------------------------------- */

static LetterOutcome
answer(FakeSink *sink, LetterReport *report)
{
	memset(report, 0, sizeof(*report));
	report->outcome = LETTER_STORED;
	if (sink->at < LENGTH(sink->outcomes) && sink->outcomes[sink->at] != LETTER_PENDING)
		report->outcome = sink->outcomes[sink->at];
	sink->at++;
	report->partition = 4;
	report->offset = 100 + sink->stored;
	if (report->outcome == LETTER_STORED)
		sink->stored++;
	else
		error_transient(&report->error, "not today");
	return report->outcome;
}

static bool
fake_send(LetterSink *base, const Letter *letter, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	(void) report;
	assert_true(sink->sent < LENGTH(sink->lengths));
	if (sink->sent == 0)
		sink->failures = ledger.failures;
	sink->lengths[sink->sent++] = letter->headers.len;
	sink->timestamp_ms = letter->timestamp_ms;
	snprintf(sink->value, sizeof(sink->value), "%.*s", (int) letter->value.len,
			 (const char *) letter->value.data);
	sink->busy = true;
	return true;
}

static LetterOutcome
fake_sink_step(LetterSink *base, LetterReport *report)
{
	FakeSink *sink = (FakeSink *) base;

	memset(report, 0, sizeof(*report));
	if (!sink->busy || sink->waits)
		return LETTER_PENDING;
	sink->busy = false;
	return answer(sink, report);
}

static const char *
fake_topic(const LetterSink *base)
{
	(void) base;
	return "dead";
}

static const LetterSinkClass fake_sink_class = {
	.send = fake_send, .step = fake_sink_step, .topic = fake_topic};

/* -------------------------------------------------------------------------
 * scene
 * ------------------------------------------------------------------------- */

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
	scene.round_usec = ROUND;
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

	assert_true(handlers_set_policy(&scene.handlers, on_error, on_foreign_key, "test", &error));
}

/* Rounds, as many as a test may need; false: it ended. */
static bool
run(int rounds)
{
	return scene_run(&scene, rounds * ROUND);
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
	assert_string_equal(scene.consumer->letter.error.message, "it is bad ?");
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
	const Error *error;

	(void) state;
	policy("stop", NULL);
	ledger.bad[20] = true;
	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(sink.sent, 0);
}

static void
a_row_that_is_refused_stops(void **state)
{
	const Error *error;

	(void) state;
	ledger.bad[20] = ledger.refuse_rows = true;
	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(sink.sent, 1);
}

/* Whatever the handlers say. */
static void
what_cannot_be_judged_stops(void **state)
{
	const Error *error;

	(void) state;
	ledger.bad[20] = true;
	ledger.handler = -1;
	ledger.sqlstate = "OBX03";
	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(sink.sent, 0);
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
	assert_false(consumer_letter_waits(scene.consumer));
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
		TEST(a_handler_that_is_not_known_is_the_topics),
		TEST(a_missing_row_is_waited_for),
		TEST(but_not_for_ever),
		TEST(and_not_at_all_without_the_setting),
		TEST(a_lost_answer_makes_no_second_letter),
		TEST(a_partition_that_goes_takes_its_letter_along),
	};

	return cmocka_run_group_tests_name("letters of the consumer", tests, NULL, NULL);
}
