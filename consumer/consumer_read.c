/*
 * consumer_read.c
 *	  Events of the inbox: records are admitted into the batch that fills in the
 *	  lane of their partition.
 *
 * A record counts once: below what was received it is dropped here.  Of those
 * that go by position, one at or below the highest of its source goes on without
 * its bytes, as a repetition; those that go by id are judged by the target.  What
 * can't be judged is put aside, or stops the consumer: see unjudged.h.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <string.h>

#include "envelope.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "record.h"

#define ROUND_RECORDS 2000
#define LOG_INTERVAL_USEC (10 * USEC_PER_SEC)

/* Whether records of the lane may come: some partition of it is read, and isn't paused (yet). */
static bool
is_read(const Lane *lane)
{
	const PartitionTable *partitions = &lane->consumer->partitions;

	for (int slot = 0; slot < partitions->count; slot++)
	{
		const Partition *partition = &partitions->items[slot];

		if (partition->lane == lane->number && partition->state == PARTITION_ACTIVE &&
			!partition->paused)
			return true;
	}
	return false;
}

bool
consumer_has_room(const Consumer *consumer)
{
	if (consumer->revoking)
		return false;
	for (int i = 0; i < consumer->lane_count; i++)
	{
		const Lane *lane = &consumer->lanes[i];

		if (batch_is_full(lane->filling) && is_read(lane))
			return false;
	}
	return true;
}

