/*
 * fuzz_apply.c
 *	  Any bytes as records of topics, each with its lengths before it, that become parameters of
 *	  statements: arrays in PostgreSQL's binary format.
 */
#include "fuzz.h"

#include <string.h>

#include "pg_encode.h"
#include "raw_headers.h"
#include "record.h"

#define RECORDS_MAX 64
#define HEADERS_MAX 32
#define NO_VALUE UINT16_MAX

static InboxHeader headers[HEADERS_MAX];
static Handlers handlers;
static PgParams params;

static TargetPlace
place(int slot, void *arg)
{
	(void) arg;
	return (TargetPlace){handlers.topics[slot], slot};
}

static void
start(void)
{
	static const struct
	{
		const char *topic, *payload, *sql, *dedupe;
	} all[] = {{"a", "jsonb", "INSERT INTO t SELECT * FROM batch", "position"},
			   {"a", "text", "INSERT INTO t SELECT key, payload FROM batch_latest", NULL},
			   {"b", "bytea", "INSERT INTO t TABLE batch_latest", "id"},
			   {"c", "json", "INSERT INTO t SELECT id, payload, event_time FROM batch", "none"}};
	Error error;

	handlers_init(&handlers);
	pg_params_init(&params);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
	{
		FUZZ_ASSERT(
			handlers_add(&handlers, all[i].topic, NULL, all[i].payload, all[i].sql, "x", &error));
		FUZZ_ASSERT(handlers_set_rules(&handlers, (int) i, all[i].dedupe, "apply", &error));
	}
	FUZZ_ASSERT(handlers.topic_count == 3);
}

/* -------------------------------------------------------------------------
 * what a server finds in the parameters
 * ------------------------------------------------------------------------- */

static void
check_item(uint32_t type, ByteView item)
{
	switch (type)
	{
		case 16: /* bool */
			FUZZ_ASSERT(item.len == 1 && item.data[0] <= 1);
			break;
		case 23: /* int4 */
			FUZZ_ASSERT(item.len == 4);
			break;
		case 20:   /* int8 */
		case 1184: /* timestamptz */
		case 3220: /* pg_lsn */
			FUZZ_ASSERT(item.len == 8);
			break;
		case 2950: /* uuid */
			FUZZ_ASSERT(item.len == UUID_SIZE);
			break;
		case 3802: /* jsonb */
			FUZZ_ASSERT(item.len >= 1 && item.data[0] == 1);
			break;
		default: /* text, json, bytea: any */
			FUZZ_ASSERT(type == 25 || type == 114 || type == 17);
	}
}

/* The number of elements. */
static uint32_t
check_array(int index, uint32_t type)
{
	Reader reader;
	uint32_t dimensions;
	uint32_t has_nulls;
	uint32_t count = 0;
	uint32_t nulls = 0;

	FUZZ_ASSERT(index < params.count && params.formats[index] == 1 && params.lengths[index] >= 12);
	reader_init(&reader, params.values[index], (size_t) params.lengths[index]);
	dimensions = reader_u32(&reader);
	has_nulls = reader_u32(&reader);
	FUZZ_ASSERT(reader_u32(&reader) == type && dimensions <= 1 && has_nulls <= 1);
	if (dimensions == 1)
	{
		count = reader_u32(&reader);
		FUZZ_ASSERT(reader_u32(&reader) == 1 && count > 0);
	}
	for (uint32_t i = 0; i < count; i++)
	{
		uint32_t len = reader_u32(&reader);

		if (len == UINT32_MAX)
			nulls++;
		else
			check_item(type, reader_bytes(&reader, len));
		FUZZ_ASSERT(!reader.failed);
	}
	FUZZ_ASSERT(reader_done(&reader) && (nulls > 0) == (has_nulls == 1));
	return count;
}

static void
check_handlers(const TargetApply *apply)
{
	for (int i = 0; i < handlers.count; i++)
	{
		const Handler *handler = &handlers.items[i];

		FUZZ_ASSERT(pg_encode_handler(&params, handler, apply));
		FUZZ_ASSERT(params.count == handler->param_count);
		for (int n = 0; n < handler->param_count; n++)
		{
			const HandlerParam *param = &handler->params[n];
			uint32_t count = check_array(n, pg_type_oid(param->type));

			FUZZ_ASSERT(count == (param->latest ? params.latest_count : params.picked_count));
			FUZZ_ASSERT(count <= apply->count);
		}
	}
}

