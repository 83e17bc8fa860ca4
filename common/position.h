/*
 * position.h
 *	  The stable position of an event:
 *
 *		<source id>/<generation>.<timeline>/<commit LSN>/<ordinal>
 *		ride-7f3a/1.1/0/16B374D8/0
 *
 * sent as the header "outbox-position".  The commit LSN is in PostgreSQL's own
 * notation, so the text has four slashes.  Numbers are decimal without leading
 * zeros.
 *
 * Order: epoch = (generation, timeline) first, then commit LSN, then ordinal,
 * all as numbers.  Positions of different sources are not comparable.  The
 * ordinal counts every outbox event of the transaction from 0, before any
 * filter.
 */
#ifndef OUTBOX_COMMON_POSITION_H
#define OUTBOX_COMMON_POSITION_H

#include "lsn.h"

#define SOURCE_ID_MAX 63 /* bytes; [A-Za-z0-9_-]+ */
#define POSITION_TEXT_SIZE (SOURCE_ID_MAX + 1 + 10 + 1 + 10 + 1 + 17 + 1 + 20 + 1)

typedef struct Position
{
	uint32_t generation; /* of the registration, from 1 */
	uint32_t timeline;	 /* of the WAL that holds the commit, from 1 */
	PgLsn commit_lsn;
	uint64_t ordinal;
} Position;

extern MUST_CHECK bool source_id_valid(const char *text, size_t len);

/* <0, 0, >0 */
extern int position_compare(const Position *a, const Position *b);

/* Writes at most POSITION_TEXT_SIZE bytes; returns the length without the terminator. */
extern size_t position_format(const char *source_id, const Position *position, char *text);

/* source_id has room for SOURCE_ID_MAX + 1 bytes. */
extern MUST_CHECK bool position_parse(const char *text, size_t len, char *source_id,
									  Position *position);

#endif
