/*
 * pg_write.c
 *	  The load: an open loop over connections that are idle.
 *
 * An event is sent when its time has come and a connection is free; the one that was used last
 * goes first.  When all are busy it waits, and its note shows by how much.
 */
#include "probe.h"

#include <libpq-fe.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "notes.h"
#include "random.h"

#define CONNECTIONS 24
#define PAYLOAD_BYTES 400
#define KEYS 1000
#define STATEMENT "SELECT outbox.emit($1, $2, 'Changed', $3::json)"

typedef struct Writer
{
	const WriteTask *task;
	PGconn *connections[CONNECTIONS];
	int64_t events[CONNECTIONS]; /* the event under way there */
	MonoUsec due[CONNECTIONS];
	MonoUsec sent[CONNECTIONS];
	int idle[CONNECTIONS]; /* a stack */
	int idle_count;
	char payload[PAYLOAD_BYTES + 1];
	UnixUsec offset; /* from the monotonic clock to the other one */
	Notes notes;
} Writer;

static bool
fail(PGconn *connection, const char *doing, Error *error)
{
	return error_transient(error, "could not %s: %s", doing, PQerrorMessage(connection));
}

static bool
connect_all(Writer *writer, Error *error)
{
	for (int i = 0; i < CONNECTIONS; i++)
	{
		PGconn *connection = PQconnectdb(writer->task->conninfo);
		PGresult *result;
		bool prepared;

		writer->connections[i] = connection;
		if (PQstatus(connection) != CONNECTION_OK)
			return fail(connection, "connect to the source", error);
		result = PQprepare(connection, "emit", STATEMENT, 0, NULL);
		prepared = PQresultStatus(result) == PGRES_COMMAND_OK;
		PQclear(result);
		if (!prepared || PQsetnonblocking(connection, 1) != 0)
			return fail(connection, "prepare the statement", error);
		writer->idle[writer->idle_count++] = CONNECTIONS - 1 - i;
	}
	return true;
}

static bool
send_event(Writer *writer, int64_t number, MonoUsec due, Error *error)
{
	int i = writer->idle[--writer->idle_count];
	PGconn *connection = writer->connections[i];
	char key[24];
	const char *params[] = {writer->task->type, key, writer->payload};

	snprintf(key, sizeof(key), "k%d", (int) (number % KEYS));
	snprintf(writer->payload, sizeof(writer->payload), "{\"n\": %lld, \"note\": \"%0*d\"}",
			 (long long) number, PAYLOAD_BYTES - 32, 0);
	writer->events[i] = number;
	writer->due[i] = due;
	writer->sent[i] = clock_mono();
	if (PQsendQueryPrepared(connection, "emit", 3, params, NULL, NULL, 0) != 1 ||
		PQflush(connection) < 0)
		return fail(connection, "write an event", error);
	return true;
}

static bool
take_answer(Writer *writer, int i, Error *error)
{
	PGconn *connection = writer->connections[i];
	UnixUsec now;
	PGresult *result;

	if (PQconsumeInput(connection) != 1)
		return fail(connection, "read an answer", error);
	if (PQisBusy(connection))
		return true;
	now = clock_wall();
	while ((result = PQgetResult(connection)) != NULL)
	{
		ExecStatusType status = PQresultStatus(result);

		PQclear(result);
		if (status != PGRES_TUPLES_OK)
			return fail(connection, "write an event", error);
		/* A simple statement's result comes before its COMMIT is done. */
		if (PQisBusy(connection))
			return true;
	}
	if (!notes_add(&writer->notes,
				   (int64_t[NOTE_NUMBERS]){writer->events[i], writer->due[i] + writer->offset,
										   writer->sent[i] + writer->offset, now}))
		return error_bug(error, "more answers than events");
	writer->events[i] = -1;
	writer->idle[writer->idle_count++] = i;
	return true;
}

static bool
wait_and_take(Writer *writer, MonoUsec until, Error *error)
{
	struct pollfd fds[CONNECTIONS];
	int numbers[CONNECTIONS];
	nfds_t count = 0;
	MonoUsec left = until - clock_mono();
	struct timespec wait = {left > 0 ? left / USEC_PER_SEC : 0,
							left > 0 ? left % USEC_PER_SEC * 1000 : 0};

	for (int i = 0; i < CONNECTIONS; i++)
	{
		if (writer->events[i] < 0)
			continue;
		numbers[count] = i;
		fds[count++] = (struct pollfd){PQsocket(writer->connections[i]), POLLIN, 0};
	}
	if (ppoll(fds, count, &wait, NULL) <= 0)
		return true;
	for (nfds_t n = 0; n < count; n++)
	{
		if (fds[n].revents != 0 && !take_answer(writer, numbers[n], error))
			return false;
	}
	return true;
}

static bool
write_all(Writer *writer, Error *error)
{
	const WriteTask *task = writer->task;
	MonoUsec due = clock_mono();
	int64_t number = 0;
	Random random;

	random_seed(&random, task->seed);
	while (writer->notes.count < (size_t) task->count)
	{
		MonoUsec now = clock_mono();

		while (number < task->count && due <= now && writer->idle_count > 0)
		{
			if (!send_event(writer, task->first + number, due, error))
				return false;
			number++;
			due += (MonoUsec) (-log(1 - random_unit(&random)) / task->rate * (double) USEC_PER_SEC);
		}
		if (!wait_and_take(
				writer, number < task->count && writer->idle_count > 0 ? due : now + USEC_PER_SEC,
				error))
			return false;
	}
	return true;
}

bool
pg_write(const WriteTask *task, Error *error)
{
	Writer writer = {.task = task, .offset = clock_wall() - clock_mono()};
	bool ok;

	for (int i = 0; i < CONNECTIONS; i++)
		writer.events[i] = -1;
	ok = notes_init(&writer.notes, (size_t) task->count, 4, error) && connect_all(&writer, error);
	if (ok)
	{
		probe_ready();
		ok = write_all(&writer, error) && notes_print(&writer.notes, error);
	}
	for (int i = 0; i < CONNECTIONS; i++)
		PQfinish(writer.connections[i]);
	notes_free(&writer.notes);
	return ok;
}
