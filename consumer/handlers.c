/*
 * handlers.c
 *	  The list of handlers and of their topics.
 *
 * Invariants: each topic is in the list once; topic_index of a handler is valid;
 * a handler that was refused isn't in the list.
 */
#include "handlers.h"

#include <stdlib.h>
#include <string.h>

#include "exit_codes.h"
#include "handler_sql.h"

void
handlers_init(Handlers *handlers)
{
	memset(handlers, 0, sizeof(*handlers));
}

static void
free_handler(Handler *handler)
{
	free(handler->name);
	free(handler->topic);
	free(handler->user_sql);
	free(handler->sql);
}

void
handlers_free(Handlers *handlers)
{
	for (int i = 0; i < handlers->count; i++)
		free_handler(&handlers->items[i]);
	for (int i = 0; i < handlers->topic_count; i++)
		free(handlers->topics[i]);
	free(handlers->items);
	free(handlers->topics);
	free(handlers->topic_headers);
	free(handlers->topic_rules);
	handlers_init(handlers);
}

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
payload_type(const char *text, PgType *type)
{
	static const PgType allowed[] = {PG_TYPE_JSON, PG_TYPE_JSONB, PG_TYPE_TEXT, PG_TYPE_BYTEA};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
	{
		if (strcmp(text, pg_type_name(allowed[i])) == 0)
		{
			*type = allowed[i];
			return true;
		}
	}
	return false;
}

/* 1 to 249 of A-Z a-z 0-9 . _ - */
static bool
topic_valid(const char *topic)
{
	size_t len = strspn(topic, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-");

	return topic[len] == '\0' && len >= 1 && len <= 249 && strcmp(topic, ".") != 0 &&
		   strcmp(topic, "..") != 0;
}

/* Adds the topic when it is new; false without memory. */
static bool
add_topic(Handlers *handlers, Handler *handler)
{
	int index = handlers_topic(handlers, handler->topic);
	size_t room = (size_t) handlers->topic_count + 1;

	if (index < 0)
	{
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
		index = handlers->topic_count;
		topics[index] = strdup(handler->topic);
		if (topics[index] == NULL)
			return false;
		headers[index] = false;
		rules[index] = (TopicRules){DEDUPE_POSITION, REPLAYED_STOP, false, false};
		handlers->topic_count++;
	}
	if ((handler->columns & COLUMN_BIT(COLUMN_HEADERS)) != 0)
		handlers->topic_headers[index] = true;
	handler->topic_index = index;
	return true;
}

static bool
fill(Handlers *handlers, Handler *handler, const char *payload, const char *origin, Error *error)
{
	if (handler->name == NULL || handler->topic == NULL || handler->user_sql == NULL)
		return error_bug(error, "out of memory");
	if (!topic_valid(handler->topic))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid topic \"%s\" of handler \"%s\"", origin,
						handler->topic, handler->name);
		return error_hint(error, "A section's name is its topic, unless it has a key \"topic\".");
	}
	if (!payload_type(payload, &handler->payload))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid payload \"%s\" of handler \"%s\"", origin,
						payload, handler->name);
		return error_hint(error, "It is json, jsonb, text or bytea.");
	}
	if (!handler_sql_build(handler, origin, error))
		return false;
	if (!add_topic(handlers, handler))
		return error_bug(error, "out of memory");
	return true;
}

bool
handlers_add(Handlers *handlers, const char *name, const char *topic, const char *payload,
			 const char *sql, const char *origin, Error *error)
{
	Handler *items =
		realloc(handlers->items, ((size_t) handlers->count + 1) * sizeof(*handlers->items));
	Handler *handler;

	if (items == NULL)
		return error_bug(error, "out of memory");
	handlers->items = items;
	handler = &items[handlers->count];
	memset(handler, 0, sizeof(*handler));
	handler->name = strdup(name);
	handler->topic = strdup(topic != NULL ? topic : name);
	handler->user_sql = strdup(sql);
	if (!fill(handlers, handler, payload != NULL ? payload : "json", origin, error))
	{
		free_handler(handler);
		return false;
	}
	handlers->count++;
	handlers->dead_letters = true;
	return true;
}

static const char *const dedupe_names[] = {"position", "id", "none", NULL};
static const char *const replayed_names[] = {"stop", "apply", "skip", NULL};
static const char *const on_error_names[] = {"dead-letter", "stop", NULL};
static const char *const on_foreign_key_names[] = {"on_error", "retry", NULL};

const char *
replayed_policy_name(ReplayedPolicy policy)
{
	return replayed_names[policy];
}

/* Where in "names" the text is; "value" stays when it is NULL.  "of" is "topic" or "handler". */
static bool
find_value(const char *key, const char *text, const char *const *names, const char *hint,
		   const char *of, const char *whose, const char *origin, int *value, Error *error)
{
	int found = 0;

	if (text == NULL)
		return true;
	while (names[found] != NULL && strcmp(names[found], text) != 0)
		found++;
	if (names[found] == NULL)
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid %s \"%s\" of %s \"%s\"", origin, key, text,
						of, whose);
		return error_hint(error, "%s", hint);
	}
	*value = found;
	return true;
}

/* Takes one key, when it is said: sets the value, or compares it with what another handler said. */
static bool
set_rule(const char *topic, const char *key, const char *text, const char *const *names,
		 const char *hint, int *value, bool *set, const char *origin, Error *error)
{
	int found = *value;

	if (!find_value(key, text, names, hint, "topic", topic, origin, &found, error))
		return false;
	if (text != NULL && *set && *value != found)
	{
		error_permanent(error, EXIT_CONFIG,
						"%s: %s \"%s\" of topic \"%s\", where another handler has \"%s\"", origin,
						key, text, topic, names[*value]);
		return error_hint(error, "All handlers of a topic run in one transaction: say it once.");
	}
	*value = found;
	*set |= text != NULL;
	return true;
}

