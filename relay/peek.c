/*
 * peek.c
 *	  outbox-relay peek.
 *
 *	facts -> connection -> temporary copy of the slot -> stream -> lines
 *
 * Rows from before the slot, which come first, aren't shown: how many there are is said.
 *
 * Refuses what a relay refuses at its start (a gap, another server, a publication
 * that isn't as it must be), and a position that the slot is past.
 *
 * Invariants: no status update has a position in it, so nothing is confirmed, not
 * even for the copy; what a relay wouldn't publish again isn't shown; the end is
 * where the server's WAL ended when it began.
 */
#include "peek.h"

#include "assemble.h"
#include "exit_codes.h"
#include "kafka_partition.h"
#include "kafka_size.h"
#include "peek_line.h"
#include "pg_command.h"
#include "pg_facts.h"
#include "pg_left.h"
#include "pg_link.h"
#include "pg_source.h"
#include "random.h"
#include "route.h"
#include "walframe.h"

#include <poll.h>
#include <string.h>

#define ASK_USEC (200 * USEC_PER_MS)
#define POLL_MS 1000
#define LINE_MAX_BYTES ((size_t) 2 << 30)
#define COPY_SLOT_MAX 64
#define COPY_SLOT_KEPT 40 /* of the slot's name, in that of the copy */

const char peek_help[] =
	"Of peek:\n"
	"  --limit N         at most this many events (default: all that are committed by now)\n"
	"  --from LSN        from this position on (default: where a relay would go on)\n"
	"  --payload         show payloads, too\n"
	"\n";

typedef struct Peek
{
	const RelayConfig *config;
	const PeekRequest *request;
	FILE *out;
	RelayFacts facts;
	TopicMap *topics;
	uint32_t recorded; /* topics of which the count is recorded; the others are only named */
	Router *router;
	KafkaSize *size;
	PgSource *source;
	Assembler *assembler;
	uint64_t rows; /* from before the slot */
	Buffer line;
	PgLsn start;
	PgLsn end; /* of the server's WAL when it began */
	uint32_t xid;
	bool in_transaction;
	uint64_t count;
	bool done;
} Peek;

ArgResult
peek_take_argument(ArgCursor *cursor, PeekRequest *request, Error *error)
{
	ArgResult result = arg_count(cursor, "--limit", 1, UINT64_MAX - 1, &request->limit, error);

	if (result == ARG_UNKNOWN)
		result = arg_lsn(cursor, "--from", &request->from, error);
	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--payload", &request->payload);
	return result;
}

/* Where a relay would go on, or where it was told. */
static bool
choose_start(Peek *peek, Error *error)
{
	const RelayFacts *facts = &peek->facts;
	char lsn[LSN_TEXT_SIZE];

	peek->start = facts->mark_lsn > facts->slot_confirmed ? facts->mark_lsn : facts->slot_confirmed;
	if (peek->request->from == LSN_INVALID)
		return true;
	if (peek->request->from < facts->slot_confirmed)
	{
		lsn_format(facts->slot_confirmed, lsn);
		error_permanent(error, EXIT_CONFIG, "the slot \"%s\" is past that position",
						peek->config->slot);
		return error_hint(error, "Pass --from=%s or a later position.", lsn);
	}
	peek->start = peek->request->from;
	return true;
}

static bool
read_facts(Peek *peek, Error *error)
{
	peek->topics = topic_map_create();
	if (peek->topics == NULL)
		return error_bug(error, "out of memory");
	if (!pg_facts_read(peek->config, &peek->facts, peek->topics, error) ||
		!relay_check_facts(&peek->facts, peek->config->slot, peek->config->publication, error))
		return false;
	peek->recorded = topic_map_count(peek->topics);
	peek->router =
		router_create_with(&peek->config->route, peek->facts.source_id, peek->topics, error);
	if (peek->router == NULL)
		return false;
	peek->size = kafka_size_open(peek->config, error);
	return peek->size != NULL && choose_start(peek, error);
}

static bool
count_rows(Peek *peek, Error *error)
{
	PgLink link = PG_LINK_CLOSED;
	bool ok;

	if (!peek->facts.backfill)
		return true;
	ok = pg_link_connect(&link, peek->config->conninfo, false, error) &&
		 pg_command_session(&link, error) &&
		 pg_left_rows(&link, peek->config->slot, &peek->rows, error);
	pg_link_close(&link);
	return ok;
}

