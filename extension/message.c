/*
 * message.c
 *	  Writes an event as a transactional logical message.
 *
 * Refuses to write one that no relay would take.
 *
 * Invariants: the bytes that a relay publishes are those that it would publish of
 * the same event as a row, which the server gives it in UTF-8, too.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "replication/message.h"

#include "compat.h"
#include "message.h"
#include "registration.h"

#define LENGTH_MAX 5

/* A part of the message: bytes that lie somewhere else. */
typedef struct Part
{
	const char *data; /* NULL: SQL NULL */
	Size len;
} Part;

static Part
part_of(struct varlena *value)
{
	Part part = {NULL, 0};

	if (value == NULL)
		return part;
	value = PG_DETOAST_DATUM_PACKED(PointerGetDatum(value));
	part.data = VARDATA_ANY(value);
	part.len = VARSIZE_ANY_EXHDR(value);
	return part;
}

/* Raises an error for what isn't UTF-8 in a database without an encoding (SQL_ASCII). */
static Part
text_part(struct varlena *value)
{
	Part part = part_of(value);

	if (part.data != NULL && GetDatabaseEncoding() != PG_UTF8)
	{
		char *converted = pg_server_to_any(part.data, (int) part.len, PG_UTF8);

		if (converted != part.data)
		{
			part.len = strlen(converted);
			part.data = converted;
		}
	}
	return part;
}

static Part
headers_part(Jsonb *headers)
{
	StringInfoData out;
	Part part = {NULL, 0};

	if (headers == NULL)
		return part;
	initStringInfo(&out);
	(void) JsonbToCString(&out, &headers->root, VARSIZE(headers));
	part.data = out.data;
	part.len = out.len;
	if (GetDatabaseEncoding() != PG_UTF8)
	{
		part.data = pg_server_to_any(out.data, out.len, PG_UTF8);
		part.len = strlen(part.data);
	}
	return part;
}

static char *
put_length(char *at, Size length)
{
	while (length > 0x7f)
	{
		*at++ = (char) (0x80 | (length & 0x7f));
		length >>= 7;
	}
	*at++ = (char) length;
	return at;
}

static char *
put_nullable_length(char *at, const Part *part)
{
	return put_length(at, part->data == NULL ? 0 : part->len + 1);
}

static char *
put_bytes(char *at, const Part *part)
{
	if (part->len > 0)
		memcpy(at, part->data, part->len);
	return at + part->len;
}

void
outbox_write_message(const OutboxEvent *event, const pg_uuid_t *id)
{
	Part aggregatetype = text_part(event->aggregatetype);
	Part aggregateid = text_part(event->aggregateid);
	Part type = text_part(event->type);
	Part headers = headers_part(event->headers);
	Part payload =
		event->payload_bytes != NULL ? part_of(event->payload_bytes) : text_part(event->payload);
	int flags = OUTBOX_MESSAGE_VERSION << 4;
	char *message;
	char *at;

	outbox_require_reader();
	if (payload.data != NULL)
		flags |= OUTBOX_MESSAGE_PAYLOAD;
	if (event->payload_bytes != NULL)
		flags |= OUTBOX_MESSAGE_BYTES;
	if (headers.data != NULL)
		flags |= OUTBOX_MESSAGE_HEADERS;

	message = palloc(1 + UUID_LEN + 4 * LENGTH_MAX + aggregatetype.len + aggregateid.len +
					 type.len + headers.len + payload.len);
	at = message;
	*at++ = (char) flags;
	memcpy(at, id->data, UUID_LEN);
	at += UUID_LEN;
	at = put_length(at, aggregatetype.len);
	at = put_nullable_length(at, &aggregateid);
	at = put_nullable_length(at, &type);
	if (headers.data != NULL)
		at = put_length(at, headers.len);
	at = put_bytes(at, &aggregatetype);
	at = put_bytes(at, &aggregateid);
	at = put_bytes(at, &type);
	at = put_bytes(at, &headers);
	at = put_bytes(at, &payload);
	(void) outbox_log_message(OUTBOX_MESSAGE_PREFIX, message, at - message);
	pfree(message);
}
