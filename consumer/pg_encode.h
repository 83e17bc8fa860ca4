/*
 * pg_encode.h
 *	  A batch as parameters of the handlers' statements: binary arrays.
 *
 * Pure: no libpq in here.  The values point into the scratch buffer, until it is
 * used again.
 */
#ifndef OUTBOX_CONSUMER_PG_ENCODE_H
#define OUTBOX_CONSUMER_PG_ENCODE_H

#include "handlers.h"
#include "target.h"

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

/* False without memory, or when an array is larger than the server takes. */
extern MUST_CHECK bool pg_encode_handler(PgParams *params, const Handler *handler,
										 const TargetApply *apply);
extern MUST_CHECK bool pg_encode_moves(PgParams *params, const char *group,
									   const TargetApply *apply);
extern MUST_CHECK bool pg_encode_positions(PgParams *params, const char *group,
										   const TargetApply *apply);
extern MUST_CHECK bool pg_encode_places(PgParams *params, const char *group,
										const TargetPlace *places, size_t count);

#endif
