/*
 * consumer_intern.h
 *	  What the files of the conductor share.  For consumer*.c alone.
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_INTERN_H
#define OUTBOX_CONSUMER_CONSUMER_INTERN_H

#include "backoff.h"
#include "batch.h"
#include "breaker.h"
#include "consumer.h"
#include "dead_letter.h"
#include "log.h"
#include "partitions.h"
#include "random.h"
#include "retry.h"
#include "sizer.h"
#include "stats.h"

typedef enum ConsumerPhase
{
	CONSUMER_RUNNING,
	CONSUMER_DRAINING, /* what is under way ends */
	CONSUMER_LEAVING,  /* the group */
	CONSUMER_OVER
} ConsumerPhase;

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
	LETTER_TO_SEND, /* at retry_at */
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

/* Places of partitions, for calls of the inbox and the target. */
typedef struct PlaceList
{
	InboxPlace *items;
	size_t count;
	size_t room;
} PlaceList;

/* The highest position of a source in a part of a batch. */
typedef struct MovedPosition
{
	int slot;
	SourcePosition source;
} MovedPosition;

struct Consumer
{
	const ConsumerConfig *config;
	Handlers *handlers; /* learns of topics that expressions match */
	Inbox *inbox;
	Target *target;
	Random random;
	Stats stats;
	ConsumerPhase phase;
	MonoUsec now;
	MonoUsec leave_at; /* the end of draining or leaving, whatever happens */
	Error failure;	   /* why it ends; class NONE: on request */
	bool finishing;	   /* it ends because of a record: what came before it is applied first */

	Breaker breaker;
	char last_error[512]; /* of the target, "" when there was none */
	Retry retry;
	Sizer sizer;
	Backoff reconnect;
	MonoUsec connect_at;
	MonoUsec probe_at;	  /* the next probe without records */
	MonoUsec answered_at; /* by the target, the last time */
	MonoUsec rotate_at;

	PartitionTable partitions;
	PlaceList places; /* scratch */
	bool joined;	  /* an assignment came, or its topics aren't there yet */
	bool revoking;	  /* a finish() is owed for these */
	PlaceList revoked;
	char **revoked_topics;
	MonoUsec begin_at; /* begin() is tried again */
	bool ordered;	   /* somebody told the breaker something: the next round is due */

	Batch batches[2];
	Batch *filling;
	Batch *applying;
	bool more;			/* the inbox has more than one round takes */
	MonoUsec polled_at; /* the inbox was emptied */
	bool paused;		/* as it should be for all partitions */
	MonoUsec paused_at; /* the last time that this was looked at */

	RequestKind request;
	MonoUsec request_at;
	size_t request_count; /* records of an apply */
	TargetMove *moves;
	int *move_slots;
	size_t move_count;
	size_t move_room;
	MovedPosition *moved;
	TargetPosition *positions;
	size_t position_count;
	size_t position_room;

	MonoUsec lag_at;
	MonoUsec lag_all_at;
	MonoUsec lag_query_at;
	LetterSink *letters; /* NULL: none */
	ConsumerLetter letter;
	uint64_t *dead_lettered; /* by handler; one more for those not known */
	Buffer raw;				 /* scratch: headers */

	LogLimit trouble_limit;
	LogLimit target_limit;
};

/* consumer.c */
extern void consumer_fail(Consumer *consumer, const Error *error);

/* consumer_read.c: takes events of the inbox. */
extern void consumer_read(Consumer *consumer);
extern bool consumer_has_room(const Consumer *consumer);

/* consumer_places.c: partitions come and go. */
extern bool places_add(PlaceList *list, const char *topic, int32_t partition, int64_t offset);
extern void consumer_assigned(Consumer *consumer, const InboxEvent *event);
extern void consumer_revoked(Consumer *consumer, const InboxEvent *event);
extern void consumer_finish_revoked(Consumer *consumer);
extern void consumer_begin(Consumer *consumer);
/* Where a partition's reading starts, or starts anew, from what it has received. */
extern int64_t consumer_start_offset(const Partition *partition);
extern void consumer_pause(Consumer *consumer);
extern void consumer_out_of_range(Consumer *consumer, const InboxEvent *event);

/* consumer_progress.c: what the target knows of them. */
#define CONSUMER_RIVAL_HINT                                                                        \
	"Two consumers that don't share a Kafka cluster use one \"consumer.group\" for one target. "   \
	"Give each its own."
/* A new session, maybe of another server. */
extern void consumer_forget_progress(Consumer *consumer);
extern bool consumer_needs_progress(const Consumer *consumer);
extern bool consumer_request_progress(Consumer *consumer, TargetFailure *failure);
extern void consumer_take_progress(Consumer *consumer);
extern void consumer_rewind(Consumer *consumer);

/* consumer_apply.c: what becomes of batches. */
extern bool consumer_request_apply(Consumer *consumer, size_t count, TargetFailure *failure);
extern void consumer_settle(Consumer *consumer);
extern void consumer_apply_failed(Consumer *consumer, const TargetFailure *failure);
extern void consumer_target_failed(Consumer *consumer, const TargetFailure *failure);

/* consumer_breaker.c: logs the transitions that came; a JSON object of what it is. */
extern void consumer_tell_breaker(Consumer *consumer);
extern void consumer_write_breaker(const Consumer *consumer, Buffer *out);
/* consumer_letters.c: events that can't be applied. */
extern MUST_CHECK bool consumer_letters_init(Consumer *consumer);
extern void consumer_letters_free(Consumer *consumer);
/* Keeps a record's headers as they are; false without memory. */
extern MUST_CHECK bool consumer_keep_headers(Consumer *consumer, const InboxRecord *record,
											 BatchRecord *to);
/* Of the first record that waits: false when the consumer has to stop there. */
extern MUST_CHECK bool consumer_letter_begin(Consumer *consumer, const TargetFailure *failure);
extern void consumer_letter_step(Consumer *consumer);
/* Nothing is applied until it has a place. */
extern bool consumer_letter_waits(const Consumer *consumer);
/* When it is tried again; MONO_NEVER: an answer comes. */
extern MonoUsec consumer_letter_wake_at(const Consumer *consumer);
/* For the next transaction; NULL: none. */
extern const TargetLetter *consumer_letter_row(const Consumer *consumer);
extern void consumer_letter_settled(Consumer *consumer);

/* consumer_lag.c */
extern void consumer_look_at_lag(Consumer *consumer);
extern double consumer_lag_seconds(const Consumer *consumer);

#endif
