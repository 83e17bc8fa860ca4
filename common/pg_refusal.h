/*
 * pg_refusal.h
 *	  What mends a PostgreSQL server's, or libpq's, refusal to connect.  Pure: texts in and out.
 */
#ifndef OUTBOX_COMMON_PG_REFUSAL_H
#define OUTBOX_COMMON_PG_REFUSAL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The line of pg_hba.conf for what the server refused, from its message; false when it is
 * about something else.  Quoted text comes in the same order in every language.
 */
extern bool pg_refusal_hba_line(const char *message, char *out, size_t size);

/* Words to put before that line, when the connection had no TLS; else "". */
extern const char *pg_refusal_encryption_hint(const char *message);

/* What to do about a role that isn't there, or may not log in (28000); NULL: it is about something else. */
extern const char *pg_refusal_role_hint(const char *message);

/*
 * What to do when TLS, a certificate, a key, a missing password or channel binding stands in the way: it would be so at
 * the next attempt, too.  NULL when the message is about something else.  libpq's messages have
 * no SQLSTATE and aren't translated, for the programs don't set a locale.
 */
extern const char *pg_refusal_tls_hint(const char *message);

#endif
