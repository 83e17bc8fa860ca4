/*
 * handlers.h
 *	  What is done with the events of a topic: one SQL statement a handler, which
 *	  reads from "batch" or "batch_latest".
 *
 *		[handler outbox.event.driver]		the name, and the topic unless "topic" says another
 *		topic = outbox.event.driver
 *		payload = jsonb						json (default), jsonb, text or bytea
 *		dedupe = position					position (default), id or none
 *		replayed = stop						stop (default), apply or skip
 *		on_error = dead-letter				(default) or stop: an event that can never be applied
 *		on_foreign_key = on_error			(default) or retry: 23503 is tried again first
 *		sql = INSERT INTO ... SELECT ... FROM batch
 *
 * The statement that is prepared is
 *
 *		WITH "batch" AS (SELECT * FROM unnest($1::int8[], $2::jsonb[]) AS b("ordinality", "payload"))
 *		<the handler's statement>
 *
 * with the two names merged into the statement's own WITH when it starts with
 * one.  Only the columns that the statement names are sent (all of them when it
 * says "*" or TABLE).  "batch_latest" has the same columns and only the last
 * event of each key; its arrays hold nothing else, so nobody parses the payload
 * of an event that is overtaken.
 *
 * "dedupe" and "replayed" are the topic's: whether an event is a repetition can't
 * be answered in two ways within one transaction.  One handler that has the key
 * is enough; two that disagree are refused.
 *
 * Refused, with EXIT_CONFIG: a statement that names neither, more than one
 * statement, parameters ($1), text that ends within a string or a comment,
 * unknown keys and values.  Pure.
 */
#ifndef OUTBOX_CONSUMER_HANDLERS_H
#define OUTBOX_CONSUMER_HANDLERS_H

#include <stdbool.h>
#include <stddef.h>

#include "error.h"
#include "options.h"
#include "pg_arrays.h"

typedef enum BatchColumn
{
	COLUMN_ORDINALITY, /* from 1, in the order of the batch */
	COLUMN_ID,
	COLUMN_TOPIC,
	COLUMN_PARTITION,
	COLUMN_KAFKA_OFFSET,
	COLUMN_KEY,
	COLUMN_TYPE,
	COLUMN_PAYLOAD,
	COLUMN_HEADERS,
	COLUMN_POSITION,
	COLUMN_EVENT_TIME,
	BATCH_COLUMNS
} BatchColumn;

#define COLUMN_BIT(column) (1u << (column))
#define HANDLER_PARAMS_MAX (2 * BATCH_COLUMNS)

/* How repetitions are known. */
typedef enum Dedupe
{
	DEDUPE_POSITION, /* by position; flagged events, and those without a position, by id */
	DEDUPE_ID,		 /* all by id, which each must have */
	DEDUPE_NONE		 /* every record is applied, once */
} Dedupe;

/* What is done with a flagged event of which nobody knows whether it was applied. */
typedef enum ReplayedPolicy
{
	REPLAYED_STOP,
	REPLAYED_APPLY,
	REPLAYED_SKIP
} ReplayedPolicy;

typedef struct TopicRules
{
	Dedupe dedupe;
	ReplayedPolicy replayed;
	bool dedupe_set; /* by some handler */
	bool replayed_set;
} TopicRules;

typedef struct HandlerParam
{
	BatchColumn column;
	bool latest; /* of batch_latest */
	PgType type;
} HandlerParam;

typedef enum HandlerPolicy
{
	HANDLER_DEAD_LETTER,
	HANDLER_STOP
} HandlerPolicy;

typedef struct Handler
{
	char *name;
	char *topic;
	int topic_index;
	PgType payload;
	HandlerPolicy on_error;
	bool retries_foreign_key;
	unsigned columns; /* bits */
	bool uses_batch;
	bool uses_latest;
	char *user_sql;
	char *sql;		   /* what is prepared */
	size_t user_skip;  /* bytes of user_sql (a WITH) that aren't in sql */
	size_t sql_prefix; /* bytes of sql before what is left of user_sql */
	HandlerParam params[HANDLER_PARAMS_MAX];
	int param_count;
} Handler;

typedef struct Handlers
{
	Handler *items; /* in the order of the file */
	int count;
	char **topics; /* each once */
	int topic_count;
	bool *topic_headers; /* some handler of the topic wants the headers */
	TopicRules *topic_rules;
	bool dead_letters; /* some handler makes them */
} Handlers;

extern void handlers_init(Handlers *handlers);
extern void handlers_free(Handlers *handlers);

/* From the "[handler NAME]" sections; none is an error. */
extern MUST_CHECK bool handlers_load(Handlers *handlers, const Options *options, Error *error);

/* One by itself; origin is for messages. */
extern MUST_CHECK bool handlers_add(Handlers *handlers, const char *name, const char *topic,
									const char *payload, const char *sql, const char *origin,
									Error *error);

/* Rules of a topic that is there already, as the keys say them; NULL: not said. */
extern MUST_CHECK bool handlers_set_rules(Handlers *handlers, int topic_index, const char *dedupe,
										  const char *replayed, const char *origin, Error *error);
extern const char *replayed_policy_name(ReplayedPolicy policy);
/* Values as in a file; NULL: the default.  Of the handler that was added last. */
extern MUST_CHECK bool handlers_set_policy(Handlers *handlers, const char *on_error,
										   const char *on_foreign_key, const char *origin,
										   Error *error);

/*
 * What becomes of an event of a topic that a handler (-1: not known which) can't
 * take: where it isn't known, HANDLER_STOP of any of the topic's wins.
 */
extern HandlerPolicy handlers_policy(const Handlers *handlers, int topic_index, int handler);
/* Whether some handler of the topic makes dead letters, so that records are kept whole. */
extern bool handlers_keep_record(const Handlers *handlers, int topic_index);

extern int handlers_topic(const Handlers *handlers, const char *topic); /* -1: none */

/*
 * Where a character (from 1) of the prepared statement is in the handler's, both
 * from 1; false when it is in the part that we wrote.
 */
extern bool handler_locate(const Handler *handler, size_t sql_char, int *line, int *column);

#endif
