/*
 * event_time.h
 *	  Times of events as text.  Pure; no time zone but what the text names.
 */
#ifndef OUTBOX_RELAY_EVENT_TIME_H
#define OUTBOX_RELAY_EVENT_TIME_H

#include "clock.h"
#include "reader.h"

#include <stdbool.h>

#define EVENT_TIME_SIZE 32 /* "2026-01-31T12:34:56.789012Z", and what the compiler wants */

/*
 * A whole number of milliseconds since 1970, or ISO 8601 as PostgreSQL writes it:
 * "2019-03-24T20:52:59.123456+01:00", also with a space for the T, and with Z, +01, +0100 or
 * nothing (UTC) behind.  Digits behind the sixth of a second are dropped.  Years 0001 to 9999.
 */
extern bool event_time_parse(ByteView text, PgUsec *at);

/* RFC 3339 in UTC, six digits behind the second; false for years that it can't write. */
extern bool event_time_format(PgUsec at, char *text);

#endif