static void
check_ids(const TargetApply *apply)
{
	static const uint32_t claims[] = {25, 25, 2950, 16, 25, 16, 25};
	size_t forgotten;
	bool wanted;

	for (int topic = 0; topic < handlers.topic_count; topic++)
	{
		FUZZ_ASSERT(pg_encode_ids(&params, "group", 1000, &handlers, topic, apply, &wanted));
		FUZZ_ASSERT(wanted == (params.picked_count > 0));
		if (wanted)
			FUZZ_ASSERT(check_array(5, 2950) == params.picked_count);
	}
	FUZZ_ASSERT(pg_encode_claims(&params, "group", 1000, &handlers, apply));
	for (int i = 0; i < 7; i++)
		FUZZ_ASSERT(check_array(2 + i, claims[i]) == params.picked_count);
	FUZZ_ASSERT(pg_encode_forgotten(&params, "group", &handlers, apply, &forgotten));
	FUZZ_ASSERT(check_array(1, 25) == forgotten && forgotten <= 1);
}

static void
check_letter(const TargetApply *apply, ByteView raw_headers, size_t header_count)
{
	static const uint32_t types[] = {25, 23, 20, 25, 1184, 25, 25, 25,
									 25, 23, 20, 25, 17,   17, 17, 17};
	const BatchRecord *record = &apply->batch->records[apply->batch->head];
	TargetLetter letter = {.topic = "a",
						   .offset = record->offset,
						   .timestamp_ms = record->timestamp_ms,
						   .event_id = record->id,
						   .sqlstate = "22P02",
						   .message = "m",
						   .refusal = "r",
						   .key = record->key,
						   .value = record->value,
						   .raw_headers = raw_headers};

	for (int in_topic = 0; in_topic < 2; in_topic++)
	{
		letter.letter_topic = in_topic ? "letters" : NULL;
		FUZZ_ASSERT(pg_encode_letter(&params, "group", &letter));
		for (int i = 0; i < 16; i++)
		{
			uint32_t count = check_array(1 + i, types[i]);

			FUZZ_ASSERT(count == (i < 14 ? 1 : in_topic ? 0 : header_count));
		}
	}
}

/* -------------------------------------------------------------------------
 * records
 * ------------------------------------------------------------------------- */

static ByteView
read_value(Reader *reader)
{
	uint16_t len = reader_u16(reader);

	return len == NO_VALUE ? (ByteView){NULL, 0} : reader_bytes(reader, len);
}

/* As the conductor fills one. */
static void
add_record(Batch *batch, Reader *reader, ByteView *raw, size_t *raw_count)
{
	InboxRecord record = {.topic = "t", .headers = headers};
	uint8_t flags = reader_u8(reader);
	BatchRecord *to = batch_append(batch);
	char source_id[SOURCE_ID_MAX + 1];
	ByteView text;
	Reader names;

	FUZZ_ASSERT(to != NULL);
	record.timestamp_ms = (int64_t) reader_u64(reader);
	record.key = read_value(reader);
	record.value = read_value(reader);
	text = read_value(reader);
	reader_init(&names, text.data, text.len);
	*raw = (ByteView){text.data, 0};
	while (record.header_count < HEADERS_MAX &&
		   raw_headers_next(&names, &headers[record.header_count]))
	{
		record.header_count++;
		raw->len = names.pos;
	}
	*raw_count = record.header_count;
	record_id(&record, to->id);
	FUZZ_ASSERT(record_copy(&record, true, batch, to));
	text = record_header_value(&record, ENVELOPE_HEADER_POSITION);
	to->has_position = text.data != NULL &&
					   position_parse((const char *) text.data, text.len, source_id, &to->position);
	if (to->has_position)
		FUZZ_ASSERT(batch_copy(batch, text, &to->position_text));
	to->topic = to->slot = flags % 3;
	to->repeated = (flags & 0x10) != 0;
	to->by_id = (flags & 0x20) != 0 && to->id[0] != '\0';
	to->flagged = (flags & 0x40) != 0;
	to->dropped = (flags & 0x80) != 0;
	to->offset = (int64_t) batch->count;
	to->timestamp_ms = record.timestamp_ms;
	batch_commit(batch);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Batch batch;
	TargetApply apply = {.batch = &batch, .place = place};
	ByteView raw = {NULL, 0};
	size_t raw_count = 0;
	Reader reader;

	if (handlers.count == 0)
		start();
	batch_init(&batch, RECORDS_MAX, (size_t) 1 << 24);
	reader_init(&reader, data, size);
	while (reader_remaining(&reader) > 0 && !reader.failed && batch.count < RECORDS_MAX)
		add_record(&batch, &reader, &raw, &raw_count);
	apply.count = batch_left(&batch);
	if (apply.count > 0)
	{
		check_handlers(&apply);
		check_ids(&apply);
		check_letter(&apply, raw, raw_count);
		batch_take(&batch, apply.count / 2);
		apply.count = batch_left(&batch);
		check_handlers(&apply);
	}
	batch_free(&batch);
	return 0;
}
