/*
 * topic_rule.c
 *	  From the routed value of an event to its topic.
 *
 * Refuses a pattern without its placeholder or with a second one, one that can make no legal
 * topic, and a pattern beside an expression; a value that is null, empty, not matched, or
 * makes no legal topic.
 *
 * Invariants: equal values give equal topics.
 */
#include "topic_rule.h"
#include "exit_codes.h"
#include "route.h"
#include "topic_regex.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct TopicRule
{
	char field[64];	   /* for messages, maybe shortened */
	TopicRegex *regex; /* NULL: prefix and suffix */
	bool unmatched_is_topic;
	char prefix[TOPIC_NAME_MAX + 1];
	char suffix[TOPIC_NAME_MAX + 1];
	size_t prefix_len;
	size_t suffix_len;
	char topic[TOPIC_NAME_MAX + 1];
	uint8_t last[TOPIC_NAME_MAX]; /* the value that made this topic */
	size_t last_len;			  /* 0: none is known */
};

static bool
is_set(const char *text)
{
	return text != NULL && *text != '\0';
}

/* The room was checked. */
static size_t
fill_topic(TopicRule *rule, ByteView value)
{
	char *at = rule->topic;

	memcpy(at, rule->prefix, rule->prefix_len);
	at += rule->prefix_len;
	memcpy(at, value.data, value.len);
	at += value.len;
	memcpy(at, rule->suffix, rule->suffix_len);
	at += rule->suffix_len;
	*at = '\0';
	return (size_t) (at - rule->topic);
}

static bool
split_pattern(TopicRule *rule, const char *pattern, bool by_aggregate, Error *error)
{
	const char *name = by_aggregate && strstr(pattern, TOPIC_PLACEHOLDER_AGGREGATE) != NULL
						   ? TOPIC_PLACEHOLDER_AGGREGATE
						   : TOPIC_PLACEHOLDER;
	const char *placeholder = strstr(pattern, name);

	if (placeholder == NULL || strstr(placeholder + 1, name) != NULL)
	{
		error_permanent(error, EXIT_CONFIG, "topic pattern must hold \"%s\" once, \"%s\" does not",
						name, pattern);
		return error_hint(error, "It stands for the value of the field \"%s\", as in \"%s\".",
						  rule->field, ROUTE_PATTERN_DEFAULT);
	}
	rule->prefix_len = (size_t) (placeholder - pattern);
	rule->suffix_len = strlen(placeholder + strlen(name));
	if (rule->prefix_len + rule->suffix_len >= TOPIC_NAME_MAX)
		return error_permanent(error, EXIT_CONFIG, "topic pattern leaves no room for a topic");
	memcpy(rule->prefix, pattern, rule->prefix_len);
	memcpy(rule->suffix, placeholder + strlen(name), rule->suffix_len);
	if (!topic_name_valid(rule->topic, fill_topic(rule, view_of("x"))))
		return error_permanent(error, EXIT_CONFIG,
							   "topic pattern \"%s\" makes no legal topic: letters, digits, \".\", "
							   "\"_\" and \"-\" are allowed",
							   pattern);
	return true;
}

static bool
take_regex(TopicRule *rule, const RouteSettings *settings, const char **option, Error *error)
{
	const char *regex = is_set(settings->regex) ? settings->regex : TOPIC_REGEX_DEFAULT;
	const char *replacement =
		is_set(settings->replacement) ? settings->replacement : TOPIC_REPLACEMENT_DEFAULT;
	bool in_replacement;

	*option = "topics.pattern";
	if (is_set(settings->topic_pattern) &&
		strcmp(settings->topic_pattern, ROUTE_PATTERN_DEFAULT) != 0)
	{
		error_permanent(error, EXIT_CONFIG,
						"a topic pattern and a regular expression are both set");
		return error_hint(error, "Remove \"topics.pattern\", or \"route.topic.regex\" and "
								 "\"route.topic.replacement\".");
	}
	rule->regex = topic_regex_create(regex, replacement, &in_replacement, error);
	*option = in_replacement && is_set(settings->replacement) ? "route.topic.replacement"
															  : "route.topic.regex";
	return rule->regex != NULL;
}

