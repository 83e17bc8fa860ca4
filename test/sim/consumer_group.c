/*
 * consumer_group.c
 *	  The group of the simulation and, for each member, its inbox.
 *
 * A partition that is to go elsewhere is revoked first, and given when its owner says that it has
 * finished.  Of a member that doesn't answer the group takes all without a word; it reads on, from
 * what it has fetched, until it hears of it.
 *
 * Invariants: C4 of consumer_world.h is asked here; what isn't read isn't paused, and a pause
 * changes something, as inbox.h says.
 */
#include "consumer_world.h"

#include <stdio.h>
#include <string.h>

static void
tell(Member *member, Told what, int partition)
{
	SIM_CHECK(member->told_count < TOLD_MAX, "too much is told to a member");
	member->told[(member->told_first + member->told_count) % TOLD_MAX] = what;
	member->told_partition[(member->told_first + member->told_count) % TOLD_MAX] = partition;
	member->told_count++;
}

/* Whatever has no owner goes to whom it is meant for. */
static void
give(void)
{
	for (int i = 0; i < PARTITIONS; i++)
	{
		if (land->owner[i] >= 0 || land->wanted[i] < 0)
			continue;
		land->owner[i] = land->wanted[i];
		tell(&land->members[land->owner[i]], TOLD_ASSIGNED, i);
	}
}

void
group_rebalance(void)
{
	int in_group[MEMBERS];
	int count = 0;

	for (int i = 0; i < MEMBERS; i++)
	{
		if (land->members[i].in_group)
			in_group[count++] = i;
	}
	for (int i = 0; i < PARTITIONS; i++)
	{
		int before = land->wanted[i];

		if (count == 0)
			land->wanted[i] = -1;
		else if (before < 0 || !land->members[before].in_group || sim_chance(30))
			land->wanted[i] = in_group[sim_below((uint64_t) count)];
		/* Once it was asked for it back, it is asked no more. */
		if (land->owner[i] >= 0 && land->wanted[i] != before && land->owner[i] == before)
			tell(&land->members[before], TOLD_REVOKED, i);
	}
	give();
}

void
group_join(Member *member)
{
	member->in_group = true;
	group_rebalance();
}

void
group_leave(Member *member)
{
	member->in_group = false;
	for (int i = 0; i < PARTITIONS; i++)
	{
		if (land->owner[i] == member->number)
			land->owner[i] = -1;
		if (land->wanted[i] == member->number)
			land->wanted[i] = -1;
	}
	group_rebalance();
}

static void
hear_of_it(void *object)
{
	Member *member = object;

	if (member->consumer == NULL || member->in_group)
		return;
	member->told_count = 0;
	for (int i = 0; i < PARTITIONS; i++)
	{
		if (member->readings[i].owned)
			tell(member, TOLD_LOST, i);
	}
	group_join(member);
}

void
group_give_up(Member *member)
{
	MonoUsec at = member->paused_until > sim.now ? member->paused_until : sim.now;

	if (!member->in_group)
		return;
	group_leave(member);
	sim_at(at + sim_between(0, SESSION_USEC / 2), hear_of_it, member);
}

/* -------------------------------------------------------------------------
 * what an inbox tells
 * -------------------------------------------------------------------------
 */

static Member *
member_of(const Inbox *inbox)
{
	return (Member *) (uintptr_t) inbox;
}

static int
next_readable(const Member *member)
{
	for (int i = 0; i < PARTITIONS; i++)
	{
		const Reading *reading = &member->readings[i];

		if (reading->reading && !reading->paused && reading->next < land->logs[i].count)
			return i;
	}
	return -1;
}

MonoUsec
inbox_ready_at(const Member *member)
{
	if ((member->told_count > 0 && !member->owes_finish) || member->closing)
		return sim.now;
	return next_readable(member) >= 0 ? member->fetch_at : MONO_NEVER;
}

bool
inbox_is_ready(const Member *member)
{
	return inbox_ready_at(member) <= sim.now;
}

