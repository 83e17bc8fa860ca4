/*
 * consumer_fakes.h
 *	  For tests of the conductor: one partition of a made-up Kafka, a made-up target, and
 *	  the conductor between them.  The clock is the test's.
 *
 * The inbox gives its records in order, up to "end", from where it was told to
 * begin.  The target has the progress of that partition, and moves it when an
 * apply is answered with TARGET_DONE.
 *
 * Invariants, asserted here: one request at a time; an apply moves the partition
 * from where it is; only what is read is paused, and only to change what is.
 *
 * scene_init(), then what the test wants otherwise, then scene_start().
 */
#ifndef OUTBOX_TEST_CONSUMER_FAKES_H
#define OUTBOX_TEST_CONSUMER_FAKES_H

#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"

#define SEC USEC_PER_SEC

typedef struct FakeInbox
{
	Inbox base;
	InboxPlace place;
	InboxEventType next_event; /* what poll tells next; INBOX_RECORD: records */
	bool reading;
	bool paused;
	bool stuck;	 /* gives nothing until it begins anew */
	bool silent; /* doesn't tell the ends of partitions */
	int64_t next;
	int64_t end;
	unsigned anew;
	unsigned finished;
	/* NULL: each record is "{}", of timestamp 1, without headers. What it points to must stay. */
	void (*fill)(InboxRecord *record);
	bool (*gone)(int64_t offset); /* compaction took it; NULL: nothing is */
	int64_t rewound[8];			  /* where to, in that order */
	unsigned rewinds;
} FakeInbox;

typedef struct FakeTarget
{
	Target base;
	bool connected;
	bool connecting; /* it says so in the next step */
	bool busy;
	bool applies; /* what is under way */
	int64_t delay_usec;
	MonoUsec done_at;
	TargetMove asked; /* how the apply under way moves the progress */
	int64_t next;	  /* -1: no progress yet */
	int64_t set_by;	  /* somebody set it so far ahead of what was applied last */
	int64_t last_timestamp_ms;
	int64_t moved_at_ms;
	const TargetPosition *position; /* that was applied; NULL: none */
	unsigned applications;
	int64_t applied; /* records, of applications that were done */
	size_t asked_records;
	unsigned probes;
	unsigned rotations;
	/* NULL: nobody looks. May judge its records by id. */
	void (*look)(struct FakeTarget *target, const TargetApply *apply);
	/* How an apply ends; failure.handler is -1. NULL: TARGET_DONE. */
	TargetEvent (*answer)(struct FakeTarget *target, TargetFailure *failure);
} FakeTarget;

typedef struct Scene
{
	FakeInbox inbox;
	FakeTarget target;
	Handlers handlers;
	ConsumerConfig config;
	Consumer *consumer;
	MonoUsec now;
	int64_t round_usec; /* from one to the next */
} Scene;

/* -------------------------------------------------------------------------
 * inbox
 * ------------------------------------------------------------------------- */

static IoResult
fake_poll(Inbox *base, InboxEvent *event)
{
	FakeInbox *inbox = (FakeInbox *) base;

	memset(event, 0, offsetof(InboxEvent, error));
	event->type = inbox->next_event;
	inbox->next_event = INBOX_RECORD;
	if (event->type != INBOX_RECORD)
	{
		event->places = &inbox->place;
		event->place_count = 1;
		return IO_OK;
	}
	while (inbox->gone != NULL && inbox->next < inbox->end && inbox->gone(inbox->next))
		inbox->next++;
	if (!inbox->reading || inbox->paused || inbox->stuck || inbox->next >= inbox->end)
		return IO_AGAIN;
	event->record = (InboxRecord){.topic = inbox->place.topic,
								  .offset = inbox->next++,
								  .timestamp_ms = 1,
								  .value = view_of("{}")};
	if (inbox->fill != NULL)
		inbox->fill(&event->record);
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
fake_rewind(Inbox *base, const InboxPlace *place, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	inbox->rewound[inbox->rewinds++ % 8] = place->offset;
	return fake_begin(base, place, 1, error);
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
fake_finish(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	(void) places, (void) count, (void) error;
	inbox->reading = inbox->paused = false;
	inbox->finished++;
	return true;
}

static bool
fake_pause(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	(void) places, (void) count, (void) error;
	assert_true(inbox->reading && !inbox->paused);
	inbox->paused = true;
	return true;
}

static bool
fake_resume(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	FakeInbox *inbox = (FakeInbox *) base;

	(void) places, (void) count, (void) error;
	assert_true(inbox->reading && inbox->paused);
	inbox->paused = false;
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
	const FakeInbox *inbox = (const FakeInbox *) base;

	(void) timeout_ms, (void) error;
	for (size_t i = 0; !inbox->silent && i < count; i++)
	{
		places[i].low = 0;
		places[i].high = inbox->end;
		places[i].known = true;
	}
	return !inbox->silent;
}

static int64_t
fake_cached_end(const Inbox *base, const char *topic, int32_t partition)
{
	(void) base, (void) topic, (void) partition;
	return INBOX_OFFSET_UNKNOWN;
}

static void
fake_leave(Inbox *base)
{
	((FakeInbox *) base)->next_event = INBOX_CLOSED;
}

static const InboxClass fake_inbox_class = {
	.poll = fake_poll,
	.begin = fake_begin,
	.begin_anew = fake_begin_anew,
	.rewind = fake_rewind,
	.finish = fake_finish,
	.pause = fake_pause,
	.resume = fake_resume,
	.store = fake_store,
	.watermarks = fake_watermarks,
	.cached_end = fake_cached_end,
	.close = fake_leave,
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
	if (target->connecting)
		return TARGET_CONNECTING;
	return target->busy ? TARGET_BUSY : TARGET_IDLE;
}

static bool
fake_connect(Target *base, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) now, (void) failure;
	target->connected = target->connecting = true;
	return true;
}

static bool
fake_request(FakeTarget *target, bool applies, MonoUsec done_at)
{
	assert_true(target->connected);
	assert_false(target->busy);
	target->busy = true;
	target->applies = applies;
	target->done_at = done_at;
	return true;
}

static bool
fake_read(Target *base, const TargetPlace *places, size_t count, MonoUsec now,
		  TargetFailure *failure)
{
	(void) places, (void) count, (void) failure;
	return fake_request((FakeTarget *) base, false, now);
}

static bool
fake_probe(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	((FakeTarget *) base)->probes++;
	return fake_request((FakeTarget *) base, false, now);
}

static bool
fake_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	((FakeTarget *) base)->rotations++;
	return fake_request((FakeTarget *) base, false, now);
}

