/*
 * replay.c
 *	  outbox-relay replay.
 *
 *	selection -> survey -> [topics] -> rows -> router -> window -> sink
 *
 * Refuses settings that put events elsewhere than the relay's did; a selection of which rows
 * may be gone, unless told; an event that can't be published; and to go on after a delivery that failed: what was acknowledged is said, and
 * another run sends all of it again.
 *
 * Invariants: success means that each selected event was acknowledged; a row is fetched
 * when there is room for it, so memory is bounded by the window; the mark and the slot of
 * the relay aren't touched.
 */
#include "replay.h"

#include "exit_codes.h"
#include "kafka_sink.h"
#include "kafka_topics.h"
#include "pg_facts.h"
#include "pg_row.h"
#include "pg_rows.h"
#include "window.h"

#include <poll.h>

#define REPORTS_PER_ROUND 1024
#define POLL_MS 1000
#define REPORT_USEC USEC_PER_SEC
#define REPORT_POLL_MS 50
#define RUN_AGAIN "Run the replay again: consumers drop by their ids those that they had."
#define COMMIT_LSN ((PgLsn) 1) /* for the window: all rows are one transaction */

const char replay_help[] =
	"Of replay, which events of outbox.event (one of them at least):\n"
	"  --gap             those that a lost slot may have missed, after init --accept-gap\n"
	"  --since TIME, --until TIME  written in this time, TIME as PostgreSQL reads it\n"
	"  --id UUID[,UUID]...  with these ids\n"
	"  --aggregate TYPE[/ID]  of this aggregate type, or of one aggregate\n"
	"  --dry-run         say how many there are, and send none\n"
	"  --incomplete      also when some of them may be gone already\n"
	"\n";

typedef struct Replay
{
	const RelayConfig *config;
	ReplayRequest *request;
	FILE *out;
	ReplaySayFn say;
	void *arg;
	RelayFacts facts;
	TopicMap *topics;
	RouteRecord routing;
	Router *router;
	PgRows *rows;
	RowSurvey survey;
	EventSink *sink;
	DeliveryWindow *window;
	StoredRow row;
	bool held; /* the row waits for room */
	bool ended;
	uint64_t sent;
	uint64_t acknowledged;
	Error failure; /* of a delivery */
} Replay;

ArgResult
replay_take_argument(ArgCursor *cursor, ReplayRequest *request, Error *error)
{
	ArgResult result = arg_flag(cursor, "--dry-run", &request->dry_run);

	if (result == ARG_UNKNOWN)
		result = arg_flag(cursor, "--incomplete", &request->incomplete);
	return result != ARG_UNKNOWN ? result : select_take_argument(cursor, &request->select, error);
}

/* -------------------------------------------------------------------------
 * what there is
 * -------------------------------------------------------------------------
 */

static void
print_survey(const Replay *replay)
{
	const RowSurvey *survey = &replay->survey;

	for (int i = 0; i < OUTBOX_LEAVES; i++)
	{
		const LeafSurvey *leaf = &survey->leaves[i];

		if (leaf->rows == 0)
			fprintf(replay->out, "outbox.event_%u: empty%s\n", leaf->leaf,
					leaf->current ? ", current" : "");
		else
			fprintf(replay->out, "outbox.event_%u: %llu events, written from %s to %s%s\n",
					leaf->leaf, (unsigned long long) leaf->rows, leaf->first, leaf->last,
					leaf->current ? ", current" : "");
	}
	fprintf(replay->out, "selected: %llu\n", (unsigned long long) survey->selected);
	if (survey->not_yet > 0)
		fprintf(replay->out, "left to the relay: %llu\n", (unsigned long long) survey->not_yet);
}

