/*
 * relay_check.h
 *	  The rules that keep a relay from streaming over a gap.  Pure: facts in,
 *	  verdict out.
 *
 * Each rule has one clear line and its own exit code.  What is true at a first
 * start must be true at each later connection too.
 */
#ifndef OUTBOX_RELAY_RELAY_CHECK_H
#define OUTBOX_RELAY_RELAY_CHECK_H

#include "error.h"
#include "position.h"

#define RELAY_SERVER_VERSION_MIN 150000
/* From here on a logical slot raises the level of the WAL by itself, from "replica". */
#define RELAY_DYNAMIC_WAL_VERSION_MIN 190000

#define SERVER_STARTED_SIZE 32
/* What the ordinary connection found in the server.  Texts are "" when unknown. */
typedef struct RelayFacts
{
	int server_version;
	char started[SERVER_STARTED_SIZE]; /* when: another life of it says another */
	bool in_recovery;
	uint32_t server_timeline; /* 0: in recovery */
	char wal_level[16];
	int64_t wal_sender_timeout_ms; /* 0: none */
	bool extension_found;

	bool publication_found;
	char publication_problem[256]; /* "": it is as it must be */

	bool slot_found;
	bool slot_here; /* of this database, logical, pgoutput */
	bool slot_lost;
	bool slot_synced; /* a copy that a standby made, 17 and later */
	int slot_pid;	  /* 0: not in use */
	PgLsn slot_confirmed;

	bool registered;
	bool backfill; /* else ready, when "creating" is false */
	bool creating; /* init didn't get to its end */
	uint32_t generation;
	char source_id[SOURCE_ID_MAX + 1];
	char system_identifier[24];
	uint32_t timeline;
	PgLsn start_lsn;
	PgLsn mark_lsn;
	char last_position[POSITION_TEXT_SIZE];
	int64_t behind_mark_since_ms; /* since 1970: what is behind the mark was committed later */
	bool wal_messages;			  /* logical messages are events */
	bool gap_open;				  /* an accepted gap wasn't replayed */
	bool routing_kept;			  /* the registration has room for the routing settings */
	bool delivery_recorded;		  /* the column is there */
	bool exactly_once;			  /* the last relay of this registration published so */
	PgLsn messages_before;		  /* those of transactions that commit before it; UINT64_MAX: all */

	bool dead_letters_found; /* the table */
	bool dead_letters_readable;
	bool dead_letters_writable;
	char last_dead_letter[POSITION_TEXT_SIZE]; /* of this generation; "": none */
} RelayFacts;

/* What a running relay remembers of its last session; zero at its start. */
typedef struct RelayMemory
{
	bool valid;
	uint32_t generation;
	uint32_t timeline;
	PgLsn mark_lsn;	 /* the last one that was committed */
	PgLsn confirmed; /* what Kafka acknowledged */
} RelayMemory;

/* What init needs to begin: the server can do it, and the extension is there. */
extern MUST_CHECK bool relay_check_database(const RelayFacts *facts, Error *error);

/* The server alone: version, role, wal_level. */
extern MUST_CHECK bool relay_check_server(const RelayFacts *facts, Error *error);

/* init came to its end. */
extern MUST_CHECK bool relay_check_registration(const RelayFacts *facts, const char *slot,
												Error *error);

/* The slot is there, ours, whole, and not ahead of the mark. */
extern MUST_CHECK bool relay_check_slot(const RelayFacts *facts, const char *slot, Error *error);

/* All of it: the database, registration, publication, slot, in this order. */
extern MUST_CHECK bool relay_check_facts(const RelayFacts *facts, const char *slot,
										 const char *publication, Error *error);

/* The table outbox.dead_letter is there, and may be read and written. */
extern MUST_CHECK bool relay_check_dead_letters(const RelayFacts *facts, Error *error);

/* That of facts is as init makes it. */
extern MUST_CHECK bool relay_check_publication(const RelayFacts *facts, const char *publication,
											   Error *error);

/*
 * Where what Kafka has ends: the mark, or on a promoted server what the primary was told, when the
 * standby had copied that and hadn't got the mark any more.
 */
extern PgLsn relay_settled(const RelayFacts *facts);

/* Both connections lead to the same server, and to the same life of it.  TRANSIENT. */
extern MUST_CHECK bool relay_check_same_server(const RelayFacts *facts, const char *started,
											   Error *error);

/*
 * The stream says that there is no such publication, and the check before it found it: fills the
 * error and returns false.
 */
extern bool relay_publication_is_younger(const char *slot, const char *publication, Error *error);

/* What was to be written into the registration found no row: fills the error and returns false. */
extern bool relay_registration_is_gone(const char *slot, Error *error);

/* The server behind the replication connection is the registered one, and not older. */
extern MUST_CHECK bool relay_check_identity(const RelayFacts *facts, const RelayMemory *memory,
											const char *system_identifier, uint32_t timeline,
											PgLsn flushed, Error *error);

/* Kafka doesn't hold a position that this server hasn't come to. */
extern MUST_CHECK bool relay_check_tail(const Position *tail, const char *topic, int partition,
										uint32_t generation, uint32_t timeline, PgLsn flushed,
										Error *error);

/* present: what Kafka says; 0: no such topic.  *grew is set when it has more. */
extern MUST_CHECK bool relay_check_topic(const char *topic, uint32_t recorded, uint32_t present,
										 bool *grew, Error *error);

#endif
