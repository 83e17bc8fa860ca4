/*
 * pg_redrive.h
 *	  Dead letters that wait in the target, and applying one.  It blocks.
 */
#ifndef OUTBOX_CONSUMER_PG_REDRIVE_H
#define OUTBOX_CONSUMER_PG_REDRIVE_H

#include "batch.h"
#include "error.h"
#include "handlers.h"

typedef struct PgRedrive PgRedrive;

/* Valid until the next pg_redrive_next(). */
typedef struct WaitingLetter
{
	int64_t number;
	const char *topic;
	int32_t partition;
	int64_t offset;
	int64_t timestamp_ms;	  /* -1: none */
	const char *letter_topic; /* NULL: the bytes are here */
	int32_t letter_partition;
	int64_t letter_offset;
	ByteView key;
	ByteView value;
	ByteView raw_headers;
} WaitingLetter;

/* Connects and prepares all handlers.  NULL with the Error filled.  retention_usec: inbox.retention. */
extern MUST_CHECK PgRedrive *pg_redrive_open(const char *conninfo, int64_t timeout_usec,
											 const char *group, int64_t retention_usec,
											 const Handlers *handlers, Error *error);
extern void pg_redrive_close(PgRedrive *redrive); /* NULL is allowed */

/*
 * The next one that waits, in the order in which they were written, of those that were
 * there when it was opened.  IO_OK, IO_END, IO_FAILED.
 */
extern MUST_CHECK IoResult pg_redrive_next(PgRedrive *redrive, WaitingLetter *letter, Error *error);

typedef enum RedriveOutcome
{
	REDRIVE_APPLIED,
	REDRIVE_DONE,	 /* by somebody else meanwhile, as another record with its id, or given up */
	REDRIVE_REFUSED, /* it can't be applied still: error */
	REDRIVE_UNLUCKY, /* a deadlock, or another conflict with others: error; it may be tried again */
	REDRIVE_FAILED	 /* not because of it: error */
} RedriveOutcome;

/* The first record of the batch through the handlers of its topic, in one transaction. */
extern MUST_CHECK RedriveOutcome pg_redrive_apply(PgRedrive *redrive, const WaitingLetter *letter,
												  Batch *batch, Error *error);

#endif
