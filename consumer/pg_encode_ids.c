/*
 * pg_encode_ids.c
 *	  Ids of a batch as arrays: those that are recorded, and those that are judged.  Pure.
 *
 * Invariant: an event is recorded here or judged there, never both.
 */
#include "pg_encode.h"

#include <string.h>

static void
put_int8(PgParams *params, int64_t value)
{
	pg_params_next(params);
	buffer_append_u64(&params->scratch, (uint64_t) value);
}

static void
put_uuid(PgParams *params, const uint8_t *uuid)
{
	pg_params_next(params);
	buffer_append(&params->scratch, uuid, UUID_SIZE);
}

typedef bool (*RecordFilter)(const BatchRecord *record, const Handlers *handlers, int topic);

/* Indices of what "wanted" takes, into picked. */
static bool
pick_records(PgParams *params, const TargetApply *apply, const Handlers *handlers, int topic,
			 RecordFilter wanted)
{
	const Batch *batch = apply->batch;

	pg_params_start(params);
	if (!pg_params_make_room(params, apply->count))
		return false;
	params->picked_count = 0;
	for (size_t i = batch->head; i < batch->head + apply->count; i++)
	{
		if (wanted(&batch->records[i], handlers, topic))
			params->picked[params->picked_count++] = (uint32_t) i;
	}
	return true;
}

static bool
applied_by_position(const BatchRecord *record, const Handlers *handlers, int topic)
{
	return record->topic == topic && handlers->topic_rules[topic].dedupe == DEDUPE_POSITION &&
		   record->has_position && record->has_uuid && !record->by_id && batch_record_runs(record);
}

/* Its topic's ids are complete from then on, if they were until then. */
static bool
takes_a_letter(const TargetApply *apply, const Handlers *handlers, int topic)
{
	const BatchRecord *first = &apply->batch->records[apply->batch->head];

	return apply->letter != NULL && first->topic == topic &&
		   handlers->topic_rules[topic].dedupe != DEDUPE_NONE;
}

bool
pg_encode_ids(PgParams *params, const char *group, int64_t retention_usec, const Handlers *handlers,
			  int topic, const TargetApply *apply, bool *wanted)
{
	static const uint8_t none[UUID_SIZE];
	const BatchRecord *records = apply->batch->records;
	const uint8_t *lowest = NULL;
	const uint8_t *highest = NULL;
	ArrayWriter array;

	*wanted = false;
	if (!pick_records(params, apply, handlers, topic, applied_by_position))
		return false;
	*wanted = params->picked_count > 0 || takes_a_letter(apply, handlers, topic);
	if (!*wanted)
		return true;
	for (size_t n = 0; n < params->picked_count; n++)
	{
		const uint8_t *uuid = records[params->picked[n]].uuid;

		if (lowest == NULL || memcmp(uuid, lowest, UUID_SIZE) < 0)
			lowest = uuid;
		if (highest == NULL || memcmp(uuid, highest, UUID_SIZE) > 0)
			highest = uuid;
	}
	pg_params_put_text(params, group);
	pg_params_put_text(params, handlers->topics[topic]);
	put_int8(params, retention_usec);
	put_uuid(params, lowest != NULL ? lowest : none);
	put_uuid(params, highest != NULL ? highest : none);
	pg_params_next(params);
	array_open(&array, &params->scratch, PG_TYPE_UUID);
	for (size_t n = 0; n < params->picked_count; n++)
		array_put_uuid(&array, records[params->picked[n]].uuid);
	array_close(&array);
	return pg_params_finish(params);
}

static bool
judged_by_id(const BatchRecord *record, const Handlers *handlers, int topic)
{
	(void) handlers, (void) topic;
	return batch_record_is_judged(record);
}

/* An id that is a uuid is the same in every spelling. */
static void
put_id(ArrayWriter *array, const BatchRecord *record)
{
	char text[UUID_TEXT_SIZE];

	if (record->has_uuid)
	{
		uuid_format(record->uuid, text);
		array_put_bytes(array, view_of(text));
	}
	else
		array_put_bytes(array, view_of(record->id));
}

static void
put_uuid_or_null(ArrayWriter *array, const BatchRecord *record)
{
	if (record->has_uuid)
		array_put_uuid(array, record->uuid);
	else
		array_put_null(array);
}

/* Of the records that are picked: PUT sees one as "it", and its topic's rules. */
#define PUT_PICKED(params, type, PUT)                                                              \
	do                                                                                             \
	{                                                                                              \
		ArrayWriter array;                                                                         \
                                                                                                   \
		pg_params_next(params);                                                                    \
		array_open(&array, &(params)->scratch, type);                                              \
		for (size_t n = 0; n < (params)->picked_count; n++)                                        \
		{                                                                                          \
			const BatchRecord *it = &apply->batch->records[(params)->picked[n]];                   \
			const TopicRules *rules = &handlers->topic_rules[it->topic];                           \
                                                                                                   \
			(void) rules;                                                                          \
			PUT;                                                                                   \
		}                                                                                          \
		array_close(&array);                                                                       \
	} while (0)

bool
pg_encode_claims(PgParams *params, const char *group, int64_t retention_usec,
				 const Handlers *handlers, const TargetApply *apply)
{
	if (!pick_records(params, apply, handlers, -1, judged_by_id))
		return false;
	pg_params_put_text(params, group);
	put_int8(params, retention_usec);
	PUT_PICKED(params, PG_TYPE_TEXT, array_put_bytes(&array, view_of(handlers->topics[it->topic])));
	PUT_PICKED(params, PG_TYPE_TEXT, put_id(&array, it));
	PUT_PICKED(params, PG_TYPE_UUID, put_uuid_or_null(&array, it));
	PUT_PICKED(params, PG_TYPE_BOOL, array_put_bool(&array, it->flagged));
	PUT_PICKED(params, PG_TYPE_TEXT, array_put_bytes(&array, it->created_at));
	PUT_PICKED(params, PG_TYPE_BOOL,
			   array_put_bool(&array, it->flagged || rules->dedupe == DEDUPE_ID));
	PUT_PICKED(params, PG_TYPE_TEXT,
			   array_put_bytes(&array, view_of(replayed_policy_name(rules->replayed))));
	return pg_params_finish(params);
}

bool
pg_encode_forgotten(PgParams *params, const char *group, const Handlers *handlers,
					const TargetApply *apply, size_t *count)
{
	const Batch *batch = apply->batch;
	ArrayWriter array;

	*count = 0;
	pg_params_start(params);
	pg_params_put_text(params, group);
	pg_params_next(params);
	array_open(&array, &params->scratch, PG_TYPE_TEXT);
	for (int topic = 0; topic < handlers->topic_count; topic++)
	{
		size_t i = batch->head;
		size_t end = batch->head + apply->count;

		if (handlers->topic_rules[topic].dedupe != DEDUPE_NONE)
			continue;
		while (i < end &&
			   (batch->records[i].topic != topic || !batch_record_runs(&batch->records[i])))
			i++;
		if (i == end)
			continue;
		array_put_bytes(&array, view_of(handlers->topics[topic]));
		(*count)++;
	}
	array_close(&array);
	return pg_params_finish(params);
}
