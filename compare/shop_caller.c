/*
 * shop_caller.c
 *	  One request, over blocking connections with the server's statement time-out.
 */
#include "shop_caller.h"

#include <stdlib.h>

#include "pg_session.h"

struct ShopCaller
{
	ShopPath path;
	uint32_t run;
	ShopDatabases databases;
	PgSession *source;
	PgSession *services[SERVICES_CALLED];
};

ShopCaller *
shop_caller_create(ShopPath path, uint32_t run, const ShopDatabases *databases)
{
	ShopCaller *caller = calloc(1, sizeof(*caller));

	if (caller == NULL)
		return NULL;
	caller->path = path;
	caller->run = run;
	caller->databases = *databases;
	return caller;
}

static void
hang_up(PgSession **session)
{
	pg_session_close(*session);
	*session = NULL;
}

void
shop_caller_free(ShopCaller *caller)
{
	if (caller == NULL)
		return;
	hang_up(&caller->source);
	for (int i = 0; i < SERVICES_CALLED; i++)
		hang_up(&caller->services[i]);
	free(caller);
}

static bool
connected(const ShopCaller *caller, PgSession **session, const char *conninfo, Error *error)
{
	if (*session == NULL)
		*session = pg_session_open(conninfo, caller->databases.statement_timeout_usec, error);
	return *session != NULL;
}

bool
shop_caller_connect(ShopCaller *caller, Error *error)
{
	if (!connected(caller, &caller->source, caller->databases.source, error))
		return false;
	for (int i = 0; caller->path == SHOP_SYNC && i < SERVICES_CALLED; i++)
	{
		if (!connected(caller, &caller->services[i], caller->databases.services[i], error))
			return false;
	}
	return true;
}

/* A connection that broke while it was idle costs the request nothing. */
static bool
begin(ShopCaller *caller, ShopOrder *order)
{
	char sql[SHOP_SQL_SIZE];
	Error error;

	shop_place_sql(order, caller->run, caller->path, sql);
	for (int try = 0; try < 2; try++)
	{
		if (!connected(caller, &caller->source, caller->databases.source, &error))
			return false;
		if (pg_session_number(caller->source, sql, &order->version, &error))
			return true;
		hang_up(&caller->source);
		if (error.error_class != ERROR_CLASS_TRANSIENT)
			return false;
	}
	return false;
}

/* A service answers with its commit or not at all: it isn't asked twice. */
static bool
call_service(ShopCaller *caller, int service, const char *sql)
{
	PgSession **session = &caller->services[service];
	Error error;

	if (connected(caller, session, caller->databases.services[service], &error) &&
		pg_session_run(*session, sql, &error))
		return true;
	hang_up(session);
	return false;
}

static bool
call_services(ShopCaller *caller, const ShopOrder *order)
{
	char sql[SHOP_SQL_SIZE];

	shop_accept_sql(order, caller->path, sql);
	for (int i = 0; i < SERVICES_CALLED; i++)
	{
		if (!call_service(caller, i, sql))
			return false;
	}
	return true;
}

static Outcome
commit(ShopCaller *caller)
{
	Outcome outcome;
	Error error;

	if (pg_session_run(caller->source, "COMMIT", &error))
		return OUTCOME_ACCEPTED;
	outcome = error.error_class == ERROR_CLASS_TRANSIENT ? OUTCOME_UNKNOWN : OUTCOME_REJECTED;
	hang_up(&caller->source);
	return outcome;
}

Outcome
shop_caller_call(ShopCaller *caller, ShopOrder *order)
{
	Error ignored;

	if (!begin(caller, order))
		return OUTCOME_REJECTED;
	if (caller->path == SHOP_SYNC && !call_services(caller, order))
	{
		if (!pg_session_run(caller->source, "ROLLBACK", &ignored))
			hang_up(&caller->source);
		return OUTCOME_REJECTED;
	}
	return commit(caller);
}
