/*
 * check_topics.c
 *	  The handlers' topics as they are in Kafka now.
 *
 * Refuses what a consumer would stop at: handlers that disagree about a topic.
 *
 * Invariant: partitions[] is as long as Handlers.topics.
 */
#include "check_topics.h"

#include <stdlib.h>

#include "dead_letter.h"
#include "kafka_topics.h"
#include "log.h"

#define TIMEOUT_MS 5000

typedef struct TopicCheck
{
	Handlers *handlers;
	int *partitions; /* 0: it isn't there */
	Error *error;	 /* the first that came */
} TopicCheck;

static void
take_topic(const char *topic, int partitions, void *arg)
{
	TopicCheck *check = arg;
	int known = check->handlers->topic_count;
	int index;

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
tell_handler(const TopicCheck *check, const Handler *handler, FILE *out)
{
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
	if (any)
		return;
	log_event(LOG_LEVEL_WARNING,
			  handler->match != NULL ? "no topic matches a handler's regular expression now"
									 : "a handler's topic isn't there now",
			  "handler", handler->name, "topic", handler->topic, NULL);
}

static bool
ask(TopicCheck *check, const Options *options, const char *group, FILE *out)
{
	Error failed;

	error_clear(&failed);
	if (!kafka_topics_visit(options, group, TIMEOUT_MS, take_topic, check, &failed))
	{
		if (failed.error_class != ERROR_CLASS_TRANSIENT)
		{
			*check->error = failed;
			return false;
		}
		log_error(LOG_LEVEL_WARNING, &failed, NULL);
		return true;
	}
	if (check->error->error_class != ERROR_CLASS_NONE)
		return false;
	for (int i = 0; i < check->handlers->count; i++)
		tell_handler(check, &check->handlers->items[i], out);
	fflush(out);
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
	check.partitions = calloc((size_t) handlers->topic_count + 1, sizeof(*check.partitions));
	if (check.partitions == NULL)
		return error_bug(error, "out of memory");
	ok = ask(&check, config->options, group, out);
	free(check.partitions);
	return ok;
}
