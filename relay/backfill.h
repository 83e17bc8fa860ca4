/*
 * backfill.h
 *	  The rows that were in outbox.event before the slot: one pseudo transaction
 *	  that ends where the stream begins.
 *
 *	position	commit LSN = start_lsn - 1
 *				ordinal = rank of the partition << 48 | block << 16 | offset
 *
 * The rank is the order in which the partitions were written, counted on from
 * the oldest (2, 3, 4 for the partitions 2, 0, 1); init put the oldest into
 * last_position.  So a row has the same position in each attempt, whatever was
 * deleted or rotated meanwhile.
 */
#ifndef OUTBOX_RELAY_BACKFILL_H
#define OUTBOX_RELAY_BACKFILL_H

#include "pg_registry.h"
#include "pump.h"

typedef struct Backfill
{
	PgRegistry *registry;
	Position position; /* of the transaction; the ordinal changes */
	unsigned oldest;   /* partition; the rank of the first */
	unsigned rank;
	uint32_t blocks; /* of this partition */
	uint32_t next_block;
	bool held; /* "event" couldn't go; the row lives until the registry is asked again */
	/*
	 * Its topic is unknown, or it becomes a dead letter: the rest is skipped, and read again
	 * from this row on.
	 */
	bool again;
	bool again_due; /* the rest was skipped */
	uint32_t again_block;
	uint16_t again_offset;
	bool published;
	PgLsn end_lsn;
	OutboxEvent event;
	Error problem; /* of it */
	uint64_t rows;
} Backfill;

/* Where the transaction ends is where the stream begins; its start is one before. */
extern PgLsn backfill_commit_lsn(const RelayFacts *facts);
/* What init records: the position before the first row when "oldest" is the oldest partition. */
extern Position backfill_origin(uint32_t generation, uint32_t timeline, PgLsn start_lsn,
								unsigned oldest);
extern uint64_t backfill_ordinal(unsigned rank, uint32_t block, uint16_t offset);

/* PUMP_MORE, or why not. */
extern MUST_CHECK PumpVerdict backfill_start(Backfill *backfill, PgRegistry *registry,
											 const RelayFacts *facts,
											 const TimelineHistory *timelines, Pump *pump,
											 Error *error);
/*
 * A reply of LEAF_SIZE or LEAF_ROWS.  PUMP_HELD: try again with backfill_retry().
 * PUMP_TOPIC, PUMP_POISON: go on with replies, one of which tells of the topic or of the
 * dead letter, then call backfill_go_on().
 */
extern MUST_CHECK PumpVerdict backfill_take(Backfill *backfill, const RegistryReply *reply,
											Pump *pump, EventSink *sink, Error *error);
extern MUST_CHECK PumpVerdict backfill_retry(Backfill *backfill, Pump *pump, EventSink *sink,
											 Error *error);
/* Does nothing unless rows were skipped for a topic. */
extern MUST_CHECK PumpVerdict backfill_go_on(Backfill *backfill, Error *error);

#endif
