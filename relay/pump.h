/*
 * pump.h
 *	  The data path: frames in, events out, and what may be confirmed.
 *
 *		settle -> report -> read -> flush		one round, in this order
 *
 * Takes its source and its sink through their vtables and the time as an
 * argument; knows neither libpq nor librdkafka, and doesn't log.  The conductor
 * (relay.c) decides what becomes of a verdict.
 *
 * Invariants
 *	P1 What is reported as flushed is the durable mark, given by pump_marked().
 *	P2 A transaction whose commit LSN is below the start of the stream is not
 *	   published; of one that a failure interrupted, only what isn't settled.
 *	P3 Events go to the sink in stream order.  After a failed delivery none goes
 *	   until pump_start() with a new sink, at the first unsettled event.
 *	P4 An event that can't go now (window or sink full, topic unknown) is held, and
 *	   nothing is read until it has gone.  Status updates go on.
 *	P5 A keepalive's position counts only outside of a transaction and with nothing
 *	   in flight.
 *	P6 An event is settled by a delivery report, or by the receipt of its dead letter
 *	   (pump_buried()), and by nothing else.  Poison is given up only when everything
 *	   before it is settled.
 *	P7 Into a sink with transactions: one is committed between transactions of the stream,
 *	   with the position behind the last.  It is committed within one only when that would
 *	   outlive it (TransactionLimits), or before a dead letter of that very transaction.
 */
#ifndef OUTBOX_RELAY_PUMP_H
#define OUTBOX_RELAY_PUMP_H

#include "event.h"
#include "event_trace.h"
#include "feedback.h"
#include "metrics.h"
#include "poison.h"
#include "sink.h"
#include "source.h"
#include "timeline.h"

typedef struct Pump Pump;

/* Of a sink that has transactions; else unused. */
typedef struct TransactionLimits
{
	int64_t linger_usec;   /* nothing to read for this long, or now, when the stream is current and
							* it has been open for this long: it is committed */
	int64_t interval_usec; /* 0: it has none.  Then no further one of the stream is taken up, */
	uint64_t events;	   /* or from this many events on, */
	uint64_t bytes;		   /* or bytes */
	int64_t split_usec;	   /* one of the stream that takes longer is split, */
	uint64_t split_events; /* or that has more events; 0: not because of that */
	bool whole;			   /* poison ends the relay: nothing of its transaction is to be seen */
} TransactionLimits;

typedef struct PumpConfig
{
	WindowLimits window;
	int64_t mark_interval_usec;
	uint64_t mark_idle_bytes;
	int64_t silence_usec; /* a stream that doesn't answer for this long is lost */
	int64_t gather_usec;  /* of a stream that is current and busy; 0: it isn't gathered */
	TransactionLimits transactions;
} PumpConfig;

typedef enum PumpVerdict
{
	PUMP_IDLE,		  /* wait for a descriptor */
	PUMP_MORE,		  /* there is more to do: don't wait */
	PUMP_HELD,		  /* no room: don't read, wait for deliveries */
	PUMP_TOPIC,		  /* pump_wanted_topic() isn't in the map */
	PUMP_POISON,	  /* see pump_read() and pump_settle() */
	PUMP_SOURCE_LOST, /* TRANSIENT: connect again */
	PUMP_SINK_LOST,	  /* TRANSIENT: replace the sink and connect again */
	PUMP_STOP		  /* PERMANENT or BUG; what is in flight may still settle */
} PumpVerdict;

typedef struct PumpStats
{
	uint64_t frames;
	uint64_t events_read;		/* that came out of the stream */
	uint64_t transactions_read; /* with events */
	uint64_t transactions;		/* with events */
	uint64_t events_published;	/* given to the sink */
	uint64_t events_settled;
	uint64_t bytes_settled;
	uint64_t events_suppressed; /* not published again */
	uint64_t deliveries_failed;
	uint64_t dead_lettered[POISON_CAUSE_COUNT];
	uint64_t marks;
	uint64_t kafka_commits;		 /* of a sink with transactions */
	uint64_t transactions_split; /* of the stream, because of their time or size */
	PgLsn server_end;			 /* the server's WAL, as the stream said last */
	Position last;				 /* the highest settled event; commit_lsn invalid: none */
	Histogram delivery_seconds;	 /* from commit to acknowledgement */
	Histogram read_seconds;		 /* from commit to the first event of a transaction being read */
} PumpStats;

