/*
 * reader.h
 *	  A bounded cursor over bytes that somebody else sent.  Pure.
 *
 * Reading past the end sets "failed" and gives zero, and every later read does
 * the same: check once, at the end.  reader_bytes(reader, 0) gives an empty view,
 * not the NULL view.  Bounds are tested as "len > remaining",
 * never as "pos + len > size".  Views borrow from the input.  Integers are in
 * network byte order.
 */
#ifndef OUTBOX_COMMON_READER_H
#define OUTBOX_COMMON_READER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Borrowed bytes; data may be NULL only when len is 0.  A NULL data pointer is SQL NULL. */
typedef struct ByteView
{
	const uint8_t *data;
	size_t len;
} ByteView;

typedef struct Reader
{
	const uint8_t *data;
	size_t size;
	size_t pos;
	bool failed;
} Reader;

extern void reader_init(Reader *reader, const void *data, size_t size);
extern size_t reader_remaining(const Reader *reader);
extern const char *reader_cstring(Reader *reader); /* "" after a failure, never NULL */
extern bool reader_done(const Reader *reader);	   /* not failed, and nothing left */

/* What is read for each frame is not called, but put in place. */

/* The next "len" bytes, or NULL after a failure. */
static inline const uint8_t *
reader_take(Reader *reader, size_t len)
{
	const uint8_t *start;

	if (reader->failed || len > reader->size - reader->pos)
	{
		reader->failed = true;
		return NULL;
	}
	start = reader->data + reader->pos;
	reader->pos += len;
	return start;
}

/* Integers are sent most significant byte first. */

static inline uint8_t
reader_u8(Reader *reader)
{
	const uint8_t *bytes = reader_take(reader, 1);

	return bytes != NULL ? bytes[0] : 0;
}

static inline uint16_t
reader_u16(Reader *reader)
{
	const uint8_t *bytes = reader_take(reader, sizeof(uint16_t));
	uint16_t value = 0;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return be16toh(value);
}

static inline uint32_t
reader_u32(Reader *reader)
{
	const uint8_t *bytes = reader_take(reader, sizeof(uint32_t));
	uint32_t value = 0;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return be32toh(value);
}

static inline uint64_t
reader_u64(Reader *reader)
{
	const uint8_t *bytes = reader_take(reader, sizeof(uint64_t));
	uint64_t value = 0;

	if (bytes != NULL)
		memcpy(&value, bytes, sizeof(value));
	return be64toh(value);
}

static inline ByteView
reader_bytes(Reader *reader, size_t len)
{
	ByteView view = {reader_take(reader, len), len};

	if (view.data == NULL)
		view.len = 0;
	return view;
}

extern ByteView view_of(const char *cstring);	 /* of NULL: the NULL view */
extern bool view_equals(ByteView a, ByteView b); /* NULL equals NULL alone, not the empty view */

/*
 * A terminated copy, to be freed; zero bytes within are copied as they are.  NULL for the NULL view,
 * and without memory, which alone sets *ok to false.
 */
extern char *view_copy(ByteView view, bool *ok);

/* How many bytes the UTF-8 character at the start has: 1 to 4, or 0 when it is not valid. */
extern size_t utf8_sequence(const uint8_t *data, size_t len);
extern bool view_is_utf8(ByteView view);

#endif
