/*
 * ingest.h
 *	  The application: an HTTP server that stores drivers' locations.
 *
 *	POST /drivers/{id}/location?mode=direct|outbox		(without mode: the first that there is)
 *
 *	201	stored in the target database		(direct)
 *	202	stored with its event in the source database, on its way	(outbox)
 *	400, 404, 405, 413	the request is at fault
 *	503	certainly not stored: the database is away, or the pool is exhausted
 *	504	COMMIT was sent and its answer never came: stored or not
 *
 * A fixed number of threads serves HTTP and never waits for a database; each mode
 * has a bounded pool of its own (pool.h), all of one size and with the same
 * time-outs.
 */
#ifndef OUTBOX_COMPARE_INGEST_H
#define OUTBOX_COMPARE_INGEST_H

#include "error.h"
#include "mode.h"
#include "pool.h"

typedef struct IngestConfig
{
	int http_threads;
	bool modes[MODE_COUNT];
	PoolConfig pools[MODE_COUNT]; /* of the modes that are there */
} IngestConfig;

typedef struct Ingest Ingest;

/* Listens on a free port of 127.0.0.1. */
extern MUST_CHECK Ingest *ingest_start(const IngestConfig *config, Error *error);
extern int ingest_port(const Ingest *ingest);
extern int ingest_connected(const Ingest *ingest, Mode mode);
extern void ingest_stop(Ingest *ingest); /* answers what is open first; NULL is allowed */

#endif
