/*
 * pg_writer.h
 *	  One connection that stores location reports, each in one transaction.
 *
 *	BEGIN; upsert driver_location, insert location_history [, outbox.emit()]	one round trip
 *	COMMIT																		another
 *
 * COMMIT is not sent with the rest: as long as it isn't on its way, a lost
 * connection means that nothing was stored.  Every wait has a deadline.  Whoever
 * calls decides whether to try again; this never does.  One thread at a time.
 */
#ifndef OUTBOX_COMPARE_PG_WRITER_H
#define OUTBOX_COMPARE_PG_WRITER_H

#include "clock.h"
#include "error.h"
#include "location.h"
#include "mode.h"

typedef struct WriterConfig
{
	Mode mode;
	const char *conninfo; /* not copied */
	int64_t connect_timeout_usec;
	int64_t statement_timeout_usec; /* the client's deadline and the server's statement_timeout */
	int64_t tcp_user_timeout_usec;
} WriterConfig;

typedef enum StoreResult
{
	STORE_DONE,	   /* committed */
	STORE_REFUSED, /* certainly not committed: the database is away or said no */
	STORE_INVALID, /* certainly not committed: the data is at fault */
	STORE_UNKNOWN  /* COMMIT was sent and no answer came */
} StoreResult;

typedef struct StoreOrder
{
	const LocationReport *report;
	MonoUsec deadline; /* no wait outlasts it; MONO_NEVER: the statement time-out alone */

	/*
	 * An earlier try may have committed, or may still: stored is what the first of
	 * them stores.  Only with MODE_DIRECT_RETRY.
	 */
	bool again;
} StoreOrder;

typedef struct PgWriter PgWriter;

extern PgWriter *pg_writer_create(const WriterConfig *config); /* NULL: no memory */
extern void pg_writer_free(PgWriter *writer);

extern MUST_CHECK bool pg_writer_connect(PgWriter *writer, Error *error);

/* Connected, and the server has not hung up meanwhile.  Does not wait. */
extern bool pg_writer_alive(PgWriter *writer);

/* version gets the driver's version when it is done.  The connection may be gone afterwards. */
extern StoreResult pg_writer_store(PgWriter *writer, const StoreOrder *order, int64_t *version,
								   Error *error);

#endif
