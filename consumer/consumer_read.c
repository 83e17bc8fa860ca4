/*
 * consumer_read.c
 *	  Events of the inbox: records are admitted into the batch that fills.
 *
 * A record counts once: below what was received it is dropped here.  Of those
 * that go by position, one at or below the highest of its source goes on without
 * its bytes, as a repetition; those that go by id are judged by the target.  What
 * can't be judged stops the consumer.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <string.h>

#include "envelope.h"
#include "exit_codes.h"

#define ROUND_RECORDS 2000
#define HEADERS_JSON_MAX ((size_t) 16 * 1024 * 1024)
#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)

bool
consumer_has_room(const Consumer *consumer)
{
	return !batch_is_full(consumer->filling) && !consumer->revoking;
}

static void
stop_at(Consumer *consumer, const InboxRecord *record, int exit_code, const char *why,
		const char *hint)
{
	Error error;

	error_clear(&error);
	error_permanent(&error, exit_code, "record of topic \"%s\", partition %d, offset %lld %s",
					record->topic, record->partition, (long long) record->offset, why);
	if (hint != NULL)
		error_hint(&error, "%s", hint);
	consumer_fail(consumer, &error);
	consumer->finishing = true;
}

/* The last header of that name; NULL when there is none. */
static const InboxHeader *
find_header(const InboxRecord *record, const char *name)
{
	ByteView wanted = view_of(name);

	for (size_t i = record->header_count; i-- > 0;)
	{
		if (view_equals(record->headers[i].name, wanted))
			return &record->headers[i];
	}
	return NULL;
}

/* Its value, as a view; the NULL view when there is none, or it is null. */
static ByteView
header(const InboxRecord *record, const char *name)
{
	const InboxHeader *found = find_header(record, name);

	return found != NULL ? found->value : (ByteView){NULL, 0};
}

/* Of the profile cloudevents; see envelope.h for why nobody can make it look like one. */
static bool
is_cloudevent(const InboxRecord *record)
{
	return find_header(record, ENVELOPE_HEADER_ID) == NULL &&
		   find_header(record, ENVELOPE_CE_ID) != NULL;
}

static ByteView
id_header(const InboxRecord *record)
{
	return header(record, is_cloudevent(record) ? ENVELOPE_CE_ID : ENVELOPE_HEADER_ID);
}

static ByteView
type_header(const InboxRecord *record)
{
	return header(record, is_cloudevent(record) ? ENVELOPE_CE_TYPE : ENVELOPE_HEADER_TYPE);
}

/* The event's own headers as a JSON object; of one name the last counts, as in jsonb. */
static bool
copy_headers(Batch *batch, const InboxRecord *record, ByteView *to)
{
	bool cloudevent = is_cloudevent(record);
	Buffer json;
	bool first = true;
	bool ok;

	buffer_init(&json, HEADERS_JSON_MAX);
	buffer_append_u8(&json, '{');
	for (size_t i = 0; i < record->header_count; i++)
	{
		if (envelope_header_owned(record->headers[i].name) ||
			(cloudevent && envelope_header_of_cloudevents(record->headers[i].name)))
			continue;
		if (!first)
			buffer_append_u8(&json, ',');
		first = false;
		buffer_append_json_string(&json, record->headers[i].name);
		buffer_append_u8(&json, ':');
		buffer_append_json_string(&json, record->headers[i].value);
	}
	buffer_append_u8(&json, '}');
	ok = !json.failed && batch_copy(batch, buffer_view(&json), to);
	buffer_free(&json);
	return ok;
}

/* An id that can be kept as text; "" for others. */
static void
read_id(const InboxRecord *record, char *id)
{
	ByteView view = id_header(record);

	id[0] = '\0';
	if (view.data == NULL || view.len > BATCH_ID_TEXT_MAX || !view_is_utf8(view) ||
		memchr(view.data, '\0', view.len) != NULL)
		return;
	memcpy(id, view.data, view.len);
	id[view.len] = '\0';
}

/* The first record of a partition that went on: is it the one that we applied? */
static bool
verify(Consumer *consumer, Partition *partition, const InboxRecord *record)
{
	char id[BATCH_ID_TEXT_MAX + 1];

	partition->verify = false;
	/* Compaction or the end of a transaction may have taken it: nothing to compare. */
	if (record->offset != partition->last_offset)
		return true;
	read_id(record, id);
	if (partition_is_same(partition, record->timestamp_ms, id))
		return true;
	stop_at(consumer, record, EXIT_OFFSETS, "isn't the one that was applied from there",
			"The topic was deleted and made again. Start with a new group to read it from its "
			"beginning.");
	return false;
}

