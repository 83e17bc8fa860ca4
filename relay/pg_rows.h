/*
 * pg_rows.h
 *	  The rows that outbox.event still has: which of them are selected, whether the
 *	  selection is there in full, and the rows one after the other.
 *
 * One connection and one snapshot for each PgRows; while it is open its rows aren't
 * truncated.  It blocks.  A row is fetched when it is asked for: the server keeps the rest.
 */
#ifndef OUTBOX_RELAY_PG_ROWS_H
#define OUTBOX_RELAY_PG_ROWS_H

#include "pg_registry.h"
#include "relay_options.h"

#define OUTBOX_LEAVES 3
#define ROWS_TIME_SIZE 48

/* What isn't NULL must be true together; times as the server reads them, until is exclusive. */
typedef struct RowSelection
{
	bool gap; /* what an accepted gap may have lost; nothing else then */
	const char *since;
	const char *until;
	const char *ids; /* an array of uuid as text: {…,…} */
	const char *aggregate_type;
	const char *aggregate_id;
} RowSelection;

/* Of one partition, oldest first. */
typedef struct LeafSurvey
{
	unsigned leaf;
	bool current; /* it is written to */
	uint64_t rows;
	char first[ROWS_TIME_SIZE]; /* created_at, "" without rows */
	char last[ROWS_TIME_SIZE];
} LeafSurvey;

typedef struct RowSurvey
{
	LeafSurvey leaves[OUTBOX_LEAVES];
	uint64_t selected;	  /* and known to be past the relay: these are given */
	uint64_t not_yet;	  /* selected, and the relay is still to publish them, or just has */
	uint64_t ids_missing; /* asked for by id, and not there */
	bool complete;		  /* nothing that belongs to the selection was truncated */
	char problem[256];	  /* otherwise: why that isn't known */
} RowSurvey;

typedef struct PgRows PgRows;

/*
 * EXIT_NOT_INITIALIZED without a registration in state ready; EXIT_CONFIG when no gap is recorded,
 * or for a time or an id that the server can't read.
 */
extern MUST_CHECK PgRows *pg_rows_open(const RelayConfig *config, const RowSelection *selection,
									   Error *error);
extern void pg_rows_close(PgRows *rows); /* NULL is allowed */

/* Before the first row. */
extern MUST_CHECK bool pg_rows_survey(PgRows *rows, RowSurvey *survey, Error *error);

/*
 * IO_OK: *row is filled until the next call; IO_END; IO_FAILED.  In the order of insertion.  Without
 * whole only id and created_at are, which costs the server far less.
 */
extern MUST_CHECK IoResult pg_rows_next(PgRows *rows, bool whole, StoredRow *row, Error *error);

/* Since and until of the selection, in ms since 1970: where nothing is said, from the oldest row to for ever. */
extern MUST_CHECK bool pg_rows_window(PgRows *rows, int64_t *since_ms, int64_t *until_ms,
									  Error *error);

/* Tells which of the ids (an array of uuid as text) outbox.event has by now; on a connection of its own. */
typedef void (*RowFoundFn)(const uint8_t *id, void *arg);
extern MUST_CHECK bool pg_rows_find(const RelayConfig *config, const char *ids, RowFoundFn found,
									void *arg, Error *error);

/*
 * The same for the dead letters of the slot, which must be readable; without those that were redriven
 * in a transaction which the snapshot "published" sees.
 */
extern MUST_CHECK bool pg_rows_find_letters(const RelayConfig *config, const char *ids,
											const char *published, RowFoundFn found, void *arg,
											Error *error);

/* The snapshot whose rows pg_rows_next() gives; borrowed. */
extern const char *pg_rows_published(const PgRows *rows);

/* All rows were given and published: the gap is no longer one.  The snapshot is given up. */
extern MUST_CHECK bool pg_rows_close_gap(PgRows *rows, Error *error);

#endif
