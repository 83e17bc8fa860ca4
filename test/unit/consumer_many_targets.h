/*
 * consumer_many_targets.h
 *	  For consumer_many.h: what its world is made of, and the targets in it, which are
 *	  sessions of one database.
 */
#ifndef OUTBOX_TEST_CONSUMER_MANY_TARGETS_H
#define OUTBOX_TEST_CONSUMER_MANY_TARGETS_H

#include "unit.h"

#include "consumer.h"
#include "consumer_intern.h"

#define SEC USEC_PER_SEC
#define MANY_PARTITIONS 12
#define MANY_LANES 4
#define MANY_MOVES 64

typedef struct ManyPartition
{
	int64_t end;	 /* records that there are */
	int64_t read;	 /* the next one that comes */
	int64_t applied; /* the progress; 0: none */
	bool owned;
	bool going; /* the group wants it back */
	bool reading;
	bool paused;
	int busy; /* the target that has a transaction of it under way; -1 */
} ManyPartition;

typedef enum ManyOutcome
{
	MANY_DONE,
	MANY_FAILED,	/* the server says so */
	MANY_TRANSIENT, /* a conflict */
	MANY_BAD,		/* the data */
	MANY_LOST,		/* the connection; nothing was committed */
	MANY_SILENT		/* the connection; it was committed */
} ManyOutcome;

struct Many;

typedef struct ManyTarget
{
	Target base;
	struct Many *many;
	int number;
	bool connected;
	bool breaks; /* the connection, at the next step */
	RequestKind request;
	MonoUsec done_at;
	TargetMove moves[MANY_MOVES];
	size_t move_count;
	size_t records;
	bool bad; /* one of them can't be applied, and isn't a dead letter */
	int64_t delay_usec;
	unsigned applications;
	unsigned connects;
} ManyTarget;

typedef struct Many
{
	Inbox inbox;
	ManyPartition partitions[MANY_PARTITIONS];
	InboxPlace places[MANY_PARTITIONS];
	size_t place_count; /* of the event that is to be told */
	InboxEventType told;
	bool closing;
	int turn;
	bool pauses_fail;
	unsigned finished; /* partitions that were given back */
	ManyTarget targets[MANY_LANES];
	int most_busy;	   /* targets with a request at the same time */
	size_t largest;	   /* transaction since that was reset */
	int64_t bad_every; /* offset of each partition; 0: none is bad */
	ManyOutcome (*outcome)(struct Many *many, const ManyTarget *target);
	Random random;
	Handlers handlers;
	ConsumerConfig config;
	Consumer *consumer;
	MonoUsec now;
} Many;

static int
many_busy(const Many *many)
{
	int busy = 0;

	for (int i = 0; i < MANY_LANES; i++)
		busy += many->targets[i].request != REQUEST_NONE;
	return busy;
}

/* -------------------------------------------------------------------------
 * targets
 * ------------------------------------------------------------------------- */

static TargetState
many_state(const Target *base)
{
	const ManyTarget *target = (const ManyTarget *) base;

	if (!target->connected)
		return TARGET_CLOSED;
	return target->request == REQUEST_NONE ? TARGET_IDLE : TARGET_BUSY;
}

static bool
many_connect(Target *base, MonoUsec now, TargetFailure *failure)
{
	ManyTarget *target = (ManyTarget *) base;

	(void) now, (void) failure;
	assert_false(target->connected);
	target->connected = true;
	target->connects++;
	return true;
}

static bool
many_request(ManyTarget *target, RequestKind request, MonoUsec now)
{
	Many *many = target->many;

	assert_true(target->connected);
	assert_int_equal(target->request, REQUEST_NONE);
	target->request = request;
	target->done_at = request == REQUEST_APPLY ? now + target->delay_usec : now;
	if (many_busy(many) > many->most_busy)
		many->most_busy = many_busy(many);
	return true;
}

static bool
many_read(Target *base, const TargetPlace *places, size_t count, MonoUsec now,
		  TargetFailure *failure)
{
	ManyTarget *target = (ManyTarget *) base;

	(void) failure;
	assert_true(count > 0 && count <= MANY_MOVES);
	target->move_count = count;
	for (size_t i = 0; i < count; i++)
		target->moves[i] = (TargetMove){.topic = places[i].topic, .partition = places[i].partition};
	return many_request(target, REQUEST_READ, now);
}

static bool
many_probe(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	return many_request((ManyTarget *) base, REQUEST_PROBE, now);
}

static bool
many_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	(void) failure;
	return many_request((ManyTarget *) base, REQUEST_ROTATE, now);
}

