/*
 * consumer_places.c
 *	  Partitions come, begin, pause, and go.
 *
 * A partition begins once its progress was read from the target: at the record
 * that was applied last, to see that it still is that record.  A revocation waits
 * for the transactions under way, then everything of the partition is dropped from
 * the batches, and then the group hears of it.
 */
#include "consumer_intern.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "failpoint.h"

#define ENDS_TIMEOUT_MS 4000
#define HANDLER_NAMES_MAX ((size_t) 64 * 1024) /* in a line of the log */
#define BEGIN_AGAIN_USEC USEC_PER_SEC
/* A queue that wasn't polled for so long makes room for the group's events by a pause. */
#define PRESSURE_USEC (2 * USEC_PER_SEC)

bool
places_add(PlaceList *list, const char *topic, int32_t partition, int64_t offset)
{
	if (list->count == list->room)
	{
		size_t room = list->room == 0 ? 16 : list->room * 2;
		InboxPlace *items = realloc(list->items, room * sizeof(*items));

		if (items == NULL)
			return false;
		list->items = items;
		list->room = room;
	}
	list->items[list->count++] =
		(InboxPlace){.topic = topic, .partition = partition, .offset = offset};
	return true;
}

static void
no_memory(Consumer *consumer)
{
	Error error;

	error_clear(&error);
	error_bug(&error, "out of memory");
	consumer_fail(consumer, &error);
}

static void
log_places(const char *message, const InboxEvent *event)
{
	char count[24];

	snprintf(count, sizeof(count), "%zu", event->place_count);
	log_event(LOG_LEVEL_INFO, message, "partitions", count, "lost", event->lost ? "yes" : NULL,
			  NULL);
}

static void
log_topic(const Handlers *handlers, const char *topic, int index)
{
	Buffer names;

	buffer_init(&names, HANDLER_NAMES_MAX);
	for (int i = 0; i < handlers->count; i++)
	{
		if (!handlers->items[i].takes[index])
			continue;
		if (names.len > 0)
			buffer_append_str(&names, ", ");
		buffer_append_str(&names, handlers->items[i].name);
	}
	buffer_append_u8(&names, '\0');
	log_event(LOG_LEVEL_INFO, "a topic matches a regular expression", "topic", topic, "handlers",
			  names.failed ? NULL : (const char *) names.data, NULL);
	buffer_free(&names);
}

/* Its index in the handlers' topics; -1: the consumer has to end. */
static int
meet_topic(Consumer *consumer, const char *topic)
{
	int known = consumer->handlers->topic_count;
	Error error;
	int index;

	error_clear(&error);
	if (!handlers_meet(consumer->handlers, topic, &index, &error))
	{
		consumer_fail(consumer, &error);
		return -1;
	}
	if (index < 0)
	{
		error_bug(&error, "Kafka gave topic \"%s\", which no handler reads", topic);
		consumer_fail(consumer, &error);
	}
	else if (index == known)
		log_topic(consumer->handlers, topic, index);
	return index;
}

void
consumer_assigned(Consumer *consumer, const InboxEvent *event)
{
	consumer->joined = true;
	consumer->stats.rebalances++;
	log_places("partitions were assigned", event);
	for (size_t i = 0; i < event->place_count; i++)
	{
		int topic = meet_topic(consumer, event->places[i].topic);
		int slot = partitions_find(&consumer->partitions, event->places[i].topic,
								   event->places[i].partition);
		int lane;

		if (topic < 0 || FAILPOINT_ERROR("partition-assigned", &consumer->failure))
			return;
		/* It went without a word: what was read then isn't from this assignment. */
		lane = slot >= 0 ? consumer->partitions.items[slot].lane : lane_choose(consumer);
		if (slot >= 0)
			(void) lane_drop(&consumer->lanes[lane], slot);
		slot = partitions_assign(&consumer->partitions, event->places[i].topic,
								 event->places[i].partition, topic);
		if (slot < 0)
			no_memory(consumer);
		else
			consumer->partitions.items[slot].lane = lane;
	}
	consumer->begin_at = 0;
}