/* Reads the header of that position; false when it is none. */
static bool
parse_position(const InboxHeader *found, char *source_id, Position *position)
{
	ByteView text = found->value;

	return text.data != NULL &&
		   position_parse((const char *) text.data, text.len, source_id, position) &&
		   position->ordinal <= INT64_MAX;
}

/*
 * Takes a position as reached, or says that it was: "repeated".  Then it goes on
 * without its bytes where "by_position" says that this counts.  False without
 * memory.
 */
static bool
reach(Consumer *consumer, Partition *partition, ByteView text, const char *source_id,
	  bool by_position, BatchRecord *to)
{
	switch (positions_admit(&partition->seen, source_id, &to->position))
	{
		case POSITION_NEW:
			to->has_position = true;
			break;
		case POSITION_REPEATED:
			to->repeated = by_position;
			break;
		case POSITION_NO_MEMORY:
			return error_bug(&consumer->failure, "out of memory");
	}
	if (to->repeated)
		return true;
	if (!batch_copy(consumer->filling, text, &to->position_text))
		return error_bug(&consumer->failure, "out of memory");
	to->source_id = (ByteView){to->position_text.data, strlen(source_id)};
	return true;
}

/* One that comes out of order: its position, if any, says nothing of others. */
static bool
judge_flagged(Consumer *consumer, const InboxRecord *record, BatchRecord *to)
{
	const InboxHeader *found = find_header(record, ENVELOPE_HEADER_POSITION);
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	to->flagged = true;
	if (!batch_copy(consumer->filling, header(record, ENVELOPE_HEADER_CREATED_AT),
					&to->created_at) ||
		(found != NULL && parse_position(found, source_id, &position) &&
		 !batch_copy(consumer->filling, found->value, &to->position_text)))
		return error_bug(&consumer->failure, "out of memory");
	return true;
}

/*
 * How it is found out whether it is a repetition, and by position at once; false
 * when the consumer has to stop.
 */
static bool
judge(Consumer *consumer, Partition *partition, const InboxRecord *record, BatchRecord *to)
{
	const InboxHeader *found = find_header(record, ENVELOPE_HEADER_POSITION);
	Dedupe dedupe = consumer->handlers->topic_rules[to->topic].dedupe;
	char source_id[SOURCE_ID_MAX + 1];
	bool flagged = find_header(record, ENVELOPE_HEADER_REPLAYED) != NULL;

	if (flagged)
	{
		if (!judge_flagged(consumer, record, to))
			return false;
	}
	else if (found != NULL)
	{
		if (parse_position(found, source_id, &to->position))
		{
			if (!reach(consumer, partition, found->value, source_id, dedupe == DEDUPE_POSITION, to))
				return false;
		}
		else if (dedupe == DEDUPE_POSITION)
		{
			stop_at(consumer, record, EXIT_DATA,
					"has an invalid header \"" ENVELOPE_HEADER_POSITION "\"",
					"Only outbox-relay may use that name; with \"dedupe\" id or none it isn't "
					"looked at.");
			return false;
		}
	}
	switch (dedupe)
	{
		case DEDUPE_POSITION:
			to->by_id = to->id[0] != '\0' && (flagged || found == NULL);
			break;
		case DEDUPE_ID:
			to->by_id = to->id[0] != '\0';
			break;
		case DEDUPE_NONE:
			return true;
	}
	if (to->by_id || (dedupe == DEDUPE_POSITION && !flagged))
		return true;
	stop_at(
		consumer, record, EXIT_DATA,
		flagged ? "is a replayed event without an id to judge it by" : "has no id to judge it by",
		"An id is a header \"id\" or \"ce_id\" of 1 to 63 bytes of UTF-8. With \"dedupe = none\" "
		"every record of the topic is applied.");
	return false;
}

static bool
copy_body(Consumer *consumer, const InboxRecord *record, BatchRecord *to)
{
	Batch *batch = consumer->filling;
	ByteView id = id_header(record);

	to->has_uuid = id.data != NULL && uuid_parse((const char *) id.data, id.len, to->uuid);
	return batch_copy(batch, record->key, &to->key) &&
		   batch_copy(batch, type_header(record), &to->type) &&
		   batch_copy(batch, record->value, &to->value) &&
		   (!consumer->handlers->topic_headers[to->topic] ||
			copy_headers(batch, record, &to->headers)) &&
		   (!handlers_keep_record(consumer->handlers, to->topic) ||
			consumer_keep_headers(consumer, record, to));
}

