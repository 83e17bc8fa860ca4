/*
 * replay_send.c
 *	  Selected rows on their way to Kafka.
 *
 *	rows -> flight -> [topics] -> router -> window -> sink
 *
 * Refuses to go on after a delivery that failed for another reason than the event itself, and, under
 * poison.policy = stop, at an event that can't be published and isn't a dead letter yet.
 *
 * Invariants: a row stays in the flight until it was acknowledged or is a committed dead letter; a
 * row is fetched when there is room for it, so memory is bounded by the window.  An event is given up
 * on proof alone: its own fields or its size, or Kafka's answer to it when nothing else was in
 * flight.  So what was sent when a producer failed goes once more, one at a time, with a new one.
 */
#include "replay_send.h"

#include "exit_codes.h"
#include "kafka_sink.h"
#include "kafka_topics.h"
#include "pg_facts.h"
#include "pg_letter.h"
#include "pg_row.h"
#include "poison.h"
#include "window.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define REPORTS_PER_ROUND 1024
#define POLL_MS 1000
#define REPORT_USEC USEC_PER_SEC
#define REPORT_POLL_MS 50
#define COMMIT_LSN ((PgLsn) 1) /* for the window: all rows are one transaction */

typedef struct Sender
{
	const ReplayJob *job;
	ReplayCounts *counts;
	Router *router;
	EventSink *sink;
	DeliveryWindow *window;
	StoredRow **flight; /* by number, modulo room; NULL: done */
	uint64_t room;
	uint64_t oldest;	 /* everything below is done */
	uint64_t next;		 /* to be published */
	uint64_t fetched;	 /* the number of the next row */
	uint64_t lone_until; /* rows below go alone */
	uint64_t lone;		 /* the number of the last one that did, and 1 */
	bool ended;			 /* all rows are fetched */
	Error failure;		 /* of a delivery */
} Sender;

static StoredRow **
place(const Sender *sender, uint64_t number)
{
	return &sender->flight[number % sender->room];
}

static void
leave_done_rows(Sender *sender)
{
	while (sender->oldest < sender->next && *place(sender, sender->oldest) == NULL)
	{
		sender->oldest++;
	}
}

static void
row_is_done(Sender *sender, uint64_t number)
{
	free(*place(sender, number));
	*place(sender, number) = NULL;
	leave_done_rows(sender);
}

/* -------------------------------------------------------------------------
 * the producer
 * -------------------------------------------------------------------------
 */

static void
take_kafka_log(int level, const char *text, void *arg)
{
	const ReplayJob *job = arg;

	if (level <= 4)
		job->say(true, text, job->arg);
}

static void
settle(const Delivery *delivery, void *arg)
{
	Sender *sender = arg;
	Settled settled;

	if (!window_settle(sender->window, delivery->token, &settled))
		return;
	if (delivery->delivered)
	{
		sender->counts->acknowledged++;
		row_is_done(sender, settled.ordinal);
	}
	else if (sender->failure.error_class == ERROR_CLASS_NONE ||
			 (sender->failure.error_class == ERROR_CLASS_TRANSIENT &&
			  delivery->error.error_class == ERROR_CLASS_PERMANENT))
		sender->failure = delivery->error;
}

static int
drain(Sender *sender)
{
	return sender->sink->ops->drain(sender->sink, settle, sender, REPORTS_PER_ROUND);
}

static void
close_sink(Sender *sender)
{
	if (sender->sink != NULL)
		sender->sink->ops->close(sender->sink);
	sender->sink = NULL;
	window_free(sender->window);
	sender->window = NULL;
	error_clear(&sender->failure);
}

static bool
open_sink(Sender *sender, Error *error)
{
	const RelayConfig *config = sender->job->config;
	KafkaSinkHooks hooks = {take_kafka_log, (void *) sender->job};
	WindowLimits limits = {config->window_events, 1, config->window_bytes};

	close_sink(sender);
	sender->window = window_create(&limits);
	if (sender->window == NULL)
		return error_bug(error, "out of memory");
	sender->sink = kafka_sink_open(config, 0, NULL, &hooks, error);
	return sender->sink != NULL && window_begin(sender->window, COMMIT_LSN, 0, error) == IO_OK;
}

/* What is in flight is reported by and by: acknowledged, or lost with the producer. */
static void
wait_for_reports(Sender *sender, int64_t patience_usec)
{
	MonoUsec give_up_at = clock_mono() + patience_usec;

	while (sender->window != NULL && sender->sink != NULL && window_events(sender->window) > 0 &&
		   clock_mono() < give_up_at)
	{
		if (drain(sender) == 0)
		{
			struct pollfd ready = {sender->sink->ops->fd(sender->sink), POLLIN, 0};

			(void) poll(&ready, 1, REPORT_POLL_MS);
		}
	}
}

