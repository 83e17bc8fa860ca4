/*
 * pg_rows.c
 *	  The rows that outbox.event still has.
 *
 * Refuses a registration that isn't ready: what its slot brings isn't known then; and one with a
 * snapshot that can't be of this server.
 *
 * Invariants: everything is read in one repeatable-read transaction, so what was
 * surveyed is what is given; partitions in the order they were written, rows in the
 * order of their TIDs; a row that the relay's last heartbeat doesn't see is never given,
 * because the stream may still bring it, as an event that isn't flagged.
 */
#include "pg_rows.h"

#include "exit_codes.h"
#include "pg_command.h"
#include "pg_error.h"
#include "pg_row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MAX 4096

struct PgRows
{
	const RelayConfig *config;
	RowSelection selection;
	PgLink link;
	char *gap;		 /* the snapshot that an accepted gap began with; NULL: none */
	char *published; /* what it sees doesn't come through the stream any more */
	unsigned current;
	int rank;  /* 0 to OUTBOX_LEAVES: of the partition that is read */
	bool busy; /* its statement is under way */
	PGresult *row;
};

#define SQL_SESSION                                                                                \
	"SELECT pg_catalog.set_config(name, value, false)"                                             \
	"  FROM (VALUES ('search_path', 'pg_catalog'), ('statement_timeout', '0'),"                    \
	"               ('idle_in_transaction_session_timeout', '0'),"                                 \
	"               ('synchronize_seqscans', 'off'), ('jit', 'off'),"                              \
	"               ('client_connection_check_interval', '10s')) AS v(name, value)"

#define SQL_REGISTRATION                                                                           \
	"SELECT r.state, pg_catalog.to_jsonb(r) ->> 'gap_snapshot', r.heartbeat_snapshot,"             \
	"       r.start_snapshot, o.current,"                                                          \
	"       EXISTS (SELECT FROM pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(r)) AS s"           \
	"         WHERE s.key IN ('gap_snapshot', 'heartbeat_snapshot', 'start_snapshot')"             \
	"           AND pg_catalog.pg_snapshot_xmax(s.value::pg_snapshot)"                             \
	"             > pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))"                \
	"  FROM outbox.relay r, outbox.rotation o WHERE r.slot_name = $1"

/* $1 gap snapshot, $2 published, $3 since, $4 until, $5 ids, $6 aggregate type, $7 aggregate id */
#define SQL_SELECTED                                                                               \
	" ($1::pg_snapshot IS NULL OR NOT coalesce(pg_visible_in_snapshot(e.xid, $1), false))"         \
	" AND ($3::timestamptz IS NULL OR e.created_at >= $3)"                                         \
	" AND ($4::timestamptz IS NULL OR e.created_at < $4)"                                          \
	" AND ($5::uuid[] IS NULL OR e.id = ANY ($5))"                                                 \
	" AND ($6::text IS NULL OR e.aggregatetype = $6)"                                              \
	" AND ($7::text IS NULL OR e.aggregateid = $7)"
#define SQL_PAST " coalesce(pg_visible_in_snapshot(e.xid, $2::pg_snapshot), false)"

/* The partition's number is put in.  Last column: is a row there that is older than the gap? */
#define SQL_SURVEY                                                                                 \
	"SELECT count(*), min(e.created_at), max(e.created_at),"                                       \
	"       count(*) FILTER (WHERE" SQL_SELECTED " AND" SQL_PAST "),"                              \
	"       count(*) FILTER (WHERE" SQL_SELECTED " AND NOT" SQL_PAST "),"                          \
	"       coalesce(bool_or(e.xid < pg_snapshot_xmin($1::pg_snapshot)), false),"                  \
	"       coalesce(min(e.created_at) <= $3::timestamptz, false)"                                 \
	"  FROM ONLY outbox.event_%u e"

/*
 * TRUNCATE gives a table another file.  So does a rewrite, after which it isn't known any more.  A
 * gap that sees nothing began on another server (pg_init_gap.h), whose tables these files say nothing of.
 */
#define SQL_NEVER_TRUNCATED                                                                        \
	"SELECT bool_and(pg_relation_filenode(c.oid) = c.oid)"                                         \
	"       AND coalesce(pg_snapshot_xmax($1::pg_snapshot) <> '1'::xid8, true) FROM pg_class c"    \
	" WHERE c.oid IN ('outbox.event_0'::regclass, 'outbox.event_1'::regclass,"                     \
	"                 'outbox.event_2'::regclass)"

#define SQL_IDS_MISSING                                                                            \
	"SELECT count(*) FROM (SELECT DISTINCT unnest($1::uuid[])) AS asked(id)"                       \
	" WHERE id NOT IN (SELECT e.id FROM outbox.event e WHERE e.id = ANY ($1::uuid[]))"