static bool
advance(PgSource *source, Error *error)
{
	ReplSource *stream = pg_source_stream(source);
	IoResult io;

	while ((io = pg_source_advance(source, clock_mono(), error)) == IO_AGAIN)
	{
		struct pollfd ready = {stream->ops->fd(stream), pg_source_events(source), 0};

		(void) poll(&ready, 1, POLL_MS);
	}
	return io == IO_OK;
}

static bool
copy_slot(Peek *peek, Error *error)
{
	char copy[COPY_SLOT_MAX];
	Random random;

	random_seed(&random, random_seed_from_system());
	snprintf(copy, sizeof(copy), "%.*s_peek_%08x", COPY_SLOT_KEPT, peek->config->slot,
			 (unsigned) (random_next(&random) >> 32));
	if (pg_source_copy_slot(peek->source, copy, error) && advance(peek->source, error))
		return true;
	/* All slots are in use, or this one can't be copied. */
	if (strcmp(error->sqlstate, "53400") == 0 || strcmp(error->sqlstate, "55000") == 0)
	{
		error->error_class = ERROR_CLASS_PERMANENT;
		error->exit_code = EXIT_SERVER;
	}
	return false;
}

static bool
start_stream(Peek *peek, Error *error)
{
	static const RelayMemory no_memory;
	const RelayConfig *config = peek->config;
	const RelayFacts *facts = &peek->facts;
	const SourceIdentity *identity;

	peek->source = pg_source_open(config->conninfo, config->slot, config->publication,
								  PG_LINK_ANY_HOST, clock_mono(), error);
	if (peek->source == NULL || !advance(peek->source, error))
		return false;
	identity = pg_source_identity(peek->source);
	if (!relay_check_same_server(facts, identity->started, error) ||
		!relay_check_identity(facts, &no_memory, identity->system_identifier, identity->timeline,
							  identity->flushed, error))
		return false;
	peek->end = identity->flushed;
	peek->assembler = assembler_create(facts->generation, pg_source_timelines(peek->source));
	if (peek->assembler == NULL)
		return error_bug(error, "out of memory");
	assembler_take_messages(peek->assembler, facts->messages_before);
	return copy_slot(peek, error) && pg_source_start(peek->source, peek->start, error) &&
		   advance(peek->source, error);
}

static RouteResult
fits(Peek *peek, const RoutedEvent *routed, Error *error)
{
	return kafka_size_fits(peek->size, routed, error) ? ROUTE_OK : ROUTE_REJECTED;
}

/*
 * A topic that nobody recorded is named, without a partition, and taken for one that would be
 * made: a field for the partition is judged by that.
 */
static RouteResult
route(Peek *peek, const OutboxEvent *event, RoutedEvent *routed, Error *error)
{
	RouteResult result;

	if (event->problem != NULL)
	{
		*error = *event->problem;
		return ROUTE_REJECTED;
	}
	result = router_route(peek->router, event, routed, error);
	if (result != ROUTE_UNKNOWN_TOPIC)
		return result == ROUTE_OK ? fits(peek, routed, error) : result;
	if (!topic_map_add(peek->topics, routed->topic, (uint32_t) peek->config->topic_partitions,
					   error))
		return ROUTE_REJECTED;
	result = router_route(peek->router, event, routed, error);
	return result == ROUTE_OK ? fits(peek, routed, error) : result;
}

static bool
show(Peek *peek, const OutboxEvent *event, Error *error)
{
	RoutedEvent routed;
	Error problem;
	PeekedEvent peeked = {.event = event, .source_id = peek->facts.source_id, .xid = peek->xid};

	error_clear(&problem);
	if (route(peek, event, &routed, &problem) == ROUTE_OK)
	{
		peeked.routed = &routed;
		peeked.partition_known = routed.topic_index < peek->recorded;
		peeked.partition = kafka_partition(&routed);
	}
	else if (problem.error_class == ERROR_CLASS_BUG)
	{
		*error = problem;
		return false;
	}
	peeked.problem = problem.message;
	buffer_reset(&peek->line);
	peek_line(&peek->line, &peeked, peek->request->payload);
	if (peek->line.failed)
		return error_bug(error, "out of memory");
	if (fwrite(peek->line.data, 1, peek->line.len, peek->out) != peek->line.len)
		return error_permanent(error, EXIT_BUG, "could not write to standard output");
	peek->done = ++peek->count == peek->request->limit;
	return true;
}

