/*
 * relay_server.c
 *	  The server of the relays' world: its WAL, its slot, and the rows of the extension.
 *
 * What is committed is flushed.  A crash takes the sessions and puts the slot back to what was
 * persisted; a promotion cuts the WAL where a standby was, with the rows and the slot as it had
 * them.  Its rows are written as the statements of pg_registry_sql.h do.
 *
 * Invariants: R1 and R9 of relay_world.h are asked here; entries rise in commit LSN.
 */
#include "relay_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAL_BEGIN UINT64_C(0x1000000)

static PgLsn
grow(int64_t least, int64_t most)
{
	world->server.end += (PgLsn) sim_between(least, most);
	return world->server.end;
}

static void
keep_confirmed(void)
{
	Server *server = &world->server;

	server->confirmed_before[server->confirmations++ % 8] = server->confirmed;
	/* A checkpoint comes now and then. */
	if (sim_chance(20))
		server->persisted = server->confirmed;
}

void
server_init(void)
{
	Server *server = &world->server;
	Rows *rows = &server->versions[0];

	server->up = true;
	server->life = 1;
	server->end = WAL_BEGIN;
	server->xid = 700;
	server->timeline = 1;
	timeline_init(&server->histories[0], 1);
	server->confirmed = server->persisted = WAL_BEGIN;
	keep_confirmed();
	rows->lsn = WAL_BEGIN;
	rows->timeline = 1;
	rows->mark_lsn = WAL_BEGIN;
}

Rows *
server_rows(void)
{
	return &world->server.versions[world->server.version % VERSIONS];
}

Rows *
server_write(void)
{
	Server *server = &world->server;
	Rows *rows;

	server->version++;
	rows = server_rows();
	*rows = server->versions[(server->version - 1) % VERSIONS];
	rows->lsn = grow(80, 400);
	server->xid++;
	return rows;
}

static void
add_event(const WalEntry *entry, uint64_t ordinal, bool may_be_poison)
{
	SimEvent *event = &world->events[world->event_count];
	int topic = (int) sim_below(TOPICS);
	Place *place;

	*event = (SimEvent){.commit_lsn = entry->commit_lsn,
						.timeline = world->server.timeline,
						.ordinal = ordinal,
						.key = (int) sim_below(KEYS),
						.payload = (uint32_t) sim_between(2, 60),
						.poison = may_be_poison && sim_chance(3)};
	event->place = world->key_places[topic][event->key];
	place = &world->broker.places[event->place];
	place->expected[place->expected_count++] = world->event_count++;
	world->counts->events++;
}

WalEntry *
server_commit(int events, bool message)
{
	Server *server = &world->server;
	WalEntry *entry = &server->entries[server->entry_count];
	/* None is an ordinary thing. */
	bool may_be_poison = sim_chance(30);

	SIM_CHECK(server->entry_count < ENTRIES_MAX && world->event_count + events <= EVENTS_MAX,
			  "the world is full");
	*entry = (WalEntry){.first = world->event_count, .count = events, .message = message};
	/* What others write, and what is rolled back, is in between. */
	entry->commit_lsn = grow(events == 0 ? 60 : 100, sim_chance(5) ? 200000 : 900);
	entry->end_lsn = grow(40, 120);
	entry->commit_time = clock_pg();
	entry->xid = server->xid++;
	entry->seen_at = sim.now + (sim_chance(80) ? 0 : sim_between(0, 50 * USEC_PER_MS));
	entry->decoded_at =
		sim.now + (sim_chance(90) ? sim_between(0, 2000) : sim_between(0, USEC_PER_SEC / 2));
	for (int i = 0; i < events; i++)
		add_event(entry, (uint64_t) i, may_be_poison);
	server->entry_count++;
	return entry;
}

/* -------------------------------------------------------------------------
 * the end of a life
 * -------------------------------------------------------------------------
 */

static void
come_back(void *object)
{
	(void) object;
	world->server.up = true;
	SIM_TRACE("server: up, life %u, timeline %u", world->server.life, world->server.timeline);
}

void
server_crash(void)
{
	Server *server = &world->server;

	if (!server->up)
		return;
	server->up = false;
	server->life++;
	server->holder = NULL;
	server->confirmed = server->persisted;
	SIM_TRACE("server: crash, the slot is at %llX", (unsigned long long) server->confirmed);
	sim_after(sim_between(5, 3000) * USEC_PER_MS, come_back, NULL);
}

/* What the standby never got is gone from every log's expectation, unless it was read there. */
static void
cut(PgLsn end)
{
	Server *server = &world->server;

	while (server->entry_count > 0 && server->entries[server->entry_count - 1].end_lsn > end)
	{
		WalEntry *entry = &server->entries[--server->entry_count];

		for (int i = entry->first; i < entry->first + entry->count; i++)
			world->events[i].lost = true;
	}
	while (server->versions[server->version % VERSIONS].lsn > end)
		server->version--;
	if (world->settled > server->entry_count)
		world->settled = server->entry_count;
}

/* What Kafka's transactions came to: it isn't published again. */
static bool
is_behind_kafka(const SimEvent *event)
{
	const Position *before = &world->broker.position;

	return world->broker.has_position &&
		   (event->commit_lsn < before->commit_lsn ||
			(event->commit_lsn == before->commit_lsn && event->ordinal < before->ordinal));
}

/*
 * Dead letters that the standby never got: their events come again, but for those that its copy of
 * the slot, or a position in Kafka, has passed.  Nobody promises those (docs/guarantees.md).
 */
