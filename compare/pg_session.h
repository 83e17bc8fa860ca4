/*
 * pg_session.h
 *	  A plain connection for the conductor: sets databases up, looks how far they
 *	  are, reads them out for the ledger.  Blocks, with time-outs.
 */
#ifndef OUTBOX_COMPARE_PG_SESSION_H
#define OUTBOX_COMPARE_PG_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

typedef struct PgSession PgSession;

/* NULL with the Error filled; TRANSIENT when nobody answers (yet). */
extern MUST_CHECK PgSession *pg_session_open(const char *conninfo, int64_t statement_timeout_usec,
											 Error *error);
extern void pg_session_close(PgSession *session); /* NULL is allowed */

/* One or several statements, without parameters. */
extern MUST_CHECK bool pg_session_run(PgSession *session, const char *sql, Error *error);

/* The same on a connection of its own. */
extern MUST_CHECK bool pg_session_run_once(const char *conninfo, int64_t statement_timeout_usec,
										   const char *sql, Error *error);

/* The first column of the first row. */
extern MUST_CHECK bool pg_session_number(PgSession *session, const char *sql, int64_t *number,
										 Error *error);
extern MUST_CHECK bool pg_session_text(PgSession *session, const char *sql, char *text, size_t size,
									   Error *error);

/* Calls visit for each row, in order, with its columns as text (NULL for SQL NULL). */
typedef bool (*PgRowVisitor)(const char *const *columns, void *arg, Error *error);
extern MUST_CHECK bool pg_session_each(PgSession *session, const char *sql, PgRowVisitor visit,
									   void *arg, Error *error);

#endif
