/*
 * assemble.h
 *	  From decoded messages to outbox events within a transaction.  Pure.
 *
 * Keeps the column positions of the outbox relation (replaced by each RELATION
 * message for outbox.event; other relations are ignored), the open
 * transaction, and the ordinal.  Refuses a value format or a column type that
 * the table doesn't have, and rows under the name of a partition (outbox.event_...).
 * The stream must be in UTF-8 (client_encoding).
 *
 * Errors: BUG for what the server can't have sent, PERMANENT with EXIT_PUBLICATION
 * for a table that isn't as it must be, PERMANENT with EXIT_MESSAGE for a message of a
 * version that isn't known: its relay is too old.  After an error only reset or free.
 * A row or a message that is no event comes as one with a problem (event.h): PERMANENT
 * with EXIT_POISON or EXIT_MESSAGE, and valid until the next message is taken.
 */
#ifndef OUTBOX_RELAY_ASSEMBLE_H
#define OUTBOX_RELAY_ASSEMBLE_H

#include "event.h"
#include "pgoutput.h"
#include "timeline.h"

/* For assembler_take_messages(): all of them. */
#define ASSEMBLE_ALL_MESSAGES UINT64_MAX

typedef enum AssembledKind
{
	ASSEMBLED_NOTHING, /* a relation, a foreign row or message: go on */
	ASSEMBLED_BEGIN,
	ASSEMBLED_EVENT,
	ASSEMBLED_COMMIT
} AssembledKind;

typedef struct Assembled
{
	AssembledKind kind;
	PgLsn commit_lsn;	/* BEGIN, COMMIT, EVENT */
	PgLsn end_lsn;		/* COMMIT */
	PgUsec commit_time; /* BEGIN, COMMIT */
	OutboxEvent event;	/* EVENT */
} Assembled;

typedef struct Assembler Assembler;

/* timelines is borrowed and outlives the assembler. */
extern Assembler *assembler_create(uint32_t generation, const TimelineHistory *timelines);
extern void assembler_free(Assembler *assembler);
extern void
assembler_reset(Assembler *assembler); /* a new stream: forget relations and transaction */

/*
 * Logical messages of transactions that commit before this LSN are events; those of others
 * are ignored, but counted in the ordinal, so that it doesn't depend on this.  LSN_INVALID
 * at first: none is.
 */
extern void assembler_take_messages(Assembler *assembler, PgLsn before);

extern MUST_CHECK bool assembler_take(Assembler *assembler, const PgoutputMessage *message,
									  Assembled *out, Error *error);

#endif
