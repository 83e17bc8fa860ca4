/*
 * test_consumer_judge.c
 *	  How the conductor has repetitions found out: what it makes of the headers of
 *	  a record, for each way that a topic may go by.
 *
 * The fake inbox has one partition with the records of a row; the fake target
 * keeps what it is given to apply.
 */
#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"
#include "exit_codes.h"

#define HEADERS_MAX 4
#define RECORDS_MAX 8

typedef struct FakeRecord
{
	const char *headers[HEADERS_MAX][2]; /* name and value */
} FakeRecord;

typedef struct Scene
{
	Inbox inbox;
	Target target;
	const FakeRecord *records;
	int64_t count;
	int64_t next;
	bool told;
	bool reading;
	bool connected;
	bool busy;
	BatchRecord applied[RECORDS_MAX]; /* bytes aren't valid any more */
	size_t applied_count;
	int64_t reached; /* commit LSN of the position that moved; -1: none */
	unsigned rotations;
	InboxHeader headers[HEADERS_MAX];
	Handlers handlers;
	ConsumerConfig config;
	Consumer *consumer;
	MonoUsec now;
} Scene;

static Scene scene;
static const InboxPlace place = {.topic = "t"};

static IoResult
fake_poll(Inbox *inbox, InboxEvent *event)
{
	size_t count = 0;

	(void) inbox;
	memset(event, 0, offsetof(InboxEvent, error));
	if (!scene.told)
	{
		scene.told = true;
		event->type = INBOX_ASSIGNED;
		event->places = &place;
		event->place_count = 1;
		return IO_OK;
	}
	if (!scene.reading || scene.next >= scene.count)
		return IO_AGAIN;
	for (; count < HEADERS_MAX && scene.records[scene.next].headers[count][0] != NULL; count++)
		scene.headers[count] = (InboxHeader){view_of(scene.records[scene.next].headers[count][0]),
											 view_of(scene.records[scene.next].headers[count][1])};
	event->type = INBOX_RECORD;
	event->record = (InboxRecord){.topic = "t",
								  .offset = scene.next++,
								  .timestamp_ms = 1,
								  .value = view_of("{}"),
								  .headers = scene.headers,
								  .header_count = count};
	return IO_OK;
}

static bool
fake_begin(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	(void) inbox, (void) places, (void) count, (void) error;
	scene.reading = true;
	return true;
}

static bool
fake_change(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	(void) inbox, (void) places, (void) count, (void) error;
	return true;
}

static void
fake_store(Inbox *inbox, const InboxPlace *places, size_t count)
{
	(void) inbox, (void) places, (void) count;
}

static bool
fake_watermarks(Inbox *inbox, InboxPlace *places, size_t count, int timeout_ms, Error *error)
{
	(void) inbox, (void) places, (void) count, (void) timeout_ms, (void) error;
	return true;
}

static int64_t
fake_cached_end(const Inbox *inbox, const char *topic, int32_t partition)
{
	(void) inbox, (void) topic, (void) partition;
	return INBOX_OFFSET_UNKNOWN;
}

static void
fake_close_inbox(Inbox *inbox)
{
	(void) inbox;
}

static const InboxClass inbox_class = {
	.poll = fake_poll,
	.begin = fake_begin,
	.finish = fake_change,
	.pause = fake_change,
	.resume = fake_change,
	.store = fake_store,
	.watermarks = fake_watermarks,
	.cached_end = fake_cached_end,
	.close = fake_close_inbox,
};

static TargetState
fake_state(const Target *target)
{
	(void) target;
	if (!scene.connected)
		return TARGET_CLOSED;
	return scene.busy ? TARGET_BUSY : TARGET_IDLE;
}

static bool
fake_connect(Target *target, MonoUsec now, TargetFailure *failure)
{
	(void) target, (void) now, (void) failure;
	scene.connected = true;
	return true;
}

