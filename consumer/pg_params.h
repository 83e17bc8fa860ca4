/*
 * pg_params.h
 *	  The parameters of one statement, in binary, written one after another.
 *
 * Pure: no libpq in here.  The values point into the scratch buffer, until it is
 * used again.  Errors of the buffer show when it is finished.
 */
#ifndef OUTBOX_CONSUMER_PG_PARAMS_H
#define OUTBOX_CONSUMER_PG_PARAMS_H

#include "buffer.h"
#include "handlers.h"

#define PG_PARAMS_MAX HANDLER_PARAMS_MAX

typedef struct PgParams
{
	Buffer scratch;
	size_t offsets[PG_PARAMS_MAX];
	const char *values[PG_PARAMS_MAX];
	int lengths[PG_PARAMS_MAX];
	int formats[PG_PARAMS_MAX];
	int count;
	/* Indices of the records that a handler gets. */
	uint32_t *picked;
	size_t picked_count;
	uint32_t *latest;
	size_t latest_count;
	uint32_t *table;
	size_t room;
} PgParams;

extern void pg_params_init(PgParams *params);
extern void pg_params_free(PgParams *params);

/* Begins anew; large memory is given back. */
extern void pg_params_start(PgParams *params);
/* What is appended to the scratch buffer from here on is the next one. */
extern void pg_params_next(PgParams *params);
extern void pg_params_put_text(PgParams *params, const char *text);
/* False without memory, or when one is larger than the server takes. */
extern MUST_CHECK bool pg_params_finish(PgParams *params);
/* For so many indices of records; false without memory. */
extern MUST_CHECK bool pg_params_make_room(PgParams *params, size_t count);

#endif