/* A topic that no relay has used: its count is recorded as a relay would. */
static bool
make_topic(Sender *sender, const char *name, Error *error)
{
	const ReplayJob *job = sender->job;
	char topic[TOPIC_NAME_MAX + 1];
	uint32_t partitions = 0;
	TopicMaker *maker;
	IoResult io;

	snprintf(topic, sizeof(topic), "%s", name);
	maker =
		topic_maker_start(sender->sink, job->config, topic, topic_map_count(job->topics), error);
	if (maker == NULL)
		return false;
	for (;;)
	{
		io = topic_maker_step(maker, clock_mono(), &partitions, error);
		if (io != IO_AGAIN)
			break;
		clock_sleep_until(topic_maker_wake_at(maker));
	}
	topic_maker_free(maker);
	return io == IO_OK &&
		   pg_facts_record_topic(job->config, job->facts->generation, topic, &partitions, error) &&
		   topic_map_add(job->topics, topic, partitions, error);
}

/* -------------------------------------------------------------------------
 * what can't be published
 * -------------------------------------------------------------------------
 */

static bool
name_event(const StoredRow *row, Error *error)
{
	char id[UUID_TEXT_SIZE];

	if (row->no_id)
		return false;
	uuid_format(row->id, id);
	return error_detail(error, "The event's id is %s.", id);
}

static void
say_buried(const Sender *sender, const StoredRow *row, LetterFate fate, const Error *why)
{
	char id[UUID_TEXT_SIZE];

	uuid_format(row->id, id);
	say_text(sender->job->say, sender->job->arg, true, "event %s %s: %s", id,
			 fate == LETTER_WRITTEN ? "was written to outbox.dead_letter"
									: "can't be published, and is in outbox.dead_letter already",
			 why->message);
}

/* false: *error, which says why the row can't be published, is what ends the replay. */
static bool
bury(Sender *sender, uint64_t number, const char *topic, Error *error)
{
	const ReplayJob *job = sender->job;
	StoredRow *row = *place(sender, number);
	bool write = job->config->poison_policy == POISON_DEAD_LETTER;
	LetterFate fate = LETTER_NONE;
	Error why = *error;

	/* Without an id nobody could tell whether it was written. */
	if (!row->no_id && (write || job->facts->dead_letters_readable) &&
		!pg_letter_bury(job->config, row, topic, &why, write, &fate, error))
		return false;
	if (fate == LETTER_NONE)
	{
		*error = why;
		return name_event(row, error);
	}
	say_buried(sender, row, fate, &why);
	if (fate == LETTER_WRITTEN)
		sender->counts->dead_lettered++;
	else
		sender->counts->dead_letters++;
	if (number == sender->next)
		sender->next++;
	row_is_done(sender, number);
	return true;
}

/* What isn't done goes again, alone, with another producer. */
static bool
start_over(Sender *sender, uint64_t lone_until, Error *error)
{
	if (lone_until > sender->lone_until)
		sender->lone_until = lone_until;
	sender->next = sender->oldest;
	sender->lone = 0;
	return open_sink(sender, error);
}

/* The name of the topic, for the dead letter; "" when it makes none. */
static void
topic_of(Sender *sender, const StoredRow *row, char topic[TOPIC_NAME_MAX + 1])
{
	OutboxEvent event = pg_row_event(row);
	RoutedEvent routed;
	RouteResult result;
	Error error;

	error_clear(&error);
	event.commit_time = clock_pg();
	event.replayed = view_of(sender->job->flag);
	result = router_route(sender->router, &event, &routed, &error);
	snprintf(topic, TOPIC_NAME_MAX + 1, "%s", result == ROUTE_REJECTED ? "" : routed.topic);
}

/* *error: of the producer, or of a delivery. */
static bool
recover(Sender *sender, Error *error)
{
	char topic[TOPIC_NAME_MAX + 1];
	uint64_t culprit = sender->lone - 1;

	/* A producer that failed says so before the deliveries that it failed of are reported. */
	wait_for_reports(sender, REPORT_USEC);
	if (sender->failure.error_class != ERROR_CLASS_NONE)
		*error = sender->failure;
	if (!poison_is(error))
		return false;
	if (sender->lone > 0 && *place(sender, culprit) != NULL)
	{
		topic_of(sender, *place(sender, culprit), topic);
		if (!bury(sender, culprit, topic[0] != '\0' ? topic : NULL, error))
			return false;
	}
	return start_over(sender, sender->next, error);
}

/* -------------------------------------------------------------------------
 * out
 * -------------------------------------------------------------------------
 */

