/*
 * handler_topics.c
 *	  Which handlers a topic has, what its rules are, and what is subscribed.  Pure.
 *
 * Refuses handlers that disagree about a topic, and single topics that an expression
 * of another handler would hide.
 *
 * Invariants: each topic is in the list once, and stays at its index; "takes" of each
 * handler is as long as that list; nothing that is subscribed matches a topic twice.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "exit_codes.h"
#include "handlers.h"

int
handlers_topic(const Handlers *handlers, const char *topic)
{
	for (int i = 0; i < handlers->topic_count; i++)
	{
		if (strcmp(handlers->topics[i], topic) == 0)
			return i;
	}
	return -1;
}

static bool
reads(const Handlers *handlers, const Handler *handler, const char *topic)
{
	if (handler->match == NULL)
		return strcmp(handler->topic, topic) == 0;
	return !topic_is_hidden(topic, handlers->letter_topic) && topic_match(handler->match, topic);
}

/* -------------------------------------------------------------------------
 * rules
 * ------------------------------------------------------------------------- */

static bool
merge(const char *topic, const Handler *handler, TopicRules *rules, Error *error)
{
	const TopicRules *own = &handler->rules;
	bool dedupe = own->dedupe_set && rules->dedupe_set && own->dedupe != rules->dedupe;
	bool replayed = own->replayed_set && rules->replayed_set && own->replayed != rules->replayed;

	if (dedupe || replayed)
	{
		error_permanent(
			error, EXIT_CONFIG, "%s: %s \"%s\" of topic \"%s\", where another handler has \"%s\"",
			handler->origin, dedupe ? "dedupe" : "replayed",
			dedupe ? dedupe_name(own->dedupe) : replayed_policy_name(own->replayed), topic,
			dedupe ? dedupe_name(rules->dedupe) : replayed_policy_name(rules->replayed));
		return error_hint(error, "All handlers of a topic run in one transaction: say it once.");
	}
	if (own->dedupe_set)
		rules->dedupe = own->dedupe;
	if (own->replayed_set)
		rules->replayed = own->replayed;
	rules->dedupe_set |= own->dedupe_set;
	rules->replayed_set |= own->replayed_set;
	return true;
}