static void
admit(Consumer *consumer, const InboxRecord *record)
{
	int slot = partitions_find(&consumer->partitions, record->topic, record->partition);
	Partition *partition;
	BatchRecord *to;

	if (slot < 0)
		return;
	partition = &consumer->partitions.items[slot];
	if (partition->state != PARTITION_ACTIVE || partition->rewind)
		return;
	consumer->stats.received++;
	if (partition->verify && !verify(consumer, partition, record))
		return;
	if (record->offset < partition->received)
		return;

	to = batch_append(consumer->filling);
	if (to == NULL)
	{
		error_bug(&consumer->failure, "out of memory");
		return;
	}
	to->slot = slot;
	to->topic = partition->topic_index;
	to->offset = record->offset;
	to->timestamp_ms = record->timestamp_ms;
	read_id(record, to->id);
	if (!judge(consumer, partition, record, to))
		return;
	if (!to->repeated && !copy_body(consumer, record, to))
	{
		error_bug(&consumer->failure, "out of memory");
		return;
	}
	batch_commit(consumer->filling);
	partition->received = record->offset + 1;
	if (partition->waiting_since_ms < 0 && record->timestamp_ms >= 0)
		partition->waiting_since_ms = record->timestamp_ms;
}

static void
ended(Consumer *consumer, const InboxEvent *event)
{
	int slot =
		partitions_find(&consumer->partitions, event->places[0].topic, event->places[0].partition);

	if (slot >= 0)
		consumer->partitions.items[slot].eof_offset = event->places[0].offset;
}

static void
log_limited(Consumer *consumer, LogLimit *limit, LogLevel level, const Error *error)
{
	unsigned long suppressed;
	char count[24];

	if (!log_limit_pass(limit, consumer->now, LOG_INTERVAL_USEC, &suppressed))
		return;
	snprintf(count, sizeof(count), "%lu", suppressed);
	log_error(level, error, "suppressed", suppressed > 0 ? count : NULL, NULL);
}

static void
take_event(Consumer *consumer, const InboxEvent *event)
{
	switch (event->type)
	{
		case INBOX_RECORD:
			admit(consumer, &event->record);
			break;
		case INBOX_ASSIGNED:
			consumer_assigned(consumer, event);
			break;
		case INBOX_REVOKED:
			consumer_revoked(consumer, event);
			break;
		case INBOX_END:
			ended(consumer, event);
			break;
		case INBOX_OUT_OF_RANGE:
			consumer_out_of_range(consumer, event);
			break;
		case INBOX_WAITING:
			/* The library says it once for each topic. */
			consumer->joined = true;
			log_error(LOG_LEVEL_WARNING, &event->error, NULL);
			break;
		case INBOX_TROUBLE:
			log_limited(consumer, &consumer->trouble_limit, LOG_LEVEL_WARNING, &event->error);
			break;
		case INBOX_NOTE:
			log_error(LOG_LEVEL_DEBUG, &event->error, NULL);
			break;
		case INBOX_FATAL:
			consumer_fail(consumer, &event->error);
			break;
		case INBOX_CLOSED:
			consumer->phase = CONSUMER_OVER;
			break;
	}
}

void
consumer_read(Consumer *consumer)
{
	static InboxEvent event;
	bool leaving = consumer->phase != CONSUMER_RUNNING;

	consumer->more = false;
	/* Paused partitions give no records, so there is always room for them. */
	for (int n = 0; n < ROUND_RECORDS; n++)
	{
		if (consumer->revoking || consumer->phase == CONSUMER_OVER ||
			(!consumer_has_room(consumer) && !consumer->paused && !leaving))
			return;
		if (consumer->inbox->methods->poll(consumer->inbox, &event) != IO_OK)
		{
			consumer->polled_at = consumer->now;
			return;
		}
		if (leaving && event.type == INBOX_RECORD)
			continue;
		take_event(consumer, &event);
		if (consumer->failure.error_class != ERROR_CLASS_NONE && !leaving)
			return;
	}
	consumer->more = true;
	consumer->polled_at = consumer->now;
}
