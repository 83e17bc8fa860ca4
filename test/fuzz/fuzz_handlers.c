/*
 * fuzz_handlers.c
 *	  Any bytes as a configuration file of outbox-consumer, its handlers among them, and topics
 *	  that these meet.
 */
#include "fuzz_file.h"

#include "consumer_options.h"
#include "exit_codes.h"
#include "handlers.h"

static void
check_refused(const Error *error)
{
	FUZZ_ASSERT(error->error_class == ERROR_CLASS_PERMANENT && error->exit_code == EXIT_CONFIG &&
				error->message[0] != '\0');
}

/* Its rules are those of some handler, and whoever takes its events is one of its handlers. */
static void
meet(Handlers *handlers, const char *topic)
{
	int before = handlers->topic_count;
	Error error;
	int index;

	error_clear(&error);
	if (!handlers_meet(handlers, topic, &index, &error))
	{
		check_refused(&error);
		return;
	}
	FUZZ_ASSERT(index >= -1 && index < handlers->topic_count &&
				handlers->topic_count <= before + 1);
	if (index < 0)
		return;
	FUZZ_ASSERT(handlers_topic(handlers, topic) == index);
	FUZZ_ASSERT(strcmp(handlers->topics[index], topic) == 0);
	for (int i = 0; i < handlers->count; i++)
	{
		HandlerPolicy policy = handlers_policy(handlers, index, i);

		FUZZ_ASSERT(policy == HANDLER_DEAD_LETTER || policy == HANDLER_STOP);
		FUZZ_ASSERT(!handlers->items[i].takes[index] || handlers->items[i].match != NULL ||
					strcmp(handlers->items[i].topic, topic) == 0);
	}
}

static void
use(const Options *options)
{
	ConsumerConfig config;
	Handlers handlers;
	Error error;

	error_clear(&error);
	if (!consumer_config_fill(&config, options, &error))
	{
		check_refused(&error);
		config.dead_letter_topic[0] = '\0';
	}
	handlers_init(&handlers);
	if (!handlers_load(&handlers, options, &error) ||
		!handlers_subscribe(&handlers, config.dead_letter_topic, &error))
		check_refused(&error);
	else
	{
		FUZZ_ASSERT(handlers.count > 0 && handlers.subscribed_count > 0);
		meet(&handlers, "outbox.event.driver");
		meet(&handlers, "outbox.event.ride");
		meet(&handlers, "__consumer_offsets");
		meet(&handlers, handlers.items[0].topic);
	}
	handlers_free(&handlers);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Options *options = options_create(&consumer_option_table);
	FuzzFile file = fuzz_file(data, size);
	Error error;

	FUZZ_ASSERT(options != NULL);
	error_clear(&error);
	if (options_load_file(options, file.path, &error))
		use(options);
	else
		check_refused(&error);
	options_free(options);
	close(file.fd);
	return 0;
}
