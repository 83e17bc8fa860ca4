/*
 * test_event_trace.c
 *	  The fields of a log line that name an event.
 */
#include "unit.h"

#include "event_trace.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static OutboxEvent
event_with(const char *headers)
{
	OutboxEvent event = {.position = {1, 1, 0x16B374D848, 7}, .headers = view_of(headers)};

	memset(event.id, 0x11, sizeof(event.id));
	return event;
}

static void
names_an_event(void **state)
{
	OutboxEvent event = event_with("{\"a\": 1, \"traceparent\": \"" PARENT "\"}");
	EventTrace trace;

	(void) state;
	event_trace_fill(&trace, &event, "outbox.event.t", 4711);
	assert_string_equal(trace.id, "11111111-1111-1111-1111-111111111111");
	assert_string_equal(trace.lsn, "16/B374D848");
	assert_string_equal(trace.ordinal, "7");
	assert_string_equal(trace.xid, "4711");
	assert_string_equal(trace.topic, "outbox.event.t");
	assert_string_equal(trace.traceparent, PARENT);
	assert_string_equal(trace.partition, "");
	event.no_id = true;
	event_trace_fill(&trace, &event, NULL, 0);
	assert_string_equal(trace.id, "");
	assert_string_equal(trace.topic, "");
	assert_string_equal(trace.xid, "");
	assert_null(EVENT_TRACE_FIELD(trace.id));
}

static void
takes_only_a_traceparent_for_one(void **state)
{
	static const char *const others[] = {
		"{\"traceparent\": \"secret\"}",
		"{\"traceparent\": \"" PARENT "-and-much-more-behind-it\"}",
		"{\"traceparent\": \"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-\\n1\"}",
		"{\"traceparent\": \"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01\"}",
		"{\"traceparent\": null}",
		"{\"tracestate\": \"" PARENT "\"}",
		"{\"traceparent\": [1]}",
		"not json",
		"",
	};
	EventTrace trace;

	(void) state;
	for (size_t i = 0; i < LENGTH(others); i++)
	{
		OutboxEvent event = event_with(others[i]);

		event_trace_fill(&trace, &event, "t", 1);
		assert_string_equal(trace.traceparent, "");
	}
}

static void
names_a_place(void **state)
{
	EventTrace trace;

	(void) state;
	event_trace_place(&trace, 0x16B37, 0, "t", 3);
	assert_string_equal(trace.lsn, "0/16B37");
	assert_string_equal(trace.ordinal, "0");
	assert_string_equal(trace.partition, "3");
	assert_string_equal(trace.id, "");
	event_trace_place(&trace, 0x16B37, 0, NULL, -1);
	assert_string_equal(trace.partition, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_an_event),
		cmocka_unit_test(takes_only_a_traceparent_for_one),
		cmocka_unit_test(names_a_place),
	};

	return cmocka_run_group_tests_name("event_trace", tests, NULL, NULL);
}