static bool
look(Replay *replay, Error *error)
{
	SelectArgs *args = &replay->request->select;
	RowSelection selection;

	if (!select_finish(args, error))
		return false;
	selection = (RowSelection){
		.gap = args->gap,
		.since = args->since,
		.until = args->until,
		.ids = args->begun ? args->ids.data : NULL,
		.aggregate_type = args->aggregate_type[0] != '\0' ? args->aggregate_type : NULL,
		.aggregate_id = args->aggregate_id,
	};
	replay->topics = topic_map_create();
	if (replay->topics == NULL)
		return error_bug(error, "out of memory");
	if (!pg_facts_read_routing(replay->config, &replay->facts, replay->topics, &replay->routing,
							   error) ||
		!relay_check_database(&replay->facts, error) ||
		!pg_facts_check_routing(replay->config, &replay->routing, error))
		return false;
	replay->rows = pg_rows_open(replay->config, &selection, error);
	if (replay->rows == NULL || !pg_rows_survey(replay->rows, &replay->survey, error))
		return false;
	print_survey(replay);
	if (replay->survey.complete || replay->request->incomplete)
		return true;
	error_permanent(error, EXIT_GAP, "not all that was selected is there: %s",
					replay->survey.problem);
	return error_hint(error, "Pass --incomplete to replay what is there.");
}

/* -------------------------------------------------------------------------
 * out
 * -------------------------------------------------------------------------
 */

static void
take_kafka_log(int level, const char *text, void *arg)
{
	Replay *replay = arg;

	if (level <= 4)
		replay->say(true, text, replay->arg);
}

static void
settle(const Delivery *delivery, void *arg)
{
	Replay *replay = arg;

	if (!window_settle(replay->window, delivery->token, NULL))
		return;
	if (delivery->delivered)
		replay->acknowledged++;
	else if (replay->failure.error_class == ERROR_CLASS_NONE ||
			 (replay->failure.error_class == ERROR_CLASS_TRANSIENT &&
			  delivery->error.error_class == ERROR_CLASS_PERMANENT))
		replay->failure = delivery->error;
}

static bool
open_sink(Replay *replay, Error *error)
{
	const RelayConfig *config = replay->config;
	KafkaSinkHooks hooks = {take_kafka_log, replay};
	WindowLimits limits = {config->window_events, 1, config->window_bytes};

	replay->window = window_create(&limits);
	if (replay->window == NULL)
		return error_bug(error, "out of memory");
	replay->sink = kafka_sink_open(config, 0, NULL, &hooks, error);
	return replay->sink != NULL && window_begin(replay->window, COMMIT_LSN, 0, error) == IO_OK;
}

/* A topic that no relay has used: its count is recorded as a relay would. */
static bool
make_topic(Replay *replay, const char *name, Error *error)
{
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t partitions = 0;
	TopicMaker *maker;
	IoResult io;

	snprintf(topic, sizeof(topic), "%s", name);
	maker = topic_maker_start(replay->sink, replay->config, topic, topic_map_count(replay->topics),
							  error);
	if (maker == NULL)
		return false;
	for (;;)
	{
		MonoUsec now = clock_mono();
		MonoUsec wake_at;

		io = topic_maker_step(maker, now, &partitions, error);
		if (io != IO_AGAIN)
			break;
		wake_at = topic_maker_wake_at(maker);
		if (wake_at > now)
			(void) poll(NULL, 0, (int) ((wake_at - now) / USEC_PER_MS) + 1);
	}
	topic_maker_free(maker);
	return io == IO_OK &&
		   pg_facts_record_topic(replay->config, replay->facts.generation, topic, &partitions,
								 error) &&
		   topic_map_add(replay->topics, topic, partitions, error);
}

static bool
name_event(const Replay *replay, Error *error)
{
	char id[UUID_TEXT_SIZE];

	uuid_format(replay->row.id, id);
	return error_detail(error, "The event's id is %s.", id);
}

/* The row that is held; it stays held when there is no room. */
static bool
publish(Replay *replay, Error *error)
{
	const StoredRow *row = &replay->row;
	OutboxEvent event = pg_row_event(row);
	const char *problem = pg_row_problem(row);
	RoutedEvent routed;
	RouteResult result;
	DeliveryToken token;
	IoResult io;

	if (problem != NULL)
	{
		error_permanent(error, EXIT_POISON, "a row of outbox.event is no event: %s", problem);
		return row->no_id ? false : name_event(replay, error);
	}
	event.commit_time = clock_pg();
	event.replayed =
		view_of(replay->request->select.gap ? ENVELOPE_REPLAYED_GAP : ENVELOPE_REPLAYED_AGAIN);
	while ((result = router_route(replay->router, &event, &routed, error)) == ROUTE_UNKNOWN_TOPIC)
	{
		if (!make_topic(replay, routed.topic, error))
			return false;
	}
	if (result != ROUTE_OK)
		return name_event(replay, error);
	io = window_add(replay->window, replay->sent, routed.size, &token, error);
	if (io == IO_OK)
	{
		io = replay->sink->ops->publish(replay->sink, &routed, token, error);
		if (io != IO_OK)
			window_retract(replay->window, token);
	}
	if (io == IO_FAILED)
		return name_event(replay, error);
	replay->held = io == IO_FULL;
	if (!replay->held)
		replay->sent++;
	return true;
}

