/*
 * relay_check_delivery.c
 *	  Where a stream begins with Kafka transactions, before or behind a change of mode.
 *
 * Refuses a position topic that is behind what was committed or has the position of another
 * server, a Kafka that is ahead of the server, and a change to exactly-once while Kafka has events
 * behind the mark.
 *
 * Invariants: nothing that an earlier transaction committed is behind the point that is
 * found, so that it isn't published again; nothing that wasn't is before it.  On a new
 * timeline what the old one had behind its end doesn't count: this server never had it.
 */
#include "relay_check_delivery.h"

#include "exit_codes.h"

#include <string.h>

bool
relay_check_delivery_column(const RelayFacts *facts, Error *error)
{
	if (facts->delivery_recorded)
		return true;
	error_permanent(error, EXIT_NOT_INITIALIZED,
					"delivery is \"exactly-once\", and outbox.relay can't record it");
	return error_hint(error, "ALTER EXTENSION pg_outbox UPDATE.");
}

static bool
gap_hint(Error *error)
{
	return error_hint(error,
					  "Events may be missing in Kafka, or would be there twice. "
					  "docs/operations.md, \"A gap\", has the ways on: from the mark, if the "
					  "topics are whole, or from a new slot.");
}

static int
compare_points(const Position *a, const Position *b)
{
	if (a->commit_lsn != b->commit_lsn)
		return a->commit_lsn < b->commit_lsn ? -1 : 1;
	if (a->ordinal != b->ordinal)
		return a->ordinal < b->ordinal ? -1 : 1;
	return 0;
}

/* Up to where the WAL of that timeline is this server's; LSN_INVALID: not at all. */
static PgLsn
end_of_timeline(const TimelineHistory *history, uint32_t timeline)
{
	if (timeline == history->current)
		return UINT64_MAX;
	for (int i = 0; i < history->count; i++)
	{
		if (history->entries[i].timeline == timeline)
			return history->entries[i].end_lsn;
	}
	return LSN_INVALID;
}

static bool
is_of_this_server(const Position *position, const DeliveryFacts *delivery)
{
	PgLsn end = end_of_timeline(delivery->timelines, position->timeline);

	return end != LSN_INVALID && position->commit_lsn < end;
}

/* The position of the topic as a point of this server's WAL; false: it is of another one. */
static bool
take_position(const DeliveryFacts *delivery, const Position *found, Position *before, Error *error)
{
	char text[LSN_TEXT_SIZE];
	char flushed[LSN_TEXT_SIZE];
	PgLsn end = end_of_timeline(delivery->timelines, found->timeline);

	*before = *found;
	if (end == LSN_INVALID)
	{
		error_permanent(error, EXIT_GAP,
						"Kafka's transactions came to timeline %u, which isn't in the history of "
						"this server (%u)",
						found->timeline, delivery->timelines->current);
		return gap_hint(error);
	}
	if (before->commit_lsn > end)
	{
		before->commit_lsn = end;
		before->ordinal = 0;
	}
	before->timeline = timeline_of(delivery->timelines, before->commit_lsn);
	if (before->commit_lsn <= delivery->flushed)
		return true;
	lsn_format(before->commit_lsn, text);
	lsn_format(delivery->flushed, flushed);
	error_permanent(error, EXIT_GAP,
					"Kafka's transactions came to %s, but the server's WAL ends at %s", text,
					flushed);
	error_detail(error, "The server was restored from an old snapshot.");
	return gap_hint(error);
}

static Position
point(const DeliveryFacts *delivery, uint32_t generation, PgLsn lsn, uint64_t ordinal)
{
	return (Position){generation, timeline_of(delivery->timelines, lsn), lsn, ordinal};
}

static void
raise(Position *point, const Position *other)
{
	if (compare_points(point, other) < 0)
		*point = *other;
}

/*
 * Behind the last event that is known to be in Kafka: of the registration, and of this process.  Those
 * before it are there, too, when it was published in a transaction, and else they may not be.
 */
static bool
behind_the_last(const RelayFacts *facts, const DeliveryFacts *delivery, Position *behind)
{
	char source_id[SOURCE_ID_MAX + 1];
	Position last;
	bool found = false;

	*behind = point(delivery, facts->generation, 0, 0);
	if (position_parse(facts->last_position, strlen(facts->last_position), source_id, &last) &&
		last.generation == facts->generation && is_of_this_server(&last, delivery))
	{
		*behind = point(delivery, facts->generation, last.commit_lsn, last.ordinal + 1);
		found = true;
	}
	if (delivery->last != NULL && delivery->last->generation == facts->generation &&
		is_of_this_server(delivery->last, delivery))
	{
		Position other = point(delivery, facts->generation, delivery->last->commit_lsn,
							   delivery->last->ordinal + 1);

		raise(behind, &other);
		found = true;
	}
	return found;
}

