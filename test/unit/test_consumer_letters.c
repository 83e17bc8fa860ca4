/*
 * test_consumer_letters.c
 *	  The conductor over events that a target can't take, and a topic for them
 *	  that does as it is told.
 *
 * The fake target is the ledger: what it committed, each offset once and in order,
 * as applied or as a row of a dead letter.
 */
#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"
#include "exit_codes.h"

#define EVENTS 60

typedef struct FakeInbox
{
	Inbox base;
	InboxPlace place;
	InboxEventType next_event; /* INBOX_RECORD: records */
	bool reading;
	int64_t next;
	unsigned finished;
} FakeInbox;

typedef struct FakeTarget
{
	Target base;
	bool connected;
	bool busy;
	int64_t next;	   /* as committed */
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

	/* The request under way. */
	bool fails;
	bool lost;
	int64_t new_next;
	const FakeInbox *inbox;
} FakeTarget;

typedef struct FakeSink
{
	LetterSink base;
	LetterOutcome outcomes[8]; /* of one letter after the other, then STORED */
	size_t at;
	bool waits; /* no answer */
	bool busy;
	unsigned sent;
	unsigned stored;
	size_t lengths[16]; /* of headers */
	int64_t timestamp_ms;
	char value[16];
} FakeSink;

/* -------------------------------------------------------------------------
 * inbox
 * ------------------------------------------------------------------------- */

static IoResult
fake_poll(Inbox *base, InboxEvent *event)
{
	FakeInbox *inbox = (FakeInbox *) base;
	static char value[32];
	static const InboxHeader headers[] = {{{(const uint8_t *) "own", 3}, {NULL, 0}}};

	memset(event, 0, offsetof(InboxEvent, error));
	event->type = inbox->next_event;
	event->places = &inbox->place;
	event->place_count = 1;
	inbox->next_event = INBOX_RECORD;
	if (event->type != INBOX_RECORD)
		return IO_OK;
	if (!inbox->reading || inbox->next >= EVENTS)
		return IO_AGAIN;
	snprintf(value, sizeof(value), "value %lld", (long long) inbox->next);
	event->record = (InboxRecord){.topic = inbox->place.topic,
								  .offset = inbox->next,
								  .timestamp_ms = 1000 + inbox->next,
								  .value = view_of(value),
								  .headers = headers,
								  .header_count = 1};
	inbox->next++;
	return IO_OK;
}

static bool
fake_begin(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	(void) error;
	assert_int_equal(count, 1);
	inbox->reading = true;
	inbox->next = places[0].offset == INBOX_OFFSET_BEGINNING ? 0 : places[0].offset;
	return true;
}

static bool
fake_finish(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	(void) places, (void) count, (void) error;
	inbox->reading = false;
	inbox->finished++;
	return true;
}

static bool
fake_change(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	(void) base, (void) places, (void) count, (void) error;
	return true;
}

static void
fake_store(Inbox *base, const InboxPlace *places, size_t count)
{
	(void) base, (void) places, (void) count;
}

static bool
fake_watermarks(Inbox *base, InboxPlace *places, size_t count, int timeout_ms, Error *error)
{
	(void) base, (void) places, (void) count, (void) timeout_ms, (void) error;
	return false;
}

static int64_t
fake_cached_end(const Inbox *base, const char *topic, int32_t partition)
{
	(void) base, (void) topic, (void) partition;
	return INBOX_OFFSET_UNKNOWN;
}

static void
fake_close_inbox(Inbox *base)
{
	((FakeInbox *) base)->next_event = INBOX_CLOSED;
}

static const InboxClass fake_inbox_class = {
	.poll = fake_poll,
	.begin = fake_begin,
	.finish = fake_finish,
	.pause = fake_change,
	.resume = fake_change,
	.store = fake_store,
	.watermarks = fake_watermarks,
	.cached_end = fake_cached_end,
	.close = fake_close_inbox,
};

/* -------------------------------------------------------------------------
 * target
 * ------------------------------------------------------------------------- */

static TargetState
fake_state(const Target *base)
{
	const FakeTarget *target = (const FakeTarget *) base;

	if (!target->connected)
		return TARGET_CLOSED;
	return target->busy ? TARGET_BUSY : TARGET_IDLE;
}

static bool
fake_connect(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) now, (void) failure;
	((FakeTarget *) base)->connected = true;
	return true;
}

