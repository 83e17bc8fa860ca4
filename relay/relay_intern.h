/*
 * relay_intern.h
 *	  What the files of the conductor share.  For relay.c and relay_*.c alone.
 */
#ifndef OUTBOX_RELAY_RELAY_INTERN_H
#define OUTBOX_RELAY_RELAY_INTERN_H

#include "backfill.h"
#include "backoff.h"
#include "kafka_position.h"
#include "kafka_sink.h"
#include "kafka_tail.h"
#include "kafka_topics.h"
#include "lag.h"
#include "log.h"
#include "pg_registry.h"
#include "pg_source.h"
#include "route_record.h"
#include "relay.h"
#include "relay_check_delivery.h"

#define PUBLICATION_USEC (10 * USEC_PER_SEC) /* how often it is looked at */

#define SLOT_LOOK_USEC PUBLICATION_USEC /* at the same time */

/* Whether a peer answers. */
typedef struct PeerHealth
{
	bool away;
	bool cut_off; /* no broker answers: its client said so, or a new one heard nothing */
	MonoUsec since;
	uint64_t failures; /* of this outage */
	uint64_t recoveries;
	LogRepeat repeat;
} PeerHealth;

/* What becomes of the event that pump_poison() shows. */
typedef enum Burial
{
	BURIAL_NONE,	/* there is none, or the pump is asked for it again */
	BURIAL_WRITING, /* its dead letter is under way */
	BURIAL_WAITING	/* until burial_retry_at, then the pump is asked again */
} Burial;

/* How far the way of relay_delivery.c was gone with this producer. */
typedef enum DeliveryStep
{
	DELIVERY_UNKNOWN,
	DELIVERY_READING,
	DELIVERY_FENCING, /* the writer of what was read */
	DELIVERY_DECIDING,
	DELIVERY_MAKING,
	DELIVERY_ANCHORING,
	DELIVERY_RECORDING,
	DELIVERY_KNOWN
} DeliveryStep;

struct Relay
{
	const RelayConfig *config;
	Poller *poller;
	int registry_slot; /* in the poller */
	int source_slot;
	int sink_slot;

	MonoUsec now; /* of this round */
	RelayState state;
	MonoUsec state_since;
	MonoUsec retry_at;	  /* WAITING, STANDING_BY */
	MonoUsec yield_until; /* whoever fenced us off comes first */
	Backoff backoff;
	Random random;
	uint64_t done_at_start; /* of the session: progress ends the backoff */

	PgRegistry *registry; /* NULL: no session */
	PgSource *source;
	ReplSource *stream;	  /* the source, once it streams */
	bool source_full;	  /* output waits for POLLOUT */
	bool reading;		  /* POLLIN is wanted */
	EventSink *sink;	  /* outlives sessions */
	uint32_t batch_bytes; /* limit of the next sink's batches; 0: as configured */
	Pump *pump;
	TopicMap *topics;
	Router *router; /* made when the source id is known */
	Backfill backfill;
	bool backfill_ready; /* the state is being written */

	RelayFacts facts; /* of this session */
	RelayMemory memory;
	SourceIdentity identity;
	bool routing_recorded;	 /* the settings, in this session or by an earlier one */
	bool routing_in_flight;	 /* they are being recorded */
	bool routing_unkept;	 /* logged: the extension has no room for them */
	uint32_t map_generation; /* that of topics; 0: none was loaded */
	uint32_t next_topic;	 /* COMPARING: which one is looked at */
	MonoUsec missing_since;	 /* COMPARING: Kafka doesn't know a topic; 0: it does */
	MonoUsec look_at;		 /* and when it is asked again */
	TopicMap *grown;		 /* topics that have more partitions than recorded, and were logged */
	KafkaTail *tail;
	bool tail_read;		/* to its end */
	bool flushed_asked; /* whether the server has come to the tail meanwhile */
	bool flushed_known; /* the answer came */
	bool tail_is_known; /* compared once in this life of the server and of ours */
	bool has_tail;
	TailPosition highest; /* of it */
	DeliveryStep delivery;
	DeliveryStart delivery_start;
	bool refused_to_begin; /* by what may have been young: the registration was read before Kafka */
	EventSink *fence;	   /* for a relay that publishes at least once, and follows another one */
	KafkaPosition *position;
	TopicMaker *position_maker;
	bool position_topic_is_there;
	bool has_position;
	Position position_before; /* what the position topic said */
	PositionWriter position_writer;
	char fenced_other[TRANSACTIONAL_ID_SIZE]; /* the writer that was fenced off besides; "": none */
	int standby_pid;						  /* logged */
	MonoUsec facts_at;		 /* STANDING_BY: when all of them are asked for again */
	bool slot_asked;		 /* STANDING_BY: the answer is under way */
	bool publication_missed; /* by the last stream */

