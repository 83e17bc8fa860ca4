/*
 * pg_link.c
 *	  A libpq connection that is made without blocking.
 *
 * Refuses what libpq and the server refuse.  Messages of the connection phase come with SQLSTATEs
 * (verbosity VERBOSE), because libpq has no other way to tell them.
 *
 * Invariants: text is UTF-8; PQconnectPoll() is called only when the socket is
 * ready; a host that hasn't answered by its deadline has failed, and the next one is tried.
 */
#include "pg_link.h"

#include "exit_codes.h"
#include "pg_error.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* To link->host, or to whatever libpq takes while the hosts aren't known.  false: no memory. */
static bool
begin(PgLink *link, MonoUsec now)
{
	const char *keywords[9];
	const char *values[9];
	int n = 0;
	int first_host;

	keywords[n] = "dbname";
	values[n++] = link->conninfo;
	keywords[n] = "fallback_application_name";
	values[n++] = "outbox-relay";
	keywords[n] = "client_encoding";
	values[n++] = "UTF8";
	if (link->replication)
	{
		keywords[n] = "replication";
		values[n++] = "database";
	}
	first_host = n;
	/* Behind the string: what comes last counts. */
	if (link->hosts.count > 1)
		n = pg_hosts_put(&link->hosts, link->host, keywords, values, n);
	if (n < 0)
		return false;
	keywords[n] = NULL;
	values[n] = NULL;

	PQfinish(link->conn);
	link->conn = PQconnectStartParams(keywords, values, 1);
	while (n > first_host)
		free((char *) values[--n]);
	link->wants = POLLOUT;
	link->deadline = now + link->hosts.patience;
	if (link->conn == NULL)
		return false;
	(void) PQsetErrorVerbosity(link->conn, PQERRORS_VERBOSE);
	if (link->take_notice != NULL)
		PQsetNoticeReceiver(link->conn, link->take_notice, link->notice_arg);
	return true;
}

/* Adds what this host said to what those before it said. */
static void
add_failure(PgLink *link, const Error *error)
{
	Error *failure = &link->failure;

	if (failure->error_class == ERROR_CLASS_NONE)
	{
		*failure = *error;
		return;
	}
	error_append(failure, "; ");
	error_append(failure, error->message);
	if (failure->error_class == error->error_class)
		return;
	failure->error_class = ERROR_CLASS_TRANSIENT;
	failure->exit_code = EXIT_OK;
	failure->sqlstate[0] = '\0';
}

/* false: there is none any more, and *error is that of all. */
static bool
next_host(PgLink *link, MonoUsec now, Error *error)
{
	if (error->error_class == ERROR_CLASS_BUG)
		return false;
	add_failure(link, error);
	while (link->host < link->last_host)
	{
		link->host++;
		if (!begin(link, now))
			return error_bug(error, "out of memory");
		if (PQstatus(link->conn) != CONNECTION_BAD)
			return true;
		error_clear(error);
		pg_error_connect(error, link->conn, "connect to PostgreSQL");
		add_failure(link, error);
	}
	*error = link->failure;
	return false;
}

bool
pg_link_start(PgLink *link, const char *conninfo, bool replication, int host, MonoUsec now,
			  Error *error)
{
	*link = (PgLink){.conninfo = strdup(conninfo), .replication = replication};
	if (link->conninfo == NULL || !begin(link, now))
	{
		pg_link_close(link);
		return error_bug(error, "out of memory");
	}
	if (!pg_hosts_read(&link->hosts, link->conn, error))
	{
		pg_link_close(link);
		return false;
	}
	link->deadline = now + link->hosts.patience;
	link->last_host = link->hosts.count - 1;
	if (host != PG_LINK_ANY_HOST && host <= link->last_host)
		link->host = link->last_host = host;
	if (link->hosts.count > 1 && !begin(link, now))
	{
		pg_link_close(link);
		return error_bug(error, "out of memory");
	}
	if (PQstatus(link->conn) != CONNECTION_BAD)
		return true;
	pg_error_connect(error, link->conn, "connect to PostgreSQL");
	if (next_host(link, now, error))
		return true;
	pg_link_close(link);
	return false;
}

void
pg_link_take_notices(PgLink *link, PgNoticeTaker *take, void *arg)
{
	link->take_notice = take;
	link->notice_arg = arg;
	PQsetNoticeReceiver(link->conn, take, arg);
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
			error_transient(error,
							"could not connect to PostgreSQL: no answer from \"%s\", port %s, in "
							"%d seconds",
							PQhost(link->conn), PQport(link->conn),
							(int) (link->hosts.patience / USEC_PER_SEC));
			if (!next_host(link, now, error))
				return IO_FAILED;
			error_clear(error);
			continue;
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
				if (!next_host(link, now, error))
					return IO_FAILED;
				error_clear(error);
				break;
		}
	}
	return IO_OK;
}

bool
pg_link_connect_to(PgLink *link, const char *conninfo, bool replication, int host, Error *error)
{
	IoResult io;

	if (!pg_link_start(link, conninfo, replication, host, clock_mono(), error))
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

bool
pg_link_connect(PgLink *link, const char *conninfo, bool replication, Error *error)
{
	return pg_link_connect_to(link, conninfo, replication, PG_LINK_ANY_HOST, error);
}

const char *
pg_library_version(void)
{
	static char text[24];
	int version = PQlibVersion();

	snprintf(text, sizeof(text), "%d.%d", version / 10000, version % 10000);
	return text;
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
	pg_hosts_free(&link->hosts);
	free(link->conninfo);
	*link = PG_LINK_CLOSED;
}