static bool
fake_read(Target *base, const TargetPlace *places, size_t count, MonoUsec now,
		  TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) places, (void) count, (void) now, (void) failure;
	target->busy = true;
	target->fails = target->lost = false;
	return true;
}

static void
commit(FakeTarget *target, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (record->dropped)
			continue;
		assert_int_equal(record->offset, target->next);
		assert_int_equal(target->fate[record->offset], 0);
		target->fate[record->offset] = record->dead ? 'd' : 'a';
		target->next = record->offset + 1;
		if (!record->dead)
			continue;
		assert_non_null(apply->letter);
		assert_int_equal(apply->letter->offset, record->offset);
		target->rows[record->offset] = *apply->letter;
		snprintf(target->refusals[record->offset], sizeof(target->refusals[0]), "%s",
				 apply->letter->refusal);
	}
	assert_int_equal(apply->moves[0].new_next, target->next);
}

static bool
fake_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;
	const Batch *batch = apply->batch;
	bool well = target->good_after >= 0 && target->failures >= target->good_after;

	(void) now, (void) failure;
	assert_int_equal(apply->move_count, 1);
	assert_int_equal(apply->moves[0].expected_next < 0 ? 0 : apply->moves[0].expected_next,
					 target->next);
	target->busy = true;
	target->fails = target->lost = false;
	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (batch_record_runs(record) && target->bad[record->offset] && !well)
			target->fails = true;
	}
	if (target->fails)
		return true;
	target->lost = apply->letter != NULL && target->lose_commits > 0;
	if (target->lost)
		target->lose_commits--;
	if (!target->lost || target->commit_lost)
		commit(target, apply);
	return true;
}

static bool
fake_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) now, (void) failure;
	((FakeTarget *) base)->busy = true;
	((FakeTarget *) base)->fails = ((FakeTarget *) base)->lost = false;
	return true;
}

static TargetEvent
fake_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) now;
	if (!target->busy)
		return TARGET_NOTHING;
	target->busy = false;
	memset(failure, 0, sizeof(*failure));
	failure->handler = -1;
	if (target->lost)
	{
		target->connected = false;
		failure->lost = failure->unknown = true;
		failure->failure = FAILURE_INFRASTRUCTURE;
		error_transient(&failure->error, "gone");
		return TARGET_FAILED;
	}
	if (!target->fails)
		return TARGET_DONE;
	target->failures++;
	failure->handler = target->handler;
	failure->failure = sqlstate_class(target->sqlstate);
	error_transient(&failure->error, "it is bad \xc3");
	snprintf(failure->error.sqlstate, sizeof(failure->error.sqlstate), "%s", target->sqlstate);
	return TARGET_FAILED;
}

static void
fake_visit(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position,
		   void *arg)
{
	const FakeTarget *target = (const FakeTarget *) base;
	TargetProgress row = {.topic = "t",
						  .next_offset = target->next,
						  .last_offset = target->next - 1,
						  .last_timestamp_ms = 999 + target->next};

	(void) position;
	if (target->next > 0)
		progress(&row, arg);
}

static MonoUsec
fake_wake_at(const Target *base)
{
	(void) base;
	return MONO_NEVER;
}

static void
fake_close(Target *base)
{
	((FakeTarget *) base)->connected = false;
}

static const TargetClass fake_target_class = {
	.state = fake_state,
	.connect = fake_connect,
	.read = fake_read,
	.apply = fake_apply,
	.rotate = fake_rotate,
	.step = fake_step,
	.visit = fake_visit,
	.wake_at = fake_wake_at,
	.close = fake_close,
};

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

typedef struct Scene
{
	FakeInbox inbox;
	FakeTarget target;
	FakeSink sink;
	Handlers handlers;
	ConsumerConfig config;
	Consumer *consumer;
	MonoUsec now;
} Scene;

static Scene scene;

