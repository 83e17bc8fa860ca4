/*
 * timeline.h
 *	  Which timeline the WAL at a position belongs to.  Pure.
 *
 * Parsed from a timeline history file (TIMELINE_HISTORY of the replication
 * protocol): lines "<timeline>\t<switch LSN>\t<reason>", "#" comments and blank
 * lines allowed.  Timeline 1 has no file.
 */
#ifndef OUTBOX_RELAY_TIMELINE_H
#define OUTBOX_RELAY_TIMELINE_H

#include "error.h"
#include "lsn.h"

#define TIMELINE_MAX 1024

typedef struct TimelineEntry
{
	uint32_t timeline;
	PgLsn end_lsn; /* first position that no longer belongs to it */
} TimelineEntry;

typedef struct TimelineHistory
{
	uint32_t current; /* what lies behind the last entry */
	int count;
	TimelineEntry entries[TIMELINE_MAX];
} TimelineHistory;

extern void timeline_init(TimelineHistory *history, uint32_t current);
extern MUST_CHECK bool timeline_parse(TimelineHistory *history, uint32_t current, const char *text,
									  size_t len, Error *error);
extern uint32_t timeline_of(const TimelineHistory *history, PgLsn lsn);

#endif
