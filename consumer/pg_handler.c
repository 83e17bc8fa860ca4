/*
 * pg_handler.c
 *	  The prepared statement of a handler, for run, check and redrive alike.
 */
#include "pg_handler.h"

#include <libpq-fe.h>
#include <stdio.h>

#include "pg_arrays.h"

void
pg_handler_name(char *name, int index)
{
	snprintf(name, PG_HANDLER_NAME_SIZE, "outbox_handler_%d", index);
}

void
pg_handler_types(const Handler *handler, uint32_t *types)
{
	for (int i = 0; i < handler->param_count; i++)
		types[i] = pg_type_array_oid(handler->params[i].type);
}

PGresult *
pg_handler_prepare(PGconn *conn, const Handler *handler, int index)
{
	Oid types[HANDLER_PARAMS_MAX];
	char name[PG_HANDLER_NAME_SIZE];

	pg_handler_name(name, index);
	pg_handler_types(handler, types);
	return PQprepare(conn, name, handler->sql, handler->param_count, types);
}
