/*
 * pg_error.h
 *	  Errors of the server and of libpq as Error values.
 */
#ifndef OUTBOX_RELAY_PG_ERROR_H
#define OUTBOX_RELAY_PG_ERROR_H

#include "error.h"

struct pg_conn;
struct pg_result;

typedef struct SqlstateClass
{
	ErrorClass error_class;
	int exit_code; /* of PERMANENT */
} SqlstateClass;

/* Pure.  "" and what nobody expects are TRANSIENT: trying again does no harm. */
extern SqlstateClass pg_sqlstate_class(const char *sqlstate);

/*
 * Pure.  Finds the SQLSTATE in a message of verbosity VERBOSE ("FATAL:  28P01: ...");
 * false when there is none.
 */
extern bool pg_find_sqlstate(const char *message, char *sqlstate);

/*
 * "could not <doing>: <the server's message>", detail and hint are the server's.
 * All three return false.
 */
extern bool pg_error_result(Error *error, const struct pg_result *result, const char *doing);
/* The connection failed or was lost; always TRANSIENT. */
extern bool pg_error_lost(Error *error, const struct pg_conn *conn, const char *doing);
/* The connection could not be made; classified by the SQLSTATE in its message. */
extern bool pg_error_connect(Error *error, const struct pg_conn *conn, const char *doing);

#endif
