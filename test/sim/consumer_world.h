/*
 * consumer_world.h
 *	  The world that consumer_step() is put into: a topic as relays write it, a group, a target
 *	  database with its sessions, and up to three members of the group.
 *
 *		log of each partition -> group -> member's inbox -> conductor -> sessions -> database
 *											   |-> topic for dead letters
 *
 * What is held to be true, at every commit (docs/guarantees.md):
 *	C1 A transaction takes the records of a partition from where the progress is to where it moves
 *	   it, all of them and in their order; none is passed over but a repetition, a dead
 *	   letter, or an event whose id is known.
 *	C2 Each event is applied once, and those with positions in their order; what is taken for a
 *	   repetition was applied, or is a dead letter.
 *	C3 A dead letter is an event that can't be applied, and its record is in the topic for them, or
 *	   in the row.
 *	C4 Kafka is never told an offset beyond the progress.
 *	C5 What waits is within the batches' limits.
 *	C6 Without faults all is applied within a bounded time, and nobody ends without a reason, the
 *	   members of one group for rivals least of all.
 */
#ifndef OUTBOX_TEST_CONSUMER_WORLD_H
#define OUTBOX_TEST_CONSUMER_WORLD_H

#include "sim.h"

#include "consumer.h"
#include "consumer_intern.h"

#define MEMBERS 3
#define CONNECTIONS 3
#define PARTITIONS 4
#define RECORDS 320 /* of a partition */
#define EVENTS 200	/* of a partition */
#define SESSION_USEC (3 * USEC_PER_SEC)
#define TOPIC "t"
#define SOURCE_ID "sim-1"

typedef enum RecordKind
{
	RECORD_BY_POSITION,
	RECORD_BY_ID,	/* of another program */
	RECORD_REPLAYED /* judged by its id, whatever was first */
} RecordKind;

typedef struct LogRecord
{
	int64_t offset;
	int event;
	RecordKind kind;
} LogRecord;

typedef struct LogPartition
{
	LogRecord records[RECORDS];
	int count;
	int64_t end;
	int events;
	int next; /* event with a position, as the relay goes on */
	bool bad[EVENTS];
	bool by_id[EVENTS];
	bool stored[RECORDS]; /* as a dead letter in the topic for them */
} LogPartition;

/* What the database holds of a partition. */
typedef struct Applied
{
	bool found;
	int64_t next;
	int64_t last_offset;
	int64_t last_timestamp_ms;
	int64_t moved_at_ms;
	char last_id[BATCH_ID_TEXT_MAX + 1];
	bool has_position;
	Position position;
	int highest;		  /* event with a position that was applied, or is a dead letter */
	uint8_t fate[EVENTS]; /* 'a' applied, 'd' a dead letter */
} Applied;

typedef struct Database
{
	Applied partitions[PARTITIONS];
} Database;

typedef enum Told
{
	TOLD_ASSIGNED,
	TOLD_REVOKED,
	TOLD_LOST
} Told;

#define TOLD_MAX 64
typedef struct Reading
{
	bool owned; /* as the member has heard */
	bool reading;
	bool paused;
	int next; /* record */
} Reading;

typedef struct Session Session;

typedef struct Member
{
	Inbox inbox;
	int number;
	bool in_group;
	ConsumerConfig config;
	Consumer *consumer; /* NULL: not running */
	MonoUsec start_at;
	MonoUsec next_at;
	MonoUsec paused_until;
	MonoUsec fetch_at;
	bool stopping;
	bool starved; /* an allocation was refused to it */
	bool closing;
	Reading readings[PARTITIONS];
	Told told[TOLD_MAX];
	int told_partition[TOLD_MAX];
	unsigned told_first;
	unsigned told_count;
	bool owes_finish;
	InboxPlace places[PARTITIONS];
	Session *sessions[CONNECTIONS];
	int session_count;
	LetterSink letters;
	bool letter_sent;
	MonoUsec letter_at;
	LetterOutcome letter_outcome;
	int letter_partition;
	int letter_record;
	uint64_t steps;
} Member;

typedef struct ConsumerWorld
{
	LogPartition logs[PARTITIONS];
	Database database;
	Database standby; /* as it is by now */
	bool up;
	unsigned life; /* sessions of another one are lost */
	Member members[MEMBERS];
	int owner[PARTITIONS];	/* -1: none */
	int wanted[PARTITIONS]; /* -1: nobody */
	bool faults;
	unsigned loss; /* per cent */
	MonoUsec ends_at;
	SimCounts *counts;
} ConsumerWorld;

extern ConsumerWorld *land;

extern int64_t some_delay(void);
extern void event_id(int partition, int event, char *text);
extern Position event_position(int event);
extern int find_record(int partition, int64_t offset); /* the first at or behind it */

/* --- consumer_group.c --- */
extern void group_join(Member *member);
extern void group_leave(Member *member);
extern void group_rebalance(void);
extern void inbox_init(Member *member);
extern bool inbox_is_ready(const Member *member);
extern MonoUsec inbox_ready_at(const Member *member);
/* A member that didn't answer for so long isn't one any more; it hears of it later. */
extern void group_give_up(Member *member);

/* --- consumer_session.c --- */
extern Session *session_create(Member *member);
extern Target *session_target(Session *session);
extern MonoUsec session_ready_at(const Session *session);
extern void session_break(Session *session);
/* Its process is gone; what the server was told may be done yet. */
extern void session_leave(Session *session);

/* --- consumer_database.c --- */
typedef struct Taken
{
	int partition;
	int64_t offset;
	bool repeated;
	bool by_id;
	bool dead;
	BatchRecord *record; /* only while the request is under way */
} Taken;

typedef struct Transaction
{
	TargetMove moves[PARTITIONS];
	size_t move_count;
	TargetPosition positions[PARTITIONS];
	size_t position_count;
	Taken *records;
	size_t count;
	bool has_letter;
	int64_t letter_offset;
	int letter_partition;
	bool letter_in_topic;
	bool letter_in_row;
} Transaction;

typedef enum Verdict
{
	VERDICT_COMMITTED,
	VERDICT_FENCED,
	VERDICT_BAD
} Verdict;

/* The whole of it at once; tells_known: the consumer hears which ids were known. */
extern Verdict database_run(Transaction *transaction, bool tells_known);
extern bool database_has_all(void);
extern void database_fail_over(void);

/* --- consumer_letter_topic.c --- */
extern void letters_init(Member *member);

#endif
