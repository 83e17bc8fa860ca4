/*
 * consumer_fakes.h
 *	  For tests of the conductor: an inbox of one partition that gives its records up to
 *	  "end", and a target that answers each transaction after "delay_usec".
 */
#ifndef OUTBOX_TEST_CONSUMER_FAKES_H
#define OUTBOX_TEST_CONSUMER_FAKES_H

#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"

#define SEC USEC_PER_SEC
#define FAKE_SIZES 64
#define ROUND (10 * USEC_PER_MS)

typedef struct FakeInbox
{
	Inbox base;
	InboxPlace place;
	bool told; /* of the assignment */
	bool reading;
	bool paused;
	int64_t next;
	int64_t end;
} FakeInbox;

typedef struct FakeTarget
{
	Target base;
	bool connected;
	bool busy;
	bool applies; /* what is under way */
	bool failing;
	int64_t delay_usec;
	MonoUsec done_at;
	int64_t asked_next; /* what the request under way moves to */
	int64_t next;
	unsigned applications;
	size_t sizes[FAKE_SIZES]; /* of the first ones */
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
	if (!inbox->reading || inbox->paused || inbox->next >= inbox->end)
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
	return fake_begin(base, place, 1, error);
}

static bool
fake_finish(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	(void) base, (void) places, (void) count, (void) error;
	return true;
}

static bool
fake_pause(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	(void) places, (void) count, (void) error;
	((FakeInbox *) base)->paused = true;
	return true;
}

static bool
fake_resume(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	(void) places, (void) count, (void) error;
	((FakeInbox *) base)->paused = false;
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
	.finish = fake_finish,
	.pause = fake_pause,
	.resume = fake_resume,
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

static void
begin_request(FakeTarget *target, bool applies, MonoUsec now)
{
	assert_false(target->busy);
	target->busy = true;
	target->applies = applies;
	target->done_at = now + (applies ? target->delay_usec : 0);
}

static bool
fake_read(Target *base, const TargetPlace *places, size_t count, MonoUsec now,
		  TargetFailure *failure)
{
	(void) places, (void) count, (void) failure;
	begin_request((FakeTarget *) base, false, now);
	return true;
}

static bool
fake_probe(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	begin_request((FakeTarget *) base, false, now);
	return true;
}

static bool
fake_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	(void) failure;
	assert_int_equal(apply->move_count, 1);
	assert_int_equal(apply->moves[0].expected_next, target->next);
	target->asked_next = apply->moves[0].new_next;
	if (target->applications < FAKE_SIZES)
		target->sizes[target->applications] = apply->count;
	target->applications++;
	begin_request(target, true, now);
	return true;
}

static bool
fake_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	begin_request((FakeTarget *) base, false, now);
	return true;
}

static TargetEvent
fake_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	FakeTarget *target = (FakeTarget *) base;

	if (!target->busy || now < target->done_at)
		return TARGET_NOTHING;
	target->busy = false;
	if (target->failing && target->applies)
	{
		*failure = (TargetFailure){.failure = FAILURE_INFRASTRUCTURE, .handler = -1};
		error_clear(&failure->error);
		(void) error_transient(&failure->error, "made up");
		return TARGET_FAILED;
	}
	if (target->applies)
		target->next = target->asked_next;
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
	.probe = fake_probe,
	.rotate = fake_rotate,
	.step = fake_step,
	.visit = fake_visit,
	.wake_at = fake_wake_at,
};

#endif
