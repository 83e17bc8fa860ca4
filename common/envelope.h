/*
 * envelope.h
 *	  The message contract between relay and consumer: names of headers, and the
 *	  names in the source database's WAL.
 *
 * Default profile ("debezium"): headers "id" (uuid text), "type" (when the event has one), then the
 * event's own in their order, then "outbox-position", then traceparent and
 * tracestate when given as the event's own.  Header values are UTF-8 text.
 */
#ifndef OUTBOX_COMMON_ENVELOPE_H
#define OUTBOX_COMMON_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"

#define ENVELOPE_HEADER_ID "id"
#define ENVELOPE_HEADER_TYPE "type"
#define ENVELOPE_HEADER_POSITION "outbox-position"
/* Present (any value) on events that come out of order on purpose; judged by id. */
#define ENVELOPE_HEADER_REPLAYED "outbox-replayed"

/* Prefixes of logical messages. */
#define ENVELOPE_WAL_EVENT "pg_outbox"
#define ENVELOPE_WAL_HEARTBEAT "pg_outbox.heartbeat"

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37 /* with the terminator */

extern void uuid_format(const uint8_t *uuid, char *text);
extern MUST_CHECK bool uuid_parse(const char *text, size_t len, uint8_t *uuid);

#endif
