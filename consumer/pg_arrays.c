/*
 * pg_arrays.c
 *	  Arrays in PostgreSQL's binary format, see pg_arrays.h.
 */
#include "pg_arrays.h"

#include "clock.h"
#include "envelope.h"

#define JSONB_VERSION 1

typedef struct PgTypeRow
{
	uint32_t oid;
	uint32_t array_oid;
	const char *name;
} PgTypeRow;

/* Numbers of pg_type.dat; they never change. */
static const PgTypeRow types[] = {
	[PG_TYPE_INT4] = {23, 1007, "int4"},	   [PG_TYPE_INT8] = {20, 1016, "int8"},
	[PG_TYPE_TEXT] = {25, 1009, "text"},	   [PG_TYPE_UUID] = {2950, 2951, "uuid"},
	[PG_TYPE_BYTEA] = {17, 1001, "bytea"},	   [PG_TYPE_JSON] = {114, 199, "json"},
	[PG_TYPE_JSONB] = {3802, 3807, "jsonb"},   [PG_TYPE_TIMESTAMPTZ] = {1184, 1185, "timestamptz"},
	[PG_TYPE_PG_LSN] = {3220, 3221, "pg_lsn"}, [PG_TYPE_BOOL] = {16, 1000, "bool"},
};

uint32_t
pg_type_oid(PgType type)
{
	return types[type].oid;
}

uint32_t
pg_type_array_oid(PgType type)
{
	return types[type].array_oid;
}

const char *
pg_type_name(PgType type)
{
	return types[type].name;
}

void
array_open(ArrayWriter *array, Buffer *out, PgType type)
{
	array->out = out;
	array->start = out->len;
	array->count = 0;
	array->nulls = 0;
	buffer_append_u32(out, 1);
	buffer_append_u32(out, 0);
	buffer_append_u32(out, pg_type_oid(type));
	buffer_append_u32(out, 0);
	buffer_append_u32(out, 1);
}

void
array_put_null(ArrayWriter *array)
{
	buffer_append_u32(array->out, UINT32_MAX);
	array->nulls++;
	array->count++;
}

void
array_put_int4(ArrayWriter *array, int32_t value)
{
	buffer_append_u32(array->out, 4);
	buffer_append_u32(array->out, (uint32_t) value);
	array->count++;
}

void
array_put_int8(ArrayWriter *array, int64_t value)
{
	buffer_append_u32(array->out, 8);
	buffer_append_u64(array->out, (uint64_t) value);
	array->count++;
}

void
array_put_bool(ArrayWriter *array, bool value)
{
	buffer_append_u32(array->out, 1);
	buffer_append_u8(array->out, value);
	array->count++;
}

void
array_put_uuid(ArrayWriter *array, const uint8_t *uuid)
{
	buffer_append_u32(array->out, UUID_SIZE);
	buffer_append(array->out, uuid, UUID_SIZE);
	array->count++;
}

void
array_put_bytes(ArrayWriter *array, ByteView bytes)
{
	if (bytes.data == NULL)
	{
		array_put_null(array);
		return;
	}
	buffer_append_u32(array->out, (uint32_t) bytes.len);
	buffer_append(array->out, bytes.data, bytes.len);
	array->count++;
}

void
array_put_jsonb(ArrayWriter *array, ByteView text)
{
	if (text.data == NULL)
	{
		array_put_null(array);
		return;
	}
	buffer_append_u32(array->out, (uint32_t) text.len + 1);
	buffer_append_u8(array->out, JSONB_VERSION);
	buffer_append(array->out, text.data, text.len);
	array->count++;
}

void
array_put_unix_ms(ArrayWriter *array, int64_t unix_ms)
{
	if (unix_ms < 0 || unix_ms > INT64_MAX / USEC_PER_MS)
		array_put_null(array);
	else
		array_put_int8(array, unix_ms * USEC_PER_MS - PG_EPOCH_UNIX_USEC);
}

void
array_close(ArrayWriter *array)
{
	if (array->out->failed)
		return;
	if (array->count == 0)
	{
		/* An empty array has no dimension at all. */
		array->out->len = array->start + 12;
		array->out->data[array->out->len] = '\0';
		buffer_patch_u32(array->out, array->start, 0);
		return;
	}
	buffer_patch_u32(array->out, array->start + 4, array->nulls > 0);
	buffer_patch_u32(array->out, array->start + 12, array->count);
}
