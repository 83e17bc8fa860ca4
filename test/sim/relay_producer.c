/*
 * relay_producer.c
 *	  kafka_sink.h for the simulation: an idempotent, gapless producer, or one of transactions.
 *
 *		publish -> held -- release, or now and then --> queue of its partition -> batch -> broker -> answer -> report
 *
 * A request and its answer may be lost, and come again; the broker appends a batch once.  A producer
 * that failed or was closed sends nothing more, but what it had sent may arrive yet.  Reports come
 * in any order.  One that is stopped with its process goes on when that does.
 */
#include "relay_producer.h"

#include "exit_codes.h"
#include "kafka_partition.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint32_t
sink_outstanding(const FakeSink *sink)
{
	return sink->outstanding;
}

bool
sink_is_ready(const FakeSink *sink)
{
	return sink->report_count > 0;
}

void
sink_report(FakeSink *sink, ReportKind kind, DeliveryToken token)
{
	SIM_CHECK(sink->report_count < REPORTS, "too many reports");
	sink->reports[sink->report_count++] = (Report){kind, token};
}

/* Of a stopped process nothing goes on. */
bool
sink_waits_for_process(const FakeSink *sink, SimAction action, void *object)
{
	if (sim.now >= sink->relay->paused_until || sink->closed)
		return false;
	sim_at(sink->relay->paused_until, action, object);
	return true;
}

/* -------------------------------------------------------------------------
 * failures
 * -------------------------------------------------------------------------
 */

/* Nothing more is sent; what has no report gets one. */
void
sink_fail(FakeSink *sink, const Lane *refused)
{
	if (sink->failed || sink->closed)
		return;
	sink->failed = true;
	for (int i = 0; i < PLACES; i++)
	{
		Lane *lane = &sink->lanes[i];

		for (unsigned n = 0; n < lane->count; n++)
		{
			const Message *message = &lane->messages[(lane->first + n) % MESSAGES];
			bool was_sent = n < lane->sent;

			if (lane == refused && was_sent)
				sink_report(sink, REPORT_POISON, message->token);
			else if (!sink->transactional)
				sink_report(sink, was_sent ? REPORT_UNKNOWN : REPORT_FAILED, message->token);
		}
	}
	/* Of a transaction what else went down with it is told once. */
	if (sink->transactional && refused == NULL)
		sink_report(sink, REPORT_FAILED, 0);
	SIM_TRACE("relay %d: the producer failed%s", sink->relay->number,
			  refused != NULL ? ", a batch was refused" : "");
}

void
sink_break(FakeSink *sink)
{
	sink_fail(sink, NULL);
}

/* -------------------------------------------------------------------------
 * the way of a batch
 * -------------------------------------------------------------------------
 */

static void arrive(void *object);

static void
send(Lane *lane)
{
	FakeSink *sink = lane->sink;

	if (lane->sent > 0 || lane->count == lane->held || sink->failed || sink->closed)
		return;
	lane->sent = 1 + (unsigned) sim_below(BATCH);
	if (lane->sent > lane->count - lane->held)
		lane->sent = lane->count - lane->held;
	lane->appended = false;
	sim_after(some_time(), arrive, lane);
}

static void
acknowledge(void *object)
{
	Lane *lane = object;
	FakeSink *sink = lane->sink;

	if (sink->closed || sink->failed || sink_waits_for_process(sink, acknowledge, lane))
		return;
	if (sim_chance(world->loss))
	{
		sim_after(some_time(), arrive, lane); /* the answer is lost: it comes again */
		return;
	}
	sink->answered = true;
	for (; lane->sent > 0; lane->sent--)
	{
		sink_report(sink, REPORT_DONE, lane->messages[lane->first].token);
		lane->first = (lane->first + 1) % MESSAGES;
		lane->count--;
	}
	send(lane);
}

static bool
is_refused(const Lane *lane)
{
	for (unsigned n = 0; n < lane->sent; n++)
	{
		if (world->events[lane->messages[(lane->first + n) % MESSAGES].event].poison)
			return true;
	}
	return false;
}

