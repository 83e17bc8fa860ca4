/*
 * target.h
 *	  The database that events are applied to, as the conductor sees it: a small
 *	  vtable.  pg_target implements it.
 *
 *		CLOSED ──connect──▶ CONNECTING ──▶ IDLE ──read, apply, …──────▶ BUSY
 *		   ▲                     │           ▲ │                          │
 *		   └──── failed ─────────┴───────────┼─┴── lost ── failed ◀───────┤
 *		                                     └──────── done, failed ──────┘
 *
 * apply is one transaction: progress moves, ids are judged and recorded, handlers
 * get what isn't known, positions move.  With records by id it takes two
 * answers; what is dropped from the batch between them fails it as transient.
 * An event that can't be judged is a failure of the data.
 *
 * rotate lets go of ids whose retention has passed, if any; that it could not is
 * no failure.
 *
 * Nothing blocks.  One request at a time; its outcome comes from step(), once.
 * After a failure with "lost" the target is CLOSED.
 */
#ifndef OUTBOX_CONSUMER_TARGET_H
#define OUTBOX_CONSUMER_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "batch.h"
#include "clock.h"
#include "error.h"
#include "position.h"
#include "sqlstate.h"

typedef enum TargetState
{
	TARGET_CLOSED,
	TARGET_CONNECTING, /* and preparing the handlers */
	TARGET_IDLE,
	TARGET_BUSY
} TargetState;

typedef enum TargetEvent
{
	TARGET_NOTHING,
	TARGET_CONNECTED,
	TARGET_DONE, /* the request did what it should */
	TARGET_FAILED
} TargetEvent;

typedef struct TargetFailure
{
	Error error;
	FailureClass failure;
	bool lost;	  /* the connection is gone */
	bool unknown; /* of apply: the transaction may have been committed */
	int handler;  /* index of the handler whose statement failed, or -1 */
	bool timed_out;
} TargetFailure;

/* A partition whose progress is read.  Texts borrow. */
typedef struct TargetPlace
{
	const char *topic;
	int32_t partition;
} TargetPlace;

/* What a read found; valid within the callback. */
typedef struct TargetProgress
{
	const char *topic;
	int32_t partition;
	int64_t next_offset;
	int64_t last_offset;	   /* -1: not known */
	int64_t last_timestamp_ms; /* -1: not known */
	int64_t moved_at_ms;	   /* when it was applied, by the target's clock; -1: not known */
	const char *last_id;	   /* NULL: not known */
} TargetProgress;

typedef struct TargetPosition
{
	const char *topic;
	int32_t partition;
	const char *source_id;
	Position position;
} TargetPosition;

typedef void (*TargetProgressVisitor)(const TargetProgress *progress, void *arg);
typedef void (*TargetPositionVisitor)(const TargetPosition *position, void *arg);

/* How a partition's progress moves.  Sorted by topic and partition, so that locks are too. */
typedef struct TargetMove
{
	const char *topic;
	int32_t partition;
	int64_t expected_next; /* -1: there is none yet */
	int64_t new_next;
	int64_t last_offset;
	int64_t last_timestamp_ms;
	const char *last_id; /* "" is NULL */
} TargetMove;

/*
 * The first record of a batch as a dead letter: a row of outbox_inbox.dead_letter,
 * written in the transaction that moves the progress behind it.  Texts and bytes borrow.
 */
typedef struct TargetLetter
{
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms; /* -1: none */
	const char *event_id; /* NULL: none */
	const char *handler;  /* NULL: not known */
	const char *sqlstate;
	const char *message;

	/* Where it is; NULL: the row has all of the record. */
	const char *letter_topic;
	int32_t letter_partition;
	int64_t letter_offset;

	/* Then these count. */
	const char *refusal; /* why the topic didn't take it */
	ByteView key;
	ByteView value;
	ByteView raw_headers;
} TargetLetter;

typedef struct TargetApply
{
	Batch *batch; /* its records from head on; "known" of those by id is set */
	size_t count;
	const TargetMove *moves;
	size_t move_count;
	const TargetPosition *positions; /* the highest of each partition and source */
	size_t position_count;
	const TargetLetter *letter; /* NULL: none */
	/* Topic and partition of a record's slot. */
	TargetPlace (*place)(int slot, void *arg);
	void *arg;
} TargetApply;

typedef struct Target Target;

typedef struct TargetClass
{
	TargetState (*state)(const Target *target);
	/* From CLOSED. */
	bool (*connect)(Target *target, MonoUsec now, TargetFailure *failure);
	/* From IDLE.  False: the failure is filled, and final. */
	bool (*read)(Target *target, const TargetPlace *places, size_t count, MonoUsec now,
				 TargetFailure *failure);
	bool (*apply)(Target *target, const TargetApply *apply, MonoUsec now, TargetFailure *failure);
	bool (*probe)(Target *target, MonoUsec now, TargetFailure *failure);
	bool (*rotate)(Target *target, MonoUsec now, TargetFailure *failure);
	/* Goes on with what is under way. */
	TargetEvent (*step)(Target *target, MonoUsec now, TargetFailure *failure);
	/* After TARGET_DONE of a read. */
	void (*visit)(const Target *target, TargetProgressVisitor progress,
				  TargetPositionVisitor position, void *arg);
	/* Which server the session is with, for people; NULL: there is none. */
	const char *(*server)(const Target *target);
	int (*fd)(const Target *target); /* -1: none */
	short (*wants)(const Target *target);
	MonoUsec (*wake_at)(const Target *target);
	void (*close)(Target *target);
	void (*destroy)(Target *target);
} TargetClass;

struct Target
{
	const TargetClass *methods;
};

#endif
