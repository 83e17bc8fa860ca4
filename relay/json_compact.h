/*
 * json_compact.h
 *	  Checks a JSON text, and writes it again without white space and, if asked,
 *	  without members that are null or empty arrays.  Private to the router.  Pure.
 *
 * Names, strings and numbers keep their spelling, members their order, and of a
 * repeated name all stay.  Elements of arrays are never dropped: their places count.
 */
#ifndef OUTBOX_RELAY_JSON_COMPACT_H
#define OUTBOX_RELAY_JSON_COMPACT_H

#include "buffer.h"

#define JSON_DEPTH_MAX 1000 /* objects and arrays within each other */

typedef struct JsonCompaction
{
	bool keep_nulls;		/* members that are null */
	bool keep_empty_arrays; /* members that are [] */
} JsonCompaction;

/*
 * Appends to out.  false: the text is no single JSON value (RFC 8259, bytes above 0x7F as they
 * are), is deeper than JSON_DEPTH_MAX, or out is full; out is then as it was, but for "failed".
 */
extern MUST_CHECK bool json_compact(ByteView text, const JsonCompaction *how, Buffer *out);

/* Whether json_compact() would accept it; allocates nothing. */
extern bool json_is_valid(ByteView text);

#endif
