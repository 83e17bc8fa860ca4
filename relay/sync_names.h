/*
 * sync_names.h
 *	  synchronous_standby_names: whether commits wait for a client of some name.  Pure.
 *
 * The server takes any walsender whose application_name is in the list, a relay's
 * too: then a commit returns when Kafka has acknowledged what it wrote.
 */
#ifndef OUTBOX_RELAY_SYNC_NAMES_H
#define OUTBOX_RELAY_SYNC_NAMES_H

#include <stdbool.h>
#include <stddef.h>

/* The list names it, or everybody ("*").  Case doesn't count, as for the server. */
extern bool sync_names_include(const char *names, const char *application_name);

/*
 * The same setting without it, as a quoted value of postgresql.conf.  "*" becomes the list
 * "standbys" ("a", "b"; "" for none).  false: it doesn't fit.
 */
extern bool sync_names_without(const char *names, const char *application_name,
							   const char *standbys, char *out, size_t size);

#endif
