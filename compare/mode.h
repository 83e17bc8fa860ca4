/*
 * mode.h
 *	  The ways from a request to the target that are compared: the paths.  Pure.
 *
 *	direct			BEGIN … COMMIT in the target, 201
 *	direct-retry	the same, with retries within the client's patience and a circuit breaker, 201
 *	dual-write		COMMIT in the source, then a message to Kafka that nobody waits for, 202
 *	kafka-first		a message to Kafka, acknowledged by all replicas, and no database, 202
 *	outbox			outbox.emit() in the source's transaction, 202
 *	outbox-wal		the same with pg_outbox.storage = wal, 202
 *
 * What isn't in the target at once comes there by a topic of its own and the
 * consumer's handlers for it.
 */
#ifndef OUTBOX_COMPARE_MODE_H
#define OUTBOX_COMPARE_MODE_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"

/* The numbers are in request ids. */
typedef enum Mode
{
	MODE_DIRECT,
	MODE_DIRECT_RETRY,
	MODE_DUAL_WRITE,
	MODE_KAFKA_FIRST,
	MODE_OUTBOX,
	MODE_OUTBOX_WAL,
	MODE_COUNT
} Mode;

extern const char *mode_name(Mode mode);  /* "direct-retry" */
extern const char *mode_title(Mode mode); /* "Direct, with retries" */
extern const char *mode_about(Mode mode); /* a sentence for people */

/* Where the application stores a request of this mode. */
extern bool mode_writes_target(Mode mode);
extern bool mode_writes_source(Mode mode);
/* The application itself produces to Kafka. */
extern bool mode_produces(Mode mode);
/* The relay brings it to Kafka. */
extern bool mode_relayed(Mode mode);
/* The topic by which it comes to the target; NULL: it is stored there. */
extern const char *mode_topic(Mode mode);

extern MUST_CHECK bool mode_parse(const char *text, size_t len, Mode *mode);

/* "direct,outbox": at least one, none twice.  present has MODE_COUNT elements. */
extern MUST_CHECK bool mode_parse_list(const char *text, bool *present);

/* Writes such a list. */
extern void mode_format_list(const bool *present, char *text, size_t size);

#define MODE_LIST_SIZE 80

/* Whether "is" holds for one of those that are present. */
extern bool mode_any(const bool *present, bool (*is)(Mode mode));
extern bool mode_consumed(Mode mode); /* it has a topic */

#endif
