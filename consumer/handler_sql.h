/*
 * handler_sql.h
 *	  Reads a handler's statement and makes the one that is prepared.  For
 *	  handlers.c alone.  Pure.
 */
#ifndef OUTBOX_CONSUMER_HANDLER_SQL_H
#define OUTBOX_CONSUMER_HANDLER_SQL_H

#include "handlers.h"

/* Fills everything of a Handler that depends on user_sql; EXIT_CONFIG. */
extern MUST_CHECK bool handler_sql_build(Handler *handler, const char *origin, Error *error);

#endif
