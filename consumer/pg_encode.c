/*
 * pg_encode.c
 *	  Batches as arrays.
 *
 * Invariants: a handler's arrays are all of one length; what no handler gets
 * (batch_record_runs) is in none; batch_latest keeps the order of the batch, and events
 * without a key are all in it.
 */
#include "pg_encode.h"

#include <string.h>

#include "raw_headers.h"

static void
pick(PgParams *params, const Handler *handler, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	params->picked_count = 0;
	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		const BatchRecord *record = &batch->records[i];

		if (handler->takes[record->topic] && batch_record_runs(record))
			params->picked[params->picked_count++] = (uint32_t) i;
	}
}

/* FNV-1a */
static uint64_t
hash_of(ByteView key)
{
	uint64_t hash = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < key.len; i++)
		hash = (hash ^ key.data[i]) * UINT64_C(1099511628211);
	return hash ^ hash >> 32;
}

/* From the back, the first of each key; then turned around. */
static void
pick_latest(PgParams *params, const Batch *batch)
{
	uint64_t mask = 2 * params->room - 1;

	params->latest_count = 0;
	memset(params->table, 0xff, 2 * params->room * sizeof(*params->table));
	for (size_t i = params->picked_count; i-- > 0;)
	{
		ByteView key = batch->records[params->picked[i]].key;

		if (key.data != NULL)
		{
			uint64_t at = hash_of(key) & mask;

			while (params->table[at] != UINT32_MAX &&
				   !view_equals(batch->records[params->table[at]].key, key))
				at = (at + 1) & mask;
			if (params->table[at] != UINT32_MAX)
				continue;
			params->table[at] = params->picked[i];
		}
		params->latest[params->latest_count++] = params->picked[i];
	}
	for (size_t i = 0, j = params->latest_count; i + 1 < j; i++)
	{
		uint32_t swap = params->latest[--j];

		params->latest[j] = params->latest[i];
		params->latest[i] = swap;
	}
}

static void
put_value(ArrayWriter *array, const HandlerParam *param, const BatchRecord *record,
		  TargetPlace place, size_t ordinality)
{
	switch (param->column)
	{
		case COLUMN_ORDINALITY:
			array_put_int8(array, (int64_t) ordinality);
			break;
		case COLUMN_ID:
			if (record->has_uuid)
				array_put_uuid(array, record->uuid);
			else
				array_put_null(array);
			break;
		case COLUMN_TOPIC:
			array_put_bytes(array, view_of(place.topic));
			break;
		case COLUMN_PARTITION:
			array_put_int4(array, place.partition);
			break;
		case COLUMN_KAFKA_OFFSET:
			array_put_int8(array, record->offset);
			break;
		case COLUMN_KEY:
			array_put_bytes(array, record->key);
			break;
		case COLUMN_TYPE:
			array_put_bytes(array, record->type);
			break;
		case COLUMN_PAYLOAD:
			if (param->type == PG_TYPE_JSONB)
				array_put_jsonb(array, record->value);
			else
				array_put_bytes(array, record->value);
			break;
		case COLUMN_HEADERS:
			array_put_jsonb(array, record->headers);
			break;
		case COLUMN_POSITION:
			array_put_bytes(array, record->position_text);
			break;
		case COLUMN_EVENT_TIME:
			array_put_unix_ms(array, record->timestamp_ms);
			break;
		case BATCH_COLUMNS:
			break;
	}
}

bool
pg_encode_handler(PgParams *params, const Handler *handler, const TargetApply *apply)
{
	const Batch *batch = apply->batch;

	pg_params_start(params);
	if (!pg_params_make_room(params, apply->count))
		return false;
	pick(params, handler, apply);
	if (handler->uses_latest)
		pick_latest(params, batch);
	for (int i = 0; i < handler->param_count; i++)
	{
		const HandlerParam *param = &handler->params[i];
		const uint32_t *indices = param->latest ? params->latest : params->picked;
		size_t count = param->latest ? params->latest_count : params->picked_count;
		ArrayWriter array;

		pg_params_next(params);
		array_open(&array, &params->scratch, param->type);
		for (size_t n = 0; n < count; n++)
		{
			const BatchRecord *record = &batch->records[indices[n]];

			put_value(&array, param, record, apply->place(record->slot, apply->arg),
					  indices[n] - batch->head + 1);
		}
		array_close(&array);
	}
	return pg_params_finish(params);
}

/* One array of a column of moves or positions: PUT sees the item as "it". */
#define PUT_ARRAY(params, type, items, item_count, PUT)                                            \
	do                                                                                             \
	{                                                                                              \
		ArrayWriter array;                                                                         \
                                                                                                   \
		pg_params_next(params);                                                                    \
		array_open(&array, &(params)->scratch, type);                                              \
		for (size_t n = 0; n < (item_count); n++)                                                  \
		{                                                                                          \
			const __typeof__(*(items)) *it = &(items)[n];                                          \
                                                                                                   \
			PUT;                                                                                   \
		}                                                                                          \
		array_close(&array);                                                                       \
	} while (0)

static void
put_int8_or_null(ArrayWriter *array, int64_t value)
{
	if (value < 0)
		array_put_null(array);
	else
		array_put_int8(array, value);
}