void
consumer_revoked(Consumer *consumer, const InboxEvent *event)
{
	consumer->stats.rebalances++;
	log_places("partitions were revoked", event);
	consumer->revoked.count = 0;
	for (size_t i = 0; i < event->place_count; i++)
	{
		char *topic = strdup(event->places[i].topic);

		if (topic == NULL || !places_add(&consumer->revoked, topic, event->places[i].partition, 0))
		{
			free(topic);
			no_memory(consumer);
			break; /* the group is answered all the same */
		}
	}
	consumer->revoking = true;
}

void
consumer_finish_revoked(Consumer *consumer)
{
	Error error;

	if (!consumer->revoking || consumer_is_applying(consumer))
		return;
	for (size_t i = 0; i < consumer->revoked.count; i++)
	{
		const InboxPlace *place = &consumer->revoked.items[i];
		int slot = partitions_find(&consumer->partitions, place->topic, place->partition);

		if (slot < 0)
			continue;
		(void) lane_drop(lane_of(consumer, slot), slot);
		partitions_release(&consumer->partitions, slot);
	}
	error_clear(&error);
	if (FAILPOINT_ERROR("partitions-released", &consumer->failure))
		return;
	if (!consumer->inbox->methods->finish(consumer->inbox, consumer->revoked.items,
										  consumer->revoked.count, &error))
		log_error(LOG_LEVEL_WARNING, &error, NULL);
	for (size_t i = 0; i < consumer->revoked.count; i++)
		free((char *) consumer->revoked.items[i].topic);
	consumer->revoked.count = 0;
	consumer->revoking = false;
}

/* -------------------------------------------------------------------------
 * begin
 * ------------------------------------------------------------------------- */

/*
 * Where to start reading: at the record that was applied last, to see that it
 * still is that one.  Nobody asks the brokers for the partition's ends before:
 * behind a fetch that waits for records, the answer takes as long as that.
 */
static void
choose_start(Partition *partition, InboxPlace *place)
{
	partition->received = partition->next_offset < 0 ? 0 : partition->next_offset;
	partition->verify = partition->next_offset >= 0 && partition->last_offset >= 0;
	place->offset = consumer_start_offset(partition);
}

int64_t
consumer_start_offset(const Partition *partition)
{
	if (partition->verify)
		return partition->last_offset;
	if (partition->look_back || (partition->next_offset < 0 && partition->received == 0))
		return INBOX_OFFSET_BEGINNING;
	return partition->received;
}

/* Adds the partitions that can begin to consumer->places, with their slots in "offset". */
static bool
collect_known(Consumer *consumer)
{
	consumer->places.count = 0;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];

		if (partition->state == PARTITION_KNOWN &&
			!places_add(&consumer->places, partition->topic, partition->partition, slot))
		{
			no_memory(consumer);
			return false;
		}
	}
	return consumer->places.count > 0;
}

void
consumer_begin(Consumer *consumer)
{
	PlaceList *places = &consumer->places;
	Error error;

	if (consumer->now < consumer->begin_at || consumer->revoking || !collect_known(consumer))
		return;
	consumer->begin_at = consumer->now + BEGIN_AGAIN_USEC;
	for (size_t i = 0; i < places->count; i++)
		choose_start(&consumer->partitions.items[places->items[i].offset], &places->items[i]);
	error_clear(&error);
	if (!consumer->inbox->methods->begin(consumer->inbox, places->items, places->count, &error))
	{
		log_error(LOG_LEVEL_WARNING, &error, NULL);
		return;
	}
	for (size_t i = 0; i < places->count; i++)
	{
		int slot = partitions_find(&consumer->partitions, places->items[i].topic,
								   places->items[i].partition);

		consumer->partitions.items[slot].state = PARTITION_ACTIVE;
		consumer->partitions.items[slot].paused = false;
	}
	consumer->begin_at = 0;
}

/* Behind a fetch that waits for records the answer takes as long as that. */
static void
ask_ends(Consumer *consumer, const Partition *partition, InboxPlace *place)
{
	Error error;

	*place = (InboxPlace){.topic = partition->topic, .partition = partition->partition};
	error_clear(&error);
	(void) consumer->inbox->methods->watermarks(consumer->inbox, place, 1, ENDS_TIMEOUT_MS, &error);
}

