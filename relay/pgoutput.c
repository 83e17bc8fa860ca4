/*
 * pgoutput.c
 *	  Decodes one message of the pgoutput plugin, protocol version 1.
 *
 *	'B' begin		int64 commit LSN, int64 commit time, int32 xid
 *	'C' commit		int8 flags (0), int64 commit LSN, int64 end LSN, int64 commit time
 *	'R' relation	int32 oid, string schema, string name, int8 replica identity,
 *					int16 n, n * (int8 flags, string name, int32 type, int32 typmod)
 *	'I' insert		int32 oid, 'N', int16 n, n * ('n' | 'u' | ('t' | 'b') int32 len, bytes)
 *	'M' message		int8 flags (1 = transactional), int64 LSN, string prefix, int32 len, bytes
 *	'O' 'Y' 'T' 'U' 'D'	origin, type, truncate, update, delete: the tag alone is looked at
 *
 * Refuses every other tag (those of streamed and of prepared transactions too:
 * neither is asked for), anything cut short, anything with bytes behind it,
 * flags that nobody defined, and more columns than PGOUTPUT_MAX_COLUMNS.
 *
 * Invariants: nothing is copied, views and strings borrow from the input; a
 * count is compared with its limit before anything is stored under it.
 */
#include "pgoutput.h"
#include "exit_codes.h"
#include "failpoint.h"

static bool
malformed(const char *what, Error *error)
{
	return error_bug(error, "invalid replication message: %s", what);
}

static bool
decode_begin(Reader *reader, PgoutputMessage *message, Error *error)
{
	message->kind = PGOUTPUT_BEGIN;
	message->u.begin.commit_lsn = reader_u64(reader);
	message->u.begin.commit_time = (PgUsec) reader_u64(reader);
	message->u.begin.xid = reader_u32(reader);
	if (!reader_done(reader))
		return malformed("BEGIN of the wrong size", error);
	if (message->u.begin.commit_lsn == LSN_INVALID)
		return malformed("BEGIN without a commit position", error);
	return true;
}

static bool
decode_commit(Reader *reader, PgoutputMessage *message, Error *error)
{
	uint8_t flags = reader_u8(reader);

	message->kind = PGOUTPUT_COMMIT;
	message->u.commit.commit_lsn = reader_u64(reader);
	message->u.commit.end_lsn = reader_u64(reader);
	message->u.commit.commit_time = (PgUsec) reader_u64(reader);
	if (!reader_done(reader))
		return malformed("COMMIT of the wrong size", error);
	if (flags != 0)
		return malformed("COMMIT with unknown flags", error);
	if (message->u.commit.end_lsn <= message->u.commit.commit_lsn)
		return malformed("COMMIT that ends before it starts", error);
	return true;
}

static bool
decode_relation(Reader *reader, PgoutputMessage *message, Error *error)
{
	int count;

	message->kind = PGOUTPUT_RELATION;
	message->u.relation.oid = reader_u32(reader);
	message->u.relation.schema = reader_cstring(reader);
	message->u.relation.name = reader_cstring(reader);
	(void) reader_u8(reader); /* replica identity */
	count = reader_u16(reader);
	if (reader->failed)
		return malformed("RELATION is cut short", error);
	if (count > PGOUTPUT_MAX_COLUMNS)
		return error_permanent(error, EXIT_PUBLICATION,
							   "a published table has %d columns, more than %d", count,
							   PGOUTPUT_MAX_COLUMNS);
	for (int i = 0; i < count; i++)
	{
		PgoutputColumn *column = &message->u.relation.columns[i];

		(void) reader_u8(reader); /* flags: part of the key */
		column->name = reader_cstring(reader);
		column->type_oid = reader_u32(reader);
		(void) reader_u32(reader); /* type modifier */
	}
	message->u.relation.column_count = count;
	if (!reader_done(reader))
		return malformed("RELATION of the wrong size", error);
	return true;
}

static bool
decode_value(Reader *reader, PgoutputValue *value)
{
	value->format = (char) reader_u8(reader);
	value->data = (ByteView){NULL, 0};
	switch (value->format)
	{
		case 'n':
		case 'u':
			return true;
		case 't':
		case 'b':
			value->data = reader_bytes(reader, reader_u32(reader));
			return true;
		default:
			return reader->failed; /* then the caller says so */
	}
}

static bool
decode_insert(Reader *reader, PgoutputMessage *message, Error *error)
{
	uint8_t part;
	int count;

	message->kind = PGOUTPUT_INSERT;
	message->u.insert.oid = reader_u32(reader);
	part = reader_u8(reader);
	count = reader_u16(reader);
	if (reader->failed)
		return malformed("INSERT is cut short", error);
	if (part != 'N')
		return malformed("INSERT without a new row", error);
	if (count > PGOUTPUT_MAX_COLUMNS)
		return error_permanent(error, EXIT_PUBLICATION,
							   "a published row has %d columns, more than %d", count,
							   PGOUTPUT_MAX_COLUMNS);
	for (int i = 0; i < count; i++)
	{
		if (!decode_value(reader, &message->u.insert.values[i]))
			return malformed("INSERT with a value of unknown format", error);
	}
	message->u.insert.value_count = count;
	if (!reader_done(reader))
		return malformed("INSERT of the wrong size", error);
	return true;
}

static bool
decode_message(Reader *reader, PgoutputMessage *message, Error *error)
{
	uint8_t flags = reader_u8(reader);

	message->kind = PGOUTPUT_MESSAGE;
	message->u.message.transactional = flags == 1;
	message->u.message.lsn = reader_u64(reader);
	message->u.message.prefix = reader_cstring(reader);
	message->u.message.content = reader_bytes(reader, reader_u32(reader));
	if (!reader_done(reader))
		return malformed("logical message of the wrong size", error);
	if (flags > 1)
		return malformed("logical message with unknown flags", error);
	return true;
}

bool
pgoutput_decode(ByteView bytes, PgoutputMessage *message, Error *error)
{
	Reader reader;

	reader_init(&reader, bytes.data, bytes.len);
	message->tag = (char) reader_u8(&reader);
	if (FAILPOINT_ERROR("frame-decoded", error))
		return false;
	if (reader.failed)
		return malformed("it is empty", error);
	switch (message->tag)
	{
		case 'B':
			return decode_begin(&reader, message, error);
		case 'C':
			return decode_commit(&reader, message, error);
		case 'R':
			return decode_relation(&reader, message, error);
		case 'I':
			return decode_insert(&reader, message, error);
		case 'M':
			return decode_message(&reader, message, error);
		case 'O':
		case 'Y':
		case 'T':
		case 'U':
		case 'D':
			message->kind = PGOUTPUT_OTHER;
			return true;
		default:
			return error_bug(error, "invalid replication message: unknown kind 0x%02x",
							 (unsigned char) message->tag);
	}
}