static bool
take_row(Replay *replay, Error *error)
{
	IoResult io;

	if (replay->held || replay->ended)
		return true;
	io = pg_rows_next(replay->rows, true, &replay->row, error);
	replay->ended = io == IO_END;
	replay->held = io == IO_OK;
	return io != IO_FAILED;
}

/* A producer that failed says so before the delivery that it failed of is reported. */
static bool
blame_delivery(Replay *replay, Error *error)
{
	MonoUsec give_up_at = clock_mono() + REPORT_USEC;

	while (error->error_class == ERROR_CLASS_TRANSIENT &&
		   replay->failure.error_class == ERROR_CLASS_NONE && window_events(replay->window) > 0 &&
		   clock_mono() < give_up_at)
	{
		if (replay->sink->ops->drain(replay->sink, settle, replay, REPORTS_PER_ROUND) == 0)
			(void) poll(NULL, 0, REPORT_POLL_MS);
	}
	if (replay->failure.error_class != ERROR_CLASS_NONE)
		*error = replay->failure;
	return false;
}

static bool
send_rows(Replay *replay, Error *error)
{
	while (!replay->ended || window_events(replay->window) > 0)
	{
		int reports = replay->sink->ops->drain(replay->sink, settle, replay, REPORTS_PER_ROUND);

		if (replay->failure.error_class != ERROR_CLASS_NONE)
		{
			*error = replay->failure;
			return false;
		}
		if (kafka_sink_refusal(replay->sink, error))
			return false;
		if (!take_row(replay, error))
			return false;
		if (replay->held && !publish(replay, error))
			return blame_delivery(replay, error);
		/* No room, or nothing but answers to wait for. */
		if (reports == 0 && (replay->held || replay->ended))
		{
			struct pollfd ready = {replay->sink->ops->fd(replay->sink), POLLIN, 0};

			(void) poll(&ready, 1, POLL_MS);
		}
	}
	return true;
}

static bool
replay_rows(Replay *replay, Error *error)
{
	bool ok;

	replay->router =
		router_create_with(&replay->config->route, replay->facts.source_id, replay->topics, error);
	ok = replay->router != NULL && open_sink(replay, error) && send_rows(replay, error);
	fprintf(replay->out, "acknowledged: %llu\n", (unsigned long long) replay->acknowledged);
	if (ok && replay->acknowledged != replay->survey.selected)
		return error_bug(error, "%llu events were selected and %llu acknowledged",
						 (unsigned long long) replay->survey.selected,
						 (unsigned long long) replay->acknowledged);
	if (ok)
		return !replay->request->select.gap || pg_rows_close_gap(replay->rows, error);
	if (error->hint[0] == '\0')
		error_hint(error, RUN_AGAIN);
	else if (error->detail[0] == '\0')
		error_detail(error, RUN_AGAIN);
	return false;
}

bool
replay_run(const RelayConfig *config, ReplayRequest *request, FILE *out, ReplaySayFn say, void *arg,
		   Error *error)
{
	Replay replay = {.config = config, .request = request, .out = out, .say = say, .arg = arg};
	bool ok;

	error_clear(&replay.failure);
	ok = look(&replay, error) && (request->dry_run || replay_rows(&replay, error));
	if (replay.sink != NULL)
		replay.sink->ops->close(replay.sink);
	pg_rows_close(replay.rows);
	window_free(replay.window);
	router_free(replay.router);
	topic_map_free(replay.topics);
	route_record_free(&replay.routing);
	select_args_free(&request->select);
	return ok;
}