static bool
take_data(Peek *peek, ByteView payload, Error *error)
{
	PgoutputMessage message;
	Assembled assembled;

	if (!pgoutput_decode(payload, &message, error) ||
		!assembler_take(peek->assembler, &message, &assembled, error))
		return false;
	switch (assembled.kind)
	{
		case ASSEMBLED_BEGIN:
			peek->xid = message.u.begin.xid;
			peek->in_transaction = true;
			/* Committed after it began: enough of it. */
			peek->done = assembled.commit_lsn >= peek->end;
			return true;
		case ASSEMBLED_EVENT:
			/* The server sends a transaction that ends behind the start, wherever it begins. */
			return assembled.commit_lsn < peek->start || show(peek, &assembled.event, error);
		case ASSEMBLED_COMMIT:
			peek->in_transaction = false;
			return true;
		default:
			return true;
	}
}

static bool
take_frame(Peek *peek, ByteView bytes, Error *error)
{
	WalFrame frame;

	if (!walframe_parse(bytes, &frame, error))
		return false;
	if (frame.kind == WAL_FRAME_DATA)
		return take_data(peek, frame.payload, error);
	if (!peek->in_transaction && frame.end >= peek->end)
		peek->done = true;
	return true;
}

/* While WAL of others is decoded the server says nothing unless asked. */
static bool
ask(ReplSource *stream, Error *error)
{
	uint8_t status[WAL_STATUS_SIZE];

	walframe_build_status(status, LSN_INVALID, LSN_INVALID, clock_pg(), true);
	return stream->ops->send_status(stream, (ByteView){status, sizeof(status)}, error) == IO_OK;
}

static bool
read_stream(Peek *peek, Error *error)
{
	ReplSource *stream = pg_source_stream(peek->source);
	MonoUsec ask_at = 0;
	ByteView frame;

	while (!peek->done)
	{
		MonoUsec now = clock_mono();
		IoResult flushed;
		IoResult io;

		if (now >= ask_at)
		{
			if (!ask(stream, error))
				return false;
			ask_at = now + ASK_USEC;
		}
		flushed = stream->ops->flush(stream, error);
		io = flushed == IO_FAILED ? IO_FAILED : stream->ops->next(stream, &frame, error);
		if (io == IO_OK)
		{
			if (!take_frame(peek, frame, error))
				return false;
		}
		else if (io == IO_AGAIN)
		{
			struct pollfd ready = {stream->ops->fd(stream),
								   flushed == IO_AGAIN ? POLLIN | POLLOUT : POLLIN, 0};

			(void) poll(&ready, 1, (int) ((ask_at - now) / USEC_PER_MS) + 1);
		}
		else
		{
			if (io == IO_END)
				error_transient(error, "the server ended the replication stream");
			return false;
		}
	}
	return true;
}

bool
peek_run(const RelayConfig *config, const PeekRequest *request, FILE *out, SayFn say, void *arg,
		 Error *error)
{
	Peek peek = {.config = config, .request = request, .out = out};
	bool ok;

	buffer_init(&peek.line, LINE_MAX_BYTES);
	ok = read_facts(&peek, error) && count_rows(&peek, error) && start_stream(&peek, error) &&
		 read_stream(&peek, error);
	if (ok && peek.rows > 0)
		say_text(say, arg, false,
				 "%llu rows from before the slot are published first, and not shown%s",
				 (unsigned long long) peek.rows,
				 peek.count == 0 ? "; nothing else is there to be published" : "");
	else if (ok && peek.count == 0)
		say(false, "nothing is there to be published", arg);
	if (fflush(out) != 0 && ok)
		ok = error_permanent(error, EXIT_BUG, "could not write to standard output");
	pg_source_free(peek.source);
	assembler_free(peek.assembler);
	router_free(peek.router);
	kafka_size_close(peek.size);
	topic_map_free(peek.topics);
	buffer_free(&peek.line);
	return ok;
}
