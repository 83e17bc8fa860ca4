/*
 * pg_source.c
 *	  The replication connection: libpq in COPY BOTH.
 *
 * Refuses to do two things at once: one command is under way at a time, and none
 * once the stream runs.
 *
 * Invariants: nothing blocks, and no answer to a command is waited for without end; a frame is
 * one message of COPY BOTH and lives until the next one is asked for; no slot is made here that
 * outlives the connection.
 */
#include "pg_source.h"

#include "buffer.h"
#include "exit_codes.h"
#include "failpoint.h"
#include "pg_error.h"
#include "pg_link.h"
#include "pg_registry_sql.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define COMMAND_MAX 2048
#define ANSWER_USEC (60 * USEC_PER_SEC)
#define NAME_SIZE 64

typedef enum SourcePhase
{
	SOURCE_CONNECTING,
	SOURCE_TELLING,		/* which server it is */
	SOURCE_IDENTIFYING, /* IDENTIFY_SYSTEM is under way */
	SOURCE_HISTORY,		/* TIMELINE_HISTORY is under way */
	SOURCE_IDENTIFIED,
	SOURCE_COPYING,	 /* pg_copy_logical_replication_slot() is under way */
	SOURCE_STARTING, /* START_REPLICATION is under way */
	SOURCE_STREAMING
} SourcePhase;

struct PgSource
{
	ReplSource base;
	PgLink link;
	SourcePhase phase;
	char slot[NAME_SIZE];
	char copy[NAME_SIZE]; /* of the slot, while it is made */
	char publication[NAME_SIZE];
	SourceIdentity identity;
	TimelineHistory timelines;
	PGresult *result;	/* of the command under way, until nothing follows it */
	MonoUsec answer_by; /* 0: nobody has looked for its answer yet */
	char *frame;		/* libpq's */
	bool output_waits;
};

static const ReplSourceOps pg_source_ops;

/* libpq would print it.  A farewell that comes as a notice is told as the loss that follows. */
static void
drop_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

PgSource *
pg_source_open(const char *conninfo, const char *slot, const char *publication, int host,
			   MonoUsec now, Error *error)
{
	PgSource *source = calloc(1, sizeof(*source));

	if (source == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	source->base.ops = &pg_source_ops;
	snprintf(source->slot, sizeof(source->slot), "%s", slot);
	snprintf(source->publication, sizeof(source->publication), "%s", publication);
	if (!pg_link_start(&source->link, conninfo, true, host, now, error))
	{
		free(source);
		return NULL;
	}
	pg_link_take_notices(&source->link, drop_notice, NULL);
	return source;
}

static void
drop_frame(PgSource *source)
{
	if (source->frame != NULL)
		PQfreemem(source->frame);
	source->frame = NULL;
}

void
pg_source_free(PgSource *source)
{
	if (source == NULL)
		return;
	drop_frame(source);
	PQclear(source->result);
	pg_link_close(&source->link);
	free(source);
}

static bool
send_command(PgSource *source, const char *command, SourcePhase phase, Error *error)
{
	if (PQsendQuery(source->link.conn, command) != 1)
		return pg_error_lost(error, source->link.conn, "send a replication command");
	source->phase = phase;
	source->answer_by = 0;
	source->output_waits = true;
	return true;
}

/* A server that takes a command, and neither answers nor hangs up, isn't waited for without end. */
static IoResult
wait_on(PgSource *source, MonoUsec now, Error *error)
{
	if (source->answer_by == 0)
		source->answer_by = now + ANSWER_USEC;
	if (now < source->answer_by)
		return IO_AGAIN;
	error_transient(error, "the walsender doesn't answer a command");
	return IO_FAILED;
}

/* IO_OK: *result is the command's, to be cleared by the caller. */
static IoResult
take_result(PgSource *source, PGresult **result, Error *error)
{
	PGconn *conn = source->link.conn;
	int rest = PQflush(conn);

	if (rest < 0 || PQconsumeInput(conn) != 1)
	{
		/* What the server said before it closed is worth more. */
		PGresult *last = PQisBusy(conn) ? NULL : PQgetResult(conn);

		if (last != NULL && PQresultStatus(last) == PGRES_FATAL_ERROR)
			pg_error_result(error, last, "talk to the walsender");
		else
			pg_error_lost(error, conn, "talk to the walsender");
		PQclear(last);
		return IO_FAILED;
	}
	source->output_waits = rest > 0;
	while (!PQisBusy(conn))
	{
		PGresult *next = PQgetResult(conn);

		if (next != NULL)
		{
			PQclear(source->result);
			source->result = next;
			if (PQresultStatus(next) != PGRES_COPY_BOTH)
				continue; /* until libpq says that the command is over */
		}
		*result = source->result;
		source->result = NULL;
		if (*result != NULL)
			return IO_OK;
		pg_error_lost(error, conn, "talk to the walsender");
		return IO_FAILED;
	}
	return IO_AGAIN;
}

static bool
read_started(PgSource *source, const PGresult *result, Error *error)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return pg_error_result(error, result, "ask for the server's start");
	if (PQntuples(result) != 1)
		return error_bug(error, "unexpected answer to a question for the server's start");
	snprintf(source->identity.started, sizeof(source->identity.started), "%s",
			 PQgetvalue(result, 0, 0));
	return send_command(source, "IDENTIFY_SYSTEM", SOURCE_IDENTIFYING, error);
}