/* Of one kind, as many as follow each other. */
static IoResult
take_told(Member *member, InboxEvent *event)
{
	Told what = member->told[member->told_first];
	size_t count = 0;

	while (member->told_count > 0 && member->told[member->told_first] == what && count < PARTITIONS)
	{
		int partition = member->told_partition[member->told_first];
		Reading *reading = &member->readings[partition];

		member->told_first = (member->told_first + 1) % TOLD_MAX;
		member->told_count--;
		if (what != TOLD_ASSIGNED && !reading->owned)
			continue;
		if (what == TOLD_ASSIGNED)
			*reading = (Reading){.owned = true};
		member->places[count++] = (InboxPlace){.topic = TOPIC, .partition = partition};
	}
	if (count == 0)
		return IO_AGAIN;
	event->type = what == TOLD_ASSIGNED ? INBOX_ASSIGNED : INBOX_REVOKED;
	event->lost = what == TOLD_LOST;
	event->places = member->places;
	event->place_count = count;
	member->owes_finish = what != TOLD_ASSIGNED;
	SIM_TRACE("member %d: %s %zu partitions, %d first", member->number,
			  what == TOLD_ASSIGNED ? "gets"
			  : what == TOLD_LOST	? "has lost"
									: "gives back",
			  count, member->places[0].partition);
	return IO_OK;
}

static void
fill_record(InboxRecord *record, int partition, const LogRecord *from)
{
	static char id[UUID_TEXT_SIZE];
	static char position[POSITION_TEXT_SIZE];
	static InboxHeader headers[2];
	Position at = event_position(from->event);

	event_id(partition, from->event, id);
	headers[0] = (InboxHeader){{(const uint8_t *) "id", 2}, {(const uint8_t *) id, strlen(id)}};
	*record = (InboxRecord){.topic = TOPIC,
							.partition = partition,
							.offset = from->offset,
							.timestamp_ms = INT64_C(1700000000000) + from->event,
							.value = {(const uint8_t *) "{}", 2},
							.headers = headers,
							.header_count = from->kind == RECORD_BY_ID ? 1 : 2};
	if (from->kind == RECORD_BY_POSITION)
		headers[1] =
			(InboxHeader){{(const uint8_t *) "outbox-position", 15},
						  {(const uint8_t *) position, position_format(SOURCE_ID, &at, position)}};
	else if (from->kind == RECORD_REPLAYED)
		headers[1] = (InboxHeader){{(const uint8_t *) "outbox-replayed", 15},
								   {(const uint8_t *) "selected", 8}};
}

static IoResult
poll_inbox(Inbox *inbox, InboxEvent *event)
{
	Member *member = member_of(inbox);
	int partition;

	memset(event, 0, offsetof(InboxEvent, error));
	SIM_CHECK(!member->owes_finish, "an inbox is polled that waits for a finish");
	if (member->told_count > 0 && (sim_chance(30) || next_readable(member) < 0) &&
		take_told(member, event) == IO_OK)
		return IO_OK;
	if (member->closing && member->told_count == 0)
	{
		event->type = INBOX_CLOSED;
		return IO_OK;
	}
	partition = next_readable(member);
	if (partition < 0 || sim.now < member->fetch_at)
		return IO_AGAIN;
	/* In turns, more or less. */
	for (int i = 0; i < PARTITIONS; i++)
	{
		int other = (partition + (int) sim_below(PARTITIONS)) % PARTITIONS;
		const Reading *reading = &member->readings[other];

		if (reading->reading && !reading->paused && reading->next < land->logs[other].count)
			partition = other;
	}
	event->type = INBOX_RECORD;
	fill_record(&event->record, partition,
				&land->logs[partition].records[member->readings[partition].next++]);
	if (sim_chance(4))
		member->fetch_at = sim.now + some_delay();
	return IO_OK;
}

/* -------------------------------------------------------------------------
 * what it is told
 * -------------------------------------------------------------------------
 */

static bool
is_refused(Error *error)
{
	if (!sim_chance(land->loss))
		return false;
	error_transient(error, "made up");
	return true;
}

