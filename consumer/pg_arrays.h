/*
 * pg_arrays.h
 *	  One-dimensional arrays in PostgreSQL's binary format, written element by
 *	  element.  Pure: no libpq in here.
 *
 *		int32	dimensions (1; 0 when it is empty)
 *		int32	1 when there are NULLs
 *		uint32	type of the elements
 *		int32	number of elements, int32 lower bound (1)
 *		each:	int32 length or -1 for NULL, and the bytes
 *
 * Errors are the buffer's: check "failed" at the end.
 */
#ifndef OUTBOX_CONSUMER_PG_ARRAYS_H
#define OUTBOX_CONSUMER_PG_ARRAYS_H

#include <stdint.h>

#include "buffer.h"

/* Types as the server's catalog numbers them: the element, and its array. */
typedef enum PgType
{
	PG_TYPE_INT4,
	PG_TYPE_INT8,
	PG_TYPE_TEXT,
	PG_TYPE_UUID,
	PG_TYPE_BYTEA,
	PG_TYPE_JSON,
	PG_TYPE_JSONB,
	PG_TYPE_TIMESTAMPTZ,
	PG_TYPE_PG_LSN,
	PG_TYPE_BOOL
} PgType;

extern uint32_t pg_type_oid(PgType type);
extern uint32_t pg_type_array_oid(PgType type);
extern const char *pg_type_name(PgType type);

typedef struct ArrayWriter
{
	Buffer *out;
	size_t start;
	uint32_t count;
	uint32_t nulls;
} ArrayWriter;

extern void array_open(ArrayWriter *array, Buffer *out, PgType type);
extern void array_put_null(ArrayWriter *array);
extern void array_put_int4(ArrayWriter *array, int32_t value);
extern void array_put_int8(ArrayWriter *array, int64_t value); /* pg_lsn too */
extern void array_put_bool(ArrayWriter *array, bool value);
extern void array_put_uuid(ArrayWriter *array, const uint8_t *uuid);
extern void array_put_bytes(ArrayWriter *array,
							ByteView bytes); /* text, json, bytea; NULL view: NULL */
extern void array_put_jsonb(ArrayWriter *array, ByteView text);		/* NULL view: NULL */
extern void array_put_unix_ms(ArrayWriter *array, int64_t unix_ms); /* timestamptz; below 0: NULL */
extern void array_close(ArrayWriter *array);

#endif
