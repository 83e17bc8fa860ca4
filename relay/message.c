/*
 * message.c
 *	  Decodes an event that was written as a logical message.
 *
 *		| version<<4 | flags | id | lengths | aggregatetype | aggregateid | type |
 *		| headers | payload ...
 *
 * Refuses another version than 1, an unknown flag, a payload of bytes without a payload,
 * a length that is cut short, longer than 5 bytes or longer than what is left, text that
 * isn't UTF-8, and bytes behind an event without a payload.  The server checks none of
 * it: every role that may call pg_logical_emit_message() can send any bytes.  A payload is
 * passed on as it is, whatever it is.
 *
 * Invariants: what the extension writes is accepted, and every byte of it belongs to one
 * part of the event.
 */
#include "message.h"
#include "exit_codes.h"

#include <string.h>

#define VERSION 1
#define FLAG_PAYLOAD 1
#define FLAG_BYTES 2
#define FLAG_HEADERS 4
#define FLAGS_KNOWN (FLAG_PAYLOAD | FLAG_BYTES | FLAG_HEADERS)
#define LENGTH_BYTES 5
#define LENGTH_MAX UINT64_C(0xffffffff)

static bool
refuse(Error *error, const char *what)
{
	error_permanent(error, EXIT_MESSAGE,
					"a logical message with the prefix \"pg_outbox\" is no event: %s", what);
	return error_hint(error, "Somebody else wrote it with pg_logical_emit_message(): see "
							 "docs/operations.md, \"A message that is no event\".");
}

/* Unsigned LEB128. */
static bool
read_length(Reader *reader, uint64_t *length)
{
	*length = 0;
	for (int i = 0; i < LENGTH_BYTES; i++)
	{
		uint8_t byte = reader_u8(reader);

		*length |= (uint64_t) (byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0)
			return !reader->failed && *length <= LENGTH_MAX;
	}
	return false;
}

/* A part of this length; 0 is NULL, and n stands for n - 1 bytes, when it is nullable. */
static ByteView
read_part(Reader *reader, uint64_t length, bool nullable)
{
	if (nullable && length-- == 0)
		return (ByteView){NULL, 0};
	return reader_bytes(reader, (size_t) length);
}

/* As PostgreSQL has it: without U+0000. */
static bool
is_text(ByteView view)
{
	return view.data == NULL ||
		   (view_is_utf8(view) && (view.len == 0 || memchr(view.data, 0, view.len) == NULL));
}

static bool
check_version(uint8_t first, Error *error)
{
	if (first >> 4 == VERSION)
		return true;
	error_permanent(error, EXIT_MESSAGE,
					"a logical message with the prefix \"pg_outbox\" has version %d, this relay "
					"reads version %d",
					first >> 4, VERSION);
	return error_hint(error, "The extension may be newer than the relay: update the relay. If it "
							 "isn't, see docs/operations.md, \"A message that is no event\".");
}

bool
message_has_known_version(ByteView content)
{
	return content.len == 0 || content.data[0] >> 4 == VERSION;
}

bool
message_decode(ByteView content, OutboxEvent *event, Error *error)
{
	uint64_t type_length = 0;
	uint64_t id_length = 0;
	uint64_t name_length = 0;
	uint64_t headers_length = 0;
	Reader reader;
	uint8_t flags;
	ByteView id;

	reader_init(&reader, content.data, content.len);
	flags = reader_u8(&reader);
	if (reader.failed)
		return refuse(error, "it is empty");
	if (!check_version(flags, error))
		return false;
	flags &= 0x0f;
	if ((flags & ~FLAGS_KNOWN) != 0 || (flags & (FLAG_PAYLOAD | FLAG_BYTES)) == FLAG_BYTES)
		return refuse(error, "it has unknown flags");
	id = reader_bytes(&reader, UUID_SIZE);
	if (!read_length(&reader, &type_length) || !read_length(&reader, &id_length) ||
		!read_length(&reader, &name_length) ||
		((flags & FLAG_HEADERS) != 0 && !read_length(&reader, &headers_length)))
		return refuse(error, "it is cut short, or a length is invalid");
	event->aggregate_type = read_part(&reader, type_length, false);
	event->aggregate_id = read_part(&reader, id_length, true);
	event->type = read_part(&reader, name_length, true);
	event->headers = (flags & FLAG_HEADERS) != 0 ? read_part(&reader, headers_length, false)
												 : (ByteView){NULL, 0};
	event->payload = (flags & FLAG_PAYLOAD) != 0 ? reader_bytes(&reader, reader_remaining(&reader))
												 : (ByteView){NULL, 0};
	event->payload_is_bytes = (flags & FLAG_BYTES) != 0;
	if (reader.failed)
		return refuse(error, "it is cut short");
	if (!reader_done(&reader))
		return refuse(error, "it goes on behind its end");
	if (!is_text(event->aggregate_type) || !is_text(event->aggregate_id) || !is_text(event->type) ||
		!is_text(event->headers))
		return refuse(error, "a text in it isn't valid UTF-8");
	memcpy(event->id, id.data, UUID_SIZE);
	return true;
}
