/*
 * pg_row.h
 *	  A row of outbox.event as it comes from the ordinary connection.
 */
#ifndef OUTBOX_RELAY_PG_ROW_H
#define OUTBOX_RELAY_PG_ROW_H

#include "pg_registry.h"

struct pg_result;

/* Of a table e; in binary format. */
#define SQL_ROW_COLUMNS                                                                            \
	" e.ctid, e.id, e.aggregatetype, e.aggregateid, e.type, e.payload::text,"                      \
	" e.payload_bytes, e.headers::text, e.created_at"

/* The only row of the result; *row borrows from it. */
extern MUST_CHECK bool pg_row_read(StoredRow *row, const struct pg_result *result, Error *error);

/* In one piece of memory, to be freed; NULL: there is none. */
extern StoredRow *pg_row_copy(const StoredRow *row);

/* The event of the row, without position and commit time; it borrows from the row. */
extern OutboxEvent pg_row_event(const StoredRow *row);

/* Why the row is no event, as the assembler finds it in rows of the stream; NULL: it is one. */
extern const char *pg_row_problem(const StoredRow *row);

#endif