	TopicMaker *maker;
	bool topic_wanted;
	char topic_name[TOPIC_NAME_MAX + 1]; /* of it */
	bool topic_recording;
	TopicMap *new_topic; /* the one that is recorded and compared now; else NULL */
	bool tail_was_known;
	MonoUsec topic_retry_at;
	Backoff topic_backoff;

	TopicMap *forbidden; /* topics that may not be looked at; policy dead-letter */
	Burial burial;
	LetterForm burial_form; /* of the next attempt */
	int burial_looks;		/* at a topic that may be free again */
	bool burial_failed;		/* the last attempt */
	MonoUsec burial_retry_at;
	Backoff burial_backoff;
	LogLimit burial_log;

	bool mark_in_flight;
	PumpMark mark;
	bool heartbeat_in_flight;
	uint64_t heartbeat_events; /* published when the last one was sent */
	MonoUsec heartbeat_at;
	bool maintain_in_flight;
	MonoUsec maintain_at;
	bool publication_in_flight;
	MonoUsec publication_at; /* when it is looked at next */
	bool kafka_answered;	 /* some producer of ours had an answer */
	LogRepeat job_log;

	PeerHealth peers[RELAY_PEERS];
	MonoUsec probe_at;		 /* of Kafka, while it is cut off */
	bool gap_told;			 /* that one is open */
	MonoUsec sink_at;		 /* when this producer was made */
	bool sink_answered;		 /* it had an answer: a new one knows nothing of the last one's */
	char kafka_trouble[256]; /* what its client complained of last; "": nothing */
	uint64_t errors[ERROR_CLASS_BUG + 1];
	EventTrace culprit;	   /* of the error that is being dealt with; empty: it is about none */
	EventTrace stop_event; /* of stop_error */
	Error last_error;	   /* class NONE: there was none */
	UnixUsec last_error_at;

	bool renewing;	/* producer and window wait for nothing being in flight */
	bool elsewhere; /* the next producer is for other brokers */
	MonoUsec renew_deadline;

	LagClock lag;
	bool slot_in_flight;
	MonoUsec slot_at; /* when it is looked at next */
	SlotFacts slot;
	MonoUsec slot_seen_at;

	MonoUsec drain_deadline;
	bool drained; /* nothing was sent that isn't marked */
	Error stop_error;

	uint64_t sessions;
	uint64_t sinks;
	uint64_t fenced;
	uint64_t backfilled;
};

/* Events that will not come again: that it rises is progress. */
extern uint64_t relay_events_done(const Relay *relay);
extern void relay_set_state(Relay *relay, RelayState state, MonoUsec now);
/* By its class: try again later, or drain and stop. */
extern void relay_fail(Relay *relay, const Error *error, MonoUsec now);
/* The same of an error that came from Kafka. */
extern void relay_fail_kafka(Relay *relay, const Error *error, MonoUsec now);
/* The same, when no peer is away: one thing failed. */
extern void relay_fail_session(Relay *relay, const Error *error, MonoUsec now);
/* A statement that has to find the registration didn't. */
extern void relay_fail_unregistered(Relay *relay, MonoUsec now);
/* Closes both connections to PostgreSQL at once. */
extern void relay_end_session(Relay *relay);
extern bool relay_take_verdict(Relay *relay, PumpVerdict verdict, const Error *error, MonoUsec now);
/* true: the round may go on */
extern bool relay_report(Relay *relay, MonoUsec now, PgUsec wall);
extern bool relay_flush_source(Relay *relay, MonoUsec now);
/* true: more to do at once */
extern bool relay_read_stream(Relay *relay, MonoUsec now);