#define SQL_WINDOW                                                                                 \
	"SELECT coalesce(floor(extract(epoch FROM coalesce($1::timestamptz,"                           \
	"         (SELECT min(created_at) FROM outbox.event))) * 1000)::int8, 0),"                     \
	"       ceil(extract(epoch FROM $2::timestamptz) * 1000)::int8"

#define SQL_FIND "SELECT e.id FROM outbox.event e WHERE e.id = ANY ($1::uuid[])"
/* $3: what was known to be published; a letter whose redriven row is among that has a record of its own. */
#define SQL_FIND_LETTERS                                                                           \
	"SELECT d.id FROM outbox.dead_letter d"                                                        \
	" WHERE d.id = ANY ($1::uuid[]) AND d.slot_name = $2"                                          \
	"   AND NOT EXISTS (SELECT FROM outbox.event e"                                                \
	"                    WHERE e.id = d.id AND e.headers ->> 'outbox-replayed' = d.position"       \
	"                      AND coalesce(pg_visible_in_snapshot(e.xid, $3::pg_snapshot), false))"

#define SQL_WHOLE_ROW SQL_ROW_COLUMNS
#define SQL_SHORT_ROW                                                                              \
	" e.ctid, e.id, ''::text, NULL::text, NULL::text, NULL::text, NULL::bytea, NULL::text,"        \
	" e.created_at"