static bool
many_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	ManyTarget *target = (ManyTarget *) base;
	Many *many = target->many;
	int64_t next[MANY_PARTITIONS];

	(void) failure;
	assert_true(apply->move_count > 0 && apply->move_count <= MANY_MOVES);
	target->applications++;
	target->records = apply->count;
	target->bad = false;
	target->move_count = apply->move_count;
	memcpy(target->moves, apply->moves, apply->move_count * sizeof(*apply->moves));
	if (apply->count > many->largest)
		many->largest = apply->count;
	for (size_t i = 0; i < apply->move_count; i++)
	{
		int number = apply->moves[i].partition;
		ManyPartition *partition = &many->partitions[number];

		assert_true(partition->owned);
		assert_int_equal(partition->busy, -1);
		partition->busy = target->number;
		next[number] = apply->moves[i].expected_next < 0 ? 0 : apply->moves[i].expected_next;
	}
	for (size_t i = apply->batch->head; i < apply->batch->head + apply->count; i++)
	{
		const BatchRecord *record = &apply->batch->records[i];
		int number;

		if (record->dropped)
			continue;
		number = apply->place(record->slot, apply->arg).partition;
		assert_int_equal(many->partitions[number].busy, target->number);
		assert_int_equal(record->offset, next[number]);
		target->bad |=
			many->bad_every > 0 && record->offset % many->bad_every == 0 && !record->dead;
		next[number]++;
	}
	for (size_t i = 0; i < apply->move_count; i++)
		assert_int_equal(next[apply->moves[i].partition], apply->moves[i].new_next);
	return many_request(target, REQUEST_APPLY, now);
}

/* False: another transaction was there before. */
static bool
many_commit(ManyTarget *target)
{
	ManyPartition *partitions = target->many->partitions;

	for (size_t i = 0; i < target->move_count; i++)
	{
		const TargetMove *move = &target->moves[i];
		int64_t expected = move->expected_next < 0 ? 0 : move->expected_next;

		if (partitions[move->partition].applied != expected)
			return false;
	}
	for (size_t i = 0; i < target->move_count; i++)
		partitions[target->moves[i].partition].applied = target->moves[i].new_next;
	return true;
}

static TargetEvent
many_fail(ManyTarget *target, ManyOutcome outcome, RequestKind request, TargetFailure *failure)
{
	*failure = (TargetFailure){.handler = -1, .failure = FAILURE_INFRASTRUCTURE};
	if (outcome == MANY_TRANSIENT)
		failure->failure = FAILURE_TRANSIENT;
	else if (outcome == MANY_BAD)
		failure->failure = FAILURE_DATA;
	error_clear(&failure->error);
	(void) error_transient(&failure->error, "made up");
	failure->lost = outcome == MANY_LOST || outcome == MANY_SILENT;
	failure->unknown = failure->lost && request == REQUEST_APPLY;
	if (failure->lost)
		target->connected = false;
	return TARGET_FAILED;
}

static TargetEvent
many_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	ManyTarget *target = (ManyTarget *) base;
	Many *many = target->many;
	RequestKind request = target->request;
	ManyOutcome outcome;

	if (target->connected && target->breaks && request == REQUEST_NONE)
	{
		target->breaks = false;
		return many_fail(target, MANY_LOST, request, failure);
	}
	if (request == REQUEST_NONE || now < target->done_at)
		return TARGET_NOTHING;
	outcome = many->outcome != NULL ? many->outcome(many, target) : MANY_DONE;
	target->request = REQUEST_NONE;
	if (request == REQUEST_APPLY && outcome == MANY_DONE && target->bad)
		outcome = MANY_BAD;
	if (request == REQUEST_APPLY)
	{
		for (size_t i = 0; i < target->move_count; i++)
			many->partitions[target->moves[i].partition].busy = -1;
		if (outcome == MANY_DONE || outcome == MANY_SILENT)
			assert_true(many_commit(target));
	}
	if (outcome == MANY_DONE)
		return TARGET_DONE;
	return many_fail(target, outcome, request, failure);
}

static void
many_visit(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position,
		   void *arg)
{
	const ManyTarget *target = (const ManyTarget *) base;

	(void) position;
	for (size_t i = 0; i < target->move_count; i++)
	{
		int number = target->moves[i].partition;
		int64_t next = target->many->partitions[number].applied;
		TargetProgress row = {.topic = "t",
							  .partition = number,
							  .next_offset = next,
							  .last_offset = next - 1,
							  .last_timestamp_ms = 1};

		if (next > 0)
			progress(&row, arg);
	}
}

static const char *
many_server(const Target *base)
{
	return ((const ManyTarget *) base)->connected ? "made up" : NULL;
}

static MonoUsec
many_wake_at(const Target *base)
{
	(void) base;
	return MONO_NEVER;
}

static void
many_disconnect(Target *base)
{
	((ManyTarget *) base)->connected = false;
}

static const TargetClass many_target_class = {
	.state = many_state,
	.connect = many_connect,
	.read = many_read,
	.apply = many_apply,
	.probe = many_probe,
	.rotate = many_rotate,
	.step = many_step,
	.visit = many_visit,
	.server = many_server,
	.wake_at = many_wake_at,
	.close = many_disconnect,
};

#endif