bool
handlers_merge_rules(Handlers *handlers, const Handler *handler, Error *error)
{
	for (int topic = 0; topic < handlers->topic_count; topic++)
	{
		if (handler->takes[topic] &&
			!merge(handlers->topics[topic], handler, &handlers->topic_rules[topic], error))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------------
 * topics
 * ------------------------------------------------------------------------- */

/* For one more topic; false without memory. */
static bool
make_room(Handlers *handlers)
{
	size_t room = (size_t) handlers->topic_count + 1;
	char **topics = realloc(handlers->topics, room * sizeof(*topics));
	TopicRules *rules;
	bool *headers;

	if (topics == NULL)
		return false;
	handlers->topics = topics;
	headers = realloc(handlers->topic_headers, room * sizeof(*headers));
	if (headers == NULL)
		return false;
	handlers->topic_headers = headers;
	rules = realloc(handlers->topic_rules, room * sizeof(*rules));
	if (rules == NULL)
		return false;
	handlers->topic_rules = rules;
	for (int i = 0; i < handlers->count; i++)
	{
		bool *takes = realloc(handlers->items[i].takes, room * sizeof(*takes));

		if (takes == NULL)
			return false;
		handlers->items[i].takes = takes;
	}
	return true;
}

static void
note_headers(Handlers *handlers, const Handler *handler, int topic)
{
	if (handler->takes[topic] && (handler->columns & COLUMN_BIT(COLUMN_HEADERS)) != 0)
		handlers->topic_headers[topic] = true;
}

static bool
add_topic(Handlers *handlers, const char *name, Error *error)
{
	int topic = handlers->topic_count;
	TopicRules rules = {DEDUPE_POSITION, REPLAYED_STOP, false, false};

	for (int i = 0; i < handlers->count; i++)
	{
		if (reads(handlers, &handlers->items[i], name) &&
			!merge(name, &handlers->items[i], &rules, error))
			return false;
	}
	if (!make_room(handlers) || (handlers->topics[topic] = strdup(name)) == NULL)
		return error_bug(error, "out of memory");
	handlers->topic_rules[topic] = rules;
	handlers->topic_headers[topic] = false;
	handlers->topic_count++;
	for (int i = 0; i < handlers->count; i++)
	{
		handlers->items[i].takes[topic] = reads(handlers, &handlers->items[i], name);
		note_headers(handlers, &handlers->items[i], topic);
	}
	return true;
}

bool
handlers_take_topics(Handlers *handlers, Handler *handler, Error *error)
{
	handler->takes = calloc((size_t) handlers->topic_count + 1, sizeof(*handler->takes));
	if (handler->takes == NULL)
		return error_bug(error, "out of memory");
	for (int topic = 0; topic < handlers->topic_count; topic++)
	{
		handler->takes[topic] = reads(handlers, handler, handlers->topics[topic]);
		note_headers(handlers, handler, topic);
	}
	handlers->count++;
	if (handler->match != NULL || handlers_topic(handlers, handler->topic) >= 0 ||
		add_topic(handlers, handler->topic, error))
		return true;
	handlers->count--;
	return false;
}

bool
handlers_meet(Handlers *handlers, const char *topic, int *index, Error *error)
{
	bool wanted = false;

	*index = handlers_topic(handlers, topic);
	if (*index >= 0)
		return true;
	for (int i = 0; i < handlers->count; i++)
		wanted = wanted || reads(handlers, &handlers->items[i], topic);
	if (!wanted)
		return true;
	if (!add_topic(handlers, topic, error))
		return false;
	*index = handlers->topic_count - 1;
	return true;
}

/* -------------------------------------------------------------------------
 * the subscription
 * ------------------------------------------------------------------------- */

void
handlers_free_subscription(Handlers *handlers)
{
	for (int i = 0; i < handlers->subscribed_count; i++)
		free(handlers->subscribed[i]);
	free(handlers->subscribed);
	free(handlers->hidden);
	handlers->subscribed = NULL;
	handlers->subscribed_count = 0;
	handlers->hidden = NULL;
}

/* Some expression matches it: librdkafka would count it twice. */
static bool
is_matched(const Handlers *handlers, int topic)
{
	for (int i = 0; i < handlers->count; i++)
	{
		if (handlers->items[i].match != NULL && handlers->items[i].takes[topic])
			return true;
	}
	return false;
}

/* All expressions as one; NULL without memory. */
static char *
join_expressions(const Handlers *handlers)
{
	Buffer joined;
	char *text;

	buffer_init(&joined, SIZE_MAX / 2);
	for (int i = 0; i < handlers->count; i++)
	{
		if (handlers->items[i].match == NULL)
			continue;
		if (joined.len > 0)
			buffer_append_u8(&joined, '|');
		buffer_append_str(&joined, handlers->items[i].topic);
	}
	text = joined.failed ? NULL : strndup((const char *) joined.data, joined.len);
	buffer_free(&joined);
	return text;
}

static bool
subscribe_one(Handlers *handlers, char *text)
{
	if (text == NULL)
		return false;
	handlers->subscribed[handlers->subscribed_count++] = text;
	return true;
}

static bool
fill_subscription(Handlers *handlers, bool expressions)
{
	handlers->subscribed =
		calloc((size_t) handlers->topic_count + 1, sizeof(*handlers->subscribed));
	if (handlers->subscribed == NULL)
		return false;
	for (int topic = 0; topic < handlers->topic_count; topic++)
	{
		if (!is_matched(handlers, topic) &&
			!subscribe_one(handlers, strdup(handlers->topics[topic])))
			return false;
	}
	if (!expressions)
		return true;
	handlers->hidden = topic_hidden_list(handlers->letter_topic);
	return handlers->hidden != NULL && subscribe_one(handlers, join_expressions(handlers));
}

bool
handlers_subscribe(Handlers *handlers, const char *letter_topic, Error *error)
{
	const Handler *expression = NULL;

	snprintf(handlers->letter_topic, sizeof(handlers->letter_topic), "%s", letter_topic);
	for (int i = 0; i < handlers->count && expression == NULL; i++)
	{
		if (handlers->items[i].match != NULL)
			expression = &handlers->items[i];
	}
	for (int topic = 0; expression != NULL && topic < handlers->topic_count; topic++)
	{
		if (!topic_is_hidden(handlers->topics[topic], letter_topic))
			continue;
		error_permanent(error, EXIT_CONFIG,
						"topic \"%s\" can't be read beside the regular expression of handler "
						"\"%s\" (%s)",
						handlers->topics[topic], expression->name, expression->origin);
		return error_hint(error, "Kafka's own topics and those of dead letters are hidden from "
								 "regular expressions: read it with a consumer of its own.");
	}
	handlers_free_subscription(handlers);
	if (fill_subscription(handlers, expression != NULL))
		return true;
	handlers_free_subscription(handlers);
	return error_bug(error, "out of memory");
}
