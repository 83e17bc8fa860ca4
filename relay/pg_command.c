/*
 * pg_command.c
 *	  One statement on a connection, done before it returns.
 *
 * Refuses nothing itself; what the server refuses is told with its words.
 */
#include "pg_command.h"

#include "exit_codes.h"
#include "pg_error.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

PGresult *
pg_command(PgLink *link, const char *doing, const char *sql, const char *const *params, int count,
		   Error *error)
{
	PGresult *result = count > 0 ? PQexecParams(link->conn, sql, count, NULL, params, NULL, NULL, 0)
								 : PQexec(link->conn, sql);
	ExecStatusType status = PQresultStatus(result);

	if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
		return result;
	pg_error_result(error, result, doing);
	/* No free slot or sender; wal_level, or a plugin that isn't let in. */
	if (strcmp(error->sqlstate, "53400") == 0 || strcmp(error->sqlstate, "55000") == 0)
	{
		error->error_class = ERROR_CLASS_PERMANENT;
		error->exit_code = EXIT_SERVER;
	}
	PQclear(result);
	return NULL;
}

bool
pg_command_only(PgLink *link, const char *doing, const char *sql, const char *const *params,
				int count, Error *error)
{
	PGresult *result = pg_command(link, doing, sql, params, count, error);
	bool ok = result != NULL;

	PQclear(result);
	return ok;
}

bool
pg_command_session(PgLink *link, Error *error)
{
	return pg_command_only(link, "set up the session",
						   "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false)", NULL,
						   0, error);
}

bool
pg_command_flag(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

bool
pg_command_ask(PgLink *link, const char *doing, const char *sql, const char *const *params,
			   int count, bool *answer, Error *error)
{
	PGresult *result = pg_command(link, doing, sql, params, count, error);

	*answer = result != NULL && PQntuples(result) == 1 && pg_command_flag(result, 0);
	PQclear(result);
	return result != NULL;
}

const char *
pg_command_text(const PGresult *result, const char *column)
{
	int number = PQfnumber(result, column);

	return number >= 0 ? PQgetvalue(result, 0, number) : "";
}

int64_t
pg_command_number(const PGresult *result, const char *column)
{
	return strtoll(pg_command_text(result, column), NULL, 10);
}

bool
pg_identify(PgLink *link, PgIdentity *identity, Error *error)
{
	PGresult *result = pg_command(link, "identify the server", "IDENTIFY_SYSTEM", NULL, 0, error);

	if (result == NULL)
		return false;
	snprintf(identity->system_identifier, sizeof(identity->system_identifier), "%s",
			 PQgetvalue(result, 0, 0));
	snprintf(identity->timeline, sizeof(identity->timeline), "%s", PQgetvalue(result, 0, 1));
	snprintf(identity->flushed, sizeof(identity->flushed), "%s", PQgetvalue(result, 0, 2));
	PQclear(result);
	return true;
}
