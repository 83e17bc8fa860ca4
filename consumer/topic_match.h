/*
 * topic_match.h
 *	  Which topics a handler reads: one by its name, or all that match an expression.
 *	  Pure but for malloc.
 *
 *		outbox.event.driver		that topic
 *		^outbox\.event\.		every topic whose name begins so
 *		^(ride|trip)\.v[0-9]+$	an expression for the whole name
 *
 * What begins with "^" is an expression, as everywhere in Kafka's clients of C: a POSIX
 * extended one (regcomp of the C library, in the C locale) that is searched for, so that "$"
 * says where a name ends.  librdkafka compiles and searches the very text with the very
 * function when it subscribes; the two must agree.
 *
 * Refused: what regcomp refuses, back references (\1), since expressions are joined
 * into one, and {} that together repeat something more than a thousand times.
 */
#ifndef OUTBOX_CONSUMER_TOPIC_MATCH_H
#define OUTBOX_CONSUMER_TOPIC_MATCH_H

#include <stdbool.h>

#include "error.h"

#define TOPIC_NAME_MAX 249
#define TOPIC_EXPRESSION_MAX 512 /* bytes */

typedef struct TopicMatch TopicMatch;

extern bool topic_is_expression(const char *text);

/* 1 to 249 of A-Z a-z 0-9 . _ - and neither "." nor ".." */
extern bool topic_is_legal(const char *topic);

/* NULL: PERMANENT with EXIT_CONFIG, and a message that begins with "what is wrong". */
extern MUST_CHECK TopicMatch *topic_match_create(const char *expression, Error *error);
extern void topic_match_free(TopicMatch *match); /* NULL is allowed */

extern bool topic_match(const TopicMatch *match, const char *topic);

/*
 * Topics that no expression matches, whatever it says: those that Kafka keeps for itself
 * (__consumer_offsets), and those in which consumers put dead letters.  "letters" is the
 * caller's own, "" when it has none.
 */
extern bool topic_is_hidden(const char *topic, const char *letters);

/*
 * The same as a list for librdkafka's topic.blacklist; NULL without memory.  The caller
 * frees it.
 */
extern MUST_CHECK char *topic_hidden_list(const char *letters);

#endif
