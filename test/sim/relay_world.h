/*
 * relay_world.h
 *	  The world that relay_step() is put into: a server with its WAL, its slot and the rows of the
 *	  extension; a Kafka whose logs are the truth; and two relays that want the same slot.
 *
 *		writers -> WAL entries -> walsender -> relay -> producer -> broker's logs
 *						^ mark, slot <---------- relay		 (committed reader of each log)
 *
 * The relays are linked with the files here in the place of pg_registry*.c, pg_source.c and
 * kafka_*.c: that is the seam, and nothing else of them is replaced.
 *
 * What is held to be true, at every step (docs/guarantees.md):
 *	R1 The mark and the slot never pass an event that is neither in Kafka nor a dead letter, and
 *	   what the server is told was committed as the mark before.
 *	R2 A stream begins where everything before it is settled.
 *	R3 Nothing is in Kafka that the server didn't commit, at another position or partition.
 *	R4 A reader that drops what isn't above the highest position it has seen of a partition has
 *	   each event once, in commit order; with transactions a committed reader has it so
 *	   without dropping anything.
 *	R5 What is in flight is within the window's limits.
 *	R6 The walsender never waits in vain for its time-out.
 *	R7 Without faults all is published, marked and confirmed within a bounded time, and no
 *	   relay ends without a reason.
 *	R8 A Kafka transaction holds whole transactions, and the position with it is true.
 *	R9 A heartbeat's snapshot is stored when all that it sees is settled.
 *	R10 Of a relay that says at its end that all is marked, all is.
 */
#ifndef OUTBOX_TEST_RELAY_WORLD_H
#define OUTBOX_TEST_RELAY_WORLD_H

#include "sim.h"

#include "relay_intern.h"

#define RELAYS 2
#define TOPICS 3
#define PARTITIONS 2
#define PLACES (TOPICS * PARTITIONS)
#define KEYS 6
#define ENTRIES_MAX 640
#define EVENTS_MAX 4096
#define VERSIONS 128
#define TIMELINES 3
#define GENERATION 3
#define SOURCE_ID "sim-1"
#define SYSTEM_ID "7300000000000000001"
#define WAL_SENDER_TIMEOUT (2 * USEC_PER_SEC)
#define WINDOW_MAX 96

typedef struct SimEvent
{
	PgLsn commit_lsn;
	uint32_t timeline; /* of its commit */
	uint64_t ordinal;
	int key;
	int place;
	uint32_t payload;
	bool poison;	  /* the broker takes it for too large */
	bool accepted;	  /* by the reader of its log */
	bool lost;		  /* with the end of a timeline */
	PgLsn dead_lsn;	  /* its dead letter is committed; LSN_INVALID: there is none */
	bool letter_lost; /* with the end of a timeline */
	int committed;	  /* copies that committed readers see */
} SimEvent;

/* A transaction in the WAL. */
typedef struct WalEntry
{
	PgLsn commit_lsn;
	PgLsn end_lsn;
	PgUsec commit_time;
	uint32_t xid;
	int first; /* event */
	int count;
	bool message;		 /* a logical message that is no event, in place of events */
	MonoUsec seen_at;	 /* by other sessions */
	MonoUsec decoded_at; /* by the walsender, not before */
	bool split;			 /* in parts in Kafka, and it was said so */
} WalEntry;

/* The rows of the extension, as of a commit. */
typedef struct Rows
{
	PgLsn lsn;
	uint32_t timeline;
	PgLsn mark_lsn;
	Position last;
	bool has_last;
	bool exactly_once;
	const char *routing;
	uint32_t partitions[TOPICS];
	Position letter;
	bool has_letter;
} Rows;

typedef struct Server
{
	bool up;
	unsigned life; /* sessions of another one are lost */
	PgLsn end;	   /* of the WAL, flushed */
	uint32_t xid;
	uint32_t timeline;
	TimelineHistory histories[TIMELINES];
	bool synced; /* the slot is a copy that a standby made */
	WalEntry entries[ENTRIES_MAX];
	int entry_count;
	Rows versions[VERSIONS];
	unsigned version; /* the present one is versions[version % VERSIONS] */
	PgLsn confirmed;
	PgLsn persisted;
	PgLsn confirmed_before[8];
	unsigned confirmations;
	struct PgSource *holder; /* of the slot; NULL: it is free */
} Server;