static bool
read_identity(PgSource *source, const PGresult *result, Error *error)
{
	SourceIdentity *identity = &source->identity;
	const char *lsn;

	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return pg_error_result(error, result, "identify the server");
	if (PQntuples(result) != 1 || PQnfields(result) < 3)
		return error_bug(error, "unexpected answer to IDENTIFY_SYSTEM");
	snprintf(identity->system_identifier, sizeof(identity->system_identifier), "%s",
			 PQgetvalue(result, 0, 0));
	identity->timeline = (uint32_t) strtoul(PQgetvalue(result, 0, 1), NULL, 10);
	lsn = PQgetvalue(result, 0, 2);
	if (identity->timeline == 0 || !lsn_parse(lsn, strlen(lsn), &identity->flushed))
		return error_bug(error, "unexpected answer to IDENTIFY_SYSTEM");
	timeline_init(&source->timelines, identity->timeline);
	return true;
}

static bool
read_history(PgSource *source, const PGresult *result, Error *error)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return pg_error_result(error, result, "read the timeline history");
	if (PQntuples(result) != 1 || PQnfields(result) < 2)
		return error_bug(error, "unexpected answer to TIMELINE_HISTORY");
	return timeline_parse(&source->timelines, source->identity.timeline, PQgetvalue(result, 0, 1),
						  (size_t) PQgetlength(result, 0, 1), error);
}

static bool
take_copy(PgSource *source, const PGresult *result, Error *error)
{
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		return pg_error_result(error, result, "copy the slot");
	memcpy(source->slot, source->copy, sizeof(source->slot));
	source->phase = SOURCE_IDENTIFIED;
	return true;
}