static int
scene_open(void **state)
{
	Error error;

	(void) state;
	memset(&scene, 0, sizeof(scene));
	error_clear(&error);
	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	scene.inbox.base.methods = &fake_inbox_class;
	scene.inbox.place = (InboxPlace){.topic = "t"};
	scene.inbox.next_event = INBOX_ASSIGNED;
	scene.target.base.methods = &fake_target_class;
	scene.target.sqlstate = "22P02";
	scene.target.good_after = -1;
	scene.sink.base.methods = &fake_sink_class;
	scene.config = (ConsumerConfig){.group = "g",
									.breaker = {.failures = 5},
									.batch_records = 100,
									.batch_bytes = 1000000,
									.batch_target_usec = USEC_PER_SEC,
									.retry_attempts = 3,
									.inbox_retention_usec = 600 * USEC_PER_SEC,
									.retry_min_usec = USEC_PER_MS,
									.retry_max_usec = USEC_PER_MS,
									.reconnect_min_usec = USEC_PER_MS,
									.reconnect_max_usec = USEC_PER_MS,
									.drain_timeout_usec = USEC_PER_SEC,
									.lag_interval_usec = 3600 * USEC_PER_SEC};
	handlers_init(&scene.handlers);
	assert_true(
		handlers_add(&scene.handlers, "h", "t", "json", "SELECT FROM batch", "test", &error));
	scene.consumer =
		consumer_create(&scene.config, &scene.handlers, &scene.inbox.base, &scene.target.base, 1);
	assert_non_null(scene.consumer);
	consumer_set_letters(scene.consumer, &scene.sink.base);
	scene.now = 1000 * USEC_PER_SEC;
	return 0;
}

static int
scene_close(void **state)
{
	(void) state;
	consumer_destroy(scene.consumer);
	handlers_free(&scene.handlers);
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
	for (; rounds > 0; rounds--, scene.now += 10 * USEC_PER_MS)
	{
		if (!consumer_step(scene.consumer, scene.now))
			return false;
	}
	return true;
}

/* Every event has one fate, and the bad ones are dead. */
static void
ledger_closes(void)
{
	unsigned dead = 0;

	for (int i = 0; i < EVENTS; i++)
	{
		assert_int_equal(scene.target.fate[i], scene.target.bad[i] ? 'd' : 'a');
		dead += scene.target.bad[i];
	}
	assert_int_equal(scene.target.next, EVENTS);
	assert_int_equal(scene.consumer->dead_lettered[0] + scene.consumer->dead_lettered[1], dead);
	assert_int_equal(scene.consumer->stats.applied, EVENTS - dead);
}

static void
the_others_are_applied_in_order(void **state)
{
	(void) state;
	scene.target.bad[0] = scene.target.bad[17] = scene.target.bad[18] = true;
	scene.target.bad[EVENTS - 1] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 4);
	assert_string_equal(scene.target.rows[17].letter_topic, "dead");
	assert_int_equal(scene.target.rows[17].letter_partition, 4);
	assert_int_equal(scene.target.rows[17].letter_offset, 101);
	assert_string_equal(scene.sink.value, "value 59");
	assert_int_equal(scene.sink.timestamp_ms, 1059);
	assert_int_equal(scene.consumer->dead_lettered[0], 4);
	/* Cut within a character. */
	assert_string_equal(scene.consumer->letter.error.message, "it is bad ?");
}

static void
all_of_them_may_be_bad(void **state)
{
	(void) state;
	consumer_set_letters(scene.consumer, NULL);
	memset(scene.target.bad, 1, sizeof(scene.target.bad));
	assert_true(run(2000));
	ledger_closes();
	for (int i = 0; i < EVENTS; i++)
	{
		assert_null(scene.target.rows[i].letter_topic);
		assert_string_equal(scene.target.refusals[i], "\"dead_letter.topic\" is empty");
	}
}

static void
nothing_behind_it_passes_before_it_has_a_place(void **state)
{
	(void) state;
	scene.target.bad[20] = true;
	scene.sink.waits = true;
	assert_true(run(300));
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(scene.sink.sent, 1);
	assert_true(consumer_awaits_letter(scene.consumer));
	assert_true(consumer_wake_at(scene.consumer, scene.now) > scene.now);
	scene.sink.waits = false;
	assert_true(run(100));
	ledger_closes();
}

static void
what_may_pass_is_tried_again(void **state)
{
	(void) state;
	scene.target.bad[20] = true;
	for (int i = 0; i < 4; i++)
		scene.sink.outcomes[i] = LETTER_FAILED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 5);
	assert_int_equal(scene.target.rows[20].letter_offset, 100);
}

