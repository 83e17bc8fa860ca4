/*
 * sqlstate.h
 *	  What an error of the target means for the batch.  Pure.
 *
 *	INFRASTRUCTURE	the target can't serve anybody now: the breaker counts it,
 *					nothing is skipped
 *	TRANSIENT		this transaction had bad luck: again, with full jitter
 *	DATA			an event of the batch can't be applied: find it
 *	CONFIGURATION	the statement, the role or the database is wrong, whatever
 *					the data: stop
 *	FENCED			the progress isn't where we left it (OBX01)
 */
#ifndef OUTBOX_CONSUMER_SQLSTATE_H
#define OUTBOX_CONSUMER_SQLSTATE_H

#include <stddef.h>

typedef enum FailureClass
{
	FAILURE_INFRASTRUCTURE,
	FAILURE_TRANSIENT,
	FAILURE_DATA,
	FAILURE_CONFIGURATION,
	FAILURE_FENCED
} FailureClass;

#define FAILURE_CLASSES 5
#define SQLSTATE_FENCED "OBX01"
#define SQLSTATE_UNPREPARED "26000" /* what was prepared is gone: the session is made anew */

/*
 * "" (no answer came) and what nobody expects are INFRASTRUCTURE: to wait loses
 * nothing.  Codes that applications make up (class 5 to 9 and I to Z) are DATA.
 */
extern FailureClass sqlstate_class(const char *sqlstate);

extern const char *failure_class_name(FailureClass failure);

/*
 * Copies a server's message without what may be a value: in class 22 that is
 * everything between double quotes.  Cuts at size.
 */
extern void sqlstate_message(const char *sqlstate, const char *message, char *out, size_t size);

#endif