TopicRule *
topic_rule_create(const RouteSettings *settings, const char **option, Error *error)
{
	TopicRule *rule = calloc(1, sizeof(*rule));
	const char *field = is_set(settings->by_field) ? settings->by_field : TOPIC_FIELD_DEFAULT;
	bool ok;

	*option = "topics.pattern";
	if (rule == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	snprintf(rule->field, sizeof(rule->field), "%s", field);
	rule->unmatched_is_topic = settings->unmatched_is_topic;
	if (is_set(settings->regex) || is_set(settings->replacement))
		ok = take_regex(rule, settings, option, error);
	else
		ok = split_pattern(
			rule, settings->topic_pattern != NULL ? settings->topic_pattern : ROUTE_PATTERN_DEFAULT,
			strcmp(field, TOPIC_FIELD_DEFAULT) == 0, error);
	if (ok)
		return rule;
	topic_rule_free(rule);
	return NULL;
}

void
topic_rule_free(TopicRule *rule)
{
	if (rule == NULL)
		return;
	topic_regex_free(rule->regex);
	free(rule);
}

/* These two return the length of no topic. */
static size_t
too_long(const TopicRule *rule, ByteView value, size_t room, Error *error)
{
	error_permanent(error, EXIT_POISON, "%s makes too long a topic name", rule->field);
	if (rule->regex == NULL)
		error_detail(error, "It has %zu bytes, the topic pattern leaves room for %zu.", value.len,
					 room);
	return 0;
}

static size_t
no_match(const TopicRule *rule, Error *error)
{
	error_permanent(error, EXIT_POISON, "%s doesn't match \"route.topic.regex\"", rule->field);
	error_hint(error, "With \"route.topic.unmatched = value\" such a value is the topic itself.");
	return 0;
}

/* The length of the topic in rule->topic; 0: the error is set. */
static size_t
make(TopicRule *rule, ByteView value, Error *error)
{
	size_t room = TOPIC_NAME_MAX - rule->prefix_len - rule->suffix_len;

	if (rule->regex == NULL)
		return value.len <= room ? fill_topic(rule, value) : too_long(rule, value, room, error);
	switch (topic_regex_apply(rule->regex, value, rule->topic, sizeof(rule->topic)))
	{
		case TOPIC_REGEX_OK:
			if (rule->topic[0] == '\0')
				error_permanent(error, EXIT_POISON, "%s makes an empty topic name", rule->field);
			return strlen(rule->topic);
		case TOPIC_REGEX_NO_MATCH:
			if (rule->unmatched_is_topic && value.len <= TOPIC_NAME_MAX)
				return fill_topic(rule, value);
			return no_match(rule, error);
		case TOPIC_REGEX_TOO_LONG:
			return too_long(rule, value, 0, error);
		case TOPIC_REGEX_NO_MEMORY:
			error_bug(error, "out of memory");
			return 0;
	}
	return 0;
}

const char *
topic_rule_make(TopicRule *rule, ByteView value, Error *error)
{
	size_t len;

	if (value.data == NULL || value.len == 0)
	{
		error_permanent(error, EXIT_POISON, "%s is %s, and names the topic", rule->field,
						value.data == NULL ? "null" : "empty");
		return NULL;
	}
	if (value.len == rule->last_len && memcmp(value.data, rule->last, value.len) == 0)
		return rule->topic;
	rule->last_len = 0;
	len = make(rule, value, error);
	if (len == 0)
		return NULL;
	if (topic_name_valid(rule->topic, len))
	{
		if (value.len <= sizeof(rule->last))
		{
			memcpy(rule->last, value.data, value.len);
			rule->last_len = value.len;
		}
		return rule->topic;
	}
	error_permanent(error, EXIT_POISON, "%s makes no legal topic name", rule->field);
	error_detail(error, "Letters, digits, \".\", \"_\" and \"-\" are allowed.");
	return NULL;
}