/* IO_FAILED: *error, and *proven when another producer would say the same of this row. */
static IoResult
publish(Sender *sender, bool *proven, char topic[TOPIC_NAME_MAX + 1], Error *error)
{
	const StoredRow *row = *place(sender, sender->next);
	OutboxEvent event = pg_row_event(row);
	const char *problem = pg_row_problem(row);
	RoutedEvent routed;
	RouteResult result;
	DeliveryToken token;
	IoResult io;

	*proven = true;
	topic[0] = '\0';
	if (problem != NULL)
	{
		error_permanent(error, EXIT_POISON, "a row of outbox.event is no event: %s", problem);
		return IO_FAILED;
	}
	event.commit_time = clock_pg();
	event.replayed = view_of(sender->job->flag);
	while ((result = router_route(sender->router, &event, &routed, error)) == ROUTE_UNKNOWN_TOPIC)
	{
		snprintf(topic, TOPIC_NAME_MAX + 1, "%s", routed.topic);
		if (!make_topic(sender, routed.topic, error))
			return IO_FAILED;
	}
	if (result != ROUTE_OK)
		return IO_FAILED;
	snprintf(topic, TOPIC_NAME_MAX + 1, "%s", routed.topic);
	io = window_add(sender->window, sender->next, routed.size, &token, error);
	if (io != IO_OK)
		return io;
	io = sender->sink->ops->publish(sender->sink, &routed, token, error);
	if (io != IO_OK)
		window_retract(sender->window, token);
	/* Its size is its own; that a topic is forbidden, the client may only remember. */
	*proven = poison_cause_of(error->code) == POISON_TOO_LARGE;
	return io;
}

static bool
take_row(Sender *sender, Error *error)
{
	StoredRow row;
	StoredRow **to = place(sender, sender->fetched);
	IoResult io;

	if (sender->ended || sender->next < sender->fetched ||
		sender->fetched - sender->oldest >= sender->room)
		return true;
	io = pg_rows_next(sender->job->rows, true, &row, error);
	sender->ended = io == IO_END;
	if (io != IO_OK)
		return io == IO_END;
	*to = pg_row_copy(&row);
	if (*to == NULL)
		return error_bug(error, "out of memory");
	sender->fetched++;
	return true;
}

/* One row, if one may go now; *waits: it may not. */
static bool
step(Sender *sender, bool *waits, Error *error)
{
	char topic[TOPIC_NAME_MAX + 1];
	bool alone = sender->next < sender->lone_until;
	bool proven;

	*waits = true;
	if (sender->next == sender->fetched ||
		((alone || sender->lone > 0) && window_events(sender->window) > 0))
		return true;
	sender->lone = 0;
	if (*place(sender, sender->next) == NULL)
	{
		sender->next++;
		leave_done_rows(sender);
		*waits = false;
		return true;
	}
	switch (publish(sender, &proven, topic, error))
	{
		case IO_OK:
			sender->next++;
			if (alone)
				sender->lone = sender->next;
			*waits = false;
			return true;
		case IO_FULL:
			return true;
		default:
			break;
	}
	*waits = false;
	if (poison_is(error) && (proven || alone))
		return bury(sender, sender->next, topic[0] != '\0' ? topic : NULL, error);
	if (poison_is(error))
	{
		wait_for_reports(sender, sender->job->config->drain_timeout_usec);
		return start_over(sender, sender->next + 1, error);
	}
	return recover(sender, error);
}

static bool
send_rows(Sender *sender, Error *error)
{
	while (!sender->ended || sender->oldest < sender->fetched)
	{
		bool waits;
		int reports = drain(sender);

		if (kafka_sink_refusal(sender->sink, error))
			return false;
		if (sender->failure.error_class != ERROR_CLASS_NONE)
		{
			if (!recover(sender, error))
				return false;
			continue;
		}
		if (!take_row(sender, error) || !step(sender, &waits, error))
			return false;
		/* No room, or nothing but answers to wait for. */
		if (reports == 0 && waits &&
			(window_events(sender->window) > 0 || sender->next < sender->fetched))
		{
			struct pollfd ready = {sender->sink->ops->fd(sender->sink), POLLIN, 0};

			(void) poll(&ready, 1, POLL_MS);
		}
	}
	return true;
}

bool
replay_send(const ReplayJob *job, ReplayCounts *counts, Error *error)
{
	Sender sender = {.job = job, .counts = counts, .room = job->config->window_events};
	bool ok;

	*counts = (ReplayCounts){0};
	sender.flight = calloc(sender.room, sizeof(*sender.flight));
	if (sender.flight == NULL)
		return error_bug(error, "out of memory");
	sender.router =
		router_create_with(&job->config->route, job->facts->source_id, job->topics, error);
	ok = sender.router != NULL && open_sink(&sender, error) && send_rows(&sender, error);
	if (!ok)
		wait_for_reports(&sender, job->config->drain_timeout_usec);
	close_sink(&sender);
	router_free(sender.router);
	for (uint64_t i = 0; i < sender.room; i++)
	{
		free(sender.flight[i]);
	}
	free(sender.flight);
	return ok;
}