/* relay_sink.c */
/* NULL with the Error filled. */
extern MUST_CHECK EventSink *relay_open_producer(Relay *relay, const char *transactional_id,
												 Error *error);
/* Makes the producer when there is none; false: it failed. */
extern bool relay_open_sink(Relay *relay, MonoUsec now);
extern void relay_close_sink(Relay *relay);
/* It failed: what was in flight comes again, through the next one. */
extern void relay_lose_sink(Relay *relay, const Error *error, MonoUsec now);
/* Takes what was delivered; true: more to do at once. */
extern bool relay_settle(Relay *relay, MonoUsec now, PgUsec wall);
/*
 * A broker that refuses us, or can't be trusted, before any has answered: somebody has to do
 * something.  Later it is waited for like one that is away, for certificates and passwords are
 * changed at brokers one by one; access lists are not.
 */
extern void relay_take_refusal(Relay *relay, MonoUsec now);

/* relay_peers.c */
extern void relay_note_error(Relay *relay, const Error *error);
extern void relay_peer_lost(Relay *relay, RelayPeer peer, MonoUsec now);
extern void relay_peer_back(Relay *relay, RelayPeer peer, MonoUsec now);
/* Whether a complaint goes into the log; *suppressed: those of its kind before it that didn't. */
extern bool relay_may_complain(Relay *relay, RelayPeer peer, const char *text, MonoUsec now,
							   unsigned long *suppressed);
/* What its client says; the last complaint explains an outage. */
extern void relay_kafka_complains(Relay *relay, int level, const char *text);
extern void relay_kafka_step(Relay *relay, MonoUsec now);
extern MonoUsec relay_kafka_wake_at(const Relay *relay);

/* relay_slot.c */
/* That an accepted gap is open: once in the life of a relay. */
extern void relay_tell_gap(Relay *relay);
extern void relay_slot_begin(Relay *relay, MonoUsec now); /* a stream began */
extern void relay_slot_end(Relay *relay, MonoUsec now);	  /* the session is over */
extern void relay_slot_look(Relay *relay, MonoUsec now);
extern MonoUsec relay_slot_wake_at(const Relay *relay);
extern void relay_slot_take(Relay *relay, const RegistryReply *reply, MonoUsec now);
extern bool relay_slot_is_known(const Relay *relay, MonoUsec now);
/* The end of its WAL, as the server said just now. */
extern void relay_server_at(Relay *relay, PgLsn server_end, MonoUsec now);

/* relay_renew.c: nothing is read until the producer is replaced */
extern bool relay_pauses_to_renew(const Relay *relay);
extern void relay_renew_step(Relay *relay, MonoUsec now);
extern PumpConfig relay_pump_config(const RelayConfig *config);
extern int64_t relay_feedback_interval(const Relay *relay);

/* relay_end.c */
extern bool relay_is_ending(const Relay *relay);
extern void relay_begin_end(Relay *relay, MonoUsec now);
/* The rest of a transaction is read before the end. */
extern bool relay_finishes(const Relay *relay);
/* true: more to do at once */
extern bool relay_drain_step(Relay *relay, MonoUsec now, PgUsec wall);

/* relay_session.c: from connecting to streaming */
extern void relay_session_step(Relay *relay, MonoUsec now);
extern void relay_take_facts(Relay *relay, MonoUsec now);
/* The answer to how far the server's WAL is by now. */
extern void relay_take_flushed(Relay *relay, const RegistryReply *reply, MonoUsec now);
/* While standing by: whether the slot is still in use. */
extern void relay_take_slot(Relay *relay, const RegistryReply *reply, MonoUsec now);
extern void relay_lose_source(Relay *relay, const Error *error, MonoUsec now);
extern void relay_backfilled(Relay *relay, MonoUsec now);
/* true: more to do at once */
extern bool relay_backfill_step(Relay *relay, MonoUsec now);