static bool
fake_read(Target *target, const TargetPlace *places, size_t count, MonoUsec now,
		  TargetFailure *failure)
{
	(void) target, (void) places, (void) count, (void) now, (void) failure;
	scene.busy = true;
	return true;
}

static bool
fake_apply(Target *target, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	(void) target, (void) now, (void) failure;
	for (size_t i = 0; i < apply->count; i++)
	{
		BatchRecord *record = &apply->batch->records[apply->batch->head + i];

		/* What this target knows: the id of this name. */
		record->known = record->by_id && strcmp(record->id, "known") == 0;
		assert_true(scene.applied_count < RECORDS_MAX);
		scene.applied[scene.applied_count++] = *record;
	}
	if (apply->position_count > 0)
		scene.reached = (int64_t) apply->positions[0].position.commit_lsn;
	scene.busy = true;
	return true;
}

static bool
fake_rotate(Target *target, MonoUsec now, TargetFailure *failure)
{
	(void) target, (void) now, (void) failure;
	scene.rotations++;
	scene.busy = true;
	return true;
}

static TargetEvent
fake_step(Target *target, MonoUsec now, TargetFailure *failure)
{
	(void) target, (void) now, (void) failure;
	if (!scene.busy)
		return TARGET_NOTHING;
	scene.busy = false;
	return TARGET_DONE;
}

static void
fake_visit(const Target *target, TargetProgressVisitor progress, TargetPositionVisitor position,
		   void *arg)
{
	(void) target, (void) progress, (void) position, (void) arg;
}

static MonoUsec
fake_wake_at(const Target *target)
{
	(void) target;
	return MONO_NEVER;
}

static void
fake_close_target(Target *target)
{
	(void) target;
	scene.connected = false;
}

static const TargetClass target_class = {
	.state = fake_state,
	.connect = fake_connect,
	.read = fake_read,
	.apply = fake_apply,
	.rotate = fake_rotate,
	.step = fake_step,
	.visit = fake_visit,
	.wake_at = fake_wake_at,
	.close = fake_close_target,
};

/* Runs the consumer over the records. */
static void
consume(const char *dedupe, const FakeRecord *records, size_t count)
{
	Error error;

	memset(&scene, 0, sizeof(scene));
	error_clear(&error);
	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	scene.inbox.methods = &inbox_class;
	scene.target.methods = &target_class;
	scene.records = records;
	scene.count = (int64_t) count;
	scene.reached = -1;
	scene.config = (ConsumerConfig){.group = "g",
									.breaker = {.failures = 5},
									.batch_records = 100,
									.batch_bytes = 1000000,
									.batch_target_usec = USEC_PER_SEC,
									.retry_attempts = 3,
									.drain_timeout_usec = USEC_PER_SEC,
									.inbox_retention_usec = 7200 * USEC_PER_SEC,
									.lag_interval_usec = 3600 * USEC_PER_SEC};
	handlers_init(&scene.handlers);
	assert_true(handlers_add(&scene.handlers, "h", "t", "json", "SELECT FROM batch", "", &error));
	assert_true(handlers_set_rules(&scene.handlers, 0, dedupe, NULL, "", &error));
	scene.consumer =
		consumer_create(&scene.config, &scene.handlers, &scene.inbox, &scene.target, 1);
	assert_non_null(scene.consumer);
	scene.now = 1000 * USEC_PER_SEC;
	for (int n = 0; n < 50 && consumer_step(scene.consumer, scene.now); n++)
		scene.now += 100 * USEC_PER_MS;
}

static void
finish(void)
{
	consumer_destroy(scene.consumer);
	handlers_free(&scene.handlers);
}

/* One record: n new by its own, r a repetition, i judged by id, k the same and known. */
static char
verdict(const BatchRecord *record)
{
	if (record->repeated)
		return 'r';
	if (record->known)
		return 'k';
	return record->by_id ? 'i' : 'n';
}

