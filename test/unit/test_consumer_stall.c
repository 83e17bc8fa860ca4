/*
 * test_consumer_stall.c
 *	  The conductor over a Kafka that stops giving records of a partition, and a
 *	  target that takes everything.
 *
 * The fake inbox is one partition with records up to an end; it gives them in
 * order from where it was told to begin, unless it is stuck.
 */
#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"

typedef struct FakeInbox
{
	Inbox base;
	InboxPlace place;
	bool told; /* of the assignment */
	bool reading;
	bool stuck;
	int64_t next;
	int64_t end;
	unsigned anew;
} FakeInbox;

typedef struct FakeTarget
{
	Target base;
	bool connected;
	bool busy;
	int64_t next; /* -1: no progress yet */
	int64_t applied;
} FakeTarget;

/* -------------------------------------------------------------------------
 * inbox
 * ------------------------------------------------------------------------- */

static IoResult
fake_poll(Inbox *base, InboxEvent *event)
{
	FakeInbox *inbox = (FakeInbox *) base;

	memset(event, 0, offsetof(InboxEvent, error));
	if (!inbox->told)
	{
		inbox->told = true;
		event->type = INBOX_ASSIGNED;
		event->places = &inbox->place;
		event->place_count = 1;
		return IO_OK;
	}
	if (!inbox->reading || inbox->stuck || inbox->next >= inbox->end)
		return IO_AGAIN;
	event->type = INBOX_RECORD;
	event->record = (InboxRecord){.topic = inbox->place.topic,
								  .offset = inbox->next++,
								  .timestamp_ms = 1,
								  .value = view_of("{}")};
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
fake_begin_anew(Inbox *base, const InboxPlace *place, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	inbox->anew++;
	inbox->stuck = false;
	return fake_begin(base, place, 1, error);
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
	(void) timeout_ms, (void) error;
	for (size_t i = 0; i < count; i++)
	{
		places[i].low = 0;
		places[i].high = ((FakeInbox *) base)->end;
		places[i].known = true;
	}
	return true;
}

static int64_t
fake_cached_end(const Inbox *base, const char *topic, int32_t partition)
{
	(void) base, (void) topic, (void) partition;
	return INBOX_OFFSET_UNKNOWN;
}

static const InboxClass fake_inbox_class = {
	.poll = fake_poll,
	.begin = fake_begin,
	.begin_anew = fake_begin_anew,
	.finish = fake_change,
	.pause = fake_change,
	.resume = fake_change,
	.store = fake_store,
	.watermarks = fake_watermarks,
	.cached_end = fake_cached_end,
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
	(void) places, (void) count, (void) now, (void) failure;
	((FakeTarget *) base)->busy = true;
	return true;
}

static bool
fake_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) now, (void) failure;
	assert_int_equal(apply->move_count, 1);
	assert_int_equal(apply->moves[0].expected_next, target->next);
	target->next = apply->moves[0].new_next;
	target->applied += (int64_t) apply->count;
	target->busy = true;
	return true;
}

static bool
fake_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) now, (void) failure;
	((FakeTarget *) base)->busy = true;
	return true;
}

static TargetEvent
fake_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) now, (void) failure;
	if (!target->busy)
		return TARGET_NOTHING;
	target->busy = false;
	return TARGET_DONE;
}

static void
fake_visit(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position,
		   void *arg)
{
	const FakeTarget *target = (const FakeTarget *) base;
	TargetProgress row = {.topic = "t",
						  .next_offset = target->next,
						  .last_offset = target->next - 1,
						  .last_timestamp_ms = 1};

	(void) position;
	if (target->next >= 0)
		progress(&row, arg);
}

static MonoUsec
fake_wake_at(const Target *base)
{
	(void) base;
	return MONO_NEVER;
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
};

/* -------------------------------------------------------------------------
 * scene
 * ------------------------------------------------------------------------- */

typedef struct Scene
{
	FakeInbox inbox;
	FakeTarget target;
	Handlers handlers;
	ConsumerConfig config;
	Consumer *consumer;
	MonoUsec now;
} Scene;

static void
scene_open(Scene *scene, int64_t next, int64_t end)
{
	Error error;

	memset(scene, 0, sizeof(*scene));
	error_clear(&error);
	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	scene->inbox.base.methods = &fake_inbox_class;
	scene->inbox.place = (InboxPlace){.topic = "t"};
	scene->inbox.end = end;
	scene->target.base.methods = &fake_target_class;
	scene->target.next = next;
	scene->config = (ConsumerConfig){.group = "g",
									 .breaker = {.failures = 5},
									 .batch_records = 100,
									 .batch_bytes = 1000000,
									 .batch_target_usec = USEC_PER_SEC,
									 .retry_attempts = 3,
									 .inbox_retention_usec = 600 * USEC_PER_SEC,
									 .lag_interval_usec = USEC_PER_SEC};
	handlers_init(&scene->handlers);
	assert_true(
		handlers_add(&scene->handlers, "h", "t", "json", "SELECT FROM batch", "test", &error));
	scene->consumer = consumer_create(&scene->config, &scene->handlers, &scene->inbox.base,
									  &scene->target.base, 1);
	assert_non_null(scene->consumer);
	scene->now = 1000 * USEC_PER_SEC;
}

static void
scene_close(Scene *scene)
{
	consumer_destroy(scene->consumer);
	handlers_free(&scene->handlers);
}

static void
run(Scene *scene, int64_t seconds)
{
	for (MonoUsec end = scene->now + seconds * USEC_PER_SEC; scene->now < end;
		 scene->now += 100 * USEC_PER_MS)
		assert_true(consumer_step(scene->consumer, scene->now));
}

static void
what_gets_stuck_is_read_anew(void **state)
{
	Scene scene;

	(void) state;
	scene_open(&scene, -1, 10);
	run(&scene, 5);
	assert_int_equal(scene.target.applied, 10);
	scene.inbox.stuck = true;
	scene.inbox.end = 20;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 20);
	assert_int_equal(scene.target.next, 20);
	/* And never again while all goes well, with or without records. */
	run(&scene, 100);
	scene.inbox.end = 30;
	run(&scene, 100);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 30);
	scene_close(&scene);
}

/* Stuck before anything came: the record to compare with is still the first. */
static void
what_never_began_begins_anew(void **state)
{
	Scene scene;

	(void) state;
	scene_open(&scene, 7, 9);
	scene.inbox.stuck = true;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 2);
	assert_int_equal(scene.target.next, 9);
	scene_close(&scene);

	scene_open(&scene, -1, 2);
	scene.inbox.stuck = true;
	run(&scene, 60);
	assert_int_equal(scene.inbox.anew, 1);
	assert_int_equal(scene.target.applied, 2);
	scene_close(&scene);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_gets_stuck_is_read_anew),
		cmocka_unit_test(what_never_began_begins_anew),
	};

	return cmocka_run_group_tests_name("consumer_stall", tests, NULL, NULL);
}
