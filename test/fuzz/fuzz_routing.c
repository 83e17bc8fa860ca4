/*
 * fuzz_routing.c
 *	  Any text as what outbox.relay has recorded of routing: what was taken is written, read to the
 *	  same, and put in force over settings.
 */
#include "fuzz.h"

#include <string.h>

#include "exit_codes.h"
#include "route_record.h"
#include "topic_rule.h"

static void
apply(const RouteRecord *record)
{
	RouteSettings settings = {.placement = "tenant:header,day:partition"};
	RouteSettings merged;
	char *placement = NULL;
	const char *option;
	Error error;

	error_clear(&error);
	if (route_record_apply(record, &settings, &merged, &placement, &error))
	{
		TopicRule *rule = topic_rule_create(&merged, &option, &error);

		topic_rule_free(rule);
	}
	else
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE);
	free(placement);
}

static void
use(const RouteRecord *record)
{
	RouteRecord again;
	RouteRecord defaults;
	char *text = route_record_text(record);
	Error error;

	FUZZ_ASSERT(text != NULL && route_record_is_set(record));
	for (const char *at = text; *at != '\0'; at++)
		FUZZ_ASSERT((unsigned char) *at < 0x80);
	error_clear(&error);
	FUZZ_ASSERT(route_record_parse(&again, text, &error));
	FUZZ_ASSERT(route_records_equal(record, &again));
	FUZZ_ASSERT(route_record_make(&defaults, &(RouteSettings){.topic_pattern = NULL}, &error));
	FUZZ_ASSERT(route_record_check(record, &defaults, &error) ==
				route_records_equal(record, &defaults));
	apply(record);
	route_record_free(&defaults);
	route_record_free(&again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	RouteRecord record;
	Error error;

	FUZZ_ASSERT(text != NULL);
	error_clear(&error);
	if (route_record_parse(&record, text, &error))
		use(&record);
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT && error.exit_code == EXIT_ROUTING);
	route_record_free(&record);
	free(text);
	return 0;
}
