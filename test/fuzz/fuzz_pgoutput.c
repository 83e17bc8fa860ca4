/*
 * fuzz_pgoutput.c
 *	  Any bytes as one pgoutput message, and again as a stream of messages, each with
 *	  its length (16 bits) before it, through decoder, assembler and router.
 */
#include "fuzz.h"

#include <string.h>

#include "assemble.h"
#include "route.h"

static uint64_t
sum_of(ByteView view)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < view.len; i++)
		sum += view.data[i];
	return sum;
}

/* Everything that a message points to lies in it. */
static void
check_message(ByteView bytes, const PgoutputMessage *message)
{
	switch (message->kind)
	{
		case PGOUTPUT_RELATION:
			FUZZ_ASSERT(message->u.relation.column_count <= PGOUTPUT_MAX_COLUMNS);
			FUZZ_ASSERT(fuzz_within(bytes, view_of(message->u.relation.schema)));
			FUZZ_ASSERT(fuzz_within(bytes, view_of(message->u.relation.name)));
			for (int i = 0; i < message->u.relation.column_count; i++)
				FUZZ_ASSERT(fuzz_within(bytes, view_of(message->u.relation.columns[i].name)));
			break;
		case PGOUTPUT_INSERT:
			FUZZ_ASSERT(message->u.insert.value_count <= PGOUTPUT_MAX_COLUMNS);
			for (int i = 0; i < message->u.insert.value_count; i++)
				FUZZ_ASSERT(fuzz_within(bytes, message->u.insert.values[i].data));
			break;
		case PGOUTPUT_MESSAGE:
			FUZZ_ASSERT(fuzz_within(bytes, view_of(message->u.message.prefix)));
			FUZZ_ASSERT(fuzz_within(bytes, message->u.message.content));
			break;
		case PGOUTPUT_BEGIN:
		case PGOUTPUT_COMMIT:
		case PGOUTPUT_OTHER:
			break;
	}
}

typedef struct Stream
{
	TimelineHistory timelines;
	TopicMap *map;
	Assembler *assembler;
	Router *router;
	bool open;
	uint64_t next_ordinal;
	uint64_t sum; /* so that everything is read */
} Stream;

static void
route_event(Stream *stream, const OutboxEvent *event)
{
	RoutedEvent routed;
	Error error;

	switch (router_route(stream->router, event, &routed, &error))
	{
		case ROUTE_OK:
			FUZZ_ASSERT(routed.header_count >= 2 && routed.header_count <= ROUTE_MAX_HEADERS);
			stream->sum += sum_of(routed.key) + sum_of(routed.partition_key) + sum_of(routed.value);
			for (int i = 0; i < routed.header_count; i++)
				stream->sum += sum_of(routed.headers[i].name) + sum_of(routed.headers[i].value);
			break;
		case ROUTE_UNKNOWN_TOPIC:
			FUZZ_ASSERT(topic_name_valid(routed.topic, strlen(routed.topic)));
			break;
		case ROUTE_REJECTED:
			FUZZ_ASSERT(error.error_class == ERROR_CLASS_PERMANENT);
			break;
	}
}

static void
take(Stream *stream, const PgoutputMessage *message)
{
	Assembled assembled;
	Error error;

	if (!assembler_take(stream->assembler, message, &assembled, &error))
	{
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE);
		return;
	}
	switch (assembled.kind)
	{
		case ASSEMBLED_BEGIN:
			FUZZ_ASSERT(!stream->open);
			stream->open = true;
			stream->next_ordinal = 0;
			break;
		case ASSEMBLED_EVENT:
			FUZZ_ASSERT(stream->open);
			FUZZ_ASSERT(assembled.event.position.ordinal == stream->next_ordinal++);
			FUZZ_ASSERT(assembled.event.aggregate_type.data != NULL);
			route_event(stream, &assembled.event);
			break;
		case ASSEMBLED_COMMIT:
			FUZZ_ASSERT(stream->open);
			stream->open = false;
			break;
		case ASSEMBLED_NOTHING:
			break;
	}
}

static void
stream_open(Stream *stream)
{
	Error error;

	memset(stream, 0, sizeof(*stream));
	timeline_init(&stream->timelines, 1);
	stream->map = topic_map_create();
	stream->assembler = assembler_create(1, &stream->timelines);
	FUZZ_ASSERT(stream->map != NULL && stream->assembler != NULL);
	assembler_take_messages(stream->assembler, ASSEMBLE_ALL_MESSAGES);
	FUZZ_ASSERT(topic_map_add(stream->map, "outbox.event.ride", 3, &error));
	stream->router = router_create("outbox.event.{aggregatetype}", "source", stream->map, &error);
	FUZZ_ASSERT(stream->router != NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static Stream stream;
	static volatile uint64_t sink;
	ByteView bytes = {data, size};
	PgoutputMessage message;
	Reader reader;
	Error error;

	error_clear(&error);
	if (pgoutput_decode(bytes, &message, &error))
		check_message(bytes, &message);
	else
		FUZZ_ASSERT(error.error_class != ERROR_CLASS_NONE);

	stream_open(&stream);
	reader_init(&reader, data, size);
	while (reader_remaining(&reader) > 0)
	{
		ByteView part = reader_bytes(&reader, reader_u16(&reader));

		if (pgoutput_decode(part, &message, &error))
		{
			check_message(part, &message);
			take(&stream, &message);
		}
	}
	sink = stream.sum;
	(void) sink;
	router_free(stream.router);
	assembler_free(stream.assembler);
	topic_map_free(stream.map);
	return 0;
}
