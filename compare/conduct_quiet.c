/*
 * conduct_quiet.c
 *	  Asks everybody who may have something before it.
 */
#include "conduct_quiet.h"

#include <stdio.h>
#include <stdlib.h>

#include "pg_session.h"

#define WHILE_USEC (1500 * USEC_PER_MS)
#define QUERY_TIMEOUT_USEC (2 * USEC_PER_SEC)

struct Quiet
{
	Stage *stage;
	PgSession *source;
	int64_t first_row; /* of the source: those up to it belong to earlier runs; or UNSEEN */
	char end_lsn[64];  /* of the source, when it was looked first */
	MonoUsec looked_at;
	MonoUsec since; /* 0: it is not */
	int64_t rows;
};

/* The session is there after a success. */
static bool
ask_source(Quiet *quiet, const char *query, int64_t *number)
{
	Error ignored;

	if (quiet->source == NULL)
		quiet->source =
			pg_session_open(stage_source(quiet->stage)->conninfo, QUERY_TIMEOUT_USEC, &ignored);
	if (quiet->source == NULL)
		return false;
	if (pg_session_number(quiet->source, query, number, &ignored))
		return true;
	pg_session_close(quiet->source);
	quiet->source = NULL;
	return false;
}

Quiet *
quiet_create(Stage *stage)
{
	Quiet *quiet = calloc(1, sizeof(*quiet));

	if (quiet == NULL)
		return NULL;
	quiet->stage = stage;
	if (!ask_source(quiet, "SELECT coalesce(max(n), 0) FROM location_history", &quiet->first_row))
		quiet->first_row = UNSEEN;
	return quiet;
}

void
quiet_free(Quiet *quiet)
{
	if (quiet == NULL)
		return;
	pg_session_close(quiet->source);
	free(quiet);
}

static bool
nothing_queued(const Quiet *quiet)
{
	AppPath paths[MODE_COUNT];

	if (!app_state(stage_app(quiet->stage), paths))
		return false;
	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (paths[mode].queued > 0)
			return false;
	}
	return true;
}

/* PostgreSQL was told that Kafka has everything. */
static bool
all_confirmed(Quiet *quiet)
{
	char query[160];
	int64_t behind;
	Error ignored;

	if (quiet->end_lsn[0] == '\0' && quiet->source != NULL &&
		!pg_session_text(quiet->source, "SELECT pg_current_wal_lsn()", quiet->end_lsn,
						 sizeof(quiet->end_lsn), &ignored))
		quiet->end_lsn[0] = '\0';
	if (quiet->end_lsn[0] == '\0')
		return false;
	snprintf(query, sizeof(query),
			 "SELECT count(*) FROM pg_replication_slots WHERE confirmed_flush_lsn < '%s'",
			 quiet->end_lsn);
	return ask_source(quiet, query, &behind) && behind == 0;
}

/* The target has as many rows of the relayed paths as the source. */
static bool
all_relayed(Quiet *quiet, const Sample *sample)
{
	char query[160];
	int64_t stored;

	snprintf(query, sizeof(query),
			 "SELECT count(*) FROM location_history WHERE n > %lld AND mode IN ('%s', '%s')",
			 (long long) quiet->first_row, mode_name(MODE_OUTBOX), mode_name(MODE_OUTBOX_WAL));
	return quiet->first_row != UNSEEN && ask_source(quiet, query, &stored) &&
		   stored == sample->visible[MODE_OUTBOX] + sample->visible[MODE_OUTBOX_WAL];
}

static bool
rows_stand(Quiet *quiet, const Sample *sample)
{
	int64_t rows = 0;
	bool stand;

	for (int mode = 0; mode < MODE_COUNT; mode++)
	{
		if (sample->visible[mode] == UNSEEN)
			return false;
		rows += sample->visible[mode];
	}
	stand = rows == quiet->rows;
	quiet->rows = rows;
	return stand;
}

bool
quiet_look(Quiet *quiet, const Sample *sample)
{
	/* Once a sample. */
	if (sample->at != quiet->looked_at)
	{
		quiet->looked_at = sample->at;
		if (!rows_stand(quiet, sample) || sample->lag != 0 || !nothing_queued(quiet) ||
			(!all_relayed(quiet, sample) && !all_confirmed(quiet)))
			quiet->since = 0;
		else if (quiet->since == 0)
			quiet->since = sample->at;
	}
	return quiet->since != 0 && sample->at - quiet->since >= WHILE_USEC;
}
