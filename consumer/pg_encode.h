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
#include "pg_params.h"
#include "target.h"

/* False without memory, or when an array is larger than the server takes. */
extern MUST_CHECK bool pg_encode_handler(PgParams *params, const Handler *handler,
										 const TargetApply *apply);
extern MUST_CHECK bool pg_encode_moves(PgParams *params, const char *group,
									   const TargetApply *apply);
extern MUST_CHECK bool pg_encode_positions(PgParams *params, const char *group,
										   const TargetApply *apply);
/*
 * The ids of a topic's events that are applied by their position, for
 * outbox_inbox.record(), which isn't "wanted" when there are none.  It is, without any, where
 * the topic's first event becomes a dead letter: so it is known that none was applied before.
 */
extern MUST_CHECK bool pg_encode_ids(PgParams *params, const char *group, int64_t retention_usec,
									 const Handlers *handlers, int topic, const TargetApply *apply,
									 bool *wanted);
/* The events that are judged by id, in the order of the batch, for outbox_inbox.claim(). */
extern MUST_CHECK bool pg_encode_claims(PgParams *params, const char *group, int64_t retention_usec,
										const Handlers *handlers, const TargetApply *apply);
/* Topics with dedupe = none that the batch has events of: "count" is 0 when there are none. */
extern MUST_CHECK bool pg_encode_forgotten(PgParams *params, const char *group,
										   const Handlers *handlers, const TargetApply *apply,
										   size_t *count);
extern MUST_CHECK bool pg_encode_letter(PgParams *params, const char *group,
										const TargetLetter *letter);
extern MUST_CHECK bool pg_encode_places(PgParams *params, const char *group,
										const TargetPlace *places, size_t count);

#endif
