/*
 * consumer_lag.c
 *	  How far the target is behind Kafka.
 *
 * A partition that is read tells its end with each fetch.  The others (paused
 * ones) are asked about for a short time, since that call blocks; now and then
 * all are, so that one that isn't fetched for whatever reason shows.  If that
 * lasts although Kafka answers, its reading begins anew: whatever went wrong in
 * the library, the partition must not wait for the next rebalance.
 */
#include "consumer_intern.h"

#include <stdio.h>

#define QUERY_TIMEOUT_MS 200
#define QUERY_FAILED_USEC (5 * USEC_PER_SEC)
#define QUERY_ALL_USEC (10 * USEC_PER_SEC)
#define EMPTY_USEC USEC_PER_SEC

/* At what comes next, as when the partition began. */
static void
begin_anew(Consumer *consumer, const Partition *partition)
{
	InboxPlace place = {.topic = partition->topic,
						.partition = partition->partition,
						.offset = consumer_start_offset(partition)};
	char number[16];
	char next[24];
	Error error;

	snprintf(number, sizeof(number), "%d", partition->partition);
	snprintf(next, sizeof(next), "%lld", (long long) partition->received);
	log_event(LOG_LEVEL_WARNING,
			  "a partition with records gave none for a long time; reading it anew", "topic",
			  partition->topic, "partition", number, "next_offset", next, NULL);
	consumer->stats.stalls++;
	error_clear(&error);
	if (!consumer->inbox->methods->begin_anew(consumer->inbox, &place, &error))
		log_error(LOG_LEVEL_WARNING, &error, NULL);
}

static void
query_ends(Consumer *consumer)
{
	PlaceList *places = &consumer->places;
	Error error;

	if (places->count == 0 || consumer->now < consumer->lag_query_at)
		return;
	error_clear(&error);
	if (!consumer->inbox->methods->watermarks(consumer->inbox, places->items, places->count,
											  QUERY_TIMEOUT_MS, &error))
	{
		consumer->lag_query_at = consumer->now + QUERY_FAILED_USEC;
		return;
	}
	for (size_t i = 0; i < places->count; i++)
	{
		Partition *partition = &consumer->partitions.items[places->items[i].offset];

		if (!places->items[i].known)
			continue;
		partition->end = places->items[i].high;
		partition->first = places->items[i].low;
		/* What waits in the library's queue came, and a rewind is on its way. */
		if (consumer->now - consumer->polled_at < EMPTY_USEC && !partition->rewind &&
			!consumer->revoking && partition_stalls(partition, partition->end, consumer->now))
			begin_anew(consumer, partition);
	}
}

void
consumer_look_at_lag(Consumer *consumer)
{
	bool all = consumer->now >= consumer->lag_all_at;

	if (consumer->now < consumer->lag_at)
		return;
	consumer->lag_at = consumer->now + consumer->config->lag_interval_usec;
	consumer->places.count = 0;
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];
		int64_t end = INBOX_OFFSET_UNKNOWN;

		if (partition->state != PARTITION_ACTIVE)
			continue;
		if (!partition->paused)
			end = consumer->inbox->methods->cached_end(consumer->inbox, partition->topic,
													   partition->partition);
		if (end > partition->end)
			partition->end = end;
		if (all || end == INBOX_OFFSET_UNKNOWN)
			(void) places_add(&consumer->places, partition->topic, partition->partition, slot);
	}
	if (all)
	{
		consumer->lag_all_at = consumer->now + QUERY_ALL_USEC;
		consumer_look_beyond(consumer);
	}
	query_ends(consumer);
	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		Partition *partition = &consumer->partitions.items[slot];

		if (partition_lag(partition) <= 0)
			partition->lag_since = 0;
		else if (partition->lag_since == 0)
			partition->lag_since = consumer->now;
	}
}

/*
 * The age of the oldest event that isn't applied; without one here, since when there is a
 * lag.  Negative: not known, since the target or Kafka hasn't said yet where a partition is.
 */
double
consumer_lag_seconds(const Consumer *consumer)
{
	int64_t wall_ms = clock_wall() / USEC_PER_MS;
	bool known = true;
	double most = 0;

	for (int slot = 0; slot < consumer->partitions.count; slot++)
	{
		const Partition *partition = &consumer->partitions.items[slot];
		double seconds = 0;

		if (partition->state == PARTITION_FREE)
			continue;
		known = known && partition_lag(partition) >= 0;
		if (partition->waiting_since_ms >= 0)
			seconds = (double) (wall_ms - partition->waiting_since_ms) / 1000.0;
		else if (partition->lag_since > 0)
			seconds = (double) (consumer->now - partition->lag_since) / USEC_PER_SEC;
		if (seconds > most)
			most = seconds;
	}
	return known || most > 0 ? most : -1;
}