/* Another database publishes with our source id and slot, or one did that lived before. */
static bool
check_server(const RelayFacts *facts, const DeliveryFacts *delivery, Error *error)
{
	char text[POSITION_TEXT_SIZE];

	if (delivery->written_on[0] == '\0' ||
		strcmp(delivery->written_on, facts->system_identifier) == 0)
		return true;
	(void) position_format(facts->source_id, delivery->before, text);
	error_permanent(error, EXIT_GAP,
					"the position topic has %s of another server: its system identifier is %s, %s "
					"is registered",
					text, delivery->written_on, facts->system_identifier);
	error_detail(error, "Another database has the same source id and slot, or had them before. Its "
						"positions say nothing of these events.");
	return error_hint(error,
					  "If it still publishes: outbox-relay teardown, then init with another "
					  "--source-id. Else drop the slot, then outbox-relay init --accept-gap, "
					  "start the relay, and outbox-relay replay --gap.");
}

/* The last relay committed transactions: what the topic says is the truth, if it is whole. */
static bool
go_on(const RelayFacts *facts, const DeliveryFacts *delivery, const Position *before,
	  DeliveryStart *start, Error *error)
{
	char known[POSITION_TEXT_SIZE];
	char found[POSITION_TEXT_SIZE];
	Position behind;

	if (before == NULL)
	{
		error_permanent(error, EXIT_GAP,
						"the position topic has no position of this relay, though it published in "
						"transactions");
		error_detail(error, "The topic was made again, or is another one "
							"(transaction.position.topic), or somebody deleted its records.");
		return gap_hint(error);
	}
	if (behind_the_last(facts, delivery, &behind) && compare_points(before, &behind) < 0)
	{
		(void) position_format(facts->source_id, before, found);
		(void) position_format(facts->source_id, &behind, known);
		error_permanent(error, EXIT_GAP,
						"Kafka's transactions came to %s, but all before %s was committed", found,
						known);
		error_detail(error, "Kafka lost records, or the position topic is an old copy.");
		return gap_hint(error);
	}
	start->before = *before;
	start->record = !delivery->exactly_once;
	/* Whoever comes next has to know whom to fence off. */
	start->anchor = delivery->exactly_once && delivery->another_writer;
	return true;
}

static bool
is_behind_the_mark(const RelayFacts *facts, const Position *highest, Error *error)
{
	char text[POSITION_TEXT_SIZE];

	(void) position_format(facts->source_id, highest, text);
	error_permanent(error, EXIT_CONFIG,
					"delivery = exactly-once can't begin yet: Kafka has events behind the mark, up "
					"to %s",
					text);
	error_detail(error, "The last relay published at least once and didn't come to its end.");
	return error_hint(error, "Start it once more with delivery = at-least-once, and stop it by "
							 "SIGTERM when outbox_relay_lag_bytes is about 0: what is in doubt is "
							 "settled then.");
}

/* The last relay, if any, committed none: the mark is the truth, if nothing is behind it. */
static bool
begin(const RelayFacts *facts, const DeliveryFacts *delivery, const Position *before,
	  DeliveryStart *start, Error *error)
{
	Position behind;
	bool found = behind_the_last(facts, delivery, &behind);

	start->before = point(delivery, facts->generation,
						  facts->backfill ? facts->start_lsn - 1 : facts->mark_lsn, 0);
	/* What init recorded is before all of the old rows. */
	if (found && facts->backfill)
		raise(&start->before, &behind);
	if (before != NULL)
		raise(&start->before, before);
	start->anchor = start->record = true;
	if (delivery->tail != NULL && delivery->tail->generation == facts->generation &&
		is_of_this_server(delivery->tail, delivery) &&
		compare_points(delivery->tail, &start->before) >= 0)
		return is_behind_the_mark(facts, delivery->tail, error);
	if (!found || compare_points(&behind, &start->before) <= 0)
		return true;
	behind.ordinal--;
	return is_behind_the_mark(facts, &behind, error);
}

bool
relay_check_delivery(const RelayFacts *facts, const DeliveryFacts *delivery, DeliveryStart *start,
					 Error *error)
{
	Position here;
	const Position *before = NULL;

	*start = (DeliveryStart){.anchor = false};
	if (delivery->before != NULL && delivery->before->generation >= facts->generation &&
		!check_server(facts, delivery, error))
		return false;
	if (delivery->before != NULL && delivery->before->generation > facts->generation)
	{
		error_permanent(error, EXIT_GAP,
						"Kafka's transactions came to generation %u, the registration is %u",
						delivery->before->generation, facts->generation);
		error_detail(error, "The server was restored from an old backup.");
		return gap_hint(error);
	}
	if (delivery->before != NULL && delivery->before->generation == facts->generation)
	{
		if (!take_position(delivery, delivery->before, &here, error))
			return false;
		before = &here;
	}
	return facts->exactly_once ? go_on(facts, delivery, before, start, error)
							   : begin(facts, delivery, before, start, error);
}
