/*
 * check_topics.c
 *	  The handlers' topics as they are in Kafka now.
 *
 * Refuses what a consumer would stop at: handlers that disagree about a topic; and what it would wait
 * for without an end when somebody made a mistake: a Kafka that doesn't answer, a handler without a topic.
 *
 * Invariants: partitions[] is as long as Handlers.topics, near[] as Handlers.items.
 */
#include "check_topics.h"

#include <stdlib.h>
#include <string.h>

#include "dead_letter.h"
#include "exit_codes.h"
#include "kafka_topics.h"
#include "log.h"

#define TIMEOUT_MS 5000

/* The topic that a misspelt name may mean. */
typedef struct NearTopic
{
	size_t apart; /* SIZE_MAX: there is none */
	char name[TOPIC_NAME_MAX + 1];
} NearTopic;

typedef struct TopicCheck
{
	Handlers *handlers;
	int *partitions; /* 0: it isn't there */
	NearTopic *near;
	Error *error; /* the first that came */
} TopicCheck;

/* What they have in common, up to a dot, says nothing about the rest. */
static size_t
misspelling(const char *name, const char *topic)
{
	size_t start = 0;

	for (size_t i = 0; name[i] != '\0' && name[i] == topic[i]; i++)
	{
		if (name[i] == '.')
			start = i + 1;
	}
	return options_misspelling(name + start, topic + start);
}

static void
compare_names(TopicCheck *check, const char *topic)
{
	for (int i = 0; i < check->handlers->count; i++)
	{
		const Handler *handler = &check->handlers->items[i];
		NearTopic *near = &check->near[i];
		size_t apart = handler->match == NULL ? misspelling(handler->topic, topic) : SIZE_MAX;

		if (apart >= near->apart)
			continue;
		near->apart = apart;
		snprintf(near->name, sizeof(near->name), "%s", topic);
	}
}

static void
take_topic(const char *topic, int partitions, void *arg)
{
	TopicCheck *check = arg;
	int known = check->handlers->topic_count;
	int index;

	compare_names(check, topic);
	if (check->error->error_class != ERROR_CLASS_NONE ||
		!handlers_meet(check->handlers, topic, &index, check->error) || index < 0)
		return;
	if (index == known)
	{
		int *grown = realloc(check->partitions, ((size_t) known + 1) * sizeof(*grown));

		if (grown == NULL)
		{
			error_bug(check->error, "out of memory");
			return;
		}
		check->partitions = grown;
	}
	check->partitions[index] = partitions;
}

static void
warn_of_none(const Handler *handler, const NearTopic *near)
{
	char hint[TOPIC_NAME_MAX + 32];

	snprintf(hint, sizeof(hint), "Did you mean \"%s\"?", near->name);
	log_event(LOG_LEVEL_WARNING,
			  handler->match != NULL ? "no topic matches a handler's regular expression now"
									 : "a handler's topic isn't there now",
			  "handler", handler->name, "topic", handler->topic, "hint",
			  near->apart < SIZE_MAX ? hint : NULL, NULL);
}

/* false: none is there. */
static bool
tell_handler(const TopicCheck *check, int number, FILE *out)
{
	const Handler *handler = &check->handlers->items[number];
	bool any = false;

	for (int topic = 0; topic < check->handlers->topic_count; topic++)
	{
		int partitions = check->partitions[topic];

		if (!handler->takes[topic] || partitions == 0)
			continue;
		any = true;
		fprintf(out, "handler \"%s\" reads topic \"%s\": %d partition%s\n", handler->name,
				check->handlers->topics[topic], partitions, partitions == 1 ? "" : "s");
	}
	if (!any)
		warn_of_none(handler, &check->near[number]);
	return any;
}

static bool
ask(TopicCheck *check, const Options *options, const char *group, FILE *out)
{
	int handlers = check->handlers->count;
	int idle = 0;
	Error failed;

	error_clear(&failed);
	if (!kafka_topics_visit(options, group, TIMEOUT_MS, take_topic, check, &failed))
	{
		*check->error = failed;
		return false;
	}
	if (check->error->error_class != ERROR_CLASS_NONE)
		return false;
	for (int i = 0; i < handlers; i++)
		idle += !tell_handler(check, i, out);
	fflush(out);
	if (idle == 0)
		return true;
	error_permanent(check->error, EXIT_FINDINGS, "%d of %d handlers ha%s no topic to read", idle,
					handlers, idle == 1 ? "s" : "ve");
	return error_hint(
		check->error,
		"A relay makes a topic with its first event: a consumer waits for that. "
		"Otherwise correct the name, or see which topics its principal may describe.");
}

static bool
allocate(TopicCheck *check)
{
	check->partitions =
		calloc((size_t) check->handlers->topic_count + 1, sizeof(*check->partitions));
	check->near = calloc((size_t) check->handlers->count + 1, sizeof(*check->near));
	if (check->partitions == NULL || check->near == NULL)
		return error_bug(check->error, "out of memory");
	for (int i = 0; i < check->handlers->count; i++)
		check->near[i].apart = SIZE_MAX;
	return true;
}

bool
check_topics(const ConsumerConfig *config, Handlers *handlers, FILE *out, Error *error)
{
	const char *servers = options_text(config->options, "kafka.bootstrap.servers");
	const char *group = config->group != NULL ? config->group : "outbox-consumer";
	char letters[DEAD_LETTER_TOPIC_MAX + 1];
	TopicCheck check = {.handlers = handlers, .error = error};
	bool ok;

	if (!dead_letter_topic(config->dead_letter_pattern, group, letters, error) ||
		!handlers_subscribe(handlers, letters, error))
		return false;
	if (servers == NULL || *servers == '\0')
		return true;
	ok = allocate(&check) && ask(&check, config->options, group, out);
	free(check.near);
	free(check.partitions);
	return ok;
}
