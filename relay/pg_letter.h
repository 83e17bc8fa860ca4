/*
 * pg_letter.h
 *	  The dead letter of a row of outbox.event, for commands that are run once.
 *
 * A row has no position any more: its dead letter has "replay/<id>/<number>" in that place, which
 * no relay takes for one of its own.  It blocks.
 */
#ifndef OUTBOX_RELAY_PG_LETTER_H
#define OUTBOX_RELAY_PG_LETTER_H

#include "pg_registry.h"
#include "relay_options.h"

typedef enum LetterFate
{
	LETTER_NONE,   /* there is none, and none was to be written */
	LETTER_WAITS,  /* the slot has one of the same id that wasn't redriven */
	LETTER_WRITTEN /* and committed */
} LetterFate;

/*
 * write: when there is none, write it.  The row has an id; topic may be NULL; why is PERMANENT.
 */
extern MUST_CHECK bool pg_letter_bury(const RelayConfig *config, const StoredRow *row,
									  const char *topic, const Error *why, bool write,
									  LetterFate *fate, Error *error);

#endif