static void
too_large_is_first_shortened(void **state)
{
	(void) state;
	scene.target.bad[20] = scene.target.bad[30] = true;
	scene.sink.outcomes[0] = LETTER_TOO_LARGE;
	scene.sink.outcomes[2] = LETTER_TOO_LARGE;
	scene.sink.outcomes[3] = LETTER_TOO_LARGE;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 4);
	assert_true(scene.sink.lengths[1] < scene.sink.lengths[0] / 2);
	assert_string_equal(scene.target.rows[20].letter_topic, "dead");
	/* In neither form: into the target, with its bytes. */
	assert_null(scene.target.rows[30].letter_topic);
	assert_string_equal(scene.target.refusals[30], "not today");
	assert_int_equal(scene.target.rows[30].value.len, strlen("value 30"));
	assert_int_equal(scene.target.rows[30].raw_headers.len, 4 + 3 + 4);
}

static void
what_the_topic_refuses_is_in_the_row(void **state)
{
	(void) state;
	scene.target.bad[20] = true;
	scene.sink.outcomes[0] = LETTER_REFUSED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 1);
	assert_null(scene.target.rows[20].letter_topic);
	assert_string_equal(scene.target.refusals[20], "not today");
}

static void
a_handler_may_stop(void **state)
{
	const Error *error;

	(void) state;
	policy("stop", NULL);
	scene.target.bad[20] = true;
	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(scene.sink.sent, 0);
}

/* Whatever the handlers say. */
static void
what_cannot_be_judged_stops(void **state)
{
	const Error *error;

	(void) state;
	scene.target.bad[20] = true;
	scene.target.handler = -1;
	scene.target.sqlstate = "OBX03";
	assert_false(run(300));
	assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
	assert_int_equal(scene.target.next, 20);
	assert_int_equal(scene.sink.sent, 0);
}

/* At COMMIT nobody knows whose it is. */
static void
a_handler_that_is_not_known_is_the_topics(void **state)
{
	(void) state;
	scene.target.handler = -1;
	scene.target.bad[20] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.consumer->dead_lettered[1], 1);
	assert_null(scene.target.rows[20].handler);
}

static void
a_missing_row_is_waited_for(void **state)
{
	(void) state;
	policy(NULL, "retry");
	scene.target.sqlstate = "23503";
	scene.target.bad[0] = true;
	/* 60, 30, 15, 7, 3, 1 events: found; and once more. */
	scene.target.good_after = 7;
	assert_true(run(300));
	assert_int_equal(scene.target.fate[0], 'a');
	scene.target.bad[0] = false;
	ledger_closes();
	assert_int_equal(scene.sink.sent, 0);
}

static void
but_not_for_ever(void **state)
{
	(void) state;
	policy(NULL, "retry");
	scene.target.sqlstate = "23503";
	scene.target.bad[0] = true;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 1);
}

static void
and_not_at_all_without_the_setting(void **state)
{
	(void) state;
	scene.target.sqlstate = "23503";
	scene.target.bad[0] = true;
	scene.target.good_after = 6;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 1);
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
			scene_close(NULL);
			scene_open(NULL);
		}
		scene.target.bad[20] = true;
		scene.target.lose_commits = 2;
		scene.target.commit_lost = done > 0;
		assert_true(run(300));
		for (int i = 0; i < EVENTS; i++)
			assert_int_equal(scene.target.fate[i], i == 20 ? 'd' : 'a');
		assert_int_equal(scene.sink.sent, 1);
	}
}

/* Who has the partition next decides anew; the letter was one too many. */
static void
a_partition_that_goes_takes_its_letter_along(void **state)
{
	(void) state;
	scene.target.bad[20] = true;
	scene.sink.waits = true;
	assert_true(run(300));
	assert_int_equal(scene.target.next, 20);
	scene.inbox.next_event = INBOX_REVOKED;
	assert_true(run(5));
	assert_int_equal(scene.inbox.finished, 1);
	assert_false(consumer_letter_waits(scene.consumer));
	scene.sink.waits = false;
	/* Mended meanwhile. */
	scene.target.bad[20] = false;
	scene.inbox.next_event = INBOX_ASSIGNED;
	assert_true(run(300));
	ledger_closes();
	assert_int_equal(scene.sink.sent, 1);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, scene_open, scene_close)
	const struct CMUnitTest tests[] = {
		TEST(the_others_are_applied_in_order),
		TEST(all_of_them_may_be_bad),
		TEST(nothing_behind_it_passes_before_it_has_a_place),
		TEST(what_may_pass_is_tried_again),
		TEST(too_large_is_first_shortened),
		TEST(what_the_topic_refuses_is_in_the_row),
		TEST(a_handler_may_stop),
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
