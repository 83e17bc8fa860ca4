/*
 * pump_intern.h
 *	  What the files of the pump share.  For pump*.c alone.
 */
#ifndef OUTBOX_RELAY_PUMP_INTERN_H
#define OUTBOX_RELAY_PUMP_INTERN_H

#include "assemble.h"
#include "heartbeat.h"
#include "pace.h"
#include "pump.h"

/* The order of the stream: a commit LSN, and an ordinal in it. */
typedef struct StreamPoint
{
	PgLsn commit_lsn;
	uint64_t ordinal;
} StreamPoint;

/* What people are told about an event: never what is in it. */
typedef struct Subject
{
	uint8_t id[UUID_SIZE];
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t topic_index; /* of the name in "topic" */
	uint32_t size;
	Position position;
} Subject;

/* The transaction of the sink. */
typedef struct KafkaTransaction
{
	bool open;		 /* something was published in it */
	bool ending;	 /* until its end is reported */
	bool amid;		 /* its last event is of a transaction of the stream that goes on */
	bool split;		 /* that one was committed in part before */
	bool split_told; /* and somebody asked */
	bool due;		 /* to be committed even so: something waits for it */
	bool idle;		 /* nothing to read at the moment, */
	MonoUsec idle_since;
	MonoUsec opened_at;
	MonoUsec ending_since;
	uint64_t events;
	uint64_t bytes;
	uint64_t amid_events; /* since the last commit, of the transaction of the stream */
	StreamPoint first;
	StreamPoint last;
	StreamPoint written; /* the highest of the reports */
	PgLsn end_lsn;		 /* of the last whole transaction in it */
} KafkaTransaction;

struct Pump
{
	PumpConfig config;
	DeliveryWindow *window;
	Feedback feedback;
	Assembler *assembler;
	TimelineHistory timelines;
	uint32_t generation;
	PgLsn messages_before; /* for the assembler */
	Router *router;
	PumpStats stats;
	uint64_t transactions_settled; /* in windows before this one */
	PgUsec wall;				   /* of this round */
	bool read_event;			   /* of the transaction that is being read */

	PgLsn durable;		 /* R */
	PgLsn start_lsn;	 /* of this stream */
	StreamPoint resume;	 /* events before this are settled; see pump_start() */
	StreamPoint sent;	 /* the highest that any sink of this pump was given */
	bool in_transaction; /* of the stream, published or not */
	bool suppressed;	 /* that transaction is below start_lsn */
	uint32_t published;	 /* events of it */
	bool finishing;		 /* nothing new is begun */
	bool settled_before; /* an event of it was settled before this stream began */

	bool held;
	Assembled pending; /* what is held */
	size_t filled;	   /* since then */
	RoutedEvent routed;
	Pace pace;
	MonoUsec listening_since; /* the last time reading began */
	bool listening;

	StreamPoint careful_until; /* commit_lsn invalid: not careful */
	bool failed;			   /* a delivery */
	bool lone;				   /* and its event was alone: condemned */
	Error failure;
	EventTrace trace; /* of what failed, or is poison */
	uint32_t xid;	  /* of the transaction that is being read */
	Subject subject;  /* the event published last */

	StreamPoint condemned; /* found out to be poison; commit_lsn invalid: none is */
	PoisonCause sentence;
	Error evidence;
	Poison poison;
	StreamPoint buried; /* the last one that became a dead letter */

	MonoUsec now; /* of this round */
	KafkaTransaction kafka;
	PgLsn commit_before; /* commit LSN of a transaction that is to begin one of Kafka */

	Heartbeats heartbeats;
	PgLsn last_event_end; /* of the newest transaction with events */
	MonoUsec marked_at;
};

/* pump_transaction.c */
extern void pump_count_published(Pump *pump, StreamPoint point, uint32_t bytes);
extern void pump_count_commit(Pump *pump, PgLsn end_lsn);
/* Whether the next transaction of the stream has to wait for the commit of Kafka's. */
extern bool pump_is_full(Pump *pump, PgLsn commit_lsn);
/* PUMP_MORE: poison there may be given up now. */
extern MUST_CHECK PumpVerdict pump_clear_the_way(Pump *pump, StreamPoint point, Error *error);
extern Position pump_position_of(const Pump *pump, StreamPoint point);

/* pump_settle.c */
extern void pump_remember_last(Pump *pump, StreamPoint point);
extern void pump_take_written(Pump *pump, StreamPoint point);
extern void pump_take_end(Pump *pump, PgUsec wall);

extern void pump_condemn(Pump *pump, StreamPoint point, const Error *error);
extern void pump_forget_condemned(Pump *pump);

/* Whether a comes before b in the stream. */
static inline bool
point_before(StreamPoint a, StreamPoint b)
{
	return a.commit_lsn != b.commit_lsn ? a.commit_lsn < b.commit_lsn : a.ordinal < b.ordinal;
}

static inline bool
is_point(StreamPoint a, StreamPoint b)
{
	return a.commit_lsn == b.commit_lsn && a.ordinal == b.ordinal;
}

#endif
