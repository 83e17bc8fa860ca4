/*
 * topic_regex.h
 *	  route.topic.regex and route.topic.replacement.  Private to topic_rule.  Pure.
 *
 * The expression must match the whole value.  It is a POSIX extended one (regcomp of the C
 * library, in the C locale: bytes, not characters), and what Java's have in common with it
 * is taken as Java means it:
 *
 *		\d \w \s		[0-9], [A-Za-z0-9_], white space, and \D \W \S (not within [])
 *		(?:...)			a group without a number
 *		(?<name>...)	a group with a number and a name
 *		\. \$ \( ...	the character itself
 *
 * What would mean something else or nothing is refused: *? +? ?? and *+ and the like, repetitions of what can be empty,
 * look-around, flags, back references, \b \p{..} \u...., a backslash within [].
 *
 * Replacement: $1 to $9 and \1 to \9, ${name}, ${1}; \$ and \\ are the characters.  A
 * group that took no part is empty.
 */
#ifndef OUTBOX_RELAY_TOPIC_REGEX_H
#define OUTBOX_RELAY_TOPIC_REGEX_H

#include "error.h"
#include "reader.h"

#define TOPIC_REGEX_MAX 512		   /* bytes of the expression, and of the replacement */
#define TOPIC_REGEX_VALUE_MAX 1024 /* bytes of a value; a longer one doesn't match */

typedef struct TopicRegex TopicRegex;

typedef enum TopicRegexResult
{
	TOPIC_REGEX_OK,
	TOPIC_REGEX_NO_MATCH,
	TOPIC_REGEX_TOO_LONG, /* the result doesn't fit */
	TOPIC_REGEX_NO_MEMORY
} TopicRegexResult;

/* NULL: PERMANENT with EXIT_CONFIG. *in_replacement tells which of the two is wrong. */
extern MUST_CHECK TopicRegex *topic_regex_create(const char *regex, const char *replacement,
												 bool *in_replacement, Error *error);
extern void topic_regex_free(TopicRegex *regex);

/* Fills out, of this size with its terminator. */
extern MUST_CHECK TopicRegexResult topic_regex_apply(TopicRegex *regex, ByteView value, char *out,
													 size_t size);

#endif
