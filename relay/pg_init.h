/*
 * pg_init.h
 *	  outbox-relay init: publication, registration, slot.
 *
 * May be run again at any time: a crash between any two steps is mended by the
 * next run.  This is the only place where a slot is made.  It blocks.
 */
#ifndef OUTBOX_RELAY_PG_INIT_H
#define OUTBOX_RELAY_PG_INIT_H

#include "relay_options.h"
#include "say.h"

typedef enum ExistingRows
{
	EXISTING_PUBLISH,
	EXISTING_SKIP
} ExistingRows;

typedef enum WalMessages
{
	WAL_MESSAGES_KEEP,
	WAL_MESSAGES_ON,
	WAL_MESSAGES_OFF
} WalMessages;

typedef struct InitRequest
{
	ExistingRows existing;
	bool existing_given; /* and not only the default */
	bool accept_gap;
	bool kafka_is_ahead;	   /* with accept_gap: this is a gap, too */
	uint32_t kafka_generation; /* with accept_gap: the next one is above it; 0: unknown */
	bool no_failover;	   /* no copies of the slot on standbys, where the server could have them */
	const char *source_id; /* NULL: one is made up */
	WalMessages wal_messages;
	bool revoke_messages; /* pg_logical_emit_message() from PUBLIC */
} InitRequest;

extern MUST_CHECK bool pg_init_run(const RelayConfig *config, const InitRequest *request, SayFn say,
								   void *arg, Error *error);

#endif
