/*
 * pg_conninfo.h
 *	  Whether a connection string is one that can be tried at all.
 */
#ifndef OUTBOX_CLIENTS_PG_CONNINFO_H
#define OUTBOX_CLIENTS_PG_CONNINFO_H

#include "options.h"

/*
 * section: of the settings, "postgres" or "target", which has a conninfo.  false: EXIT_CONFIG, for
 * what libpq would refuse whenever it is tried.  Nothing is connected.
 */
extern MUST_CHECK bool pg_conninfo_check(const Options *options, const char *section, Error *error);

#endif
