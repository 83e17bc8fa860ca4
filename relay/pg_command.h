/*
 * pg_command.h
 *	  One statement on a connection, done before it returns.  For the commands that
 *	  are run once (pg_init.c, pg_teardown.c): it blocks.
 */
#ifndef OUTBOX_RELAY_PG_COMMAND_H
#define OUTBOX_RELAY_PG_COMMAND_H

#include "error.h"
#include "lsn.h"
#include "pg_link.h"

#include <libpq-fe.h>

/*
 * sql with count params, of which NULL is SQL NULL; doing completes "could not".  The caller
 * clears the result.  NULL: the Error is filled; what the server can't do has EXIT_SERVER.
 */
extern MUST_CHECK PGresult *pg_command(PgLink *link, const char *doing, const char *sql,
									   const char *const *params, int count, Error *error);

/* The same without a result. */
extern MUST_CHECK bool pg_command_only(PgLink *link, const char *doing, const char *sql,
									   const char *const *params, int count, Error *error);

/* The same of a statement that asks one thing: is it true?  No row and NULL mean no. */
extern MUST_CHECK bool pg_command_ask(PgLink *link, const char *doing, const char *sql,
									  const char *const *params, int count, bool *answer,
									  Error *error);

/*
 * At the beginning of a session: operators and functions are the server's own, whatever the
 * search_path of the role or of the database is.
 */
extern MUST_CHECK bool pg_command_session(PgLink *link, Error *error);

/* Of a boolean column; NULL is false. */
extern bool pg_command_flag(const PGresult *result, int column);

/* Of the first row, by the column's name; "" and 0 for NULL and for a column that isn't there. */
extern const char *pg_command_text(const PGresult *result, const char *column);
extern int64_t pg_command_number(const PGresult *result, const char *column);

/* What IDENTIFY_SYSTEM says on a replication connection, as text. */
typedef struct PgIdentity
{
	char system_identifier[24];
	char timeline[16];
	char flushed[LSN_TEXT_SIZE];
} PgIdentity;

extern MUST_CHECK bool pg_identify(PgLink *link, PgIdentity *identity, Error *error);

#endif
