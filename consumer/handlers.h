/*
 * handlers.h
 *	  What is done with the events of a topic: one SQL statement a handler, which
 *	  reads from "batch" or "batch_latest".
 *
 *		[handler outbox.event.driver]		the name, and the topic unless "topic" says another
 *		topic = outbox.event.driver			or ^outbox\.event\.
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
 * Which handlers a topic has is one rule: those that name it, and those whose
 * expression ("^...", see topic_match.h) matches it, in the order of the file.  What
 * expressions match is found out when a topic is met, and never forgotten.
 *
 * "dedupe" and "replayed" are the topic's: whether an event is a repetition can't
 * be answered in two ways within one transaction.  One handler that has the key
 * is enough; two that disagree are refused, when the topic is met.
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
#include "topic_match.h"

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

extern const char *dedupe_name(Dedupe dedupe);

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
	char *topic;	   /* or an expression */
	char *origin;	   /* where it is in the file, for messages */
	TopicMatch *match; /* NULL: of a single topic */
	bool *takes;	   /* for each of Handlers.topics: whether it gets its events */
	TopicRules rules;  /* as it says them */
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
	char **topics; /* each once; what expressions match comes when it is met */
	int topic_count;
	bool *topic_headers; /* some handler of the topic wants the headers */
	TopicRules *topic_rules;
	bool dead_letters; /* some handler makes them */

	/* By handlers_subscribe(). */
	char letter_topic[TOPIC_NAME_MAX + 1]; /* "": none */
	char **subscribed;					   /* topics, and one expression at most */
	int subscribed_count;
	char *hidden; /* topics that no expression matches, as topic.blacklist; NULL: no expression */
} Handlers;

extern void handlers_init(Handlers *handlers);
extern void handlers_free(Handlers *handlers);

/* From the "[handler NAME]" sections; none is an error. */
extern MUST_CHECK bool handlers_load(Handlers *handlers, const Options *options, Error *error);

/* One by itself; origin is for messages. */
extern MUST_CHECK bool handlers_add(Handlers *handlers, const char *name, const char *topic,
									const char *payload, const char *sql, const char *origin,
									Error *error);

/* Keys of a handler, by its index; NULL: not said.  Its topics' rules have to agree. */
extern MUST_CHECK bool handlers_set_rules(Handlers *handlers, int index, const char *dedupe,
										  const char *replayed, Error *error);
extern const char *replayed_policy_name(ReplayedPolicy policy);
/* Values as in a file; NULL: the default.  Of the handler that was added last. */
extern MUST_CHECK bool handlers_set_policy(Handlers *handlers, const char *on_error,
										   const char *on_foreign_key, Error *error);

/*
 * What becomes of an event of a topic that a handler (-1: not known which) can't
 * take: where it isn't known, HANDLER_STOP of any of the topic's wins.
 */
extern HandlerPolicy handlers_policy(const Handlers *handlers, int topic_index, int handler);
/* Whether some handler of the topic makes dead letters, so that records are kept whole. */
extern bool handlers_keep_record(const Handlers *handlers, int topic_index);

/* Of Handlers.topics; -1: it isn't there (yet: see handlers_meet()). */
extern int handlers_topic(const Handlers *handlers, const char *topic);

/*
 * What to subscribe, once all handlers are there.  letter_topic is the consumer's own for
 * dead letters, "" when there is none.  A single topic that would be hidden because another
 * handler has an expression is refused (EXIT_CONFIG).
 */
extern MUST_CHECK bool handlers_subscribe(Handlers *handlers, const char *letter_topic,
										  Error *error);

/*
 * The topic as one of Handlers.topics, where it is put when it wasn't there; -1: no handler
 * reads it.  False: its handlers disagree about its rules (EXIT_CONFIG).
 */
extern MUST_CHECK bool handlers_meet(Handlers *handlers, const char *topic, int *index,
									 Error *error);

/*
 * Where a character (from 1) of the prepared statement is in the handler's, both
 * from 1; false when it is in the part that we wrote.
 */
extern bool handler_locate(const Handler *handler, size_t sql_char, int *line, int *column);

/* For handlers.c: puts the handler at the end of the list, with the topics that it reads. */
extern MUST_CHECK bool handlers_take_topics(Handlers *handlers, Handler *handler, Error *error);
extern MUST_CHECK bool handlers_merge_rules(Handlers *handlers, const Handler *handler,
											Error *error);
extern void handlers_free_subscription(Handlers *handlers);

#endif
