/*
 * row_counts.c
 *	  A count of what is settled, and of its tail.
 *
 * Settled is a row that is a minute old, with all before it, while no transaction is old enough
 * to have got one of their numbers and not to have committed.
 */
#include "row_counts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAIL_MAX 20000 /* rows */

typedef struct Tally
{
	int64_t *rows;
	UnixUsec *newest;
	int64_t all;
} Tally;

bool
row_counts_begin(RowCounts *counts, PgSession *session, Error *error)
{
	memset(counts, 0, sizeof(*counts));
	return pg_session_number(session, "SELECT coalesce(max(n), 0) FROM location_history",
							 &counts->counted_to, error);
}

static bool
visit_mode(const char *const *columns, void *arg, Error *error)
{
	Tally *tally = arg;
	Mode mode;
	int64_t rows;
	UnixUsec newest;

	(void) error;
	if (columns[0] == NULL || columns[1] == NULL || columns[2] == NULL ||
		!mode_parse(columns[0], strlen(columns[0]), &mode))
		return true;
	rows = strtoll(columns[1], NULL, 10);
	newest = strtoll(columns[2], NULL, 10);
	tally->all += rows;
	tally->rows[mode] += rows;
	if (newest > tally->newest[mode])
		tally->newest[mode] = newest;
	return true;
}

/* Adds the rows behind counted_to, up to one. */
static bool
add_rows(const RowCounts *counts, PgSession *session, int64_t up_to, Tally *tally, Error *error)
{
	char query[320];

	snprintf(query, sizeof(query),
			 "SELECT mode, count(*), (extract(epoch FROM max(reported_at)) * 1000000)::bigint"
			 " FROM location_history WHERE n > %lld AND n <= %lld GROUP BY mode",
			 (long long) counts->counted_to, (long long) up_to);
	return pg_session_each(session, query, visit_mode, tally, error);
}

static bool
settle(RowCounts *counts, PgSession *session, Error *error)
{
	RowCounts settled = *counts;
	Tally tally = {.rows = settled.rows, .newest = settled.newest};
	char query[512];

	snprintf(query, sizeof(query),
			 "SELECT coalesce(max(n), %lld) FROM location_history WHERE n > %lld"
			 " AND stored_at < clock_timestamp() - interval '60s'"
			 " AND NOT EXISTS (SELECT FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
			 " AND xact_start < clock_timestamp() - interval '30s')",
			 (long long) counts->counted_to, (long long) counts->counted_to);
	if (!pg_session_number(session, query, &settled.counted_to, error) ||
		!add_rows(counts, session, settled.counted_to, &tally, error))
		return false;
	*counts = settled;
	return true;
}

bool
row_counts_look(RowCounts *counts, PgSession *session, int64_t *rows, UnixUsec *newest,
				Error *error)
{
	Tally tally = {.rows = rows, .newest = newest};

	memcpy(rows, counts->rows, sizeof(counts->rows));
	memcpy(newest, counts->newest, sizeof(counts->newest));
	return add_rows(counts, session, INT64_MAX, &tally, error) &&
		   (tally.all < TAIL_MAX || settle(counts, session, error));
}
