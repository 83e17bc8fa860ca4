/*
 * pg_left.c
 *	  What a relay has still to publish, asked on an ordinary connection.
 *
 *	rows	those of a registration in state "backfill", by the slot's snapshot
 *	events	inserts into outbox.event, and messages that are events, of transactions
 *			that end behind the mark, read from the slot
 *
 * Refuses nothing itself; the server refuses to read a slot that is in use or lost.
 *
 * Invariants: nothing is confirmed; an event that a relay would publish is never left
 * out, so one that can't be published (poison) counts, too.
 */
#include "pg_left.h"

#include "envelope.h"
#include "pg_command.h"

#include <stdlib.h>

#define TEXT_OF(number) TEXT_OF_(number)
#define TEXT_OF_(number) #number

/* Enough to know that there are some: read to the end of the transaction that reaches it. */
#define FIRST_CHANGES "10000"

#define LEAF_ROWS(leaf)                                                                            \
	"(SELECT count(*) FROM ONLY outbox.event_" leaf " e"                                           \
	"  WHERE pg_catalog.pg_visible_in_snapshot(e.xid, r.start_snapshot))"
#define SQL_ROWS                                                                                   \
	"SELECT " LEAF_ROWS("0") " + " LEAF_ROWS("1") " + " LEAF_ROWS(                                 \
		"2") " AS rows"                                                                            \
			 "  FROM outbox.relay r WHERE r.slot_name = $1"
/* By itself: who asks with nothing to publish from before the slot needs no right on the partitions. */
#define SQL_BACKFILLS                                                                              \
	"SELECT EXISTS (SELECT FROM outbox.relay WHERE slot_name = $1 AND state = 'backfill')"

#define SQL_LIMIT                                                                                  \
	"SELECT pg_catalog.set_config('statement_timeout', '" TEXT_OF(                                 \
		PG_LEFT_SECONDS) "s', false),"                                                             \
						 "       pg_catalog.set_config('synchronous_commit', 'local', false)"
#define SQL_NO_LIMIT "RESET statement_timeout; RESET synchronous_commit"
/* Its commit flushes all WAL before it: what other sessions committed without waiting is seen. */
#define SQL_FLUSH "UPDATE outbox.relay SET state = state WHERE slot_name = $1"

/*
 * $1 the slot, $2 how many changes are enough, or NULL.  Of what pgoutput says (protocol
 * version 1): 'I' is an insert, behind it the table's oid; 'M' a message, behind it flags,
 * an LSN and the prefix, and at the end its length and content, which an event has; 'C' a
 * commit, which has the LSN behind it.
 */
#define SQL_EVENTS                                                                                 \
	"WITH registration AS ("                                                                       \
	"  SELECT r.*, (pg_catalog.to_jsonb(r) ->> 'wal_messages_until')::pg_lsn AS messages_until"    \
	"    FROM outbox.relay r WHERE r.slot_name = $1),"                                             \
	" change AS ("                                                                                 \
	"  SELECT c.lsn, c.xid::text AS xid, c.data, chr(get_byte(c.data, 0)) AS kind"                 \
	"    FROM registration r, LATERAL pg_catalog.pg_logical_slot_peek_binary_changes(r.slot_name," \
	"           NULL, $2::int4, 'proto_version', '1', 'publication_names',"                        \
	"           pg_catalog.quote_ident(r.publication), 'messages', 'true') c),"                    \
	" transaction AS ("                                                                            \
	"  SELECT max(c.lsn) FILTER (WHERE c.kind = 'C') AS ends, count(*) AS changes,"                \
	"         count(*) FILTER (WHERE c.kind = 'I'"                                                 \
	"           AND ('x' || encode(substr(c.data, 2, 4), 'hex'))::bit(32)::int8::oid IN"           \
	"               (SELECT relid::oid FROM pg_catalog.pg_partition_tree('outbox.event')))"        \
	"           AS inserts,"                                                                       \
	"         count(*) FILTER (WHERE c.kind = 'M' AND octet_length(c.data) > 10 + 10 + 4"          \
	"           AND substr(c.data, 11, 10) = convert_to('" ENVELOPE_WAL_EVENT                      \
	"', 'UTF8') || '\\x00'::bytea)"                                                                \
	"           AS messages"                                                                       \
	"    FROM change c GROUP BY c.xid)"                                                            \
	" SELECT coalesce(sum(t.inserts + CASE WHEN r.wal_messages OR t.ends <= r.messages_until"      \
	"                                      THEN t.messages ELSE 0 END)"                            \
	"                 FILTER (WHERE r.mark_lsn IS NULL OR t.ends > r.mark_lsn), 0)::int8"          \
	"         AS events,"                                                                          \
	"       coalesce(sum(t.changes), 0)::int8 >= $2::int4 AS more"                                 \
	"  FROM registration r, transaction t"

bool
pg_left_rows(PgLink *link, const char *slot, uint64_t *rows, Error *error)
{
	PGresult *result;
	bool backfills;

	*rows = 0;
	if (!pg_command_ask(link, "look for rows from before the slot", SQL_BACKFILLS, &slot, 1,
						&backfills, error))
		return false;
	if (!backfills)
		return true;
	result = pg_command(link, "count the rows from before the slot", SQL_ROWS, &slot, 1, error);
	if (result != NULL)
		*rows = (uint64_t) pg_command_number(result, "rows");
	PQclear(result);
	return result != NULL;
}

/* enough NULL: all of them. */
static bool
count_events(PgLink *link, const char *slot, const char *enough, PgLeft *left, Error *error)
{
	const char *params[] = {slot, enough};
	PGresult *result = pg_command(link, "read what the slot has", SQL_EVENTS, params, 2, error);

	if (result != NULL)
	{
		left->events = (uint64_t) pg_command_number(result, "events");
		left->more = *pg_command_text(result, "more") == 't';
	}
	PQclear(result);
	return result != NULL;
}

static bool
look(PgLink *link, const char *slot, PgLeft *left, Error *error)
{
	if (!pg_command_only(link, "limit the time", SQL_LIMIT, NULL, 0, error) ||
		!pg_command_only(link, "flush the WAL", SQL_FLUSH, &slot, 1, error) ||
		!pg_left_rows(link, slot, &left->rows, error) ||
		!count_events(link, slot, FIRST_CHANGES, left, error))
		return false;
	/* What others wrote, and what is published and not confirmed, hides the rest. */
	return left->events > 0 || !left->more || count_events(link, slot, NULL, left, error);
}

bool
pg_left_look(PgLink *link, const char *slot, PgLeft *left, Error *error)
{
	Error reset;
	bool ok;

	*left = (PgLeft){0};
	error_clear(&reset);
	ok = look(link, slot, left, error);
	if (!pg_command_only(link, "take the limit away", SQL_NO_LIMIT, NULL, 0, &reset) && ok)
	{
		*error = reset;
		return false;
	}
	return ok;
}
