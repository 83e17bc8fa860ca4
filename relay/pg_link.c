/*
 * pg_link.c
 *	  A libpq connection that is made without blocking.
 *
 * Refuses what libpq and the server refuse.  Messages of the connection phase come with SQLSTATEs
 * (verbosity VERBOSE), because libpq has no other way to tell them.
 *
 * Invariants: text is UTF-8; PQconnectPoll() is called only when the socket is
 * ready; a connection that isn't made by its deadline has failed.
 */
#include "pg_link.h"

#include "pg_error.h"

#include <libpq-fe.h>
#include <poll.h>
#include <string.h>

#define CONNECT_TIMEOUT_USEC (15 * USEC_PER_SEC)

bool
pg_link_start(PgLink *link, const char *conninfo, bool replication, MonoUsec now, Error *error)
{
	const char *keywords[6];
	const char *values[6];
	int n = 0;

	keywords[n] = "dbname";
	values[n++] = conninfo;
	keywords[n] = "fallback_application_name";
	values[n++] = "outbox-relay";
	keywords[n] = "client_encoding";
	values[n++] = "UTF8";
	if (replication)
	{
		keywords[n] = "replication";
		values[n++] = "database";
	}
	keywords[n] = NULL;
	values[n] = NULL;

	link->conn = PQconnectStartParams(keywords, values, 1);
	link->wants = POLLOUT;
	link->deadline = now + CONNECT_TIMEOUT_USEC;
	if (link->conn == NULL)
		return error_bug(error, "out of memory");
	(void) PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE);
	if (PQstatus(link->conn) == CONNECTION_BAD)
	{
		pg_error_connect(error, link->conn, "connect to PostgreSQL");
		pg_link_close(link);
		return false;
	}
	return true;
}

static IoResult
connected(PgLink *link, Error *error)
{
	link->wants = 0;
	(void) PQsetErrorVerbosity(link->conn, PQERRORS_DEFAULT);
	if (PQsetnonblocking(link->conn, 1) != 0)
	{
		pg_error_lost(error, link->conn, "make the connection non-blocking");
		return IO_FAILED;
	}
	return IO_OK;
}

IoResult
pg_link_poll(PgLink *link, MonoUsec now, Error *error)
{
	if (link->conn == NULL)
	{
		error_bug(error, "a closed connection was polled");
		return IO_FAILED;
	}
	while (link->wants != 0)
	{
		struct pollfd ready = {PQsocket(link->conn), link->wants, 0};

		if (poll(&ready, 1, 0) <= 0 || ready.revents == 0)
		{
			if (now < link->deadline)
				return IO_AGAIN;
			error_transient(error, "could not connect to PostgreSQL: no answer in %d seconds",
							(int) (CONNECT_TIMEOUT_USEC / USEC_PER_SEC));
			return IO_FAILED;
		}
		switch (PQconnectPoll(link->conn))
		{
			case PGRES_POLLING_READING:
				link->wants = POLLIN;
				break;
			case PGRES_POLLING_WRITING:
				link->wants = POLLOUT;
				break;
			case PGRES_POLLING_OK:
				return connected(link, error);
			default:
				pg_error_connect(error, link->conn, "connect to PostgreSQL");
				return IO_FAILED;
		}
	}
	return IO_OK;
}

bool
pg_link_connect(PgLink *link, const char *conninfo, bool replication, Error *error)
{
	IoResult io;

	if (!pg_link_start(link, conninfo, replication, clock_mono(), error))
		return false;
	while ((io = pg_link_poll(link, clock_mono(), error)) == IO_AGAIN)
	{
		struct pollfd ready = {PQsocket(link->conn), link->wants, 0};

		(void) poll(&ready, 1, 1000);
	}
	if (io == IO_OK && PQsetnonblocking(link->conn, 0) == 0)
		return true;
	pg_link_close(link);
	return false;
}

int
pg_link_fd(const PgLink *link)
{
	return link->conn != NULL ? PQsocket(link->conn) : -1;
}

void
pg_link_close(PgLink *link)
{
	if (link->conn != NULL)
		PQfinish(link->conn);
	*link = PG_LINK_CLOSED;
}
