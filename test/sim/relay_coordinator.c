/*
 * relay_coordinator.c
 *	  The transactions of the simulation's producers.
 *
 * The coordinator knows the last producer that began, and ends what the one before left open; it
 * decides a commit when the request for it arrives, and then only.  The answer may be lost.
 *
 * Invariant: R8 of relay_world.h is asked here.
 */
#include "relay_producer.h"

#include <stdlib.h>

void
sink_abort_transaction(FakeSink *sink)
{
	if (sink->written_count > 0)
		SIM_TRACE("kafka: %d records of relay %d are aborted", sink->written_count,
				  sink->relay->number);
	sink->written_count = 0;
	sink->number++;
}

typedef struct Expiry
{
	FakeSink *sink;
	uint64_t number;
} Expiry;

/* transaction.timeout.ms: the coordinator fences the producer off. */
static void
expire(void *object)
{
	const Expiry *expiry = object;
	FakeSink *sink = expiry->sink;

	if (sink->number != expiry->number || world->broker.owner != sink || sink->written_count == 0)
		return;
	sink_abort_transaction(sink);
	world->broker.owner = NULL;
}

void
sink_initiate(void *object)
{
	FakeSink *sink = object;
	FakeSink *before = world->broker.owner;

	if (sink->closed || sink_waits_for_process(sink, sink_initiate, sink))
		return;
	if (!broker_is_up() || sim_chance(world->loss))
	{
		sim_at((broker_is_up() ? sim.now : world->broker.up_at) + some_time(), sink_initiate, sink);
		return;
	}
	if (before != NULL && before != sink)
		sink_abort_transaction(before);
	world->broker.owner = sink;
	sink->answered = true;
	sink_report(sink, REPORT_READY, 0);
}

static int
compare_written(const void *a, const void *b)
{
	const Written *left = a;
	const Written *right = b;

	if (left->place != right->place)
		return left->place - right->place;
	return left->index - right->index;
}

/* It would outlive the Kafka transaction, or is too large for one. */
static bool
may_split(const FakeSink *sink, const WalEntry *entry)
{
	const RelayConfig *config = &sink->relay->config;

	return sink->age >= config->transaction_timeout_ms * USEC_PER_MS / 2 ||
		   (config->transaction_split_events > 0 &&
			(uint64_t) entry->count >= config->transaction_split_events);
}

/* What a promoted server makes of it: of an older timeline only what it has of that counts. */
static Position
position_here(Position position)
{
	const TimelineHistory *history = &world->server.histories[world->server.timeline - 1];

	for (int i = 0; i < history->count; i++)
	{
		const TimelineEntry *entry = &history->entries[i];

		if (entry->timeline == position.timeline && position.commit_lsn > entry->end_lsn)
			position = (Position){position.generation, position.timeline, entry->end_lsn, 0};
	}
	return position;
}

/* R8: everything before that position is in Kafka now, and each transaction of the stream whole. */
static void
check_commit(FakeSink *sink)
{
	Server *server = &world->server;
	Position until = position_here(sink->before);

	for (int i = world->settled; i < server->entry_count; i++)
	{
		WalEntry *entry = &server->entries[i];
		bool before = entry->end_lsn <= until.commit_lsn;
		int there = 0;
		int poison = 0;

		for (int n = entry->first; n < entry->first + entry->count; n++)
		{
			bool is_before = before || (entry->commit_lsn == until.commit_lsn &&
										world->events[n].ordinal < until.ordinal);

			there += event_is_settled(&world->events[n]);
			poison += world->events[n].poison;
			SIM_CHECK(
				!is_before || event_is_settled(&world->events[n]),
				"R8: event %d is before the position of a Kafka transaction, and isn't in Kafka",
				n);
			SIM_CHECK(is_before || !world->events[n].accepted,
					  "R8: event %d is behind the position of the Kafka transaction that has it",
					  n);
		}
		if (there == 0 || there == entry->count)
			continue;
		entry->split |= may_split(sink, entry);
		if (poison > 0)
			continue;
		SIM_CHECK(entry->split, "R8: %d of %d events of the transaction at %llX are to be seen",
				  there, entry->count, (unsigned long long) entry->commit_lsn);
	}
}

static void
decide(FakeSink *sink)
{
	qsort(sink->written, (size_t) sink->written_count, sizeof(Written), compare_written);
	SIM_TRACE("kafka: %d records of relay %d are committed, before %llX/%llu", sink->written_count,
			  sink->relay->number, (unsigned long long) sink->before.commit_lsn,
			  (unsigned long long) sink->before.ordinal);
	for (int i = 0; i < sink->written_count; i++)
	{
		const Written *written = &sink->written[i];

		broker_accept(written->place, &world->broker.places[written->place].log[written->index]);
	}
	sink->written_count = 0;
	sink->number++;
	sink->decided = true;
	world->broker.position = sink->before;
	world->broker.has_position = true;
	pass_lost_letters(sink->timeline);
	check_commit(sink);
}

static void
hear_end(void *object)
{
	FakeSink *sink = object;

	if (sink->closed || sink->failed || sink_waits_for_process(sink, hear_end, sink))
		return;
	sink_report(sink, REPORT_COMMITTED, 0);
}

/* The request to end it; its answer may be lost, and then it is asked again. */
static void
end(void *object)
{
	FakeSink *sink = object;

	if (sink->closed && (sink->decided || sim_chance(50)))
		return;
	if (!broker_is_up() || sim_chance(world->loss))
	{
		if (!sink->closed)
			sim_at((broker_is_up() ? sim.now : world->broker.up_at) + some_time(), end, sink);
		return;
	}
	if (!sink->decided && world->broker.owner != sink)
	{
		sink->fenced = true;
		sink_fail(sink, NULL);
		return;
	}
	if (!sink->decided)
		decide(sink);
	sim_after(some_time(), sim_chance(world->loss) ? end : hear_end, sink);
}

/* When each of its events was reported, and the owner has heard it. */
void
sink_ask_for_end(FakeSink *sink)
{
	if (!sink->ending || sink->asked || sink->failed || sink->outstanding > 0)
		return;
	sink->asked = true;
	sim_after(some_time(), end, sink);
}

IoResult
sink_commit(EventSink *base, const Position *before, Error *error)
{
	FakeSink *sink = (FakeSink *) base;

	if (!sink->open)
		return IO_AGAIN;
	if (sink->failed)
	{
		error_transient(error, "the producer failed");
		return IO_FAILED;
	}
	sink->open = false;
	sink->ending = true;
	sink_release(base);
	sink->before = *before;
	sink->age = sim.now - sink->opened_at;
	sink_ask_for_end(sink);
	return IO_OK;
}

void
sink_begin_transaction(FakeSink *sink)
{
	Expiry *expiry;

	if (!sink->transactional || sink->outstanding > 0 || sink->written_count > 0)
		return;
	sink->opened_at = sim.now;
	expiry = sim_alloc(sizeof(*expiry));
	*expiry = (Expiry){sink, sink->number};
	sim_after(sink->relay->config.transaction_timeout_ms * USEC_PER_MS, expire, expiry);
}
