/*
 * message.h
 *	  An event as a logical message (pg_outbox.storage = wal): the frame, and what has
 *	  to be there before one is written.
 *
 * The message is transactional and has the prefix "pg_outbox".  Its content, version 1:
 *
 *		byte	0			 1			   17
 *				+------------+-------------+----+----+----+- - -+
 *				| version<<4 | id		   | a	| k	 | t  | h	|
 *				| | flags	 | 16 bytes	   |	|	 |	  |		|
 *				+------------+-------------+----+----+----+- - -+
 *				| aggregatetype | aggregateid | type | headers | payload ...
 *				+---------------+-------------+------+---------+------------
 *
 *		flags	1 there is a payload; 2 it is of payload_bytes; 4 there are headers;
 *				8 is always 0
 *		a		length of aggregatetype
 *		k, t	length of aggregateid and of type plus 1; 0: NULL, and no bytes
 *		h		length of headers, only with flag 4
 *
 * Lengths are unsigned LEB128 of at most 5 bytes: seven bits a byte, the lowest first, the
 * high bit set in all but the last.  Texts are UTF-8, whatever the database's encoding
 * is; headers are the text of a JSON object.  The payload goes to the end of the message;
 * without flag 1 nothing stands there.  A reader refuses what doesn't fit to the byte.
 */
#ifndef PG_OUTBOX_MESSAGE_H
#define PG_OUTBOX_MESSAGE_H

#include "check.h"

#define OUTBOX_MESSAGE_PREFIX "pg_outbox"
#define OUTBOX_MESSAGE_VERSION 1

#define OUTBOX_MESSAGE_PAYLOAD 1
#define OUTBOX_MESSAGE_BYTES 2
#define OUTBOX_MESSAGE_HEADERS 4

/*
 * Writes a checked event as a message of the current transaction.  Raises an error when
 * no relay would take it: see outbox_require_reader() in registration.h.
 */
extern void outbox_write_message(const OutboxEvent *event, const pg_uuid_t *id);

#endif