extern Pump *pump_create(const PumpConfig *config); /* NULL: out of memory */
extern void pump_free(Pump *pump);

/* Other settings, from now on; the window's limits are for pump_resize(). */
extern void pump_configure(Pump *pump, const PumpConfig *config, int64_t feedback_interval_usec);
/* The window's limits, while nothing is in flight (BUG else). */
extern MUST_CHECK bool pump_resize(Pump *pump, const WindowLimits *limits, Error *error);

/* -------------------------------------------------------------------------
 * sessions
 * -------------------------------------------------------------------------
 */

/* Another server life (a promotion): nothing that was known counts.  The sink is replaced, too. */
extern MUST_CHECK bool pump_forget(Pump *pump, Error *error);
/* The source is gone: its frames are. */
extern void pump_source_lost(Pump *pump);
/* The sink is gone: what is in flight has to go again. */
extern void pump_sink_lost(Pump *pump);

/*
 * A new stream, from the mark or from what is known to be settled, whichever is
 * later; returns where.  Nothing may be in flight.  The router is borrowed until the
 * next start.
 */
extern MUST_CHECK bool pump_start(Pump *pump, uint32_t generation, const TimelineHistory *timelines,
								  Router *router, PgLsn mark_lsn, const FeedbackConfig *feedback,
								  MonoUsec now, PgLsn *start_lsn, Error *error);

/* assembler_take_messages() of the streams from the next pump_start() on. */
extern void pump_take_messages(Pump *pump, PgLsn before);

/* Where the server's WAL ends, heard elsewhere: the stream only tells how far it was read. */
extern void pump_server_at(Pump *pump, PgLsn end_lsn);

/* -------------------------------------------------------------------------
 * one round
 * -------------------------------------------------------------------------
 */

/*
 * Takes delivery reports; in every state, for as long as there is a sink.  PUMP_POISON: a
 * lone event was refused for good, and so was its sink: either stop, or replace it as after
 * PUMP_SINK_LOST; then the event comes again, and pump_read() says PUMP_POISON.
 */
extern MUST_CHECK PumpVerdict pump_settle(Pump *pump, EventSink *sink, PgUsec wall, Error *error);
extern MUST_CHECK PumpVerdict pump_report(Pump *pump, ReplSource *source, MonoUsec now, PgUsec wall,
										  Error *error);
/*
 * PUMP_POISON: pump_poison() is in the way, and everything before it is settled.  Each
 * further call says the same, until pump_buried().
 */
extern MUST_CHECK PumpVerdict pump_read(Pump *pump, ReplSource *source, EventSink *sink,
										MonoUsec now, Error *error);
/* Until the next start pump_read() reads to the end of the open transaction and no further (PUMP_HELD then). */
extern void pump_finish(Pump *pump);
/* An event of the open transaction has gone, and its commit wasn't read: it would all come again. */
extern bool pump_is_amid_transaction(const Pump *pump);
extern MonoUsec pump_wake_at(const Pump *pump);
/*
 * MONO_NEVER: more is to be read when the source's descriptor says so.  Else pump_read() only gathers it, wants to do so
 * again at that time, and till then no descriptor is a reason to wake up; see pace.h.
 */
extern MonoUsec pump_gather_at(const Pump *pump, MonoUsec now);
/*
 * MONO_NEVER: nothing is done for the source while something is held.  Else pump_read() takes from its connection what is
 * there, and wants to do so again at that time.
 */
extern MonoUsec pump_fill_at(const Pump *pump, MonoUsec now);
extern const char *pump_wanted_topic(const Pump *pump);
/* That topic can't be had: its event is poison. */
extern void pump_topic_refused(Pump *pump, const Error *error);
/* After PUMP_POISON; its views live until anything is read. */
extern const Poison *pump_poison(const Pump *pump);
/*
 * Which event it is, after PUMP_POISON, and after what pump_settle() said of a failed delivery: then
 * maybe its place alone.
 */
