/*
 * pg_registry.h
 *	  The ordinary connection to the source database: what the relay asks of it
 *	  and writes into it.
 *
 * Jobs are queued and run one after the other without blocking; each gives one
 * reply.  A job that the server refused gives a reply with "failed", and the
 * connection goes on; IO_FAILED means that the connection is gone, and every
 * job with it.  One connection for each PgRegistry.
 *
 * It is also the relay's ear for a server that shuts down: then it fails at
 * once (57P01), and the owner lets go of the replication connection.
 */
#ifndef OUTBOX_RELAY_PG_REGISTRY_H
#define OUTBOX_RELAY_PG_REGISTRY_H

#include "poison.h"
#include "relay_check.h"
#include "relay_options.h"
#include "route.h"

#include "reader.h"

typedef struct PgRegistry PgRegistry;

typedef enum RegistryJob
{
	REGISTRY_SETUP,		   /* private: its reply is never given */
	REGISTRY_SERVER,	   /* private */
	REGISTRY_REGISTRATION, /* private */
	REGISTRY_LAST_LETTER,  /* private */
	REGISTRY_FACTS,		   /* registry_facts(), registry_topic() are filled */
	REGISTRY_MARK,
	REGISTRY_TIMELINE,
	REGISTRY_ROUTING, /* rows is 0 when another relay was first, or the registration is another one */
	REGISTRY_TOPIC,	  /* u.partitions is what is recorded now; 0: ask again; rows is 0 when the
					   registration is gone */
	REGISTRY_HEARTBEAT, /* u.heartbeat */
	REGISTRY_MAINTAIN,
	REGISTRY_LEAF_SIZE, /* u.blocks */
	REGISTRY_LEAF_ROWS, /* a reply for each row, then one with u.row NULL */
	REGISTRY_READY,
	REGISTRY_PUBLICATION, /* that of registry_facts() is as of now */
	REGISTRY_DEAD_LETTER, /* u.receipt */
	REGISTRY_FLUSHED,	  /* u.server_end */
	REGISTRY_DELIVERY,
	REGISTRY_SLOT,		/* u.slot_pid; 0: the slot is free, or gone */
	REGISTRY_SLOT_FACTS /* u.slot */
} RegistryJob;

/* A row of outbox.event that was there before the slot. */
typedef struct StoredRow
{
	uint32_t block;
	uint16_t offset;
	uint8_t id[UUID_SIZE];
	ByteView aggregate_type;
	ByteView aggregate_id;
	ByteView type;
	ByteView payload;
	ByteView other_payload; /* payload_bytes beside a payload */
	ByteView headers;
	PgUsec created_at;
	bool no_id;
	bool payload_is_bytes;
} StoredRow;

/* How the slot is, for people: a look at it changes nothing. */
typedef struct SlotFacts
{
	bool found;
	char wal_status[16];   /* reserved, extended, unreserved, lost; "": not known */
	int64_t safe_wal_size; /* bytes; -1: no limit is set */
	int64_t retained;	   /* bytes from its restart_lsn to the end of the WAL */
	int64_t unconfirmed;   /* bytes from its confirmed_flush_lsn to there */
	PgLsn server_end;
	bool gap_open; /* an accepted gap wasn't replayed */
} SlotFacts;

/* What the server answered when it wrote a heartbeat (heartbeat.h). */
typedef struct HeartbeatReply
{
	const char *snapshot; /* until the next registry_next() */
	PgLsn lsn;
	PgUsec at;
} HeartbeatReply;

typedef struct RegistryReply
{
	RegistryJob job;
	bool failed; /* error says why */
	Error error;
	uint64_t rows;					/* changed, by MARK, TIMELINE, READY, DELIVERY */
	char topic[TOPIC_NAME_MAX + 1]; /* TOPIC: which one was asked for, also when it failed */
	union
	{
		uint32_t partitions;
		uint32_t blocks;
		PgLsn server_end;	  /* MARK, FLUSHED: of its WAL */
		const StoredRow *row; /* until the next registry_next() */
		DeadLetterReceipt receipt;
		int slot_pid;
		SlotFacts slot;
		HeartbeatReply heartbeat;
	} u;
} RegistryReply;

typedef struct MarkRequest
{
	uint32_t generation;
	PgLsn mark_lsn;
	const char *last_position;		/* NULL: as it is */
	const char *heartbeat_snapshot; /* NULL: as it is */
	PgUsec heartbeat_at;
} MarkRequest;

