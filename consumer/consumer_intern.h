/*
 * consumer_intern.h
 *	  What the files of the conductor share.  For consumer*.c alone.
 */
#ifndef OUTBOX_CONSUMER_CONSUMER_INTERN_H
#define OUTBOX_CONSUMER_CONSUMER_INTERN_H

#include "breaker.h"
#include "consumer.h"
#include "consumer_lane.h"
#include "log.h"
#include "partitions.h"
#include "random.h"
#include "stats.h"

typedef enum ConsumerPhase
{
	CONSUMER_RUNNING,
	CONSUMER_DRAINING, /* what is under way ends */
	CONSUMER_LEAVING,  /* the group */
	CONSUMER_OVER
} ConsumerPhase;

/* Places of partitions, for calls of the inbox and the target. */
typedef struct PlaceList
{
	InboxPlace *items;
	size_t count;
	size_t room;
} PlaceList;

struct Consumer
{
	const ConsumerConfig *config;
	Handlers *handlers; /* learns of topics that expressions match */
	Inbox *inbox;
	Lane *lanes; /* at least one */
	int lane_count;
	int turn; /* which of them is asked first */
	Random random;
	Stats stats;
	ConsumerPhase phase;
	MonoUsec now;
	MonoUsec leave_at; /* the end of draining or leaving, whatever happens */
	Error failure;	   /* why it ends; class NONE: on request */
	bool finishing;	   /* it ends because of a record: what came before it is applied first */

	Breaker breaker;
	char last_error[512]; /* of the target, "" when there was none */
	int lost_lane;		  /* the last one whose connection was lost, and when */
	MonoUsec lost_at;
	MonoUsec probe_at; /* the next probe without records */
	MonoUsec rotate_at;

	PartitionTable partitions;
	PlaceList places; /* scratch */
	bool joined;	  /* an assignment came, or its topics aren't there yet */
	bool revoking;	  /* a finish() is owed for these */
	PlaceList revoked;
	char **revoked_topics;
	MonoUsec begin_at; /* begin() is tried again */
	bool ordered;	   /* somebody told the breaker something: the next round is due */

	bool more;			/* the inbox has more than one round takes */
	MonoUsec polled_at; /* the inbox was emptied */
	MonoUsec paused_at; /* the last time that pauses were looked at */

	MonoUsec lag_at;
	MonoUsec lag_all_at;
	MonoUsec lag_query_at;
	LetterSink *letters;	 /* NULL: none */
	uint64_t *dead_lettered; /* by handler; one more for those not known */
	Buffer raw;				 /* scratch: headers */

	LogLimit trouble_limit;
	LogLimit target_limit;
	LogLimit known_limit;
};

/* consumer.c */
extern void consumer_fail(Consumer *consumer, const Error *error);
/* Whether some lane has a transaction under way. */
extern bool consumer_is_applying(const Consumer *consumer);
/* The connection, of those that are needed, that is farthest from being of use. */
extern TargetState consumer_target_state(const Consumer *consumer);
/* How many are there. */
extern int consumer_connections(const Consumer *consumer);
/* Which server the first of them is with, for people; NULL: there is none. */
extern const char *consumer_server(const Consumer *consumer);
/* Records that aren't applied. */
extern size_t consumer_waiting(const Consumer *consumer);

/* consumer_read.c: takes events of the inbox. */
extern void consumer_read(Consumer *consumer);
/* Whether any record that comes finds room: those of paused lanes don't come. */
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
extern bool consumer_is_paused(const Consumer *consumer);
extern void consumer_out_of_range(Consumer *consumer, const InboxEvent *event);
/* Asks the brokers for the ends of partitions that ended before their progress, and stops there. */
extern void consumer_look_beyond(Consumer *consumer);

/* consumer_progress.c: what the target knows of them. */
#define CONSUMER_RIVAL_HINT                                                                        \
	"Two consumers that don't share a Kafka cluster use one \"consumer.group\" for one target. "   \
	"Give each its own."
/* A new session, maybe of another server. */
extern void consumer_forget_progress(Lane *lane);
extern bool consumer_needs_progress(const Lane *lane);
extern bool consumer_request_progress(Lane *lane, TargetFailure *failure);
extern void consumer_take_progress(Lane *lane);
extern void consumer_rewind(Consumer *consumer);

/* consumer_apply.c: what becomes of batches. */
extern bool consumer_request_apply(Lane *lane, size_t count, TargetFailure *failure);
extern void consumer_settle(Lane *lane);
extern void consumer_apply_failed(Lane *lane, const TargetFailure *failure);
extern void consumer_target_failed(Lane *lane, const TargetFailure *failure);

/* consumer_breaker.c: logs the transitions that came; a JSON object of what it is. */
extern void consumer_tell_breaker(Consumer *consumer);
extern void consumer_write_breaker(const Consumer *consumer, Buffer *out);
/* consumer_letters.c: events that can't be applied. */
extern MUST_CHECK bool consumer_letters_init(Consumer *consumer);
extern void consumer_letters_free(Consumer *consumer);
/* Keeps a record's headers as they are; false without memory. */
extern MUST_CHECK bool consumer_keep_headers(Consumer *consumer, const InboxRecord *record,
											 Batch *batch, BatchRecord *to);
/* Of the first record that waits: false when the consumer has to stop there. */
extern MUST_CHECK bool consumer_letter_begin(Lane *lane, const TargetFailure *failure);
/*
 * How many of the first so many records come before one that can only become a dead letter; when
 * that is the first that waits it begins to be one, and there are none.
 */
extern size_t consumer_letter_before(Lane *lane, size_t count);
extern void consumer_letter_step(Lane *lane);
/* Nothing is applied in the lane until it has a place. */
extern bool consumer_letter_waits(const Lane *lane);
/* Those of this process, and whether one has no place yet. */
extern uint64_t consumer_dead_letters(const Consumer *consumer);
extern bool consumer_any_letter_waits(const Consumer *consumer);
/* When it is tried again; MONO_NEVER: an answer comes. */
extern MonoUsec consumer_letter_wake_at(const Lane *lane);
/* For the next transaction; NULL: none. */
extern const TargetLetter *consumer_letter_row(const Lane *lane);
extern void consumer_letter_settled(Lane *lane);

/* consumer_lag.c */
extern void consumer_look_at_lag(Consumer *consumer);
extern double consumer_lag_seconds(const Consumer *consumer);

#endif