static void
forget_letters(PgLsn end)
{
	for (int i = 0; i < world->event_count; i++)
	{
		SimEvent *event = &world->events[i];

		if (event->dead_lsn <= end)
			continue;
		event->dead_lsn = LSN_INVALID;
		event->letter_lost = true;
		event->lost |= event->commit_lsn < world->server.confirmed || is_behind_kafka(event);
	}
}

/*
 * A relay that wrote such a letter commits the Kafka transaction behind it without a word from its server:
 * that may come when the standby has taken over.
 */
void
pass_lost_letters(uint32_t timeline)
{
	if (timeline == world->server.timeline)
		return;
	for (int i = 0; i < world->event_count; i++)
	{
		SimEvent *event = &world->events[i];

		event->lost |= event->letter_lost && !event_is_settled(event) && is_behind_kafka(event);
	}
}

/* A standby that was behind by a little takes over. */
void
server_promote(void)
{
	Server *server = &world->server;
	int back = (int) sim_below(6);
	unsigned confirmations = server->confirmations < 8 ? server->confirmations : 8;
	TimelineHistory *history;
	PgLsn end = server->end;

	if (!server->up || server->timeline == TIMELINES || server->entry_count < back + 1 ||
		server->version < 32)
		return;
	if (back > 0)
		end = server->entries[server->entry_count - back].end_lsn;
	/* The rows must be among those that are kept. */
	if (server->versions[(server->version + 1) % VERSIONS].lsn > end)
		return;
	server->up = false;
	server->life++;
	server->holder = NULL;
	cut(end);
	server->end = end;
	/* The copy of the slot, which isn't ahead of the standby's own WAL. */
	server->confirmed =
		server->confirmed_before[(server->confirmations - 1 - sim_below(confirmations)) % 8];
	while (server->confirmed > end)
		server->confirmed = server->confirmed_before[--server->confirmations % 8];
	forget_letters(end);
	server->persisted = server->confirmed;
	server->synced = true;
	history = &server->histories[server->timeline];
	*history = server->histories[server->timeline - 1];
	history->entries[history->count++] = (TimelineEntry){server->timeline, end};
	history->current = ++server->timeline;
	world->settled = 0;
	SIM_TRACE("server: a standby takes over at %llX, timeline %u, mark %llX, slot %llX",
			  (unsigned long long) end, server->timeline,
			  (unsigned long long) server_rows()->mark_lsn, (unsigned long long) server->confirmed);
	sim_after(sim_between(50, 2000) * USEC_PER_MS, come_back, NULL);
}

/* -------------------------------------------------------------------------
 * what is asked
 * -------------------------------------------------------------------------
 */

bool
event_is_settled(const SimEvent *event)
{
	return event->accepted || event->dead_lsn != LSN_INVALID || event->lost;
}

static const SimEvent *
first_unsettled(const WalEntry *entry)
{
	for (int i = entry->first; i < entry->first + entry->count; i++)
	{
		if (!event_is_settled(&world->events[i]))
			return &world->events[i];
	}
	return NULL;
}

void
check_settled(PgLsn lsn, const char *what)
{
	const Server *server = &world->server;

	for (int i = world->settled; i < server->entry_count; i++)
	{
		const SimEvent *event = first_unsettled(&server->entries[i]);

		if (server->entries[i].commit_lsn >= lsn)
			return;
		SIM_CHECK(event == NULL,
				  "R1: %s is at %llX, and event %d (commit LSN %llX, ordinal %llu) is not in Kafka",
				  what, (unsigned long long) lsn, (int) (event - world->events),
				  (unsigned long long) server->entries[i].commit_lsn,
				  (unsigned long long) event->ordinal);
		if (i == world->settled)
			world->settled++;
	}
}

bool
all_is_settled(void)
{
	const Server *server = &world->server;
	PgLsn end = LSN_INVALID;

	for (int i = 0; i < server->entry_count; i++)
	{
		if (i >= world->settled && first_unsettled(&server->entries[i]) != NULL)
			return false;
		if (server->entries[i].count > 0)
			end = server->entries[i].end_lsn;
	}
	return server->up && server_rows()->mark_lsn >= end && server->confirmed >= end;
}

/* The reader of each log came to its end. */
void
check_settled_again(void)
{
	for (int i = 0; i < world->event_count; i++)
	{
		const SimEvent *event = &world->events[i];

		SIM_CHECK(event->lost || event_is_settled(event), "R7: event %d was never published", i);
		SIM_CHECK(!world->exactly_once || event->committed <= 1,
				  "R4: committed readers see event %d %d times", i, event->committed);
	}
}

/* "xmin:xmax:xip,xip", as the registry gave it. */
static bool
sees(const char *snapshot, uint32_t xid)
{
	char *rest;
	unsigned long xmin = strtoul(snapshot, &rest, 10);
	unsigned long xmax = strtoul(rest + 1, &rest, 10);

	if (xid < xmin || xid >= xmax)
		return xid < xmin;
	while ((*rest == ':' || *rest == ',') && rest[1] != '\0')
	{
		if (strtoul(rest + 1, &rest, 10) == xid)
			return false;
	}
	return true;
}

void
check_snapshot(const char *snapshot)
{
	const Server *server = &world->server;

	for (int i = world->settled; i < server->entry_count; i++)
	{
		const WalEntry *entry = &server->entries[i];

		SIM_CHECK(!sees(snapshot, entry->xid) || first_unsettled(entry) == NULL,
				  "R9: the snapshot %s is stored, and transaction %u is not in Kafka", snapshot,
				  entry->xid);
	}
}