extern const EventTrace *pump_trace(const Pump *pump);
/* Its dead letter is committed: false (BUG) for another event's. */
extern MUST_CHECK bool pump_buried(Pump *pump, const DeadLetterReceipt *receipt, Error *error);
/*
 * Before pump_start(): the dead letter of this position is committed.  It was written when
 * everything before it was settled, so that all of that, and it, is not published again.
 */
extern void pump_is_behind(Pump *pump, const DeadLetterReceipt *receipt);
/* Adds to the error which event was tried last: never what is in it. */
extern void pump_name_event(const Pump *pump, Error *error);

/* For rows that don't come through the stream: one transaction of them. */
extern MUST_CHECK PumpVerdict pump_begin(Pump *pump, PgLsn commit_lsn, PgUsec commit_time,
										 Error *error);
extern MUST_CHECK PumpVerdict pump_publish(Pump *pump, const OutboxEvent *event, EventSink *sink,
										   Error *error);
extern MUST_CHECK PumpVerdict pump_commit(Pump *pump, PgLsn end_lsn, Error *error);

/* -------------------------------------------------------------------------
 * a sink with transactions; with another one these do nothing
 * -------------------------------------------------------------------------
 */

/*
 * Once a round, while there is a sink: commits what is due.  end: nothing more comes, so that
 * whatever may be committed is due.  PUMP_IDLE, or a verdict of a sink.
 */
extern MUST_CHECK PumpVerdict pump_transact(Pump *pump, EventSink *sink, bool end, MonoUsec now,
											Error *error);
extern MonoUsec pump_transact_wake_at(const Pump *pump);
/*
 * The open transaction has a part of one of the stream whose rest won't come: the source is
 * lost or the stream ends.  The sink is to be replaced: what was written goes again.
 */
extern bool pump_is_torn(const Pump *pump);
/* Its last commit split a transaction of the stream: true once for each transaction. */
extern bool pump_take_split(Pump *pump, Position *where);
/*
 * Before pump_start(): Kafka has everything before that position, of this generation and
 * of the timeline of the WAL there; none of it is published again.
 */
extern void pump_is_in_kafka(Pump *pump, const Position *before);

/* -------------------------------------------------------------------------
 * marks
 * -------------------------------------------------------------------------
 */
typedef struct PumpMark
{
	PgLsn mark_lsn;
	bool has_last;
	Position last;
	const char *heartbeat_snapshot; /* NULL: none to store; until pump_marked() */
	PgUsec heartbeat_at;
} PumpMark;

/*
 * A heartbeat of this session was written there, by the server that the stream is of; kept until
 * a mark stores it, or the source or the sink is lost.  false: another one is needed (heartbeat.h).
 */
extern MUST_CHECK bool pump_heartbeat(Pump *pump, const char *snapshot, PgLsn lsn, PgUsec at);
/* force: whatever is ahead of the durable mark, at a shutdown. */
extern bool pump_mark_wanted(const Pump *pump, bool force, MonoUsec now, PumpMark *mark);
extern MonoUsec pump_mark_wake_at(const Pump *pump); /* MONO_NEVER: none is due for now */
extern void pump_marked(Pump *pump, const PumpMark *mark, MonoUsec now);
/* The mark couldn't be written; a bad heartbeat isn't tried again. */
extern void pump_mark_failed(Pump *pump, bool heartbeat_is_bad, MonoUsec now);

extern PgLsn pump_confirmed(const Pump *pump);
extern PgLsn pump_durable(const Pump *pump);
/* Whatever a sink was given, the ones before this one included, and on another timeline. */
extern bool pump_sent_is_confirmed(const Pump *pump);
extern uint32_t pump_in_flight(const Pump *pump);
extern uint64_t pump_in_flight_bytes(const Pump *pump);
extern PgUsec pump_oldest_commit_time(const Pump *pump);
/* With events, and all of them acknowledged or dead letters. */
extern uint64_t pump_transactions_settled(const Pump *pump);
extern const PumpStats *pump_stats(const Pump *pump);

#endif
