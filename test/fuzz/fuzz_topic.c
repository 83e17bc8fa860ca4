/*
 * fuzz_topic.c
 *	  An expression, a replacement and values of events, each ended by a zero byte: from an
 *	  event's value to its topic.
 */
#include "fuzz.h"

#include <string.h>

#include "exit_codes.h"
#include "route.h"
#include "topic_rule.h"

/* The next text of the input, to be freed. */
static char *
next_text(const uint8_t **data, size_t *size)
{
	char *text = fuzz_text(*data, *size);
	size_t len;

	FUZZ_ASSERT(text != NULL);
	len = strlen(text);
	*data += len < *size ? len + 1 : len;
	*size -= len < *size ? len + 1 : len;
	return text;
}

static void
make(TopicRule *rule, ByteView value)
{
	const char *topic;
	Error error;

	error_clear(&error);
	topic = topic_rule_make(rule, value, &error);
	if (topic != NULL)
		FUZZ_ASSERT(topic_name_valid(topic, strlen(topic)));
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_POISON);
}

static void
try(const RouteSettings *settings, const uint8_t *data, size_t size)
{
	const char *option = NULL;
	TopicRule *rule;
	Error error;

	error_clear(&error);
	rule = topic_rule_create(settings, &option, &error);
	if (rule == NULL)
	{
		FUZZ_ASSERT(error.exit_code == EXIT_CONFIG && option != NULL);
		return;
	}
	make(rule, (ByteView){data, size});
	make(rule, view_of("ride"));
	make(rule, view_of("Ride.created-v1"));
	make(rule, view_of(""));
	topic_rule_free(rule);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *regex = next_text(&data, &size);
	char *replacement = next_text(&data, &size);

	try(&(RouteSettings){.regex = regex, .replacement = replacement}, data, size);
	try(&(RouteSettings){.topic_pattern = regex}, data, size);
	free(replacement);
	free(regex);
	return 0;
}
