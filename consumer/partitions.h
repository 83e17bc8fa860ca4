/*
 * partitions.h
 *	  The partitions that the group gave us, and how far each has come.  Pure but
 *	  for malloc.
 *
 *		          assigned            progress read         begun
 *		FREE ───────────▶ ASSIGNED ───────────▶ KNOWN ─────────▶ ACTIVE
 *		  ▲                                                        │
 *		  └────────────────────── revoked ◀────────────────────────┘
 *
 * A partition keeps its slot as long as it is ours; records name it by slot.
 * Offsets, all of the next record: next_offset is what the target has applied
 * (-1: no progress yet), received what came from Kafka, end where the partition
 * ends.
 */
#ifndef OUTBOX_CONSUMER_PARTITIONS_H
#define OUTBOX_CONSUMER_PARTITIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "clock.h"
#include "positions.h"

typedef enum PartitionState
{
	PARTITION_FREE,
	PARTITION_ASSIGNED,
	PARTITION_KNOWN,
	PARTITION_ACTIVE
} PartitionState;

typedef struct Partition
{
	PartitionState state;
	char *topic;
	int topic_index;
	int32_t partition;
	int lane; /* whose it is; the conductor's business */

	int64_t next_offset;
	int64_t received;
	int64_t end;			/* -1: not known */
	int64_t eof_offset;		/* nothing is between what was read and here; -1: not known */
	bool short_of_progress; /* that is before where the progress is */
	int64_t first;			/* of the partition when it began, -1: not known */

	/* The last record that was applied, from the target. */
	int64_t last_offset;
	int64_t last_timestamp_ms;
	char last_id[BATCH_ID_TEXT_MAX + 1];
	int64_t moved_at_ms; /* when it was applied, by the target's clock; -1: not known */
	bool verify;		 /* the first record must be that one */
	bool look_back;		 /* it is gone: the first of all records must be older */

	PositionSet seen; /* the highest positions that were received */

	bool paused;
	bool reading; /* a read of its progress is under way */
	bool found;	  /* ... and found something */
	bool stale;	  /* its progress may have moved without us: read it first */
	bool moved;	  /* ... since the target is another session, maybe of another server */
	bool rewind;  /* read on from next_offset; until then nothing counts */
	int64_t read_next;
	int64_t read_last_offset;
	int64_t read_last_timestamp_ms;
	int64_t read_moved_at_ms;
	char read_last_id[BATCH_ID_TEXT_MAX + 1];
	PositionSet read_positions;
	int64_t unknown_next;  /* as far as commits of unknown outcome may have moved it; -1 */
	unsigned fenced;	   /* spells in which another consumer moved it, since it was assigned */
	MonoUsec fenced_since; /* the last of them began */

	int64_t waiting_since_ms; /* time of the oldest event that isn't applied; -1: none is here */
	MonoUsec lag_since;		  /* 0: there is none */
	int64_t quiet_at;		  /* as far as it had been read when nothing more came */
	MonoUsec quiet_since;
	unsigned stalls; /* times that it was read anew there */
	int move;		 /* index in the moves being built; -1 */
} Partition;

typedef struct PartitionTable
{
	Partition *items;
	int count; /* slots, free ones among them */
} PartitionTable;

extern void partitions_init(PartitionTable *table);
extern void partitions_free(PartitionTable *table);

/* A slot in state ASSIGNED; -1 without memory.  An old one of that name is forgotten. */
extern int partitions_assign(PartitionTable *table, const char *topic, int32_t partition,
							 int topic_index);
extern void partitions_release(PartitionTable *table, int slot);

/* -1: it isn't ours. */
extern int partitions_find(const PartitionTable *table, const char *topic, int32_t partition);

extern int partitions_count(const PartitionTable *table, PartitionState state);

/* Records that are in Kafka and not in the target; -1: not known. */
extern int64_t partition_lag(const Partition *partition);

/*
 * Whether nothing came for a long time although the partition has records up to
 * "end" (asked just now, and Kafka's queue is empty): then its reading has to
 * begin anew, which counts as a stall.  The time doubles with each stall at one
 * place: what is only slow gets longer and longer.
 */
extern bool partition_stalls(Partition *partition, int64_t end, MonoUsec now);

/*
 * Nothing is there from that offset on, for now.  Reading goes on behind the record that was
 * applied last, which is where the progress is unless somebody set it: then it may come to an
 * end before, and all that follows up to the progress would be left out.  That alone isn't
 * proof: a leader that is new may know of less.
 */
extern void partition_ended(Partition *partition, int64_t offset);

/*
 * Another consumer moved it, now: whether that can be a rebalance.  A member that
 * the group gave up (it was stopped for a while) hears of it within its session's
 * time and until then is fenced again and again, which is one spell.  There may be
 * two in an assignment: the old owner's last batch as it begins, ours as it ends.
 */
extern bool partition_yields(Partition *partition, MonoUsec now, MonoUsec session_usec);

/*
 * Whether the record at last_offset is the one that was applied then: a topic
 * that was made again has another there.
 */
extern bool partition_is_same(const Partition *partition, int64_t timestamp_ms, const char *id);

/*
 * Whether a record before last_offset can have been there when that was applied: it isn't
 * more than a minute newer.  Of a topic that was made again all are.  Clocks of producers
 * and target may be off by that much.
 */
extern bool partition_can_be_before(const Partition *partition, int64_t timestamp_ms);

#endif