extern MUST_CHECK PgRegistry *registry_open(const RelayConfig *config, MonoUsec now, Error *error);
extern void registry_free(PgRegistry *registry); /* NULL is allowed; doesn't wait */

/* For commands that are run once: the reply to the one job that was asked for; false when it failed. */
extern MUST_CHECK bool registry_wait(PgRegistry *registry, RegistryReply *reply, Error *error);

/*
 * For commands that are run once: opens, asks for the facts and waits for them.  NULL with
 * the Error filled.
 */
extern MUST_CHECK PgRegistry *registry_look(const RelayConfig *config, Error *error);

/* IO_OK: *reply is filled, ask again; IO_AGAIN; IO_FAILED. */
extern MUST_CHECK IoResult registry_next(PgRegistry *registry, MonoUsec now, RegistryReply *reply,
										 Error *error);
/* Once connected: which of the connection string's hosts, as in pg_link.h. */
extern int registry_host(const PgRegistry *registry);
extern int registry_fd(const PgRegistry *registry);
extern short registry_events(const PgRegistry *registry);
extern MonoUsec registry_wake_at(const PgRegistry *registry);

/* false: the queue is full or memory is out; nothing was queued. */
extern MUST_CHECK bool registry_ask_facts(PgRegistry *registry);
extern MUST_CHECK bool registry_mark(PgRegistry *registry, const MarkRequest *request);
/* With what is known to be settled there: the mark, if it is behind it, goes with it. */
extern MUST_CHECK bool registry_set_timeline(PgRegistry *registry, uint32_t generation,
											 uint32_t timeline, PgLsn settled);
/* How far the server's WAL is on its disk. */
extern MUST_CHECK bool registry_ask_flushed(PgRegistry *registry);
/* Whether the slot is in use: for a relay that stands by. */
extern MUST_CHECK bool registry_look_at_slot(PgRegistry *registry);
/* Only where nothing is recorded yet. */
extern MUST_CHECK bool registry_record_routing(PgRegistry *registry, uint32_t generation,
											   const char *routing);
/* How the relay of this registration publishes from now on. */
extern MUST_CHECK bool registry_set_delivery(PgRegistry *registry, uint32_t generation,
											 bool exactly_once);
extern MUST_CHECK bool registry_record_topic(PgRegistry *registry, uint32_t generation,
											 const char *topic, uint32_t partitions);
extern MUST_CHECK bool registry_heartbeat(PgRegistry *registry);
extern MUST_CHECK bool registry_maintain(PgRegistry *registry);
extern MUST_CHECK bool registry_look_at_publication(PgRegistry *registry);
extern MUST_CHECK bool registry_ask_slot_facts(PgRegistry *registry);
extern MUST_CHECK bool registry_ask_leaf_size(PgRegistry *registry, unsigned leaf);
/* The rows from a TID up to a block that the start snapshot saw, in their order. */
extern MUST_CHECK bool registry_read_leaf(PgRegistry *registry, unsigned leaf, uint32_t block,
										  uint16_t offset, uint32_t to_block);
/* The backfill is done: state ready, mark at the slot's start. */
extern MUST_CHECK bool registry_ready(PgRegistry *registry, uint32_t generation);

/* How an event is stored: when poison_form_is_refused() the next one is tried. */
typedef enum LetterForm
{
	LETTER_AS_IT_IS,
	LETTER_PAYLOAD_AS_BYTES, /* a message may have one that isn't JSON */
	LETTER_RAW,				 /* and such headers: they become a JSON string */
	LETTER_BYTES /* and text that the database can't hold: all of it as bytes, see docs/sql.md */
} LetterForm;

/* The event as a row of outbox.dead_letter; copied. */
extern MUST_CHECK bool registry_dead_letter(PgRegistry *registry, const Poison *poison,
											LetterForm form);
/* Of the facts: false when this registration has no dead letters, or they can't be read. */
extern bool registry_last_dead_letter(const PgRegistry *registry, DeadLetterReceipt *receipt);

extern const RelayFacts *registry_facts(const PgRegistry *registry);
/* outbox.relay.routing; NULL: nothing is recorded. */
extern const char *registry_routing(const PgRegistry *registry);
extern int registry_topic_count(const PgRegistry *registry);
extern const char *registry_topic(const PgRegistry *registry, int index, uint32_t *partitions);

#endif
