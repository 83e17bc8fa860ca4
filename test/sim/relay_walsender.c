/*
 * relay_walsender.c
 *	  The walsender of the simulation: which frames it sends, and how long it waits.
 *
 * Transactions come in commit order, each at its commit.  A keepalive tells how far the reading has
 * come: never behind the commit of a transaction that wasn't sent.
 *
 * Invariant: R6 of relay_world.h is asked here.
 */
#include "relay_source.h"

#include <stdio.h>
#include <string.h>

#define EVENT_OID 500

bool
source_is_lost(const PgSource *source)
{
	return !source->silent && (source->lost || (source->phase != SOURCE_CONNECTING &&
												source->life != world->server.life));
}

bool
source_is_attached(const PgSource *source)
{
	return source->phase == SOURCE_STREAMING && world->server.holder == source;
}

void
source_let_go(void *object)
{
	if (world->server.holder == object)
		world->server.holder = NULL;
}

void
source_break(PgSource *source, bool in_silence)
{
	source->lost = true;
	source->silent = in_silence;
	sim_after(in_silence ? WAL_SENDER_TIMEOUT : some_time(), source_let_go, source);
}

/* A client that is stopped, or cut off, isn't waited for longer than this. */
void
source_watch_client(void *object)
{
	PgSource *source = object;

	if (source->closed || source->lost || !source_is_attached(source))
		return;
	if (sim.now - source->heard_at >= WAL_SENDER_TIMEOUT / 2 && !source->pinged)
		source->pinged = source->asked = true;
	if (sim.now - source->heard_at < WAL_SENDER_TIMEOUT)
	{
		sim_after(100 * USEC_PER_MS, source_watch_client, source);
		return;
	}
	/* What one says that was stopped until now is on its way. */
	SIM_CHECK(source->relay->paused_until > 0 ||
				  sim.now - source->relay->resumed_at < 100 * USEC_PER_MS,
			  "R6: the walsender heard nothing for its time-out");
	SIM_TRACE("walsender: time-out");
	source_break(source, false);
}

const WalEntry *
source_next_entry(const PgSource *source)
{
	return source->entry < world->server.entry_count ? &world->server.entries[source->entry] : NULL;
}

/* How far its reading may have come before the commit that comes next. */
static PgLsn
sent_so_far(PgSource *source)
{
	const WalEntry *entry = source_next_entry(source);
	PgLsn bound = entry != NULL ? entry->commit_lsn : world->server.end;

	if (bound > source->sent)
		source->sent = entry == NULL || sim_chance(50)
						   ? bound
						   : source->sent + sim_below(bound - source->sent + 1);
	return source->sent;
}

static void
put_header(Buffer *bytes, uint8_t kind, PgLsn start, PgLsn end)
{
	buffer_reset(bytes);
	buffer_append_u8(bytes, kind);
	if (kind == 'w')
		buffer_append_u64(bytes, start);
	buffer_append_u64(bytes, end);
	buffer_append_u64(bytes, (uint64_t) clock_pg());
}

void
source_put_keepalive(PgSource *source)
{
	PgLsn sent = sent_so_far(source);

	put_header(&source->bytes, 'k', 0, sent);
	buffer_append_u8(&source->bytes, source->pinged);
	source->asked = false;
	source->kept_alive = sent;
}

static void
put_name(Buffer *bytes, const char *name)
{
	buffer_append(bytes, name, strlen(name) + 1);
}

static void
put_text(Buffer *bytes, const char *text, size_t len)
{
	buffer_append_u8(bytes, 't');
	buffer_append_u32(bytes, (uint32_t) len);
	buffer_append(bytes, text, len);
}

static void
put_relation(Buffer *bytes)
{
	static const struct
	{
		const char *name;
		uint32_t type;
	} columns[] = {{"id", 2950},	  {"aggregatetype", 25}, {"aggregateid", 25},
				   {"type", 25},	  {"payload", 114},		 {"payload_bytes", 17},
				   {"headers", 3802}, {"created_at", 1184}};

	put_header(bytes, 'w', 0, 0);
	buffer_append_u8(bytes, 'R');
	buffer_append_u32(bytes, EVENT_OID);
	put_name(bytes, "outbox");
	put_name(bytes, "event");
	buffer_append_u8(bytes, 'd');
	buffer_append_u16(bytes, 8);
	for (size_t i = 0; i < 8; i++)
	{
		buffer_append_u8(bytes, 0);
		put_name(bytes, columns[i].name);
		buffer_append_u32(bytes, columns[i].type);
		buffer_append_u32(bytes, UINT32_MAX);
	}
}

