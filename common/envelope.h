/*
 * envelope.h
 *	  The message contract between relay and consumer: names of headers, and the
 *	  names in the source database's WAL.  Pure.
 *
 * Profile "debezium", the default: headers "id" (uuid text), "type" (when the event has one), then
 * the event's own in their order (traceparent and tracestate among them), then "outbox-position".
 * Profile "cloudevents": "ce_id", "ce_source", "ce_specversion", "ce_type", "ce_subject", "ce_time"
 * and "content-type" in place of the first two.  Header values are UTF-8 text.  An event that
 * outbox-relay replay sends has outbox-replayed and outbox-created-at in place of its position.
 *
 * A relay writes either "id" or "ce_id", and in both profiles it drops an event's own headers named
 * "id", "type" and "outbox-position".  So a record with "id" is of the first profile whatever else
 * it has, and one with "ce_id" alone is of the second: neither can be forged by an own header.
 */
#ifndef OUTBOX_COMMON_ENVELOPE_H
#define OUTBOX_COMMON_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "error.h"
#include "reader.h"

#define ENVELOPE_HEADER_ID "id"
#define ENVELOPE_HEADER_TYPE "type"
#define ENVELOPE_HEADER_POSITION "outbox-position"
/*
 * Present (any value) on events that come out of order on purpose; judged by id, never by position.
 * outbox.redrive() gives the position that the event had at first, outbox-relay replay one of the
 * two words, and no position.
 */
#define ENVELOPE_HEADER_REPLAYED "outbox-replayed"
#define ENVELOPE_REPLAYED_GAP "gap"		   /* a lost slot may have missed it */
#define ENVELOPE_REPLAYED_AGAIN "selected" /* somebody asked for it */
/* When a replayed event was written (RFC 3339, UTC): the record's timestamp is that of the replay. */
#define ENVELOPE_HEADER_CREATED_AT "outbox-created-at"

#define ENVELOPE_CE_ID "ce_id"
#define ENVELOPE_CE_SOURCE "ce_source"
#define ENVELOPE_CE_SPECVERSION "ce_specversion"
#define ENVELOPE_CE_TYPE "ce_type"
#define ENVELOPE_CE_SUBJECT "ce_subject"
#define ENVELOPE_CE_TIME "ce_time"
#define ENVELOPE_CONTENT_TYPE "content-type"

/* An own header that no profile lets through: id, type, outbox-position. */
extern bool envelope_header_owned(ByteView name);
/* One of the six attributes of CloudEvents that the relay writes. */
extern bool envelope_header_of_cloudevents(ByteView name);
/* What the name of a placed field can't be: both of these, content-type, outbox-replayed and outbox-created-at. */
extern bool envelope_header_reserved(ByteView name);

/* Prefixes of logical messages. */
#define ENVELOPE_WAL_EVENT "pg_outbox"
#define ENVELOPE_WAL_HEARTBEAT "pg_outbox.heartbeat"

#define UUID_SIZE 16
#define UUID_TEXT_SIZE 37 /* with the terminator */

extern void uuid_format(const uint8_t *uuid, char *text);
extern MUST_CHECK bool uuid_parse(const char *text, size_t len, uint8_t *uuid);

#endif
