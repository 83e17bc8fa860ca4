/*
 * handlers.c
 *	  The list of handlers, as a file has them.
 *
 * Invariant: a handler that was refused isn't in the list.
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
	free(handler->origin);
	free(handler->takes);
	topic_match_free(handler->match);
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
	handlers_free_subscription(handlers);
	handlers_init(handlers);
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

/* What the handler reads: a topic, or an expression. */
static bool
fill_topic(Handler *handler, Error *error)
{
	Error why;

	if (!topic_is_expression(handler->topic))
	{
		if (topic_is_legal(handler->topic))
			return true;
		error_permanent(error, EXIT_CONFIG, "%s: invalid topic \"%s\" of handler \"%s\"",
						handler->origin, handler->topic, handler->name);
		return error_hint(error, "A section's name is its topic, unless it has a key \"topic\"; a "
								 "regular expression for topics begins with \"^\".");
	}
	error_clear(&why);
	handler->match = topic_match_create(handler->topic, &why);
	if (handler->match != NULL)
		return true;
	if (why.error_class == ERROR_CLASS_BUG)
		return error_bug(error, "%s", why.message);
	error_permanent(error, EXIT_CONFIG,
					"%s: invalid regular expression \"%s\" of handler \"%s\": %s", handler->origin,
					handler->topic, handler->name, why.message);
	return error_hint(error,
					  "It is a POSIX extended one, of at most %d bytes and without back "
					  "references.",
					  TOPIC_EXPRESSION_MAX);
}

static bool
fill(Handler *handler, const char *payload, Error *error)
{
	if (handler->name == NULL || handler->topic == NULL || handler->user_sql == NULL ||
		handler->origin == NULL)
		return error_bug(error, "out of memory");
	if (!fill_topic(handler, error))
		return false;
	if (!payload_type(payload, &handler->payload))
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid payload \"%s\" of handler \"%s\"",
						handler->origin, payload, handler->name);
		return error_hint(error, "It is json, jsonb, text or bytea.");
	}
	return handler_sql_build(handler, handler->origin, error);
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
	handler->origin = strdup(origin);
	if (!fill(handler, payload != NULL ? payload : "json", error) ||
		!handlers_take_topics(handlers, handler, error))
	{
		free_handler(handler);
		return false;
	}
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

const char *
dedupe_name(Dedupe dedupe)
{
	return dedupe_names[dedupe];
}

/* Where in "names" the text is; "value" stays when it is NULL. */
static bool
find_value(const char *key, const char *text, const char *const *names, const char *hint,
		   const Handler *handler, int *value, Error *error)
{
	int found = 0;

	if (text == NULL)
		return true;
	while (names[found] != NULL && strcmp(names[found], text) != 0)
		found++;
	if (names[found] == NULL)
	{
		error_permanent(error, EXIT_CONFIG, "%s: invalid %s \"%s\" of handler \"%s\"",
						handler->origin, key, text, handler->name);
		return error_hint(error, "%s", hint);
	}
	*value = found;
	return true;
}

bool
handlers_set_rules(Handlers *handlers, int index, const char *dedupe, const char *replayed,
				   Error *error)
{
	Handler *handler = &handlers->items[index];
	TopicRules rules = {.dedupe_set = dedupe != NULL, .replayed_set = replayed != NULL};
	int how = DEDUPE_POSITION;
	int policy = REPLAYED_STOP;

	if (!find_value("dedupe", dedupe, dedupe_names, "It is position, id or none.", handler, &how,
					error) ||
		!find_value("replayed", replayed, replayed_names, "It is stop, apply or skip.", handler,
					&policy, error))
		return false;
	rules.dedupe = (Dedupe) how;
	rules.replayed = (ReplayedPolicy) policy;
	handler->rules = rules;
	return handlers_merge_rules(handlers, handler, error);
}

bool
handlers_set_policy(Handlers *handlers, const char *on_error, const char *on_foreign_key,
					Error *error)
{
	Handler *handler = &handlers->items[handlers->count - 1];
	int policy = HANDLER_DEAD_LETTER;
	int way = 0;

	if (!find_value("on_error", on_error, on_error_names, "It is dead-letter or stop.", handler,
					&policy, error) ||
		!find_value("on_foreign_key", on_foreign_key, on_foreign_key_names,
					"It is on_error or retry.", handler, &way, error))
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
		if (handlers->items[i].takes[topic_index] && handlers->items[i].on_error == HANDLER_STOP)
			return HANDLER_STOP;
	}
	return HANDLER_DEAD_LETTER;
}

bool
handlers_keep_record(const Handlers *handlers, int topic_index)
{
	for (int i = 0; i < handlers->count; i++)
	{
		if (handlers->items[i].takes[topic_index] &&
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
		   handlers_set_rules(reader->handlers, reader->handlers->count - 1, reader->dedupe,
							  reader->replayed, error) &&
		   handlers_set_policy(reader->handlers, reader->on_error, reader->on_foreign_key, error);
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