/* relay_routing.c: the settings that decide where events go, and those that are recorded */
extern MUST_CHECK bool relay_check_routing(const Relay *relay, Error *error);
/* Once nobody else has the slot; relay->routing_recorded says when it is done. */
extern void relay_record_routing(Relay *relay, MonoUsec now);
extern void relay_take_routing(Relay *relay, const RegistryReply *reply, MonoUsec now);
/* The recorded topics; a map of another generation than before is refused. */
extern MUST_CHECK bool relay_load_topics(Relay *relay, Error *error);

/* relay_compare.c: false: not yet, or failed */
extern bool relay_topics_are_there(Relay *relay, MonoUsec now);
/*
 * Kafka doesn't know a topic that was there.  true: ask again at relay->look_at; false: that was so
 * for long enough.
 */
extern bool relay_waits_for_topic(Relay *relay, const char *topic, MonoUsec now);
/* It does, or nobody asks any more. */
extern void relay_waits_no_more(Relay *relay);
/* Not every one was looked at. */
extern bool relay_is_comparing_topics(const Relay *relay);
extern bool relay_tail_is_fine(Relay *relay, MonoUsec now);
/* The same of topics alone, which are borrowed until relay->tail is freed. */
extern bool relay_tail_of_is_fine(Relay *relay, const TopicMap *topics, int64_t since_ms,
								  TailPosition *highest, bool *found, MonoUsec now);
/* Ends, or reads everything once more: as relay_fail(), with an error that it may change. */
extern void relay_refuse_to_begin(Relay *relay, Error *error, MonoUsec now);

/* relay_delivery.c: Kafka transactions */
extern TransactionLimits relay_transaction_limits(const RelayConfig *config);
extern bool relay_delivery_is_known(Relay *relay, MonoUsec now); /* false: not yet, or failed */
extern MonoUsec relay_delivery_wake_at(const Relay *relay, MonoUsec now);
extern void relay_take_delivery(Relay *relay, const RegistryReply *reply, MonoUsec now);
/* Everything before it is in Kafka; false: there are no transactions. */
extern bool relay_delivery_point(const Relay *relay, Position *before);
extern void relay_forget_delivery(Relay *relay);
extern const char *relay_transactional_id(const Relay *relay, char text[TRANSACTIONAL_ID_SIZE]);
extern void relay_transact(Relay *relay, MonoUsec now);
/* The rest of what was begun won't come in this session. */
extern void relay_drop_torn(Relay *relay);

/* relay_topics.c: a topic that the map lacks */
extern void relay_want_topic(Relay *relay);
extern void relay_topic_step(Relay *relay, MonoUsec now);
extern MonoUsec relay_topic_wake_at(const Relay *relay,
									MonoUsec now); /* MONO_NEVER: nothing waits */
extern void relay_take_topic(Relay *relay, const RegistryReply *reply, MonoUsec now);
extern void relay_drop_topic(Relay *relay);

/* relay_poison.c: an event that can't be published */
extern bool relay_keeps_dead_letters(const Relay *relay);
/* PUMP_POISON while reading: true: its dead letter is being written; false: stopped. */
extern bool relay_bury(Relay *relay, const Error *error, MonoUsec now);
extern void relay_take_burial(Relay *relay, const RegistryReply *reply, MonoUsec now);
extern void relay_burial_step(Relay *relay, MonoUsec now);
extern void relay_drop_burial(Relay *relay);

/* relay_chores.c: marks, heartbeats, maintenance */
extern void relay_chores_step(Relay *relay, MonoUsec now);
extern MonoUsec relay_chores_wake_at(const Relay *relay);
extern void relay_take_reply(Relay *relay, const RegistryReply *reply, MonoUsec now);
extern bool relay_start_mark(Relay *relay, bool force, MonoUsec now);

#endif
