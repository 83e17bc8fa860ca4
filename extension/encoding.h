/*
 * encoding.h
 *	  Whether a text can be sent: events leave the server in UTF-8.
 */
#ifndef PG_OUTBOX_ENCODING_H
#define PG_OUTBOX_ENCODING_H

#include "check.h"

/*
 * Raises an error for an event with text that has no UTF-8 form, in the database's
 * encoding.  In a database with UTF-8 there is none, and nothing is looked at.
 */
extern void outbox_check_encoding(const OutboxEvent *event);

#endif