static void
expect(const char *verdicts, int64_t reached)
{
	char found[RECORDS_MAX + 1] = "";

	for (size_t i = 0; i < scene.applied_count; i++)
		found[i] = verdict(&scene.applied[i]);
	assert_string_equal(found, verdicts);
	assert_int_equal(scene.reached, reached);
}

#define ID "0190b2c4-1111-7222-8333-444455556666"

static const FakeRecord mixed[] = {
	{{{"id", ID}, {"outbox-position", "s/1.1/0/5/0"}}},
	{{{"id", ID}, {"outbox-position", "s/1.1/0/5/0"}}}, /* again */
	{{{"id", "known"}, {"outbox-replayed", "gap"}, {"outbox-created-at", "2026"}}},
	{{{"ce_id", "x"}, {"outbox-replayed", "s/1.1/0/1/0"}, {"outbox-position", "s/1.1/0/9/0"}}},
	{{{"id", "other"}}},
	{{{"id", ID}, {"outbox-position", "s/1.1/0/7/0"}}},
};

static void
by_position(void **state)
{
	(void) state;
	consume("position", mixed, LENGTH(mixed));
	/* A flagged event's position was not reached: the last one isn't below it. */
	expect("nrkiin", 7);
	assert_true(scene.applied[2].flagged);
	assert_non_null(scene.applied[2].created_at.data);
	assert_false(scene.applied[4].flagged);
	assert_int_equal(scene.consumer->stats.applied, 4);
	assert_int_equal(scene.consumer->stats.duplicates, 2);
	assert_int_equal(scene.rotations, 1);
	finish();
}

static void
by_id(void **state)
{
	(void) state;
	consume("id", mixed, LENGTH(mixed));
	expect("iikiii", 7);
	finish();
}

static void
by_nothing(void **state)
{
	static const FakeRecord odd[] = {{{{"outbox-position", "nonsense"}}}, {{{NULL, NULL}}}};

	(void) state;
	consume("none", mixed, LENGTH(mixed));
	expect("nnnnnn", 7);
	assert_int_equal(scene.consumer->stats.duplicates, 0);
	assert_int_equal(scene.rotations, 0);
	finish();
	consume("none", odd, LENGTH(odd));
	expect("nn", -1);
	finish();
}

/* Each stops at its second record, with the first applied. */
static void
what_cannot_be_judged(void **state)
{
	static const struct
	{
		const char *dedupe;
		FakeRecord records[2];
		const char *words;
	} rows[] = {
		{"position", {{{{"id", "a"}}}, {{{"outbox-replayed", "gap"}}}}, "without an id"},
		{"position",
		 {{{{NULL, NULL}}}, {{{"id", ""}, {"outbox-replayed", "gap"}}}},
		 "without an id"},
		{"position", {{{{"id", "a"}}}, {{{"outbox-position", "x"}}}}, "invalid header"},
		{"id", {{{{"id", "a"}}}, {{{"outbox-position", "s/1.1/0/5/0"}}}}, "has no id"},
		{"id", {{{{"id", "a"}}}, {{{NULL, NULL}}}}, "has no id"},
	};

	(void) state;
	for (size_t i = 0; i < LENGTH(rows); i++)
	{
		const Error *error;

		consume(rows[i].dedupe, rows[i].records, 2);
		assert_int_equal(scene.applied_count, 1);
		assert_int_equal(consumer_exit(scene.consumer, &error), EXIT_DATA);
		if (strstr(error->message, rows[i].words) == NULL ||
			strstr(error->message, "offset 1") == NULL)
			fail_msg("row %zu: %s", i, error->message);
		finish();
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_position),
		cmocka_unit_test(by_id),
		cmocka_unit_test(by_nothing),
		cmocka_unit_test(what_cannot_be_judged),
	};

	return cmocka_run_group_tests_name("consumer_judge", tests, NULL, NULL);
}
