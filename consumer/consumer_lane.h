/*
 * consumer_lane.h
 *	  A connection to the target with what waits for it: one of several that work on
 *	  different partitions at once.  For consumer*.c alone.
 *
 *		inbox ──▶ partition ──▶ its lane: filling ──▶ applying ──▶ target
 *
 * A partition belongs to one lane from its assignment until it is revoked, so what
 * holds within a lane holds within a partition: nothing leaves its order, one
 * transaction at a time moves its progress, and a record that fails holds up what
 * comes behind it.  Lanes don't wait for each other, but for a revocation (which
 * waits for all transactions under way) and for three things that there is one of:
 *
 *		the breaker		 counts what fails in any lane; OPEN stops all; HALF_OPEN
 *						 lets one lane at a time have one call under way.  Connections
 *						 that break together are one failure: one that is lost counts
 *						 only if something was asked of it since another lane lost its
 *						 own
 *		the letter sink	 takes one letter at a time
 *		the inbox		 is read while every lane has room; one that stays full for
 *						 long has its partitions paused, so that the others go on
 *
 * Lane 0 is always connected; the others once they have a partition.
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_LANE_H
#define OUTBOX_CONSUMER_CONSUMER_LANE_H

#include "backoff.h"
#include "batch.h"
#include "dead_letter.h"
#include "log.h"
#include "positions.h"
#include "retry.h"
#include "sizer.h"
#include "target.h"

typedef struct Consumer Consumer;

typedef enum RequestKind
{
	REQUEST_NONE,
	REQUEST_READ,
	REQUEST_APPLY,
	REQUEST_PROBE,
	REQUEST_ROTATE
} RequestKind;

/*
 * The first record of the batch being applied, on its way to be a dead letter:
 *
 *		NONE ──begin──▶ TO_SEND ──sent──▶ SENT ──stored, refused──▶ PLACED ──committed──▶ NONE
 *						   ▲  └─refused──────┼───────────────────────▲
 *						   └─too large, failed┘
 *
 * From any of them to NONE when the record goes away: its partition was revoked, or
 * somebody else moved its progress.
 */
typedef enum LetterPhase
{
	LETTER_NONE,
	LETTER_TO_SEND, /* at retry_at, when no other lane's is SENT */
	LETTER_SENT,
	LETTER_PLACED /* the record is "dead"; its row goes with the next transaction */
} LetterPhase;

typedef struct ConsumerLetter
{
	LetterPhase phase;
	DeadLetterForm form;
	int slot; /* of the record, with its offset */
	int64_t offset;
	int handler; /* -1: not known */
	MonoUsec retry_at;
	Backoff backoff;
	LogLimit limit;
	Error error; /* what the target said */
	char refusal[512];
	TargetLetter row;
} ConsumerLetter;

/* The highest position of a source in a part of a batch. */
typedef struct MovedPosition
{
	int slot;
	SourcePosition source;
} MovedPosition;

typedef struct Lane
{
	Consumer *consumer;
	int number;
	Target *target;
	Retry retry;
	Sizer sizer;
	Backoff reconnect;
	MonoUsec connect_at;
	MonoUsec answered_at; /* by the target, the last time */

	Batch batches[2];
	Batch *filling;
	Batch *applying;
	bool paused; /* as it should be for its partitions */

	RequestKind request;
	MonoUsec request_at;  /* of the last one, or of connecting */
	size_t request_count; /* records of an apply */
	TargetMove *moves;
	int *move_slots;
	size_t move_count;
	size_t move_room;
	MovedPosition *moved;
	TargetPosition *positions;
	size_t position_count;
	size_t position_room;

	ConsumerLetter letter;
} Lane;

extern void lane_init(Lane *lane, Consumer *consumer, int number, Target *target);
extern void lane_free(Lane *lane);

/* The lane for a partition that is new: the one with the fewest. */
extern int lane_choose(const Consumer *consumer);
extern Lane *lane_of(const Consumer *consumer, int slot);

/* Whether it has something to do with a connection at all. */
extern bool lane_is_needed(const Lane *lane);

/* Records that aren't applied. */
extern size_t lane_waiting(const Lane *lane);
extern size_t lane_drop(Lane *lane, int slot);

/* Takes what the target answered. */
extern void lane_settle(Lane *lane);
/* Sends what the breaker admits, if anything is to be sent. */
extern void lane_admit(Lane *lane);
/* When it has something to do even if nothing happens; "now" or before: at once. */
extern MonoUsec lane_wake_at(const Lane *lane, MonoUsec now);

#endif