static bool
flag(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

static uint64_t
number(const PGresult *result, int column)
{
	return strtoull(PQgetvalue(result, 0, column), NULL, 10);
}

/* NULL for SQL NULL. */
static char *
text_of(const PGresult *result, int column)
{
	return PQgetisnull(result, 0, column) ? NULL : strdup(PQgetvalue(result, 0, column));
}

/* Values that somebody typed. */
static bool
blame_selection(Error *error)
{
	if (strncmp(error->sqlstate, "22", 2) == 0)
	{
		error->error_class = ERROR_CLASS_PERMANENT;
		error->exit_code = EXIT_CONFIG;
	}
	return false;
}

static bool
refuse_registration(const PgRows *rows, const char *why, Error *error)
{
	error_permanent(error, EXIT_NOT_INITIALIZED, "the registration of the slot \"%s\" %s",
					rows->config->slot, why);
	return error_hint(error, "Run outbox-relay init, and then outbox-relay run until it is done.");
}

/* It sees what this server has still to write: all of that would be taken for published. */
static bool
refuse_snapshots(const PgRows *rows, Error *error)
{
	error_permanent(error, EXIT_GAP,
					"a snapshot in the registration of the slot \"%s\" is ahead of this server",
					rows->config->slot);
	error_detail(error, "It was restored from a dump of another server, or forged: what was "
						"published isn't known.");
	return error_hint(
		error,
		"Run outbox-relay init --accept-gap. If it was run on this server: UPDATE outbox.relay "
		"SET heartbeat_snapshot = start_snapshot, gap_snapshot = '1:1:', "
		"then replay --gap --incomplete.");
}

static bool
take_registration(PgRows *rows, const PGresult *result, Error *error)
{
	bool gap = rows->selection.gap;

	if (PQntuples(result) != 1)
		return refuse_registration(rows, "isn't there", error);
	if (strcmp(PQgetvalue(result, 0, 0), "ready") != 0)
		return refuse_registration(rows, "isn't complete", error);
	if (flag(result, 5))
		return refuse_snapshots(rows, error);
	rows->gap = gap ? text_of(result, 1) : NULL;
	rows->published = text_of(result, gap ? 3 : 2);
	rows->current = (unsigned) number(result, 4);
	if (gap && rows->gap == NULL)
	{
		error_permanent(error, EXIT_CONFIG, "no gap is recorded for the slot \"%s\"",
						rows->config->slot);
		return error_hint(error, "A gap is recorded by outbox-relay init --accept-gap, and until "
								 "it was replayed. Else select events by --since, --id or "
								 "--aggregate.");
	}
	if (rows->published == NULL)
		return refuse_registration(rows, "has published nothing yet", error);
	return true;
}

PgRows *
pg_rows_open(const RelayConfig *config, const RowSelection *selection, Error *error)
{
	PgRows *rows = calloc(1, sizeof(*rows));
	const char *slot = config->slot;
	PGresult *result = NULL;
	bool ok;

	if (rows == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	rows->config = config;
	rows->selection = *selection;
	if (pg_link_connect(&rows->link, config->conninfo, false, error) &&
		pg_command_only(&rows->link, "set up the session", SQL_SESSION, NULL, 0, error) &&
		pg_command_only(&rows->link, "begin to read",
						"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0, error))
		result =
			pg_command(&rows->link, "look for the registration", SQL_REGISTRATION, &slot, 1, error);
	ok = result != NULL && take_registration(rows, result, error);
	PQclear(result);
	if (ok)
		return rows;
	pg_rows_close(rows);
	return NULL;
}

void
pg_rows_close(PgRows *rows)
{
	if (rows == NULL)
		return;
	PQclear(rows->row);
	pg_link_close(&rows->link);
	free(rows->gap);
	free(rows->published);
	free(rows);
}

static void
fill_params(const PgRows *rows, const char *params[7])
{
	const RowSelection *selection = &rows->selection;

	params[0] = rows->gap;
	params[1] = rows->published;
	params[2] = selection->since;
	params[3] = selection->until;
	params[4] = selection->ids;
	params[5] = selection->aggregate_type;
	params[6] = selection->aggregate_id;
}

/* The partition that is written to is the newest, the one behind it the oldest. */
static unsigned
leaf_of(const PgRows *rows, int rank)
{
	return (rows->current + 1 + (unsigned) rank) % OUTBOX_LEAVES;
}

/* -------------------------------------------------------------------------
 * the survey
 * -------------------------------------------------------------------------
 */

static void
copy_time(char *to, const PGresult *result, int column)
{
	snprintf(to, ROWS_TIME_SIZE, "%s", PQgetvalue(result, 0, column));
}

static bool
survey_leaf(PgRows *rows, int rank, RowSurvey *survey, bool *before, Error *error)
{
	LeafSurvey *leaf = &survey->leaves[rank];
	const char *params[7];
	char sql[STATEMENT_MAX];
	PGresult *result;

	fill_params(rows, params);
	leaf->leaf = leaf_of(rows, rank);
	leaf->current = rank == OUTBOX_LEAVES - 1;
	snprintf(sql, sizeof(sql), SQL_SURVEY, leaf->leaf);
	result = pg_command(&rows->link, "look at the rows that are there", sql, params, 7, error);
	if (result == NULL)
		return blame_selection(error);
	leaf->rows = number(result, 0);
	copy_time(leaf->first, result, 1);
	copy_time(leaf->last, result, 2);
	survey->selected += number(result, 3);
	survey->not_yet += number(result, 4);
	*before |= flag(result, rows->selection.gap ? 5 : 6);
	PQclear(result);
	return true;
}

static bool
count_missing_ids(PgRows *rows, RowSurvey *survey, Error *error)
{
	PGresult *result =
		pg_command(&rows->link, "look for ids", SQL_IDS_MISSING, &rows->selection.ids, 1, error);

	if (result == NULL)
		return blame_selection(error);
	survey->ids_missing = number(result, 0);
	PQclear(result);
	return true;
}

/* Without a row from before the selection: was there ever one? */
static bool
look_for_truncation(PgRows *rows, bool *never, Error *error)
{
	const char *params[] = {rows->gap};

	return pg_command_ask(&rows->link, "look whether rows were truncated", SQL_NEVER_TRUNCATED,
						  params, 1, never, error);
}

bool
pg_rows_survey(PgRows *rows, RowSurvey *survey, Error *error)
{
	const RowSelection *selection = &rows->selection;
	bool before = false; /* rows from before what is selected are there */

	*survey = (RowSurvey){.complete = true};
	for (int rank = 0; rank < OUTBOX_LEAVES; rank++)
	{
		if (!survey_leaf(rows, rank, survey, &before, error))
			return false;
	}
	if (selection->ids != NULL && !count_missing_ids(rows, survey, error))
		return false;
	if (!before && !look_for_truncation(rows, &before, error))
		return false;
	if (survey->ids_missing > 0)
		snprintf(survey->problem, sizeof(survey->problem),
				 "%llu of the ids aren't in outbox.event (any more)",
				 (unsigned long long) survey->ids_missing);
	else if (selection->gap && !before)
		snprintf(survey->problem, sizeof(survey->problem),
				 "outbox.event has no event from before the gap: its first ones may be gone");
	else if (selection->since != NULL && !before)
		snprintf(survey->problem, sizeof(survey->problem),
				 "outbox.event has no event from before the window: its first ones may be gone");
	survey->complete = survey->problem[0] == '\0';
	return true;
}

bool
pg_rows_window(PgRows *rows, int64_t *since_ms, int64_t *until_ms, Error *error)
{
	const char *params[] = {rows->selection.since, rows->selection.until};
	PGresult *result =
		pg_command(&rows->link, "read the window's times", SQL_WINDOW, params, 2, error);

	if (result == NULL)
		return blame_selection(error);
	*since_ms = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	*until_ms = PQgetisnull(result, 0, 1) ? INT64_MAX : strtoll(PQgetvalue(result, 0, 1), NULL, 10);
	PQclear(result);
	return true;
}

static bool
find(const RelayConfig *config, const char *sql, const char *const *params, int count,
	 RowFoundFn found, void *arg, Error *error)
{
	PgLink link = PG_LINK_CLOSED;
	PGresult *result = NULL;

	if (pg_link_connect(&link, config->conninfo, false, error) &&
		pg_command_only(&link, "set up the session", SQL_SESSION, NULL, 0, error))
		result = pg_command(&link, "look for ids", sql, params, count, error);
	for (int i = 0; result != NULL && i < PQntuples(result); i++)
	{
		uint8_t id[UUID_SIZE];

		if (uuid_parse(PQgetvalue(result, i, 0), (size_t) PQgetlength(result, i, 0), id))
			found(id, arg);
	}
	PQclear(result);
	pg_link_close(&link);
	return result != NULL;
}

bool
pg_rows_find(const RelayConfig *config, const char *ids, RowFoundFn found, void *arg, Error *error)
{
	return find(config, SQL_FIND, &ids, 1, found, arg, error);
}

bool
pg_rows_find_letters(const RelayConfig *config, const char *ids, const char *published,
					 RowFoundFn found, void *arg, Error *error)
{
	const char *params[] = {ids, config->slot, published};

	return find(config, SQL_FIND_LETTERS, params, 3, found, arg, error);
}

const char *
pg_rows_published(const PgRows *rows)
{
	return rows->published;
}

/* -------------------------------------------------------------------------
 * rows
 * -------------------------------------------------------------------------
 */

static bool
start_leaf(PgRows *rows, bool whole, Error *error)
{
	const char *params[7];
	char sql[STATEMENT_MAX];

	fill_params(rows, params);
	snprintf(sql, sizeof(sql),
			 "SELECT %s FROM ONLY outbox.event_%u e WHERE" SQL_SELECTED " AND" SQL_PAST,
			 whole ? SQL_WHOLE_ROW : SQL_SHORT_ROW, leaf_of(rows, rows->rank));
	if (PQsendQueryParams(rows->link.conn, sql, 7, NULL, params, NULL, NULL, 1) != 1 ||
		PQsetSingleRowMode(rows->link.conn) != 1)
		return pg_error_lost(error, rows->link.conn, "read rows");
	rows->busy = true;
	return true;
}

IoResult
pg_rows_next(PgRows *rows, bool whole, StoredRow *row, Error *error)
{
	for (;;)
	{
		if (!rows->busy && rows->rank == OUTBOX_LEAVES)
			return IO_END;
		if (!rows->busy && !start_leaf(rows, whole, error))
			return IO_FAILED;
		PQclear(rows->row);
		rows->row = PQgetResult(rows->link.conn);
		if (rows->row == NULL)
		{
			rows->busy = false;
			rows->rank++;
			continue;
		}
		switch (PQresultStatus(rows->row))
		{
			case PGRES_SINGLE_TUPLE:
				return pg_row_read(row, rows->row, error) ? IO_OK : IO_FAILED;
			case PGRES_TUPLES_OK:
				break; /* of this partition that was all */
			default:
				pg_error_result(error, rows->row, "read rows");
				(void) blame_selection(error);
				return IO_FAILED;
		}
	}
}

/* $2 the snapshot that the gap begins with, $3 the one that it ends with */
#define SQL_CLOSE_GAP                                                                              \
	"UPDATE outbox.relay SET gap_snapshot = NULL"                                                  \
	" WHERE slot_name = $1 AND gap_snapshot::text = $2"                                            \
	"   AND state = 'ready' AND start_snapshot::text = $3"

/* In a snapshot of its own: somebody else may have closed it meanwhile. */
#define SQL_GAP_IS_OPEN                                                                            \
	"SELECT EXISTS (SELECT FROM outbox.relay WHERE slot_name = $1 AND gap_snapshot IS NOT NULL)"

bool
pg_rows_close_gap(PgRows *rows, Error *error)
{
	const char *params[] = {rows->config->slot, rows->gap, rows->published};
	bool another;

	if (!pg_command_only(&rows->link, "end the look", "COMMIT", NULL, 0, error) ||
		!pg_command_only(&rows->link, "close the gap", SQL_CLOSE_GAP, params, 3, error) ||
		!pg_command_ask(&rows->link, "look at the gap", SQL_GAP_IS_OPEN, params, 1, &another,
						error))
		return false;
	if (!another)
		return true;
	error_permanent(error, EXIT_GAP, "another gap was accepted while this one was replayed");
	return error_hint(error, "Run replay --gap again: it publishes what both may have missed.");
}
