/*
 * cost.h
 *	  What a run takes: processor time of each part, and WAL.
 */
#ifndef OUTBOX_COMPARE_COST_H
#define OUTBOX_COMPARE_COST_H

#include "clock.h"
#include "stage.h"

typedef struct Cost
{
	double cpu_s[PART_COUNT]; /* UNSEEN: there is no such part */
	int64_t source_wal_bytes; /* UNSEEN: the server could not be asked */
	int64_t target_wal_bytes;
} Cost;

/* Adds up over the processes that a part was: a killed one takes its numbers along. */
typedef struct CostMeter
{
	pid_t pid[PART_COUNT];
	int64_t seen_usec[PART_COUNT]; /* of that process */
	int64_t total_usec[PART_COUNT];
	char source_lsn[32]; /* at the start; "" when it was not seen */
	char target_lsn[32];
} CostMeter;

/* From now on. */
extern void cost_start(CostMeter *meter, const Stage *stage);
/* Now and then, and right before a part is killed. */
extern void cost_look(CostMeter *meter, const Stage *stage);
extern void cost_end(CostMeter *meter, const Stage *stage, Cost *cost);

#endif
