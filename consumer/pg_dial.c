/*
 * pg_dial.c
 *	  A connection to the target while it is made: one host after the other.
 *
 * Refuses what libpq and the servers refuse; of several hosts only when none of
 * them will do.
 *
 * Invariants: PQconnectPoll() is called only when the socket is ready; messages of
 * this phase come with their SQLSTATE (verbosity VERBOSE), and only those.
 */
#include "pg_dial.h"

#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_failure.h"

#define DOING "could not connect to the target: "

/* What the connection string says comes behind these and wins. */
static const char *const defaults[][2] = {
	{"fallback_application_name", "outbox-consumer"},
	{"target_session_attrs", "read-write"},
	/* A peer whose packets vanish is given up within 10 s, at rest and in the middle of something. */
	{"tcp_user_timeout", "8000"},
	{"keepalives_idle", "3"},
	{"keepalives_interval", "2"},
	{"keepalives_count", "3"},
};

#define DEFAULT_COUNT (sizeof(defaults) / sizeof(defaults[0]))

static void
ignore_notice(void *arg, const PGresult *result)
{
	(void) arg;
	(void) result;
}

/* To one host, or to whatever libpq takes while the hosts aren't known.  False: no memory. */
static bool
begin(PgDial *dial, MonoUsec now)
{
	const char *keywords[DEFAULT_COUNT + 6];
	const char *values[DEFAULT_COUNT + 6];
	int n = 0;
	int first_host;

	for (size_t i = 0; i < DEFAULT_COUNT; i++)
	{
		keywords[n] = defaults[i][0];
		values[n++] = defaults[i][1];
	}
	keywords[n] = "dbname";
	values[n++] = dial->conninfo;
	keywords[n] = "client_encoding";
	values[n++] = "UTF8";
	first_host = n;
	if (dial->hosts.count > 1)
		n = pg_hosts_put(&dial->hosts, dial->host, keywords, values, n);
	if (n < 0)
		return false;
	keywords[n] = NULL;
	values[n] = NULL;

	PQfinish(dial->conn);
	dial->conn = PQconnectStartParams(keywords, values, 1);
	while (n > first_host)
		free((char *) values[--n]);
	dial->wants = POLLOUT;
	dial->deadline = now + dial->timeout_usec;
	if (dial->conn == NULL)
		return false;
	(void) PQsetErrorVerbosity(dial->conn, PQERRORS_VERBOSE);
	PQsetNoticeReceiver(dial->conn, ignore_notice, NULL);
	return true;
}

/* Names the host, where there are several. */
static void
name_host(const PgDial *dial, Error *error)
{
	size_t skip = strncmp(error->message, DOING, strlen(DOING)) == 0 ? strlen(DOING) : 0;
	char text[sizeof(error->message)];

	if (dial->hosts.count <= 1 || dial->conn == NULL)
		return;
	snprintf(text, sizeof(text), "%s", error->message + skip);
	snprintf(error->message, sizeof(error->message), DOING "\"%s\", port %s: ", PQhost(dial->conn),
			 PQport(dial->conn));
	error_append(error, text);
}

static void
add_failure(PgDial *dial, TargetFailure *failure)
{
	TargetFailure *all = &dial->failure;

	name_host(dial, &failure->error);
	if (!dial->failed)
	{
		*all = *failure;
		dial->failed = true;
		return;
	}
	error_append(&all->error, "; ");
	error_append(&all->error, strncmp(failure->error.message, DOING, strlen(DOING)) == 0
								  ? failure->error.message + strlen(DOING)
								  : failure->error.message);
	all->timed_out = all->timed_out || failure->timed_out;
	if (all->failure == failure->failure)
		return;
	/* One that may pass is among them. */
	all->failure = FAILURE_INFRASTRUCTURE;
	all->error.error_class = ERROR_CLASS_TRANSIENT;
	all->error.exit_code = 0;
	all->error.sqlstate[0] = '\0';
	all->error.hint[0] = '\0';
}

bool
pg_dial_next(PgDial *dial, MonoUsec now, TargetFailure *failure)
{
	if (failure->error.error_class != ERROR_CLASS_BUG)
		add_failure(dial, failure);
	while (failure->error.error_class != ERROR_CLASS_BUG && dial->host + 1 < dial->hosts.count)
	{
		dial->host++;
		if (!begin(dial, now))
		{
			pg_failure_memory(failure);
			break;
		}
		if (PQstatus(dial->conn) != CONNECTION_BAD)
			return true;
		pg_failure_connect(failure, dial->conn);
		add_failure(dial, failure);
	}
	if (failure->error.error_class != ERROR_CLASS_BUG)
		*failure = dial->failure;
	failure->lost = true;
	pg_dial_close(dial);
	return false;
}

bool
pg_dial_start(PgDial *dial, const char *conninfo, int64_t timeout_usec, MonoUsec now,
			  TargetFailure *failure)
{
	*dial = (PgDial){.conninfo = conninfo, .timeout_usec = timeout_usec};
	pg_failure_memory(failure);
	if (!begin(dial, now))
	{
		pg_dial_close(dial);
		return false;
	}
	if (!pg_hosts_read(&dial->hosts, dial->conn, &failure->error))
	{
		pg_dial_close(dial);
		return false;
	}
	if (dial->hosts.count > 1 && !begin(dial, now))
	{
		pg_dial_close(dial);
		return false;
	}
	if (PQstatus(dial->conn) != CONNECTION_BAD)
		return true;
	pg_failure_connect(failure, dial->conn);
	return pg_dial_next(dial, now, failure);
}

PgDialState
pg_dial_poll(PgDial *dial, MonoUsec now, TargetFailure *failure)
{
	for (;;)
	{
		struct pollfd ready = {PQsocket(dial->conn), dial->wants, 0};

		if (poll(&ready, 1, 0) <= 0)
		{
			if (now < dial->deadline)
				return PG_DIAL_WAITS;
			pg_failure_timeout(failure, "connect to the target", dial->timeout_usec);
		}
		else
		{
			switch (PQconnectPoll(dial->conn))
			{
				case PGRES_POLLING_READING:
					dial->wants = POLLIN;
					continue;
				case PGRES_POLLING_WRITING:
					dial->wants = POLLOUT;
					continue;
				case PGRES_POLLING_OK:
					(void) PQsetErrorVerbosity(dial->conn, PQERRORS_DEFAULT);
					return PG_DIAL_CONNECTED;
				default:
					pg_failure_connect(failure, dial->conn);
					break;
			}
		}
		if (!pg_dial_next(dial, now, failure))
			return PG_DIAL_FAILED;
	}
}

PGconn *
pg_dial_take(PgDial *dial)
{
	PGconn *conn = dial->conn;

	dial->conn = NULL;
	pg_dial_close(dial);
	return conn;
}

void
pg_dial_close(PgDial *dial)
{
	if (dial->conn != NULL)
		PQfinish(dial->conn);
	dial->conn = NULL;
	pg_hosts_free(&dial->hosts);
}
