/*
 * pg_handler.h
 *	  The prepared statement of a handler: its name, the types of its parameters.
 */
#ifndef OUTBOX_CONSUMER_PG_HANDLER_H
#define OUTBOX_CONSUMER_PG_HANDLER_H

#include "handlers.h"

struct pg_conn;
struct pg_result;

#define PG_HANDLER_NAME_SIZE 32

/* Of the handler with that index; the name has PG_HANDLER_NAME_SIZE bytes. */
extern void pg_handler_name(char *name, int index);

/* The OIDs of its parameters: HANDLER_PARAMS_MAX at most. */
extern void pg_handler_types(const Handler *handler, uint32_t *types);

/* Waits for the answer, which is the caller's, and is that of PQprepare(). */
extern struct pg_result *pg_handler_prepare(struct pg_conn *conn, const Handler *handler,
											int index);

#endif