static void
stop_out_of_range(Consumer *consumer, int64_t offset, const InboxPlace *place)
{
	Error error;

	error_clear(&error);
	error_permanent(&error, EXIT_OFFSETS,
					"the next offset of topic \"%s\", partition %d is %lld, which isn't there",
					place->topic, place->partition, (long long) offset);
	if (place->known)
		error_detail(&error, "The partition begins at offset %lld and ends at %lld.",
					 (long long) place->low, (long long) place->high);
	error_hint(&error,
			   "Retention took records that weren't applied, or the topic was deleted and made "
			   "again, or somebody set the progress beyond its end. A new group reads it from its "
			   "beginning.");
	consumer_fail(consumer, &error);
}

void
consumer_look_beyond(Consumer *consumer)
{
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];
		InboxPlace place;

		if (!partition->short_of_progress || partition->rewind)
			continue;
		ask_ends(consumer, partition, &place);
		if (place.known && place.high < partition->received)
		{
			stop_out_of_range(consumer, partition->received, &place);
			return;
		}
	}
}

void
consumer_out_of_range(Consumer *consumer, const InboxEvent *event)
{
	int slot = event->place_count == 0
				   ? -1
				   : partitions_find(&consumer->partitions, event->places[0].topic,
									 event->places[0].partition);
	Partition *partition;
	InboxPlace place;

	if (slot < 0 || consumer->phase != CONSUMER_RUNNING)
		return;
	partition = &consumer->partitions.items[slot];
	if (partition->state != PARTITION_ACTIVE || partition->rewind)
		return;
	if (event->places[0].offset < 0)
	{
		/* It was looking for the beginning, and didn't find the topic: it looks again. */
		partition->rewind = true;
		consumer->begin_at = consumer->now + BEGIN_AGAIN_USEC;
		return;
	}
	if (!partition->verify)
	{
		/* Nothing else is waiting any more. */
		ask_ends(consumer, partition, &place);
		stop_out_of_range(consumer, event->places[0].offset, &place);
		return;
	}
	/* Retention took the record to compare with: read on behind it. */
	partition->verify = false;
	partition->rewind = true;
	consumer->begin_at = 0;
}

/* -------------------------------------------------------------------------
 * pause and resume
 * ------------------------------------------------------------------------- */

static bool
should_pause(const Lane *lane)
{
	const Consumer *consumer = lane->consumer;

	if (consumer->breaker.state == BREAKER_OPEN)
		return true;
	/* What waits is enough to try; more is fetched when it is gone. */
	if (consumer->breaker.state == BREAKER_HALF_OPEN)
		return lane->paused && lane_waiting(lane) > 0;
	/* Full: stay as we are, unless others, and the group's events, have waited for long. */
	if (batch_is_full(lane->filling))
		return lane->paused || consumer->now - consumer->polled_at > PRESSURE_USEC;
	return false;
}

static void
pause_or_resume(Consumer *consumer, bool pause)
{
	PlaceList *places = &consumer->places;
	Error error;
	bool ok;

	places->count = 0;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];

		if (partition->state == PARTITION_ACTIVE && partition->paused != pause &&
			lane_of(consumer, slot)->paused == pause &&
			!places_add(places, partition->topic, partition->partition, slot))
			no_memory(consumer);
	}
	if (places->count == 0)
		return;
	error_clear(&error);
	ok = pause ? consumer->inbox->methods->pause(consumer->inbox, places->items, places->count,
												 &error)
			   : consumer->inbox->methods->resume(consumer->inbox, places->items, places->count,
												  &error);
	if (!ok)
	{
		log_error(LOG_LEVEL_WARNING, &error, NULL);
		return;
	}
	for (size_t i = 0; i < places->count; i++)
		consumer->partitions.items[places->items[i].offset].paused = pause;
	consumer->stats.pauses += pause;
	log_event(LOG_LEVEL_INFO, pause ? "partitions are paused" : "partitions are resumed", NULL);
}

void
consumer_pause(Consumer *consumer)
{
	if (consumer_is_paused(consumer))
		consumer->stats.paused_usec += consumer->now - consumer->paused_at;
	consumer->paused_at = consumer->now;
	for (int i = 0; i < consumer->lane_count; i++)
		consumer->lanes[i].paused = should_pause(&consumer->lanes[i]);
	pause_or_resume(consumer, true);
	pause_or_resume(consumer, false);
}

bool
consumer_is_paused(const Consumer *consumer)
{
	for (int i = 0; i < consumer->lane_count; i++)
	{
		if (consumer->lanes[i].paused)
			return true;
	}
	return false;
}