/* Its id says which event it is. */
static void
put_event(Buffer *bytes, const WalEntry *entry, int number)
{
	static const char payload[] =
		"{\"made up\":\"..........................................................\"}";
	const SimEvent *event = &world->events[number];
	char text[64];

	/* Changes come before the commits of others. */
	put_header(bytes, 'w', entry->commit_lsn - 60, entry->commit_lsn - 60);
	buffer_append_u8(bytes, 'I');
	buffer_append_u32(bytes, EVENT_OID);
	buffer_append_u8(bytes, 'N');
	buffer_append_u16(bytes, 8);
	put_text(bytes, text,
			 (size_t) snprintf(text, sizeof(text), "%08x-0000-7000-8000-000000000000",
							   (unsigned) number));
	put_text(bytes, text, (size_t) snprintf(text, sizeof(text), "t%d", event->place / PARTITIONS));
	put_text(bytes, text, (size_t) snprintf(text, sizeof(text), "k%d", event->key));
	put_text(bytes, "made", 4);
	put_text(bytes, payload,
			 12 + event->payload < sizeof(payload) - 1 ? 12 + event->payload : sizeof(payload) - 1);
	for (int i = 0; i < 3; i++)
		buffer_append_u8(bytes, 'n');
}

static void
put_begin(Buffer *bytes, const WalEntry *entry)
{
	put_header(bytes, 'w', entry->commit_lsn, entry->commit_lsn);
	buffer_append_u8(bytes, 'B');
	buffer_append_u64(bytes, entry->commit_lsn);
	buffer_append_u64(bytes, (uint64_t) entry->commit_time);
	buffer_append_u32(bytes, entry->xid);
}

static void
put_message(Buffer *bytes, const WalEntry *entry)
{
	put_header(bytes, 'w', entry->commit_lsn - 50, entry->commit_lsn - 50);
	buffer_append_u8(bytes, 'M');
	buffer_append_u8(bytes, 1);
	buffer_append_u64(bytes, entry->commit_lsn - 50);
	put_name(bytes, "somebody's");
	buffer_append_u32(bytes, 2);
	buffer_append(bytes, "hi", 2);
}

static void
put_commit(Buffer *bytes, const WalEntry *entry)
{
	put_header(bytes, 'w', entry->commit_lsn, entry->end_lsn);
	buffer_append_u8(bytes, 'C');
	buffer_append_u8(bytes, 0);
	buffer_append_u64(bytes, entry->commit_lsn);
	buffer_append_u64(bytes, entry->end_lsn);
	buffer_append_u64(bytes, (uint64_t) entry->commit_time);
}

/* begin, [relation], events or a message, commit; false: what is to come isn't decoded yet. */
bool
source_put_next(PgSource *source)
{
	const WalEntry *entry = source_next_entry(source);
	int inner;

	if (entry == NULL || entry->decoded_at > sim.now)
		return false;
	inner = entry->count + entry->message;
	if (source->frame == 0)
	{
		put_begin(&source->bytes, entry);
		source->frame = 1;
		/* After each invalidation it comes again. */
		source->knows_relation &= !sim_chance(5);
		return true;
	}
	if (source->frame <= inner)
	{
		if (!source->knows_relation && entry->count > 0)
		{
			put_relation(&source->bytes);
			source->knows_relation = true;
			return true;
		}
		if (entry->message)
			put_message(&source->bytes, entry);
		else
			put_event(&source->bytes, entry, entry->first + source->frame - 1);
		source->frame++;
		return true;
	}
	put_commit(&source->bytes, entry);
	source->sent = entry->end_lsn;
	source->frame = 0;
	source->entry++;
	return true;
}

/* It asks for a reply by itself when it has nothing to send and was told less than it sent. */
bool
source_wants_keepalive(const PgSource *source)
{
	return source->asked ||
		   (source_next_entry(source) == NULL && source->kept_alive < world->server.end &&
			source->flushed < world->server.end);
}

MonoUsec
source_ready_at(const PgSource *source, short events)
{
	const WalEntry *entry = source_next_entry(source);
	MonoUsec at = MONO_NEVER;

	if (source->silent)
		return MONO_NEVER;
	if (source_is_lost(source) || source->phase < SOURCE_STREAMING)
		return source->ready_at;
	if ((events & POLLOUT) != 0)
		at = source->full_until;
	if ((events & POLLIN) != 0 && source_wants_keepalive(source) && source->ready_at < at)
		at = source->ready_at;
	if ((events & POLLIN) != 0 && entry != NULL)
	{
		MonoUsec decoded_at =
			entry->decoded_at > source->ready_at ? entry->decoded_at : source->ready_at;

		if (decoded_at < at)
			at = decoded_at;
	}
	return at;
}

uint64_t
source_looks(const PgSource *source)
{
	return source->looks;
}

bool
source_is_ready(const PgSource *source, short events)
{
	return source_ready_at(source, events) <= sim.now;
}
