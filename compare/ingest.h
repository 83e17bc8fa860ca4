/*
 * ingest.h
 *	  The application: an HTTP server that stores drivers' locations.
 *
 *	POST /drivers/{id}/location?mode=...		(without mode: the first that there is)
 *
 *	201	stored in the target database		(direct, direct-retry)
 *	202	stored, and on its way to the target	(the others)
 *	400, 404, 405, 413	the request is at fault
 *	503	certainly not stored: the database or the broker is away, or the pool is exhausted
 *	504	COMMIT or the message was sent and its answer never came: stored or not
 *
 *	GET /readyz	200 when every mode has all its connections, else 503
 *	GET /state	{"paths":{"direct":{"connected":8,"queued":0,"breaker":null},...}}
 *
 * A fixed number of threads serves HTTP and never waits for a database; each mode
 * has parts of its own (path.h), all of one size and with the same time-outs.
 */
#ifndef OUTBOX_COMPARE_INGEST_H
#define OUTBOX_COMPARE_INGEST_H

#include "error.h"
#include "ingest_options.h"

typedef struct Ingest Ingest;

/* Listens at 127.0.0.1. */
extern MUST_CHECK Ingest *ingest_start(const IngestSettings *settings, Error *error);
extern int ingest_port(const Ingest *ingest);

/*
 * From now on the process kills itself as soon as it has answered a dual write
 * whose message Kafka has not acknowledged: between the two writes.
 */
extern void ingest_crash_between(Ingest *ingest);

extern void ingest_stop(Ingest *ingest); /* answers what is open first; NULL is allowed */

#endif