/* One step; IO_OK when the phase changed. */
static IoResult
advance(PgSource *source, MonoUsec now, Error *error)
{
	PGresult *result = NULL;
	IoResult io;
	bool ok = true;
	char command[64];

	if (source->phase == SOURCE_CONNECTING)
	{
		io = pg_link_poll(&source->link, now, error);
		if (io == IO_OK &&
			!send_command(source, "SELECT " SQL_SERVER_STARTED, SOURCE_TELLING, error))
			return IO_FAILED;
		return io;
	}
	io = take_result(source, &result, error);
	if (io != IO_OK)
		return io == IO_AGAIN ? wait_on(source, now, error) : io;
	switch (source->phase)
	{
		case SOURCE_TELLING:
			ok = read_started(source, result, error);
			break;
		case SOURCE_IDENTIFYING:
			ok = read_identity(source, result, error);
			if (ok && source->identity.timeline > 1)
			{
				snprintf(command, sizeof(command), "TIMELINE_HISTORY %u",
						 source->identity.timeline);
				ok = send_command(source, command, SOURCE_HISTORY, error);
			}
			else
				source->phase = SOURCE_IDENTIFIED;
			break;
		case SOURCE_HISTORY:
			ok = read_history(source, result, error);
			source->phase = SOURCE_IDENTIFIED;
			break;
		case SOURCE_COPYING:
			ok = take_copy(source, result, error);
			break;
		default:
			if (FAILPOINT_ERROR("stream-started", error))
				ok = false;
			else if (PQresultStatus(result) == PGRES_COPY_BOTH)
				source->phase = SOURCE_STREAMING;
			else
				ok = pg_error_result(error, result, "start replication");
			break;
	}
	PQclear(result);
	return ok ? IO_OK : IO_FAILED;
}

IoResult
pg_source_advance(PgSource *source, MonoUsec now, Error *error)
{
	while (source->phase != SOURCE_IDENTIFIED && source->phase != SOURCE_STREAMING)
	{
		IoResult io = advance(source, now, error);

		if (io != IO_OK)
			return io;
	}
	return IO_OK;
}

short
pg_source_events(const PgSource *source)
{
	if (source->phase == SOURCE_CONNECTING)
		return source->link.wants;
	return source->output_waits ? POLLIN | POLLOUT : POLLIN;
}

const SourceIdentity *
pg_source_identity(const PgSource *source)
{
	return &source->identity;
}

const TimelineHistory *
pg_source_timelines(const PgSource *source)
{
	return &source->timelines;
}

bool
pg_source_copy_slot(PgSource *source, const char *copy, Error *error)
{
	char command[COMMAND_MAX];

	if (source->phase != SOURCE_IDENTIFIED)
		return error_bug(error, "the slot can't be copied now");
	/* Names of slots have nothing to be quoted. */
	snprintf(source->copy, sizeof(source->copy), "%s", copy);
	snprintf(command, sizeof(command),
			 "SELECT pg_catalog.pg_copy_logical_replication_slot('%s', '%s', true)", source->slot,
			 source->copy);
	return send_command(source, command, SOURCE_COPYING, error);
}

/* As the grammar of replication commands has it: a quote is doubled, and a backslash is one. */
static void
append_text(Buffer *command, const char *text)
{
	buffer_append_str(command, "'");
	for (; *text != '\0'; text++)
	{
		if (*text == '\'')
			buffer_append_str(command, "'");
		buffer_append(command, text, 1);
	}
	buffer_append_str(command, "'");
}

bool
pg_source_start(PgSource *source, PgLsn start_lsn, Error *error)
{
	PGconn *conn = source->link.conn;
	char *names = PQescapeIdentifier(conn, source->publication, strlen(source->publication));
	char lsn[LSN_TEXT_SIZE];
	Buffer command;
	bool ok;

	lsn_format(start_lsn, lsn);
	buffer_init(&command, COMMAND_MAX);
	buffer_printf(&command,
				  "START_REPLICATION SLOT \"%s\" LOGICAL %s (proto_version '1', "
				  "publication_names ",
				  source->slot, lsn);
	append_text(&command, names != NULL ? names : "");
	buffer_append_str(&command, ", binary 'true', messages 'true')");
	if (source->phase != SOURCE_IDENTIFIED || names == NULL || command.failed)
		ok = error_bug(error, "could not build the replication command");
	else
		ok = send_command(source, command.data, SOURCE_STARTING, error);
	PQfreemem(names);
	buffer_free(&command);
	return ok;
}

void
pg_source_end(PgSource *source)
{
	if (source->phase != SOURCE_STREAMING)
		return;
	if (PQputCopyEnd(source->link.conn, NULL) == 1)
		(void) PQflush(source->link.conn);
}