static bool
fake_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) failure;
	assert_int_equal(apply->move_count, 1);
	assert_int_equal(apply->moves[0].expected_next, target->next);
	target->asked = apply->moves[0];
	target->asked_records = apply->count;
	if (target->look != NULL)
		target->look(target, apply);
	target->applications++;
	return fake_request(target, true, now + target->delay_usec);
}

/* What an apply commits, answered or not. */
static void
fake_commit(FakeTarget *target)
{
	target->next = target->asked.new_next;
	target->set_by = 0;
	target->last_timestamp_ms = target->asked.last_timestamp_ms;
	target->applied += (int64_t) target->asked_records;
}

static TargetEvent
fake_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;
	TargetEvent event = TARGET_DONE;

	if (target->connected && target->connecting)
	{
		target->connecting = false;
		return TARGET_CONNECTED;
	}
	if (!target->busy || now < target->done_at)
		return TARGET_NOTHING;
	target->busy = false;
	if (!target->applies)
		return TARGET_DONE;
	*failure = (TargetFailure){.handler = -1};
	if (target->answer != NULL)
		event = target->answer(target, failure);
	if (event == TARGET_DONE)
		fake_commit(target);
	return event;
}

static void
fake_visit(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position,
		   void *arg)
{
	const FakeTarget *target = (const FakeTarget *) base;
	TargetProgress row = {.topic = "t",
						  .next_offset = target->next,
						  .last_offset = target->next - 1 - target->set_by,
						  .last_timestamp_ms = target->last_timestamp_ms,
						  .moved_at_ms = target->moved_at_ms};

	if (target->next >= 0)
		progress(&row, arg);
	if (target->position != NULL)
		position(target->position, arg);
}

static const char *
fake_server(const Target *base)
{
	(void) base;
	return NULL;
}

static MonoUsec
fake_wake_at(const Target *base)
{
	(void) base;
	return MONO_NEVER;
}

static void
fake_disconnect(Target *base)
{
	((FakeTarget *) base)->connected = false;
}

static const TargetClass fake_target_class = {
	.state = fake_state,
	.connect = fake_connect,
	.read = fake_read,
	.apply = fake_apply,
	.probe = fake_probe,
	.rotate = fake_rotate,
	.step = fake_step,
	.visit = fake_visit,
	.server = fake_server,
	.wake_at = fake_wake_at,
	.close = fake_disconnect,
};

/* -------------------------------------------------------------------------
 * scene
 * ------------------------------------------------------------------------- */

/* A topic "t" that goes to a handler "h", and a target that has nothing of it. */
static void
scene_init(Scene *scene)
{
	Error error;

	memset(scene, 0, sizeof(*scene));
	error_clear(&error);
	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	scene->inbox.base.methods = &fake_inbox_class;
	scene->inbox.place = (InboxPlace){.topic = "t"};
	scene->inbox.next_event = INBOX_ASSIGNED;
	scene->target.base.methods = &fake_target_class;
	scene->target.next = -1;
	scene->target.last_timestamp_ms = 1;
	scene->config = (ConsumerConfig){.group = "g",
									 .breaker = {.failures = 5},
									 .batch_records = 100,
									 .batch_bytes = 1000000,
									 .batch_target_usec = SEC,
									 .retry_attempts = 3,
									 .drain_timeout_usec = SEC,
									 .inbox_retention_usec = 600 * SEC,
									 .lag_interval_usec = SEC};
	scene->now = 1000 * SEC;
	scene->round_usec = 100 * USEC_PER_MS;
	handlers_init(&scene->handlers);
	assert_true(
		handlers_add(&scene->handlers, "h", "t", "json", "SELECT FROM batch", "test", &error));
}

static void
scene_start(Scene *scene)
{
	scene->consumer = consumer_create(&scene->config, &scene->handlers, &scene->inbox.base,
									  (Target *[]){&scene->target.base}, 1, 1);
	assert_non_null(scene->consumer);
}

static void
scene_close(Scene *scene)
{
	consumer_destroy(scene->consumer);
	handlers_free(&scene->handlers);
}

/* Rounds until so much time is over; false: the conductor ended before. */
static bool
scene_run(Scene *scene, int64_t usec)
{
	for (MonoUsec end = scene->now + usec; scene->now < end; scene->now += scene->round_usec)
	{
		if (!consumer_step(scene->consumer, scene->now))
			return false;
	}
	return true;
}

#endif
