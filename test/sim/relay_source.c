/*
 * relay_source.c
 *	  pg_source.h for the simulation: the replication connection, with the walsender behind it.
 *
 * The walsender gives the transactions that commit at or above the start, or the slot's position
 * when that is higher; in between keepalives, whose position may be the commit LSN of the
 * transaction that comes next.  It holds the slot until it notices that its client is gone, and
 * ends a connection on which it heard nothing for its time-out.
 *
 * Invariants: R1, R2 and R6 of relay_world.h are asked here; a status update counts when it
 * arrives, and those of one connection arrive in their order.
 */
#include "relay_source.h"

#include "short_memory.h"

#include <stdio.h>
#include <string.h>

/* -------------------------------------------------------------------------
 * the stream
 * -------------------------------------------------------------------------
 */

static IoResult
make_frame(PgSource *source, ByteView *frame, Error *error)
{
	source->looks++;
	if (source->silent)
		return IO_AGAIN;
	if (source_is_lost(source))
	{
		error_transient(error, "the stream is lost");
		return IO_FAILED;
	}
	if (sim.now < source->ready_at)
		return IO_AGAIN;
	if (source->asked || (sim_chance(2) && !sim_chance(50)))
		source_put_keepalive(source);
	else if (!source_put_next(source))
	{
		if (!source_wants_keepalive(source))
			return IO_AGAIN;
		source_put_keepalive(source);
	}
	if (sim_chance(4))
		source->ready_at = sim.now + some_time();
	*frame = buffer_view(&source->bytes);
	return IO_OK;
}

static IoResult
next(ReplSource *base, ByteView *frame, Error *error)
{
	IoResult io;

	/* The server's memory isn't the relay's. */
	short_memory_hush(true);
	io = make_frame((PgSource *) base, frame, error);
	short_memory_hush(false);
	return io;
}

static void
arrive(void *object)
{
	PgSource *source = object;
	unsigned number = source->arrived++;

	if (!source_is_attached(source) || source->life != world->server.life)
		return;
	source->heard_at = sim.now;
	source->pinged = false;
	source->asked |= source->asks[number % STATUSES];
	source->flushed = source->statuses[number % STATUSES];
	if (source->flushed <= world->server.confirmed)
		return;
	world->server.confirmed = source->flushed;
	world->server.confirmed_before[world->server.confirmations++ % 8] = source->flushed;
	check_settled(source->flushed, "the slot");
	if (sim_chance(10))
		world->server.persisted = source->flushed;
}

static void
let_leave(PgSource *source)
{
	while (source->left < source->queued)
	{
		source->left++;
		if (!source->lost)
			sim_after(200, arrive, source);
	}
}

/* What has arrived is in next()'s hands at once. */
static IoResult
gather(ReplSource *base, size_t *bytes, Error *error)
{
	*bytes = 0;
	if (!source_is_lost((PgSource *) base))
		return IO_OK;
	error_transient(error, "the stream is lost");
	return IO_FAILED;
}

static IoResult
send_status(ReplSource *base, ByteView message, Error *error)
{
	PgSource *source = (PgSource *) base;
	PgLsn flushed = 0;

	if (source_is_lost(source))
	{
		error_transient(error, "the stream is lost");
		return IO_FAILED;
	}
	for (int i = 9; i < 17; i++)
		flushed = flushed << 8 | message.data[i];
	SIM_CHECK(message.len == 34 && message.data[0] == 'r', "not a status update");
	/* A copy of the slot that is ahead of the rows it came with has it already. */
	SIM_CHECK(source->life != world->server.life || flushed <= server_rows()->mark_lsn ||
				  flushed <= world->server.confirmed,
			  "R1: the server is told %llX, the mark is %llX", (unsigned long long) flushed,
			  (unsigned long long) server_rows()->mark_lsn);
	source->statuses[source->queued % STATUSES] = flushed;
	source->asks[source->queued % STATUSES] = message.data[33] != 0;
	source->queued++;
	if (sim.now >= source->full_until && sim_chance(world->loss))
		source->full_until = sim.now + some_time();
	return IO_OK;
}

