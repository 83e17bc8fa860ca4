/*
 * pg_target.c
 *	  The connection to the target: dialing, deadlines, one request at a time.
 *
 * Refuses what libpq and the server refuse, and a server that another one has
 * taken over from (server_identity.h): the next host's turn comes then, if there is
 * one.  The name of a host is looked up by libpq and may block; an address doesn't.
 *
 * Invariants: conn is there in every phase but CLOSED; the session is in
 * pipeline mode from the moment that it is connected; a deadline is set whenever
 * an answer is due, and whoever misses it is disconnected.
 */
#include "pg_target.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg_failure.h"
#include "pg_intern.h"

static TargetState
pg_state(const Target *base)
{
	switch (((const PgTarget *) base)->phase)
	{
		case PG_CLOSED:
			return TARGET_CLOSED;
		case PG_DIALING:
		case PG_IDENTIFYING:
		case PG_PREPARING:
			return TARGET_CONNECTING;
		case PG_IDLE:
			return TARGET_IDLE;
		default:
			return TARGET_BUSY;
	}
}

static void
pg_close(Target *base)
{
	PgTarget *target = (PgTarget *) base;

	pg_dial_close(&target->dial);
	target->conn = NULL;
	target->phase = PG_CLOSED;
	target->flushing = false;
	target->failed = false;
	target->deadline = MONO_NEVER;
}

static void
enter(PgTarget *target, PgPhase phase, MonoUsec now, int64_t timeout_usec)
{
	target->phase = phase;
	target->failed = false;
	target->committed = false;
	target->read_only = false;
	target->started_at = now;
	target->deadline = now + timeout_usec;
}

/* The host that the dial came to, or none. */
static void
follow_dial(PgTarget *target)
{
	target->conn = target->dial.conn;
	target->phase = target->conn != NULL ? PG_DIALING : PG_CLOSED;
	target->deadline = target->conn != NULL ? target->dial.deadline : MONO_NEVER;
	target->flushing = false;
}

static bool
pg_connect(Target *base, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;
	bool ok;

	enter(target, PG_DIALING, now, target->config.connect_timeout_usec);
	ok = pg_dial_start(&target->dial, target->config.conninfo, target->config.connect_timeout_usec,
					   now, failure);
	follow_dial(target);
	return ok;
}

/* This one won't do, for that reason. */
static TargetEvent
next_host(PgTarget *target, MonoUsec now, TargetFailure *failure)
{
	bool ok = pg_dial_next(&target->dial, now, failure);

	follow_dial(target);
	return ok ? TARGET_NOTHING : TARGET_FAILED;
}

static TargetEvent
dial(PgTarget *target, MonoUsec now, TargetFailure *failure)
{
	PgDialState state = pg_dial_poll(&target->dial, now, failure);

	follow_dial(target);
	if (state == PG_DIAL_WAITS)
		return TARGET_NOTHING;
	if (state == PG_DIAL_FAILED)
		return TARGET_FAILED;
	enter(target, PG_IDENTIFYING, now, target->config.connect_timeout_usec);
	target->found = (ServerIdentity){0};
	if (PQsetnonblocking(target->conn, 1) == 0 && PQenterPipelineMode(target->conn) == 1 &&
		pg_send_identify(target))
		return TARGET_NOTHING;
	pg_failure_lost(failure, target->conn, pg_doing(target));
	return next_host(target, now, failure);
}

static void
fill_former_primary(const PgTarget *target, TargetFailure *failure)
{
	pg_failure_memory(failure);
	failure->failure = FAILURE_INFRASTRUCTURE;
	error_transient(&failure->error,
					"could not connect to the target: it is a former primary, on timeline %u; "
					"events were applied on timeline %u",
					target->found.timeline, target->config.latest->timeline);
	error_hint(&failure->error, "Make it follow the new primary (pg_rewind). Where it is to be the "
								"target again as it is, restart the consumer.");
}

static void
name_server(PgTarget *target)
{
	char timeline[32] = "";

	if (target->found.system != 0)
		snprintf(timeline, sizeof(timeline), ", timeline %u", target->found.timeline);
	snprintf(target->server, sizeof(target->server), "\"%.255s\", port %.8s%s",
			 PQhost(target->conn), PQport(target->conn), timeline);
}

static TargetEvent
identify(PgTarget *target, MonoUsec now, TargetFailure *failure)
{
	TargetEvent event = pg_receive(target, failure);

	if (event == TARGET_NOTHING && now >= target->deadline)
	{
		pg_failure_timeout(failure, pg_doing(target), now - target->started_at);
		event = TARGET_FAILED;
	}
	if (event == TARGET_DONE && !server_identity_admit(target->config.latest, &target->found))
	{
		fill_former_primary(target, failure);
		event = TARGET_FAILED;
	}
	if (event == TARGET_FAILED)
		return next_host(target, now, failure);
	if (event == TARGET_NOTHING)
		return event;
	name_server(target);
	enter(target, PG_PREPARING, now, target->config.batch_timeout_usec);
	if (pg_send_setup(target))
		return pg_receive(target, failure);
	pg_failure_lost(failure, target->conn, pg_doing(target));
	return TARGET_FAILED;
}