typedef struct Record
{
	int event;
	Position position;
	bool committed;
} Record;

typedef struct Place
{
	Record *log;
	int count;
	int room;
	Position highest; /* that the reader has seen */
	bool seen;
	int *expected; /* events of this partition in commit order */
	int expected_count;
	int next;
	PgLsn written; /* the highest commit LSN of all records */
} Place;

typedef struct FakeSink FakeSink;

typedef struct Broker
{
	MonoUsec up_at; /* down until then */
	Place places[PLACES];
	bool made[TOPICS];
	FakeSink *owner; /* of the transactional id */
	Position position;
	bool has_position;
	bool position_topic;
} Broker;

typedef struct SimRelay
{
	int number;
	RelayConfig config;
	Poller poller;
	Relay *relay;	   /* NULL: not running */
	MonoUsec start_at; /* then */
	MonoUsec next_at;
	MonoUsec paused_until;
	MonoUsec resumed_at;
	struct PgRegistry *registry;
	struct PgSource *source;
	FakeSink *sink;
	bool stopping;
	bool starved; /* an allocation was refused to it */
	bool refused; /* to begin with transactions, by its last life */
	MonoUsec started_at;
	unsigned stopped_life; /* of the server, when it was told to stop */
	PgLsn published;	   /* the highest commit LSN of which it sent something */
	uint32_t window;	   /* the largest of this life */
	uint64_t steps;
	unsigned deaf; /* steps in a row for a stream that it didn't look at */
} SimRelay;

typedef struct RelayWorld
{
	Server server;
	Broker broker;
	SimEvent *events;
	int event_count;
	SimRelay relays[RELAYS];
	SimRelay *running;
	bool exactly_once;
	bool changes_mode; /* whenever a relay begins and the other one doesn't run, */
	bool mode;		   /* to this one: exactly once */
	bool dying;		   /* what a relay does now it doesn't do any more */
	bool faults;
	MonoUsec ends_at;  /* of writers and faults */
	MonoUsec cured_at; /* the last time that poison ceased to be it */
	unsigned loss;	   /* per cent: of answers, requests, connections */
	int settled;	   /* entries before this one are */
	int key_places[TOPICS][KEYS];
	SimCounts *counts;
} RelayWorld;

extern RelayWorld *world;

/* --- relay_server.c --- */
extern void server_init(void);
extern Rows *server_rows(void);
/* A new version of the rows, committed. */
extern Rows *server_write(void);
extern WalEntry *server_commit(int events, bool message);
extern void server_crash(void);
extern void server_promote(void);
/* R1, R2: everything of transactions that commit before that LSN is in Kafka or a dead letter. */
extern void check_settled(PgLsn lsn, const char *what);
extern bool event_is_settled(const SimEvent *event);
/* Relays that wrote on that timeline or an earlier one have committed a position. */
extern void pass_lost_letters(uint32_t timeline);
extern void check_snapshot(const char *snapshot);
extern bool all_is_settled(void);
extern void check_settled_again(void);

/* --- relay_kafka.c --- */
extern void broker_init(void);
extern bool broker_is_up(void);
extern void broker_append(FakeSink *sink, int place, int event, const Position *position);
extern void broker_accept(int place, Record *record);
extern int find_topic(const char *name);
extern const char *topic_name(int topic);
/* A round trip's half. */
extern int64_t some_time(void);

/* --- relay_producer.c --- */
extern bool sink_is_ready(const FakeSink *sink);
extern void sink_break(FakeSink *sink);
extern uint32_t sink_outstanding(const FakeSink *sink);

/* --- relay_registry.c, relay_source.c --- */
extern bool registry_is_ready(const struct PgRegistry *registry);
extern void registry_break(struct PgRegistry *registry);
extern bool source_is_ready(const struct PgSource *source, short events);
extern MonoUsec source_ready_at(const struct PgSource *source, short events);
extern void source_break(struct PgSource *source, bool in_silence);
/* How often it was asked for something, or for its state. */
extern uint64_t source_looks(const struct PgSource *source);

#endif