static IoResult
flush(ReplSource *base, Error *error)
{
	PgSource *source = (PgSource *) base;

	if (source_is_lost(source))
	{
		error_transient(error, "the stream is lost");
		return IO_FAILED;
	}
	if (sim.now < source->full_until)
		return IO_AGAIN;
	let_leave(source);
	return IO_OK;
}

static int
fd(const ReplSource *base)
{
	(void) base;
	return 2;
}

static void
close_stream(ReplSource *base)
{
	(void) base;
}

static const ReplSourceOps source_ops = {next, gather, send_status, flush, fd, close_stream};

/* -------------------------------------------------------------------------
 * pg_source.h
 * -------------------------------------------------------------------------
 */

PgSource *
pg_source_open(const char *conninfo, const char *slot, const char *publication, int host,
			   MonoUsec now, Error *error)
{
	PgSource *source = sim_alloc(sizeof(*source));

	(void) conninfo, (void) slot, (void) publication, (void) host, (void) now, (void) error;
	source->base.ops = &source_ops;
	source->relay = world->running;
	world->running->source = source;
	source->ready_at = sim.now + some_time();
	buffer_init(&source->bytes, FRAME_MAX);
	return source;
}

void
pg_source_free(PgSource *source)
{
	if (source == NULL)
		return;
	source->closed = true;
	source->relay->source = NULL;
	buffer_free(&source->bytes);
	if (source_is_attached(source))
		sim_after(source->silent ? WAL_SENDER_TIMEOUT : some_time(), source_let_go, source);
}

static IoResult
start_streaming(PgSource *source, Error *error)
{
	Server *server = &world->server;

	if (server->holder != NULL)
	{
		error_transient(error, "the slot is in use");
		snprintf(error->sqlstate, sizeof(error->sqlstate), "55006");
		return IO_FAILED;
	}
	server->holder = source;
	if (server->confirmed > source->start)
		source->start = server->confirmed;
	check_settled(source->start, "the start of a stream");
	for (source->entry = 0; source_next_entry(source) != NULL &&
							source_next_entry(source)->commit_lsn < source->start;)
		source->entry++;
	source->sent = source->start;
	source->phase = SOURCE_STREAMING;
	source->heard_at = sim.now;
	sim_after(100 * USEC_PER_MS, source_watch_client, source);
	SIM_TRACE("relay %d: streams from %llX", source->relay->number,
			  (unsigned long long) source->start);
	return IO_OK;
}

IoResult
pg_source_advance(PgSource *source, MonoUsec now, Error *error)
{
	(void) now;
	source->looks++;
	if (sim.now < source->ready_at)
		return IO_AGAIN;
	if (source_is_lost(source) || !world->server.up || sim_chance(world->loss))
	{
		source->lost = true;
		error_transient(error, "the connection is lost");
		return IO_FAILED;
	}
	if (source->phase == SOURCE_STARTING)
		return start_streaming(source, error);
	source->phase = SOURCE_IDENTIFIED;
	source->life = world->server.life;
	source->history = &world->server.histories[world->server.timeline - 1];
	source->identity =
		(SourceIdentity){.timeline = world->server.timeline, .flushed = world->server.end};
	snprintf(source->identity.system_identifier, sizeof(source->identity.system_identifier), "%s",
			 SYSTEM_ID);
	snprintf(source->identity.started, sizeof(source->identity.started), "%u", source->life);
	return IO_OK;
}

short
pg_source_events(const PgSource *source)
{
	(void) source;
	return POLLIN;
}

const SourceIdentity *
pg_source_identity(const PgSource *source)
{
	return &source->identity;
}

const TimelineHistory *
pg_source_timelines(const PgSource *source)
{
	return source->history;
}

bool
pg_source_start(PgSource *source, PgLsn start_lsn, Error *error)
{
	(void) error;
	source->start = start_lsn;
	source->phase = SOURCE_STARTING;
	source->ready_at = sim.now + some_time();
	return true;
}

void
pg_source_end(PgSource *source)
{
	(void) source;
}

ReplSource *
pg_source_stream(PgSource *source)
{
	return &source->base;
}
