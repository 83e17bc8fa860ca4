/*
 * inventory_quiet.c
 *	  Asks everybody who may have something before it.
 */
#include "inventory_quiet.h"

#include <stdio.h>
#include <stdlib.h>

#include "pg_session.h"
#include "shop_order.h"

#define LOOK_USEC (250 * USEC_PER_MS)
#define WHILE_USEC (1000 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC (2 * USEC_PER_SEC)

struct InventoryQuiet
{
	InventoryQuietConfig config;
	PgSession *source;
	PgSession *services[SERVICE_COUNT];
	char end_lsn[64]; /* of the source, when it was looked first */
	int64_t rows;
	MonoUsec next_look;
	MonoUsec since; /* 0: it is not */
};

InventoryQuiet *
inventory_quiet_create(const InventoryQuietConfig *config)
{
	InventoryQuiet *quiet = calloc(1, sizeof(*quiet));

	if (quiet != NULL)
		quiet->config = *config;
	return quiet;
}

void
inventory_quiet_free(InventoryQuiet *quiet)
{
	if (quiet == NULL)
		return;
	pg_session_close(quiet->source);
	for (int i = 0; i < SERVICE_COUNT; i++)
		pg_session_close(quiet->services[i]);
	free(quiet);
}

static void
forget(PgSession **session)
{
	pg_session_close(*session);
	*session = NULL;
}

static bool
ask(PgSession **session, const char *conninfo, const char *query, int64_t *number)
{
	Error ignored;

	if (*session == NULL)
		*session = pg_session_open(conninfo, QUERY_TIMEOUT_USEC, &ignored);
	if (*session != NULL && pg_session_number(*session, query, number, &ignored))
		return true;
	forget(session);
	return false;
}

/* PostgreSQL was told that Kafka has everything. */
static bool
all_confirmed(InventoryQuiet *quiet)
{
	char query[160];
	int64_t behind = 1;
	Error ignored;

	if (quiet->config.source == NULL)
		return true;
	if (quiet->source == NULL)
		quiet->source = pg_session_open(quiet->config.source, QUERY_TIMEOUT_USEC, &ignored);
	if (quiet->source != NULL && quiet->end_lsn[0] == '\0' &&
		!pg_session_text(quiet->source, "SELECT pg_current_wal_lsn()", quiet->end_lsn,
						 sizeof(quiet->end_lsn), &ignored))
		forget(&quiet->source);
	snprintf(query, sizeof(query),
			 "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn < '%s'",
			 quiet->end_lsn);
	return quiet->end_lsn[0] != '\0' && ask(&quiet->source, quiet->config.source, query, &behind) &&
		   behind == 0;
}

/* False when one of them doesn't say. */
static bool
count_rows(InventoryQuiet *quiet, int64_t *rows)
{
	*rows = 0;
	for (int i = 0; i < SERVICE_COUNT; i++)
	{
		char query[160];
		int64_t count;

		if ((quiet->config.present & SERVICE_BIT(i)) == 0)
			continue;
		snprintf(query, sizeof(query), "SELECT count(*) FROM %s", shop_rows_table((Service) i));
		if (!ask(&quiet->services[i], quiet->config.services->all[i].conninfo, query, &count))
			return false;
		*rows += count;
	}
	return true;
}

int64_t
inventory_quiet_look(InventoryQuiet *quiet, int64_t behind)
{
	MonoUsec now = clock_mono();
	int64_t rows;
	bool stands;

	if (now < quiet->next_look)
		return quiet->rows;
	quiet->next_look = now + LOOK_USEC;
	stands = count_rows(quiet, &rows) && rows == quiet->rows && behind == 0 && all_confirmed(quiet);
	if (!stands)
		quiet->since = 0;
	else if (quiet->since == 0)
		quiet->since = now;
	quiet->rows = rows;
	return rows;
}

bool
inventory_quiet_is(const InventoryQuiet *quiet)
{
	return quiet->since != 0 && clock_mono() - quiet->since >= WHILE_USEC;
}
