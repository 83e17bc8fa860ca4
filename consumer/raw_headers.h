/*
 * raw_headers.h
 *	  The headers of a record as bytes, exactly as they were: order, repeated names,
 *	  null values.  Pure.
 *
 *		each:	int32 length of the name, the name,
 *				int32 length of the value or -1 for null, the value
 */
#ifndef OUTBOX_CONSUMER_RAW_HEADERS_H
#define OUTBOX_CONSUMER_RAW_HEADERS_H

#include "buffer.h"
#include "inbox.h"

/* Lengths in a record are of 32 bits: not a limit of ours. */
#define RAW_HEADERS_MAX ((size_t) INT32_MAX)

/* Errors are the buffer's. */
extern void raw_headers_put(Buffer *out, ByteView name, ByteView value);
extern void raw_headers_put_all(Buffer *out, const InboxHeader *headers, size_t count);

/* The next one; false at the end, or when what follows isn't one (then reader->failed). */
extern bool raw_headers_next(Reader *reader, InboxHeader *header);

#endif