static void
append(Lane *lane)
{
	FakeSink *sink = lane->sink;

	for (unsigned n = 0; n < lane->sent; n++)
	{
		const Message *message = &lane->messages[(lane->first + n) % MESSAGES];
		Place *place = &world->broker.places[lane->place];

		broker_append(sink, lane->place, message->event, &message->position);
		if (!sink->transactional)
		{
			broker_accept(lane->place, &place->log[place->count - 1]);
			continue;
		}
		SIM_CHECK(sink->written_count < WRITTEN_MAX, "a Kafka transaction without an end");
		sink->written[sink->written_count++] = (Written){lane->place, place->count - 1};
	}
	lane->appended = true;
}

static void
arrive(void *object)
{
	Lane *lane = object;
	FakeSink *sink = lane->sink;

	if (lane->sent == 0 || ((sink->closed || sink->failed) && (sim_chance(50) || lane->appended)))
		return;
	if (!broker_is_up() || sim_chance(world->loss))
	{
		if (!sink->closed && !sink->failed)
			sim_at((broker_is_up() ? sim.now : world->broker.up_at) + some_time(), arrive, lane);
		return;
	}
	if (sink->transactional && world->broker.owner != sink)
	{
		sink->fenced = true;
		sink_fail(sink, NULL);
		return;
	}
	if (!lane->appended && is_refused(lane))
	{
		sink_fail(sink, lane);
		return;
	}
	if (!lane->appended)
		append(lane);
	if (!sink->closed && !sink->failed)
		sim_after(some_time(), acknowledge, lane);
}

/* -------------------------------------------------------------------------
 * the sink
 * -------------------------------------------------------------------------
 */

static Position
position_of(const RoutedEvent *event)
{
	char source_id[SOURCE_ID_MAX + 1];
	Position position;

	for (int i = 0; i < event->header_count; i++)
	{
		const RoutedHeader *header = &event->headers[i];

		if (header->name.len == strlen(ENVELOPE_HEADER_POSITION) &&
			memcmp(header->name.data, ENVELOPE_HEADER_POSITION, header->name.len) == 0 &&
			position_parse((const char *) header->value.data, header->value.len, source_id,
						   &position))
			return position;
	}
	sim_fail("R3: an event without a position");
}

/* Its id says it. */
static int
number_of(const RoutedEvent *event)
{
	char text[9] = "";
	unsigned long number;

	memcpy(text, event->headers[0].value.data, 8);
	number = strtoul(text, NULL, 16);
	SIM_CHECK(number < (unsigned long) world->event_count, "R3: the id %s", text);
	return (int) number;
}

void
sink_release(EventSink *base)
{
	FakeSink *sink = (FakeSink *) base;

	for (int i = 0; i < PLACES; i++)
	{
		Lane *lane = &sink->lanes[i];

		/* It would wait there for what is on its way. */
		if (lane->count - lane->held >= IN_FLIGHT && !sink->ending && sim_chance(80))
			continue;
		lane->held = 0;
		send(lane);
	}
}

static IoResult
publish(EventSink *base, const RoutedEvent *event, DeliveryToken token, Error *error)
{
	FakeSink *sink = (FakeSink *) base;
	int place = find_topic(event->topic) * PARTITIONS + kafka_partition(event);
	Lane *lane = &sink->lanes[place];
	Position position = position_of(event);

	if (sink->transactional && !sink->open)
		return IO_FULL;
	if (sink->failed)
	{
		error_transient(error, "the producer failed");
		return IO_FAILED;
	}
	if (sink->outstanding >= sink->room || lane->count == MESSAGES)
		return IO_FULL;
	sink_begin_transaction(sink);
	lane->messages[(lane->first + lane->count++) % MESSAGES] =
		(Message){token, number_of(event), position};
	lane->held++;
	sink->outstanding++;
	if (position.commit_lsn > sink->relay->published)
		sink->relay->published = position.commit_lsn;
	/* Its room for those of a round is limited. */
	if (sim_chance(10))
		sink_release(base);
	return IO_OK;
}