/* Where the bytes of a record go whose slot is known. */
static Batch *
filling(const Consumer *consumer, const BatchRecord *record)
{
	return lane_of(consumer, record->slot)->filling;
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

/* A dead letter, where every handler of its topic makes those; false: the consumer has to stop. */
static bool
put_aside(Consumer *consumer, const InboxRecord *record, Unjudged unjudged, BatchRecord *to)
{
	if (handlers_policy(consumer->handlers, to->topic, -1) == HANDLER_STOP)
	{
		stop_at(consumer, record, EXIT_DATA, unjudged_reason(unjudged), unjudged_hint(unjudged));
		return false;
	}
	to->unjudged = unjudged;
	return true;
}

/* The record isn't of the topic that the progress speaks of. */
static void
stop_at_another(Consumer *consumer, const Partition *partition, const InboxRecord *record,
				const char *why)
{
	if (partition->fenced > 0)
		stop_at(consumer, record, EXIT_FENCED, "isn't the one that another consumer applied",
				CONSUMER_RIVAL_HINT);
	else
		stop_at(consumer, record, EXIT_OFFSETS, why,
				"The topic was deleted and made again. Start with a new group to read it from its "
				"beginning.");
}

/* The first record of a partition that went on: is it the one that we applied? */
static bool
verify(Consumer *consumer, Partition *partition, const InboxRecord *record)
{
	char id[BATCH_ID_TEXT_MAX + 1];

	partition->verify = false;
	/*
	 * Compaction took it, or it never was in this topic, which may have the end of a transaction
	 * there: what comes before it tells.
	 */
	if (record->offset != partition->last_offset)
	{
		partition->look_back = true;
		partition->rewind = true;
		return false;
	}
	record_id(record, id);
	if (partition_is_same(partition, record->timestamp_ms, id))
		return true;
	stop_at_another(consumer, partition, record, "isn't the one that was applied from there");
	return false;
}

/* Of the topic that the progress speaks of, what stands before an applied record isn't above it. */
static bool
is_above_what_was_applied(const Partition *partition, const InboxRecord *record)
{
	const InboxHeader *found = record_header(record, ENVELOPE_HEADER_POSITION);
	const Position *highest;
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	if (found == NULL || record_header(record, ENVELOPE_HEADER_REPLAYED) != NULL ||
		!record_position(found, source_id, &position))
		return false;
	highest = positions_find(&partition->seen, source_id);
	return highest != NULL && position_compare(&position, highest) > 0;
}

/* The first record of all, when the one that was applied last is gone.  It isn't applied yet. */
static void
look_back(Consumer *consumer, Partition *partition, const InboxRecord *record)
{
	partition->look_back = false;
	/*
	 * When none is left of what was applied, this one may come next; but retention may also have
	 * passed us since then.  Reading from where it has to go on tells.
	 */
	if (record->offset > partition->last_offset ||
		(!is_above_what_was_applied(partition, record) &&
		 partition_can_be_before(partition, record->timestamp_ms)))
	{
		partition->rewind = true;
		return;
	}
	stop_at_another(consumer, partition, record,
					"is newer than what was applied behind it, which is gone");
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
	if (!batch_copy(filling(consumer, to), text, &to->position_text))
		return error_bug(&consumer->failure, "out of memory");
	to->source_id = (ByteView){to->position_text.data, strlen(source_id)};
	return true;
}

/* One that comes out of order: its position, if any, says nothing of others. */
static bool
judge_flagged(Consumer *consumer, const InboxRecord *record, BatchRecord *to)
{
	const InboxHeader *found = record_header(record, ENVELOPE_HEADER_POSITION);
	ByteView created = record_header_value(record, ENVELOPE_HEADER_CREATED_AT);
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	to->flagged = true;
	/* What the target wouldn't take as text is no time. */
	if (!view_is_utf8(created) ||
		(created.data != NULL && memchr(created.data, '\0', created.len) != NULL))
		created = (ByteView){NULL, 0};
	if (!batch_copy(filling(consumer, to), created, &to->created_at) ||
		(found != NULL && record_position(found, source_id, &position) &&
		 !batch_copy(filling(consumer, to), found->value, &to->position_text)))
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
	const InboxHeader *found = record_header(record, ENVELOPE_HEADER_POSITION);
	Dedupe dedupe = consumer->handlers->topic_rules[to->topic].dedupe;
	char source_id[SOURCE_ID_MAX + 1];
	bool flagged = record_header(record, ENVELOPE_HEADER_REPLAYED) != NULL;

	if (flagged)
	{
		if (!judge_flagged(consumer, record, to))
			return false;
	}
	else if (found != NULL)
	{
		if (record_position(found, source_id, &to->position))
		{
			if (!reach(consumer, partition, found->value, source_id, dedupe == DEDUPE_POSITION, to))
				return false;
		}
		else if (dedupe == DEDUPE_POSITION)
			return put_aside(consumer, record, UNJUDGED_POSITION, to);
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
	if (flagged)
		return put_aside(consumer, record, UNJUDGED_REPLAYED, to);
	/* The topic isn't what its setting says, and this may be true of every record. */
	stop_at(consumer, record, EXIT_DATA, "has no id to judge it by",
			unjudged_hint(UNJUDGED_REPLAYED));
	return false;
}

static bool
copy_body(Consumer *consumer, const InboxRecord *record, BatchRecord *to)
{
	const Handlers *handlers = consumer->handlers;
	Batch *batch = filling(consumer, to);

	return record_copy(record, handlers->topic_headers[to->topic], batch, to) &&
		   (!handlers_keep_record(handlers, to->topic) ||
			consumer_keep_headers(consumer, record, batch, to));
}

static void
admit(Consumer *consumer, const InboxRecord *record)
{
	int slot = partitions_find(&consumer->partitions, record->topic, record->partition);
	Partition *partition;
	Batch *batch;
	BatchRecord *to;

	if (slot < 0)
		return;
	partition = &consumer->partitions.items[slot];
	if (partition->state != PARTITION_ACTIVE || partition->rewind)
		return;
	consumer->stats.received++;
	if (partition->verify && !verify(consumer, partition, record))
		return;
	if (partition->look_back)
	{
		look_back(consumer, partition, record);
		return;
	}
	if (record->offset < partition->received)
		return;

	batch = lane_of(consumer, slot)->filling;
	to = batch_append(batch);
	if (to == NULL)
	{
		error_bug(&consumer->failure, "out of memory");
		return;
	}
	to->slot = slot;
	to->topic = partition->topic_index;
	to->offset = record->offset;
	to->timestamp_ms = record->timestamp_ms;
	record_id(record, to->id);
	if (!judge(consumer, partition, record, to))
		return;
	if (!to->repeated && !copy_body(consumer, record, to))
	{
		error_bug(&consumer->failure, "out of memory");
		return;
	}
	if (to->unjudged == UNJUDGED_HEADERS && !put_aside(consumer, record, UNJUDGED_HEADERS, to))
		return;
	if (FAILPOINT_ERROR("record-copied", &consumer->failure))
		return;
	batch_commit(batch);
	partition->received = record->offset + 1;
	partition->short_of_progress = false;
	if (partition->waiting_since_ms < 0 && record->timestamp_ms >= 0)
		partition->waiting_since_ms = record->timestamp_ms;
}

static void
ended(Consumer *consumer, const InboxEvent *event)
{
	int slot =
		partitions_find(&consumer->partitions, event->places[0].topic, event->places[0].partition);

	if (slot >= 0)
		partition_ended(&consumer->partitions.items[slot], event->places[0].offset);
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
		case INBOX_RENEWING:
			consumer->joined = false;
			consumer->stats.renewals++;
			log_error(LOG_LEVEL_WARNING, &event->error, NULL);
			break;
		case INBOX_REJOINING:
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
			(!consumer_has_room(consumer) && !leaving))
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