/* Another connection has met the server that took over from this one. */
static bool
is_left_behind(const PgTarget *target)
{
	ServerIdentity latest = *target->config.latest;

	return target->phase == PG_IDLE && !server_identity_admit(&latest, &target->found);
}

static TargetEvent
pg_step(Target *base, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;
	TargetEvent event = TARGET_NOTHING;

	if (target->phase == PG_CLOSED)
		return TARGET_NOTHING;
	if (target->phase == PG_DIALING)
		event = dial(target, now, failure);
	if (event == TARGET_NOTHING && target->phase == PG_IDENTIFYING)
		event = identify(target, now, failure);
	else if (event == TARGET_NOTHING && target->phase != PG_DIALING)
	{
		event = pg_receive(target, failure);
		if (event == TARGET_NOTHING && now >= target->deadline)
		{
			pg_failure_timeout(failure, pg_doing(target), now - target->started_at);
			failure->unknown = target->phase == PG_APPLYING;
			event = TARGET_FAILED;
		}
		if (event == TARGET_NOTHING && is_left_behind(target))
		{
			fill_former_primary(target, failure);
			failure->lost = true;
			event = TARGET_FAILED;
		}
	}
	if (event == TARGET_FAILED && failure->lost)
		pg_close(base);
	return event;
}

/* After a request was sent, or could not be. */
static bool
requested(PgTarget *target, bool sent, PgPhase phase, MonoUsec now, TargetFailure *failure)
{
	enter(target, phase, now,
		  phase == PG_PROBING ? target->config.connect_timeout_usec
							  : target->config.batch_timeout_usec);
	if (sent)
		return true;
	if (PQstatus(target->conn) == CONNECTION_BAD)
		pg_failure_lost(failure, target->conn, pg_doing(target));
	else
		pg_failure_memory(failure);
	pg_close(&target->base);
	failure->lost = true;
	return false;
}

static bool
pg_read(Target *base, const TargetPlace *places, size_t count, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;

	return requested(target, pg_send_read(target, places, count), PG_READING, now, failure);
}

static bool
pg_apply(Target *base, const TargetApply *apply, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;

	return requested(target, pg_send_apply(target, apply), PG_APPLYING, now, failure);
}

static bool
pg_probe(Target *base, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;

	return requested(target, pg_send_probe(target), PG_PROBING, now, failure);
}

static bool
pg_rotate(Target *base, MonoUsec now, TargetFailure *failure)
{
	PgTarget *target = (PgTarget *) base;

	return requested(target, pg_send_rotate(target), PG_ROTATING, now, failure);
}

static void
pg_visit_read(const Target *base, TargetProgressVisitor progress, TargetPositionVisitor position,
			  void *arg)
{
	pg_visit((const PgTarget *) base, progress, position, arg);
}

static const char *
pg_server(const Target *base)
{
	const PgTarget *target = (const PgTarget *) base;

	return target->phase == PG_IDLE || pg_state(base) == TARGET_BUSY ? target->server : NULL;
}

static int
pg_fd(const Target *base)
{
	const PgTarget *target = (const PgTarget *) base;

	return target->conn != NULL ? PQsocket(target->conn) : -1;
}

static short
pg_wants(const Target *base)
{
	const PgTarget *target = (const PgTarget *) base;

	if (target->phase == PG_DIALING)
		return target->dial.wants;
	return (short) (POLLIN | (target->flushing ? POLLOUT : 0));
}

static MonoUsec
pg_wake_at(const Target *base)
{
	return ((const PgTarget *) base)->deadline;
}

static void
pg_destroy(Target *base)
{
	PgTarget *target = (PgTarget *) base;

	if (target == NULL)
		return;
	pg_close(base);
	PQclear(target->progress);
	PQclear(target->positions);
	pg_params_free(&target->params);
	free(target->steps);
	free(target);
}

static const TargetClass pg_class = {
	.state = pg_state,
	.connect = pg_connect,
	.read = pg_read,
	.apply = pg_apply,
	.probe = pg_probe,
	.rotate = pg_rotate,
	.step = pg_step,
	.visit = pg_visit_read,
	.server = pg_server,
	.fd = pg_fd,
	.wants = pg_wants,
	.wake_at = pg_wake_at,
	.close = pg_close,
	.destroy = pg_destroy,
};

Target *
pg_target_create(const PgTargetConfig *config)
{
	PgTarget *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->base.methods = &pg_class;
	target->config = *config;
	target->deadline = MONO_NEVER;
	pg_params_init(&target->params);
	return &target->base;
}