ReplSource *
pg_source_stream(PgSource *source)
{
	return &source->base;
}

/* -------------------------------------------------------------------------
 * the stream
 * -------------------------------------------------------------------------
 */

/* COPY BOTH is over: why? */
static IoResult
stream_ended(PGconn *conn, Error *error)
{
	PGresult *result = PQgetResult(conn);
	IoResult io = IO_FAILED;

	if (result != NULL && PQresultStatus(result) == PGRES_FATAL_ERROR)
	{
		pg_error_result(error, result, "read the replication stream");
		if (strcmp(error->sqlstate, "") == 0)
			pg_error_lost(error, conn, "read the replication stream");
	}
	else if (result != NULL && PQresultStatus(result) == PGRES_COMMAND_OK)
		io = IO_END;
	else
		pg_error_lost(error, conn, "read the replication stream");
	PQclear(result);
	return io;
}

static IoResult
source_next(ReplSource *base, ByteView *frame, Error *error)
{
	PgSource *source = (PgSource *) base;
	PGconn *conn = source->link.conn;
	int len;

	drop_frame(source);
	len = PQgetCopyData(conn, &source->frame, 1);
	if (len == 0)
	{
		if (PQconsumeInput(conn) != 1)
		{
			pg_error_lost(error, conn, "read the replication stream");
			return IO_FAILED;
		}
		len = PQgetCopyData(conn, &source->frame, 1);
	}
	if (len > 0)
	{
		if (FAILPOINT_ERROR("frame-read", error))
			return IO_FAILED;
		*frame = (ByteView){(const uint8_t *) source->frame, (size_t) len};
		return IO_OK;
	}
	return len == 0 ? IO_AGAIN : stream_ended(conn, error);
}

static IoResult
source_gather(ReplSource *base, size_t *bytes, Error *error)
{
	PgSource *source = (PgSource *) base;
	int waiting = 0;

	/* An estimate: libpq reads as much as its buffer has room for, and under TLS it is something else. */
	*bytes = ioctl(pg_link_fd(&source->link), FIONREAD, &waiting) == 0 ? (size_t) waiting : 0;
	if (PQconsumeInput(source->link.conn) == 1)
		return IO_OK;
	pg_error_lost(error, source->link.conn, "read the replication stream");
	return IO_FAILED;
}

static IoResult
source_send_status(ReplSource *base, ByteView message, Error *error)
{
	PgSource *source = (PgSource *) base;

	if (FAILPOINT_ERROR("status-due", error))
		return IO_FAILED;
	switch (PQputCopyData(source->link.conn, (const char *) message.data, (int) message.len))
	{
		case 1:
			source->output_waits = true;
			return IO_OK;
		case 0: /* only when libpq can't get memory for it now */
			error_transient(error, "could not send a status update: no room");
			return IO_FAILED;
		default:
			pg_error_lost(error, source->link.conn, "send a status update");
			return IO_FAILED;
	}
}

static IoResult
source_flush(ReplSource *base, Error *error)
{
	PgSource *source = (PgSource *) base;
	int rest;

	if (!source->output_waits)
		return IO_OK;
	rest = PQflush(source->link.conn);
	if (rest < 0)
	{
		pg_error_lost(error, source->link.conn, "send a status update");
		return IO_FAILED;
	}
	source->output_waits = rest > 0;
	if (rest == 0 && FAILPOINT_ERROR("status-sent", error))
		return IO_FAILED;
	return rest > 0 ? IO_AGAIN : IO_OK;
}

static int
source_fd(const ReplSource *base)
{
	return pg_link_fd(&((const PgSource *) base)->link);
}

static void
source_close(ReplSource *base)
{
	pg_source_free((PgSource *) base);
}

static const ReplSourceOps pg_source_ops = {
	.next = source_next,
	.gather = source_gather,
	.send_status = source_send_status,
	.flush = source_flush,
	.fd = source_fd,
	.close = source_close,
};