bool
pg_encode_moves(PgParams *params, const char *group, const TargetApply *apply)
{
	const TargetMove *moves = apply->moves;
	size_t count = apply->move_count;

	pg_params_start(params);
	pg_params_put_text(params, group);
	PUT_ARRAY(params, PG_TYPE_TEXT, moves, count, array_put_bytes(&array, view_of(it->topic)));
	PUT_ARRAY(params, PG_TYPE_INT4, moves, count, array_put_int4(&array, it->partition));
	PUT_ARRAY(params, PG_TYPE_INT8, moves, count, put_int8_or_null(&array, it->expected_next));
	PUT_ARRAY(params, PG_TYPE_INT8, moves, count, array_put_int8(&array, it->new_next));
	PUT_ARRAY(params, PG_TYPE_INT8, moves, count, put_int8_or_null(&array, it->last_offset));
	PUT_ARRAY(params, PG_TYPE_TIMESTAMPTZ, moves, count,
			  array_put_unix_ms(&array, it->last_timestamp_ms));
	PUT_ARRAY(params, PG_TYPE_TEXT, moves, count,
			  array_put_bytes(&array, view_of(*it->last_id != '\0' ? it->last_id : NULL)));
	return pg_params_finish(params);
}

bool
pg_encode_positions(PgParams *params, const char *group, const TargetApply *apply)
{
	const TargetPosition *items = apply->positions;
	size_t count = apply->position_count;

	pg_params_start(params);
	pg_params_put_text(params, group);
	PUT_ARRAY(params, PG_TYPE_TEXT, items, count, array_put_bytes(&array, view_of(it->topic)));
	PUT_ARRAY(params, PG_TYPE_INT4, items, count, array_put_int4(&array, it->partition));
	PUT_ARRAY(params, PG_TYPE_TEXT, items, count, array_put_bytes(&array, view_of(it->source_id)));
	PUT_ARRAY(params, PG_TYPE_INT8, items, count, array_put_int8(&array, it->position.generation));
	PUT_ARRAY(params, PG_TYPE_INT8, items, count, array_put_int8(&array, it->position.timeline));
	PUT_ARRAY(params, PG_TYPE_PG_LSN, items, count,
			  array_put_int8(&array, (int64_t) it->position.commit_lsn));
	PUT_ARRAY(params, PG_TYPE_INT8, items, count,
			  array_put_int8(&array, (int64_t) it->position.ordinal));
	return pg_params_finish(params);
}

bool
pg_encode_places(PgParams *params, const char *group, const TargetPlace *places, size_t count)
{
	pg_params_start(params);
	pg_params_put_text(params, group);
	PUT_ARRAY(params, PG_TYPE_TEXT, places, count, array_put_bytes(&array, view_of(it->topic)));
	PUT_ARRAY(params, PG_TYPE_INT4, places, count, array_put_int4(&array, it->partition));
	return pg_params_finish(params);
}

/* Arrays of one element, so that each may be NULL: the statement takes it out. */
bool
pg_encode_letter(PgParams *params, const char *group, const TargetLetter *letter)
{
	bool in_topic = letter->letter_topic != NULL;
	ByteView headers = in_topic ? (ByteView){NULL, 0} : letter->raw_headers;
	InboxHeader header;
	Reader reader;

	pg_params_start(params);
	pg_params_put_text(params, group);
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->topic)));
	PUT_ARRAY(params, PG_TYPE_INT4, letter, 1, array_put_int4(&array, it->partition));
	PUT_ARRAY(params, PG_TYPE_INT8, letter, 1, array_put_int8(&array, it->offset));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->event_id)));
	PUT_ARRAY(params, PG_TYPE_TIMESTAMPTZ, letter, 1, array_put_unix_ms(&array, it->timestamp_ms));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->handler)));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->sqlstate)));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->message)));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1, array_put_bytes(&array, view_of(it->letter_topic)));
	PUT_ARRAY(params, PG_TYPE_INT4, letter, 1,
			  in_topic ? array_put_int4(&array, it->letter_partition) : array_put_null(&array));
	PUT_ARRAY(params, PG_TYPE_INT8, letter, 1,
			  in_topic ? array_put_int8(&array, it->letter_offset) : array_put_null(&array));
	PUT_ARRAY(params, PG_TYPE_TEXT, letter, 1,
			  array_put_bytes(&array, view_of(in_topic ? NULL : it->refusal)));
	PUT_ARRAY(params, PG_TYPE_BYTEA, letter, 1,
			  array_put_bytes(&array, in_topic ? (ByteView){NULL, 0} : it->key));
	PUT_ARRAY(params, PG_TYPE_BYTEA, letter, 1,
			  array_put_bytes(&array, in_topic ? (ByteView){NULL, 0} : it->value));
	for (int names = 1; names >= 0; names--)
	{
		ArrayWriter array;

		pg_params_next(params);
		array_open(&array, &params->scratch, PG_TYPE_BYTEA);
		reader_init(&reader, headers.data, headers.len);
		while (raw_headers_next(&reader, &header))
			array_put_bytes(&array, names ? header.name : header.value);
		array_close(&array);
	}
	return pg_params_finish(params);
}
