/*
 * positions.h
 *	  The highest position of each source in one partition, and so which events
 *	  are repetitions.  Pure; docs/protocol.md says why one comparison is enough.
 */
#ifndef OUTBOX_CONSUMER_POSITIONS_H
#define OUTBOX_CONSUMER_POSITIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "position.h"

typedef struct SourcePosition
{
	char source_id[SOURCE_ID_MAX + 1];
	Position position;
} SourcePosition;

typedef struct PositionSet
{
	SourcePosition *items;
	size_t count;
	size_t capacity;
} PositionSet;

typedef enum PositionVerdict
{
	POSITION_NEW,	   /* above the highest, which it now is */
	POSITION_REPEATED, /* at or below it */
	POSITION_NO_MEMORY
} PositionVerdict;

extern void positions_init(PositionSet *set);
extern void positions_clear(PositionSet *set); /* keeps the memory */
extern void positions_free(PositionSet *set);

extern MUST_CHECK PositionVerdict positions_admit(PositionSet *set, const char *source_id,
												  const Position *position);
/* NULL when the source is unknown. */
extern const Position *positions_find(const PositionSet *set, const char *source_id);

#endif