static bool
begin(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	Member *member = member_of(inbox);

	if (is_refused(error))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		Reading *reading = &member->readings[places[i].partition];

		SIM_CHECK(reading->owned, "partition %d is begun, and isn't owned", places[i].partition);
		reading->reading = true;
		reading->paused = false;
		reading->next = find_record(places[i].partition, places[i].offset);
	}
	return true;
}

static bool
rewind_inbox(Inbox *inbox, const InboxPlace *place, Error *error)
{
	Reading *reading = &member_of(inbox)->readings[place->partition];

	if (is_refused(error))
		return false;
	SIM_CHECK(reading->reading, "partition %d is rewound, and isn't read", place->partition);
	reading->next = find_record(place->partition, place->offset);
	return true;
}

static bool
finish(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	Member *member = member_of(inbox);

	(void) error;
	SIM_CHECK(member->owes_finish, "a finish that nobody waits for");
	member->owes_finish = false;
	for (size_t i = 0; i < count; i++)
	{
		int partition = places[i].partition;

		member->readings[partition] = (Reading){.owned = false};
		if (land->owner[partition] == member->number && land->wanted[partition] != member->number)
			land->owner[partition] = -1;
		else if (land->owner[partition] == member->number)
			tell(member, TOLD_ASSIGNED, partition);
	}
	give();
	return true;
}

static void
set_paused(Inbox *inbox, const InboxPlace *places, size_t count, bool paused)
{
	for (size_t i = 0; i < count; i++)
	{
		Reading *reading = &member_of(inbox)->readings[places[i].partition];

		SIM_CHECK(reading->reading && reading->paused != paused, "a pause that changes nothing");
		reading->paused = paused;
	}
}

static bool
pause_inbox(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	if (is_refused(error))
		return false;
	set_paused(inbox, places, count, true);
	return true;
}

static bool
resume(Inbox *inbox, const InboxPlace *places, size_t count, Error *error)
{
	if (is_refused(error))
		return false;
	set_paused(inbox, places, count, false);
	return true;
}

static void
store(Inbox *inbox, const InboxPlace *places, size_t count)
{
	(void) inbox;
	for (size_t i = 0; i < count; i++)
	{
		const Applied *applied = &land->database.partitions[places[i].partition];

		SIM_CHECK(applied->found && places[i].offset <= applied->next,
				  "C4: Kafka is told offset %lld of partition %d, the progress is %lld",
				  (long long) places[i].offset, places[i].partition, (long long) applied->next);
	}
}

static bool
watermarks(Inbox *inbox, InboxPlace *places, size_t count, int timeout_ms, Error *error)
{
	(void) inbox, (void) timeout_ms;
	if (is_refused(error))
		return false;
	for (size_t i = 0; i < count; i++)
	{
		places[i].low = 0;
		places[i].high = land->logs[places[i].partition].end;
		places[i].known = true;
	}
	return true;
}

static int64_t
cached_end(const Inbox *inbox, const char *topic, int32_t partition)
{
	(void) inbox, (void) topic;
	return land->logs[partition].end;
}

static void
close_inbox(Inbox *inbox)
{
	Member *member = member_of(inbox);

	member->closing = true;
	member->told_count = 0;
	for (int i = 0; i < PARTITIONS; i++)
	{
		if (member->readings[i].owned)
			tell(member, TOLD_REVOKED, i);
	}
}

static const InboxClass inbox_class = {
	.poll = poll_inbox,
	.begin = begin,
	.finish = finish,
	.pause = pause_inbox,
	.resume = resume,
	.rewind = rewind_inbox,
	.begin_anew = rewind_inbox,
	.store = store,
	.watermarks = watermarks,
	.cached_end = cached_end,
	.close = close_inbox,
};

void
inbox_init(Member *member)
{
	member->inbox = (Inbox){.methods = &inbox_class, .session_usec = SESSION_USEC};
	memset(member->readings, 0, sizeof(member->readings));
	member->told_first = member->told_count = 0;
	member->owes_finish = member->closing = false;
}
