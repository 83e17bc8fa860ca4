/*
 * consumer_many.h
 *	  For tests of the conductor with several connections: a Kafka of many partitions, and
 *	  one database behind many targets.  The clock is the test's.
 *
 * Invariants, asserted here: a target has one request at a time; of a partition one
 * transaction at a time is under way, and it goes on where the last one ended; each
 * record is applied once, in the order of its partition; records of a partition that
 * isn't read, or that is paused, don't come; what was revoked isn't applied.
 */
#ifndef OUTBOX_TEST_CONSUMER_MANY_H
#define OUTBOX_TEST_CONSUMER_MANY_H

#include "consumer_many_targets.h"

/* -------------------------------------------------------------------------
 * inbox
 * ------------------------------------------------------------------------- */

static Many *
many_of(Inbox *base)
{
	return (Many *) base;
}

static IoResult
many_poll(Inbox *base, InboxEvent *event)
{
	Many *many = many_of(base);

	memset(event, 0, offsetof(InboxEvent, error));
	if (many->told != INBOX_RECORD)
	{
		event->type = many->told;
		event->places = many->places;
		event->place_count = many->place_count;
		many->told = INBOX_RECORD;
		return IO_OK;
	}
	for (int i = 0; i < MANY_PARTITIONS; i++)
	{
		int number = many->turn++ % MANY_PARTITIONS;
		ManyPartition *partition = &many->partitions[number];

		if (!partition->reading || partition->paused || partition->read >= partition->end)
			continue;
		event->type = INBOX_RECORD;
		event->record = (InboxRecord){.topic = "t",
									  .partition = number,
									  .offset = partition->read++,
									  .timestamp_ms = 1,
									  .value = view_of("{}")};
		return IO_OK;
	}
	return IO_AGAIN;
}

static bool
many_rewind(Inbox *base, const InboxPlace *place, Error *error)
{
	ManyPartition *partition = &many_of(base)->partitions[place->partition];

	(void) error;
	assert_true(partition->reading);
	partition->read = place->offset == INBOX_OFFSET_BEGINNING ? 0 : place->offset;
	return true;
}

static bool
many_begin(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	for (size_t i = 0; i < count; i++)
	{
		ManyPartition *partition = &many_of(base)->partitions[places[i].partition];

		assert_true(partition->owned && !partition->reading);
		partition->reading = true;
		partition->paused = false;
		assert_true(many_rewind(base, &places[i], error));
	}
	return true;
}

static bool
many_finish(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	Many *many = many_of(base);

	(void) error;
	for (size_t i = 0; i < count; i++)
	{
		ManyPartition *partition = &many->partitions[places[i].partition];

		/* Whoever has it next must not meet our transaction. */
		assert_int_equal(partition->busy, -1);
		partition->owned = partition->going = partition->reading = partition->paused = false;
		many->finished++;
	}
	return true;
}

static bool
many_set_paused(Inbox *base, const InboxPlace *places, size_t count, bool paused)
{
	for (size_t i = 0; i < count; i++)
	{
		ManyPartition *partition = &many_of(base)->partitions[places[i].partition];

		assert_true(partition->reading && partition->paused != paused);
		partition->paused = paused;
	}
	return true;
}

static bool
many_pause(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	if (many_of(base)->pauses_fail)
		return error_transient(error, "made up");
	return many_set_paused(base, places, count, true);
}

static bool
many_resume(Inbox *base, const InboxPlace *places, size_t count, Error *error)
{
	(void) error;
	return many_set_paused(base, places, count, false);
}

static void
many_store(Inbox *base, const InboxPlace *places, size_t count)
{
	for (size_t i = 0; i < count; i++)
		assert_true(places[i].offset <= many_of(base)->partitions[places[i].partition].applied);
}

static bool
many_watermarks(Inbox *base, InboxPlace *places, size_t count, int timeout_ms, Error *error)
{
	(void) base, (void) places, (void) count, (void) timeout_ms, (void) error;
	return false;
}

