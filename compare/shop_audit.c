/*
 * shop_audit.c
 *	  Rows to books.  An id that this run did not make is a stranger.
 */
#include "shop_audit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pg_session.h"
#include "request_id.h"

#define TIMEOUT_USEC (60 * USEC_PER_SEC)
#define SQL_SIZE 512

typedef struct ShopAudit
{
	const ShopAuditConfig *config;
	ShopPath path;
	Service service;
	ShopBooks *books;
} ShopAudit;

static bool
number_of(const ShopAudit *audit, const char *text, uint32_t *number)
{
	uint8_t id[UUID_SIZE];
	uint32_t run;
	Mode mode;

	return uuid_parse(text, strlen(text), id) &&
		   request_id_read(id, audit->config->seed, &run, &mode, number) &&
		   run == audit->config->run && mode == shop_path_mode(audit->path);
}

/* Columns from the second on: product, version, quantity, cents. */
static void
read_order(const char *const *columns, ShopOrder *order)
{
	*order = (ShopOrder){.product = (uint32_t) strtoul(columns[1], NULL, 10),
						 .version = strtoll(columns[2], NULL, 10),
						 .quantity = (uint32_t) strtoul(columns[3], NULL, 10),
						 .cents = (uint32_t) strtoul(columns[4], NULL, 10)};
}

static bool
visit_source(const char *const *columns, void *arg, Error *error)
{
	const ShopAudit *audit = arg;
	ShopOrder order;
	uint32_t number;

	if (!number_of(audit, columns[0], &number))
		return error_bug(error, "the source has an order that nobody placed: %s", columns[0]);
	read_order(columns, &order);
	shop_books_stored(audit->books, number, &order);
	return true;
}

static bool
visit_row(const char *const *columns, void *arg, Error *error)
{
	const ShopAudit *audit = arg;
	ShopOrder order;
	uint32_t number;

	(void) error;
	read_order(columns, &order);
	if (number_of(audit, columns[0], &number))
		shop_books_heard(audit->books, audit->service, number, &order,
						 strtoll(columns[5], NULL, 10) - audit->config->wall_start);
	else
		shop_books_stranger(audit->books, audit->service);
	return true;
}

static bool
visit_total(const char *const *columns, void *arg, Error *error)
{
	const ShopAudit *audit = arg;

	(void) error;
	shop_books_total(audit->books, audit->service, (uint32_t) strtoul(columns[0], NULL, 10),
					 strtoll(columns[1], NULL, 10), strtoll(columns[2], NULL, 10));
	return true;
}

static bool
read_source(ShopAudit *audit, Error *error)
{
	PgSession *session = pg_session_open(audit->config->source, TIMEOUT_USEC, error);
	char sql[SQL_SIZE];
	bool done;

	snprintf(sql, sizeof(sql),
			 "SELECT order_id, product, version, quantity, cents FROM shop.orders"
			 " WHERE path = '%s'",
			 shop_path_name(audit->path));
	done = session != NULL && pg_session_each(session, sql, visit_source, audit, error);
	pg_session_close(session);
	return done;
}

static bool
read_service(ShopAudit *audit, const char *conninfo, Error *error)
{
	PgSession *session = pg_session_open(conninfo, TIMEOUT_USEC, error);
	char rows[SQL_SIZE];
	char totals[SQL_SIZE];
	bool done;

	snprintf(rows, sizeof(rows),
			 "SELECT order_id, product, version, quantity, cents,"
			 " (extract(epoch FROM stored_at) * 1000000)::bigint"
			 " FROM %s WHERE path = '%s' ORDER BY n",
			 shop_rows_table(audit->service), shop_path_name(audit->path));
	snprintf(totals, sizeof(totals), "SELECT product, version, total FROM %s WHERE path = '%s'",
			 shop_state_table(audit->service), shop_path_name(audit->path));
	/* Of the same moment. */
	done = session != NULL &&
		   pg_session_run(session, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", error) &&
		   pg_session_each(session, rows, visit_row, audit, error) &&
		   pg_session_each(session, totals, visit_total, audit, error);
	pg_session_close(session);
	return done;
}

bool
shop_audit(const ShopAuditConfig *config, ShopPath path, ShopBooks *books, Error *error)
{
	ShopAudit audit = {.config = config, .path = path, .books = books};

	if (!read_source(&audit, error))
		return false;
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		audit.service = (Service) i;
		if (config->services[i] != NULL && !read_service(&audit, config->services[i], error))
			return false;
	}
	return true;
}
