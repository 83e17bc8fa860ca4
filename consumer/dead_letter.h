/*
 * dead_letter.h
 *	  The record that an event becomes when it can't be applied.  Pure.
 *
 * Key, value and time stamp are the event's.  Its headers come first, as they
 * were, and then these, in this order, all of them text:
 *
 *		__connect.errors.topic					where the event was
 *		__connect.errors.partition
 *		__connect.errors.offset
 *		outbox-error-sqlstate					"22P02"
 *		outbox-error-handler					full form only, as all below
 *		__connect.errors.connector.name			the consumer group
 *		__connect.errors.task.id				"0"
 *		__connect.errors.stage					"TASK_PUT"
 *		__connect.errors.class.name				"outbox-consumer"
 *		__connect.errors.exception.class.name	"sqlstate.22P02"
 *		__connect.errors.exception.message		as in the log: without quoted values in class 22
 *
 * What begins at the last "__connect.errors.topic" is the letter's; before it
 * are the event's own, even when it was a letter once.  The short form is for a
 * record that would be too large else; the event itself is never shortened.
 */
#ifndef OUTBOX_CONSUMER_DEAD_LETTER_H
#define OUTBOX_CONSUMER_DEAD_LETTER_H

#include "buffer.h"
#include "error.h"

#define DEAD_LETTER_TOPIC_MAX 249
#define DEAD_LETTER_HEADER_TOPIC "__connect.errors.topic"
#define DEAD_LETTER_HEADER_PARTITION "__connect.errors.partition"
#define DEAD_LETTER_HEADER_OFFSET "__connect.errors.offset"
#define DEAD_LETTER_HEADER_SQLSTATE "outbox-error-sqlstate"
#define DEAD_LETTER_HEADER_HANDLER "outbox-error-handler"

typedef enum DeadLetterForm
{
	DEAD_LETTER_FULL,
	DEAD_LETTER_SHORT,
	DEAD_LETTER_FORMS
} DeadLetterForm;

/* Texts borrow. */
typedef struct DeadLetterReason
{
	const char *topic;
	int32_t partition;
	int64_t offset;
	const char *group;
	const char *handler; /* NULL: not known (at COMMIT) */
	const char *sqlstate;
	const char *message;
} DeadLetterReason;

/* Appends raw headers (raw_headers.h): the event's, then the letter's. */
extern void dead_letter_headers(const DeadLetterReason *reason, ByteView own, DeadLetterForm form,
								Buffer *out);

/*
 * The event's own headers of a letter, if it is that of this topic, partition and
 * offset; false: it isn't, or is no letter at all.
 */
extern MUST_CHECK bool dead_letter_open(ByteView headers, const char *topic, int32_t partition,
										int64_t offset, ByteView *own);

/*
 * The topic of letters, with each "{group}" of the pattern replaced; "" of "".
 * EXIT_CONFIG when that is no legal name; out has DEAD_LETTER_TOPIC_MAX + 1.
 */
extern MUST_CHECK bool dead_letter_topic(const char *pattern, const char *group, char *out,
										 Error *error);

#endif
