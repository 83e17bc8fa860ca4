/*
 * fuzz_row.c
 *	  Any bytes as a row of outbox.event from the ordinary connection: each column with its
 *	  length (16 bits, 65535: NULL) before it; then as an event that is routed, and as a line for
 *	  people.
 */
#include "fuzz.h"

#include <libpq-fe.h>
#include <string.h>

#include "flat_json.h"
#include "json_compact.h"
#include "peek_line.h"
#include "pg_row.h"

#define COLUMNS 9
#define LINE_MAX_BYTES ((size_t) 1 << 24)

/* As a server sends it: times and row numbers have their size. */
static PGresult *
make_row(Reader *reader)
{
	static const char zero[8];
	PGresAttDesc attributes[COLUMNS];
	PGresult *row = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);

	memset(attributes, 0, sizeof(attributes));
	for (int i = 0; i < COLUMNS; i++)
		attributes[i] = (PGresAttDesc){.name = (char *) "c", .format = 1};
	FUZZ_ASSERT(row != NULL && PQsetResultAttrs(row, COLUMNS, attributes) != 0);
	for (int i = 0; i < COLUMNS; i++)
	{
		uint16_t len = reader_u16(reader);
		ByteView value = len == UINT16_MAX ? (ByteView){NULL, 0} : reader_bytes(reader, len);

		if (value.data == NULL && (i == 0 || i == 8))
			value = (ByteView){(const uint8_t *) zero, i == 0 ? 6 : 8};
		FUZZ_ASSERT(PQsetvalue(row, 0, i, (char *) value.data,
							   value.data != NULL ? (int) value.len : -1) != 0);
	}
	return row;
}

static void
check_line(const OutboxEvent *event, const RoutedEvent *routed, const char *problem)
{
	PeekedEvent peeked = {.event = event,
						  .routed = routed,
						  .problem = problem,
						  .source_id = "source",
						  .partition_known = true,
						  .xid = 7};
	Buffer line;

	for (int payload = 0; payload < 2; payload++)
	{
		buffer_init(&line, LINE_MAX_BYTES);
		peek_line(&line, &peeked, payload != 0);
		FUZZ_ASSERT(!line.failed && line.len > 0 && line.data[line.len - 1] == '\n');
		FUZZ_ASSERT(memchr(line.data, '\n', line.len) == line.data + line.len - 1);
		FUZZ_ASSERT(json_is_valid((ByteView){(const uint8_t *) line.data, line.len - 1}));
		buffer_free(&line);
	}
}

static void
route(const OutboxEvent *event)
{
	static const RouteSettings settings[] = {
		{.topic_pattern = NULL},
		{.profile = PROFILE_CLOUDEVENTS, .expansion = EXPAND_COMPACT},
		{.by_field = "type",
		 .key = "type",
		 .placement = "aggregateid:envelope:key,tenant:header,day:partition",
		 .ignore_missing = true,
		 .unmatched_is_topic = true,
		 .expansion = EXPAND_COMPACT},
	};
	TopicMap *map = topic_map_create();
	Error error;

	FUZZ_ASSERT(map != NULL && topic_map_add(map, "outbox.event.ride", 3, &error));
	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
	{
		Router *router = router_create_with(&settings[i], "source", map, &error);
		static RoutedEvent routed;

		FUZZ_ASSERT(router != NULL);
		switch (router_route(router, event, &routed, &error))
		{
			case ROUTE_OK:
				check_line(event, &routed, NULL);
				break;
			case ROUTE_UNKNOWN_TOPIC:
				FUZZ_ASSERT(topic_name_valid(routed.topic, strlen(routed.topic)));
				break;
			case ROUTE_REJECTED:
				check_line(event, NULL, error.message);
				break;
		}
		router_free(router);
	}
	topic_map_free(map);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	StoredRow row;
	StoredRow *copy;
	PGresult *result;
	Reader reader;
	Error error;

	reader_init(&reader, data, size);
	result = make_row(&reader);
	error_clear(&error);
	if (pg_row_read(&row, result, &error))
	{
		copy = pg_row_copy(&row);
		FUZZ_ASSERT(copy != NULL);
		PQclear(result);
		result = NULL;
		FUZZ_ASSERT((pg_row_problem(copy) == NULL) ==
					(!copy->no_id && copy->aggregate_type.data != NULL &&
					 copy->other_payload.data == NULL));
		if (pg_row_problem(copy) == NULL)
		{
			OutboxEvent event = pg_row_event(copy);

			event.replayed = view_of(ENVELOPE_REPLAYED_GAP);
			route(&event);
			event.replayed = view_of(NULL);
			route(&event);
		}
		free(copy);
	}
	else
		FUZZ_ASSERT(error.error_class == ERROR_CLASS_BUG);
	PQclear(result);
	return 0;
}
