/*
 * pg_row.c
 *	  A row of outbox.event as it comes from the ordinary connection.
 *
 * Refuses a row of another shape; what is in it is judged by the router.
 */
#include "pg_row.h"

#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

static ByteView
cell(const PGresult *result, int column)
{
	if (PQgetisnull(result, 0, column))
		return (ByteView){NULL, 0};
	return (ByteView){(const uint8_t *) PQgetvalue(result, 0, column),
					  (size_t) PQgetlength(result, 0, column)};
}

bool
pg_row_read(StoredRow *row, const PGresult *result, Error *error)
{
	ByteView id = cell(result, 1);
	ByteView bytes = cell(result, 6);
	Reader tid;
	Reader created;

	reader_init(&tid, PQgetvalue(result, 0, 0), (size_t) PQgetlength(result, 0, 0));
	row->block = reader_u32(&tid);
	row->offset = reader_u16(&tid);
	reader_init(&created, PQgetvalue(result, 0, 8), (size_t) PQgetlength(result, 0, 8));
	row->created_at = (PgUsec) reader_u64(&created);
	row->no_id = id.data == NULL;
	if (!reader_done(&tid) || !reader_done(&created) || (!row->no_id && id.len != UUID_SIZE))
		return error_bug(error, "unexpected row of outbox.event");
	memset(row->id, 0, UUID_SIZE);
	if (!row->no_id)
		memcpy(row->id, id.data, UUID_SIZE);
	row->aggregate_type = cell(result, 2);
	row->aggregate_id = cell(result, 3);
	row->type = cell(result, 4);
	row->payload = cell(result, 5);
	row->payload_is_bytes = row->payload.data == NULL && bytes.data != NULL;
	row->other_payload = row->payload_is_bytes ? (ByteView){NULL, 0} : bytes;
	if (row->payload_is_bytes)
		row->payload = bytes;
	row->headers = cell(result, 7);
	return true;
}

static ByteView
copy_view(uint8_t **to, ByteView view)
{
	ByteView copy = {view.data != NULL ? *to : NULL, view.len};

	if (view.len > 0)
		memcpy(*to, view.data, view.len);
	*to += view.len;
	return copy;
}

StoredRow *
pg_row_copy(const StoredRow *row)
{
	size_t size = sizeof(*row) + row->aggregate_type.len + row->aggregate_id.len + row->type.len +
				  row->payload.len + row->other_payload.len + row->headers.len;
	/* A view of nothing is no null, and points into the memory as well. */
	StoredRow *copy = malloc(size + 1);
	uint8_t *to;

	if (copy == NULL)
		return NULL;
	to = (uint8_t *) (copy + 1);
	*copy = *row;
	copy->aggregate_type = copy_view(&to, row->aggregate_type);
	copy->aggregate_id = copy_view(&to, row->aggregate_id);
	copy->type = copy_view(&to, row->type);
	copy->payload = copy_view(&to, row->payload);
	copy->other_payload = copy_view(&to, row->other_payload);
	copy->headers = copy_view(&to, row->headers);
	return copy;
}

OutboxEvent
pg_row_event(const StoredRow *row)
{
	OutboxEvent event = {
		.aggregate_type = row->aggregate_type,
		.aggregate_id = row->aggregate_id,
		.type = row->type,
		.payload = row->payload,
		.payload_is_bytes = row->payload_is_bytes,
		.headers = row->headers,
		.created_at = row->created_at,
		.no_id = row->no_id,
		.other_payload = row->other_payload,
	};

	memcpy(event.id, row->id, UUID_SIZE);
	return event;
}

const char *
pg_row_problem(const StoredRow *row)
{
	if (row->no_id)
		return "its id is null";
	if (row->other_payload.data != NULL)
		return "both payload and payload_bytes are set";
	return row->aggregate_type.data == NULL ? "its aggregatetype is null" : NULL;
}