bool
handlers_set_rules(Handlers *handlers, int topic_index, const char *dedupe, const char *replayed,
				   const char *origin, Error *error)
{
	const char *topic = handlers->topics[topic_index];
	TopicRules *rules = &handlers->topic_rules[topic_index];
	int how = (int) rules->dedupe;
	int policy = (int) rules->replayed;

	if (!set_rule(topic, "dedupe", dedupe, dedupe_names, "It is position, id or none.", &how,
				  &rules->dedupe_set, origin, error) ||
		!set_rule(topic, "replayed", replayed, replayed_names, "It is stop, apply or skip.",
				  &policy, &rules->replayed_set, origin, error))
		return false;
	rules->dedupe = (Dedupe) how;
	rules->replayed = (ReplayedPolicy) policy;
	return true;
}

bool
handlers_set_policy(Handlers *handlers, const char *on_error, const char *on_foreign_key,
					const char *origin, Error *error)
{
	Handler *handler = &handlers->items[handlers->count - 1];
	int policy = HANDLER_DEAD_LETTER;
	int way = 0;

	if (!find_value("on_error", on_error, on_error_names, "It is dead-letter or stop.", "handler",
					handler->name, origin, &policy, error) ||
		!find_value("on_foreign_key", on_foreign_key, on_foreign_key_names,
					"It is on_error or retry.", "handler", handler->name, origin, &way, error))
		return false;
	handler->on_error = (HandlerPolicy) policy;
	handler->retries_foreign_key = way == 1;
	handlers->dead_letters = false;
	for (int i = 0; i < handlers->count; i++)
		handlers->dead_letters |= handlers->items[i].on_error == HANDLER_DEAD_LETTER;
	return true;
}

HandlerPolicy
handlers_policy(const Handlers *handlers, int topic_index, int handler)
{
	if (handler >= 0)
		return handlers->items[handler].on_error;
	for (int i = 0; i < handlers->count; i++)
	{
		if (handlers->items[i].topic_index == topic_index &&
			handlers->items[i].on_error == HANDLER_STOP)
			return HANDLER_STOP;
	}
	return HANDLER_DEAD_LETTER;
}

bool
handlers_keep_record(const Handlers *handlers, int topic_index)
{
	for (int i = 0; i < handlers->count; i++)
	{
		if (handlers->items[i].topic_index == topic_index &&
			handlers->items[i].on_error == HANDLER_DEAD_LETTER)
			return true;
	}
	return false;
}

/* One section while its keys come by; they come in the order of the file. */
typedef struct SectionReader
{
	Handlers *handlers;
	const char *section;
	const char *origin;
	const char *topic;
	const char *payload;
	const char *on_error;
	const char *on_foreign_key;
	const char *sql;
	const char *dedupe;
	const char *replayed;
} SectionReader;

static bool
finish_section(SectionReader *reader, Error *error)
{
	if (reader->section == NULL)
		return true;
	if (reader->sql == NULL || *reader->sql == '\0')
		return error_permanent(error, EXIT_CONFIG, "%s: handler \"%s\" has no \"sql\"",
							   reader->origin, reader->section);
	return handlers_add(reader->handlers, reader->section, reader->topic, reader->payload,
						reader->sql, reader->origin, error) &&
		   handlers_set_rules(reader->handlers,
							  reader->handlers->items[reader->handlers->count - 1].topic_index,
							  reader->dedupe, reader->replayed, reader->origin, error) &&
		   handlers_set_policy(reader->handlers, reader->on_error, reader->on_foreign_key,
							   reader->origin, error);
}

static bool
read_key(const char *section, const char *key, const char *value, const char *origin, void *arg,
		 Error *error)
{
	SectionReader *reader = arg;

	if (reader->section == NULL || strcmp(section, reader->section) != 0)
	{
		if (!finish_section(reader, error))
			return false;
		*reader = (SectionReader){.handlers = reader->handlers, .section = section};
	}
	reader->origin = origin;
	if (strcmp(key, "sql") == 0)
		reader->sql = value;
	else if (strcmp(key, "payload") == 0)
		reader->payload = value;
	else if (strcmp(key, "topic") == 0)
		reader->topic = value;
	else if (strcmp(key, "dedupe") == 0)
		reader->dedupe = value;
	else if (strcmp(key, "replayed") == 0)
		reader->replayed = value;
	else if (strcmp(key, "on_error") == 0)
		reader->on_error = value;
	else if (strcmp(key, "on_foreign_key") == 0)
		reader->on_foreign_key = value;
	else
	{
		error_permanent(error, EXIT_CONFIG, "%s: unrecognized key \"%s\" of handler \"%s\"", origin,
						key, section);
		return error_hint(error, "A handler has \"sql\", \"payload\", \"topic\", \"dedupe\", "
								 "\"replayed\", \"on_error\" and \"on_foreign_key\".");
	}
	return true;
}

bool
handlers_load(Handlers *handlers, const Options *options, Error *error)
{
	SectionReader reader = {.handlers = handlers};

	if (!options_each_section(options, read_key, &reader, error) || !finish_section(&reader, error))
		return false;
	if (handlers->count == 0)
	{
		error_permanent(error, EXIT_CONFIG, "there is no handler");
		return error_hint(error, "Give a file with --config, and in it a section \"[handler "
								 "TOPIC]\" with the key \"sql\".");
	}
	return true;
}
