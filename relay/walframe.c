/*
 * walframe.c
 *	  The messages inside COPY BOTH: one XLogData or keepalive in, one standby
 *	  status update out.
 *
 * Refuses an unknown tag, a header that is cut short and a keepalive with bytes
 * behind it.  What is wrong here is a defect of a program (ours, the server's or
 * one between them), so the class is BUG.
 *
 * Invariants: nothing is copied; the payload borrows from the input; out gets
 * exactly WAL_STATUS_SIZE bytes.
 */
#include "walframe.h"

static bool
parse_data(Reader *reader, WalFrame *frame, Error *error)
{
	frame->kind = WAL_FRAME_DATA;
	frame->start = reader_u64(reader);
	frame->end = reader_u64(reader);
	frame->sent_at = (PgUsec) reader_u64(reader);
	frame->reply_requested = false;
	frame->payload = reader_bytes(reader, reader_remaining(reader));
	if (!reader_done(reader))
		return error_bug(error, "invalid replication frame: WAL data header is cut short");
	return true;
}

static bool
parse_keepalive(Reader *reader, WalFrame *frame, Error *error)
{
	frame->kind = WAL_FRAME_KEEPALIVE;
	frame->start = LSN_INVALID;
	frame->end = reader_u64(reader);
	frame->sent_at = (PgUsec) reader_u64(reader);
	frame->reply_requested = reader_u8(reader) != 0;
	frame->payload = (ByteView){NULL, 0};
	if (!reader_done(reader))
		return error_bug(error, "invalid replication frame: keepalive of the wrong size");
	return true;
}

bool
walframe_parse(ByteView bytes, WalFrame *frame, Error *error)
{
	Reader reader;
	uint8_t tag;

	reader_init(&reader, bytes.data, bytes.len);
	tag = reader_u8(&reader);
	if (reader.failed)
		return error_bug(error, "invalid replication frame: it is empty");
	switch (tag)
	{
		case 'w':
			return parse_data(&reader, frame, error);
		case 'k':
			return parse_keepalive(&reader, frame, error);
		default:
			return error_bug(error, "invalid replication frame: unknown kind 0x%02x", tag);
	}
}

static uint8_t *
put_u64(uint8_t *out, uint64_t value)
{
	for (int shift = 56; shift >= 0; shift -= 8)
		*out++ = (uint8_t) (value >> shift);
	return out;
}

void
walframe_build_status(uint8_t *out, PgLsn written, PgLsn flushed, PgUsec now, bool reply_requested)
{
	*out++ = 'r';
	out = put_u64(out, written);
	out = put_u64(out, flushed);
	out = put_u64(out, flushed);
	out = put_u64(out, (uint64_t) now);
	*out = reply_requested ? 1 : 0;
}
