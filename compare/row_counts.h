/*
 * row_counts.h
 *	  How many rows of each path the target has got, for who asks several times a second.
 *
 * Rows that nothing can be added to any more are counted once and remembered, so that a look
 * costs the same after hours as in the first minute.
 */
#ifndef OUTBOX_COMPARE_ROW_COUNTS_H
#define OUTBOX_COMPARE_ROW_COUNTS_H

#include "clock.h"
#include "mode.h"
#include "pg_session.h"

typedef struct RowCounts
{
	int64_t counted_to; /* rows up to it are in "rows" */
	int64_t rows[MODE_COUNT];
	UnixUsec newest[MODE_COUNT]; /* of the reports in them; 0: none */
} RowCounts;

/* What is there now isn't counted. */
extern MUST_CHECK bool row_counts_begin(RowCounts *counts, PgSession *session, Error *error);

/* The rows, and the time of the newest report (0: there is none).  False: the session is of no use. */
extern MUST_CHECK bool row_counts_look(RowCounts *counts, PgSession *session, int64_t *rows,
									   UnixUsec *newest, Error *error);

#endif