static void
give(FakeSink *sink, const Report *from, DeliveryFn deliver, void *arg)
{
	Delivery delivery = {.token = from->token};

	error_clear(&delivery.error);
	switch (from->kind)
	{
		case REPORT_DONE:
			delivery.written = sink->transactional;
			delivery.delivered = !sink->transactional;
			break;
		case REPORT_COMMITTED:
			sink->ending = sink->asked = sink->decided = false;
			sink->open = true;
			delivery.delivered = true;
			break;
		case REPORT_READY:
			sink->open = true;
			return;
		case REPORT_POISON:
			error_permanent(&delivery.error, EXIT_POISON, "too large");
			snprintf(delivery.error.code, sizeof(delivery.error.code), "MSG_SIZE_TOO_LARGE");
			delivery.certainly_not_persisted = true;
			break;
		default:
			error_transient(&delivery.error, "made up");
			delivery.certainly_not_persisted = from->kind == REPORT_FAILED && from->token != 0;
			break;
	}
	if (from->token != 0)
		sink->outstanding--;
	deliver(&delivery, arg);
}

static int
drain(EventSink *base, DeliveryFn deliver, void *arg, int max)
{
	FakeSink *sink = (FakeSink *) base;
	uint32_t held = 0;
	int given = 0;

	for (int i = 0; i < PLACES; i++)
		held += sink->lanes[i].held;
	SIM_CHECK(held == 0 || held < sink->outstanding || sink->failed,
			  "a round ended, and what was published is held for nothing");
	while (sink->report_count > 0 && given < max && (given == 0 || !sim_chance(5)))
	{
		unsigned i = (unsigned) sim_below(sink->report_count);
		Report taken = sink->reports[i];

		sink->reports[i] = sink->reports[--sink->report_count];
		give(sink, &taken, deliver, arg);
		given++;
	}
	/* They may have made room. */
	sink_release(base);
	sink_ask_for_end(sink);
	return given;
}

static int
fd(const EventSink *base)
{
	(void) base;
	return 3;
}

/* What it wrote in a transaction is aborted, if it has the time to say so. */
static void
close_sink(EventSink *base)
{
	FakeSink *sink = (FakeSink *) base;

	sink->closed = true;
	if (sink->relay->sink == sink)
		sink->relay->sink = NULL;
	if (sink->transactional && !world->dying && world->broker.owner == sink && broker_is_up() &&
		!sink->asked)
	{
		sink_abort_transaction(sink);
		world->broker.owner = NULL;
	}
}

static const EventSinkOps sink_ops = {publish, sink_release, drain, fd, close_sink, NULL};
static const EventSinkOps transactional_ops = {publish, sink_release, drain,
											   fd,		close_sink,	  sink_commit};

/* -------------------------------------------------------------------------
 * kafka_sink.h
 * -------------------------------------------------------------------------
 */

EventSink *
kafka_sink_open(const RelayConfig *config, uint32_t batch_bytes,
				const KafkaTransactions *transactions, const KafkaSinkHooks *hooks, Error *error)
{
	FakeSink *sink = sim_alloc(sizeof(*sink));

	(void) config, (void) batch_bytes, (void) hooks, (void) error;
	sink->base.ops = transactions != NULL ? &transactional_ops : &sink_ops;
	sink->relay = world->running;
	sink->timeline = world->running->relay->identity.timeline;
	sink->transactional = transactions != NULL;
	sink->room = (uint32_t) sim_between(1, MESSAGES);
	for (int i = 0; i < PLACES; i++)
	{
		sink->lanes[i].sink = sink;
		sink->lanes[i].place = i;
	}
	/* A second one only fences. */
	if (world->running->sink == NULL)
		world->running->sink = sink;
	if (transactions != NULL)
	{
		sink->written = sim_alloc(WRITTEN_MAX * sizeof(*sink->written));
		sim_after(some_time(), sink_initiate, sink);
	}
	return &sink->base;
}

bool
kafka_sink_is_ready(const EventSink *base)
{
	const FakeSink *sink = (const FakeSink *) base;

	return !sink->failed && (!sink->transactional || sink->open);
}

bool
kafka_sink_is_fenced(const EventSink *base)
{
	return ((const FakeSink *) base)->fenced;
}

bool
kafka_sink_refusal(EventSink *sink, Error *refusal)
{
	(void) sink, (void) refusal;
	return false;
}

bool
kafka_sink_has_answer(const EventSink *base)
{
	return ((const FakeSink *) base)->answered || broker_is_up();
}

bool
kafka_sink_is_cut_off(const EventSink *base)
{
	(void) base;
	return !broker_is_up();
}

bool
kafka_sink_probe(EventSink *base, int timeout_ms)
{
	(void) base, (void) timeout_ms;
	return broker_is_up();
}