static int64_t
many_cached_end(const Inbox *base, const char *topic, int32_t partition)
{
	(void) topic;
	return ((const Many *) base)->partitions[partition].end;
}

static void
many_leave(Inbox *base)
{
	many_of(base)->told = INBOX_CLOSED;
}

static const InboxClass many_inbox_class = {
	.poll = many_poll,
	.begin = many_begin,
	.finish = many_finish,
	.pause = many_pause,
	.resume = many_resume,
	.rewind = many_rewind,
	.begin_anew = many_rewind,
	.store = many_store,
	.watermarks = many_watermarks,
	.cached_end = many_cached_end,
	.close = many_leave,
};

/* -------------------------------------------------------------------------
 * scene
 * ------------------------------------------------------------------------- */

/* What the group gives or takes; the event is told at the next poll. */
static void
many_tell(Many *many, InboxEventType type, int first, int count)
{
	assert_int_equal(many->told, INBOX_RECORD);
	many->told = type;
	many->place_count = (size_t) count;
	for (int i = 0; i < count; i++)
	{
		many->places[i] = (InboxPlace){.topic = "t", .partition = first + i};
		many->partitions[first + i].going = type == INBOX_REVOKED;
		many->partitions[first + i].owned = true;
	}
}

static void
many_open_with(Many *many, uint64_t seed, uint32_t batch_records)
{
	Target *targets[MANY_LANES];
	Error error;

	memset(many, 0, sizeof(*many));
	error_clear(&error);
	log_init("test", LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	random_seed(&many->random, seed);
	many->inbox.methods = &many_inbox_class;
	many->told = INBOX_RECORD;
	for (int i = 0; i < MANY_PARTITIONS; i++)
		many->partitions[i].busy = -1;
	for (int i = 0; i < MANY_LANES; i++)
	{
		many->targets[i].base.methods = &many_target_class;
		many->targets[i].many = many;
		many->targets[i].number = i;
		many->targets[i].delay_usec = 20 * USEC_PER_MS;
		targets[i] = &many->targets[i].base;
	}
	many->config = (ConsumerConfig){
		.group = "g",
		.breaker = {.failures = 5, .successes = 3, .reset_usec = 60 * SEC, .growth_percent = 100},
		.probe_records = 3,
		.batch_records = batch_records,
		.batch_bytes = 1000000,
		.batch_target_usec = SEC,
		.retry_min_usec = 20 * USEC_PER_MS,
		.retry_max_usec = SEC,
		.retry_attempts = 3,
		.reconnect_min_usec = 10 * USEC_PER_MS,
		.reconnect_max_usec = SEC,
		.drain_timeout_usec = SEC,
		.inbox_retention_usec = 600 * SEC,
		.lag_interval_usec = SEC};
	handlers_init(&many->handlers);
	assert_true(
		handlers_add(&many->handlers, "h", "t", "json", "SELECT FROM batch", "test", &error));
	many->handlers.topic_rules[0].dedupe = DEDUPE_NONE;
	many->consumer =
		consumer_create(&many->config, &many->handlers, &many->inbox, targets, MANY_LANES, seed);
	assert_non_null(many->consumer);
	many->now = clock_mono();
}

static void
many_open(Many *many, uint64_t seed)
{
	many_open_with(many, seed, 100);
}

static void
many_close(Many *many)
{
	consumer_destroy(many->consumer);
	handlers_free(&many->handlers);
}

static void
many_run(Many *many, int64_t usec)
{
	for (MonoUsec end = many->now + usec; many->now < end; many->now += 10 * USEC_PER_MS)
		assert_true(consumer_step(many->consumer, many->now));
}

static void
many_grow(Many *many, int64_t records)
{
	for (int i = 0; i < MANY_PARTITIONS; i++)
		many->partitions[i].end += records;
}

static bool
many_all_applied(const Many *many)
{
	for (int i = 0; i < MANY_PARTITIONS; i++)
	{
		if (many->partitions[i].applied != many->partitions[i].end)
			return false;
	}
	return true;
}

#endif
