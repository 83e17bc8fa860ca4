/*
 * relay.c
 *	  The conductor: connections, states, and what becomes of a verdict.
 *
 * Refuses nothing itself: the class of an error decides.  TRANSIENT: let go of
 * PostgreSQL, wait, begin again.  All else: stop reading, let what is in flight
 * settle, commit the mark, and stop with the error's exit code.
 *
 * Invariants: one round has a fixed order (deliveries, status updates, reading,
 * output, time); delivery reports are taken in every state; when the ordinary
 * connection is lost, the replication connection is dropped at once, for a
 * walsender in a fast shutdown waits until all that it sent is confirmed.
 */
#include "relay_intern.h"

#include <poll.h>
#include <stdlib.h>

#define SOON_USEC (10 * USEC_PER_MS)

void
relay_set_state(Relay *relay, RelayState state, MonoUsec now)
{
	if (relay->state != state)
		log_event(state == RELAY_STREAMING ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG,
				  relay_state_name(state), "slot", relay->config->slot, NULL);
	relay->state = state;
	relay->state_since = now;
}

Relay *
relay_create(const RelayConfig *config, Poller *poller, MonoUsec now, Error *error)
{
	BackoffConfig backoff = {config->reconnect_min_usec / 2, config->reconnect_min_usec,
							 config->reconnect_max_usec};
	BackoffConfig topic_backoff = {50 * USEC_PER_MS, 100 * USEC_PER_MS, 2 * USEC_PER_SEC};
	PumpConfig pump = relay_pump_config(config);
	Relay *relay = calloc(1, sizeof(*relay));

	if (relay == NULL)
	{
		error_bug(error, "out of memory");
		return NULL;
	}
	relay->config = config;
	relay->poller = poller;
	relay->registry_slot = poller_add(poller);
	relay->source_slot = poller_add(poller);
	relay->sink_slot = poller_add(poller);
	backoff_init(&relay->backoff, &backoff);
	backoff_init(&relay->topic_backoff, &topic_backoff);
	backoff_init(&relay->burial_backoff, &backoff);
	random_seed(&relay->random, random_seed_from_system());
	relay->pump = pump_create(&pump);
	relay->topics = topic_map_create();
	relay->forbidden = topic_map_create();
	relay->grown = topic_map_create();
	if (relay->pump == NULL || relay->topics == NULL || relay->forbidden == NULL ||
		relay->grown == NULL)
	{
		error_bug(error, "out of memory");
		relay_free(relay);
		return NULL;
	}
	relay->state = RELAY_CONNECTING;
	relay->state_since = now;
	relay->now = now;
	lag_init(&relay->lag, now);
	return relay;
}

void
relay_end_session(Relay *relay)
{
	relay_drop_topic(relay);
	relay_drop_burial(relay);
	kafka_tail_free(relay->tail);
	relay->tail = NULL;
	relay->flushed_asked = relay->flushed_known = false;
	if (relay->delivery != DELIVERY_KNOWN)
		relay_forget_delivery(relay);
	/* First the one that a server in shutdown waits for. */
	pg_source_free(relay->source);
	relay->source = NULL;
	relay->stream = NULL;
	relay->source_full = false;
	registry_free(relay->registry);
	relay->registry = NULL;
	relay->mark_in_flight = false;
	relay->heartbeat_in_flight = false;
	relay->maintain_in_flight = false;
	relay->publication_in_flight = false;
	relay->routing_in_flight = false;
	relay->standby_pid = 0;
	relay_slot_end(relay, relay->now);
	relay_drop_torn(relay);
	pump_source_lost(relay->pump);
}

void
relay_free(Relay *relay)
{
	if (relay == NULL)
		return;
	if (relay->pump != NULL)
		relay_end_session(relay);
	relay_close_sink(relay);
	router_free(relay->router);
	topic_map_free(relay->topics);
	topic_map_free(relay->forbidden);
	topic_map_free(relay->grown);
	pump_free(relay->pump);
	free(relay);
}

/* -------------------------------------------------------------------------
 * when something goes wrong, or somebody says stop
 * -------------------------------------------------------------------------
 */

uint64_t
relay_events_done(const Relay *relay)
{
	const PumpStats *stats = pump_stats(relay->pump);
	uint64_t count = stats->events_settled;

	for (int i = 0; i < POISON_CAUSE_COUNT; i++)
		count += stats->dead_lettered[i];
	return count;
}

/* Whether to go on in this round. */
bool
relay_take_verdict(Relay *relay, PumpVerdict verdict, const Error *error, MonoUsec now)
{
	switch (verdict)
	{
		case PUMP_MORE:
			return true;
		case PUMP_IDLE:
		case PUMP_HELD:
			return false;
		case PUMP_TOPIC:
			relay_want_topic(relay);
			return true;
		case PUMP_POISON:
			return relay_bury(relay, error, now);
		case PUMP_SINK_LOST:
			relay_lose_sink(relay, error, now);
			return false;
		case PUMP_SOURCE_LOST:
			relay_lose_source(relay, error, now);
			return false;
		default:
			relay_fail(relay, error, now);
			return false;
	}
}

/* -------------------------------------------------------------------------
 * one round
 * -------------------------------------------------------------------------
 */

/* Replies of the ordinary connection, and the news that it is gone. */
static void
listen_to_registry(Relay *relay, MonoUsec now)
{
	while (relay->registry != NULL && relay->state != RELAY_BACKFILLING)
	{
		RegistryReply reply;
		Error error;

		error_clear(&error);
		switch (registry_next(relay->registry, now, &reply, &error))
		{
			case IO_OK:
				relay_take_reply(relay, &reply, now);
				break;
			case IO_AGAIN:
				return;
			default:
				relay_fail(relay, &error, now);
				return;
		}
	}
}

bool
relay_flush_source(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	switch (relay->stream->ops->flush(relay->stream, &error))
	{
		case IO_OK:
			relay->source_full = false;
			return true;
		case IO_AGAIN:
			relay->source_full = true;
			return true;
		default:
			relay_fail(relay, &error, now);
			return false;
	}
}

bool
relay_report(Relay *relay, MonoUsec now, PgUsec wall)
{
	PumpVerdict verdict;
	Error error;

	error_clear(&error);
	verdict = pump_report(relay->pump, relay->stream, now, wall, &error);
	if (verdict == PUMP_IDLE)
		return true;
	(void) relay_take_verdict(relay, verdict, &error, now);
	return false;
}

bool
relay_read_stream(Relay *relay, MonoUsec now)
{
	PumpVerdict verdict;
	Error error;

	if (relay->topic_wanted || relay->burial != BURIAL_NONE || relay_pauses_to_renew(relay))
	{
		relay->reading = false;
		return false;
	}
	error_clear(&error);
	verdict = pump_read(relay->pump, relay->stream, relay->sink, now, &error);
	relay->reading = verdict == PUMP_IDLE;
	return relay_take_verdict(relay, verdict, &error, now) &&
		   (relay->state == RELAY_STREAMING || relay_finishes(relay));
}

static bool
stream_step(Relay *relay, MonoUsec now, PgUsec wall)
{
	bool more;

	if (!relay_report(relay, now, wall))
		return true;
	more = relay_read_stream(relay, now);
	if (relay->state == RELAY_STREAMING)
		relay_chores_step(relay, now);
	if (relay->state == RELAY_STREAMING)
		(void) relay_flush_source(relay, now);
	return more;
}

/* Rows that nobody fetches would wake us up again and again. */
static bool
hears_registry(const Relay *relay)
{
	return relay->registry != NULL && (relay->state != RELAY_BACKFILLING ||
									   (!relay->backfill.held && !relay_pauses_to_renew(relay)));
}

static void
watch(Relay *relay, MonoUsec now)
{
	bool gathers = pump_gather_at(relay->pump, now) != MONO_NEVER;
	Poller *poller = relay->poller;
	short source_events = 0;

	if (hears_registry(relay))
		poller_watch(poller, relay->registry_slot, registry_fd(relay->registry),
					 registry_events(relay->registry));
	else
		poller_watch(poller, relay->registry_slot, -1, 0);

	if (relay->state == RELAY_IDENTIFYING || relay->state == RELAY_STARTING)
		source_events = pg_source_events(relay->source);
	else if (relay->stream != NULL)
		source_events = (short) ((relay->reading && !gathers &&
										  (relay->state == RELAY_STREAMING || relay_finishes(relay))
									  ? POLLIN
									  : 0) |
								 (relay->source_full ? POLLOUT : 0));
	poller_watch(poller, relay->source_slot,
				 relay->source != NULL
					 ? pg_source_stream(relay->source)->ops->fd(pg_source_stream(relay->source))
					 : -1,
				 source_events);
	poller_watch(poller, relay->sink_slot,
				 relay->sink != NULL && !gathers ? relay->sink->ops->fd(relay->sink) : -1, POLLIN);
}

static MonoUsec
earlier(MonoUsec a, MonoUsec b)
{
	return a < b ? a : b;
}

static MonoUsec
wake_up(const Relay *relay, MonoUsec now)
{
	MonoUsec wake_at = hears_registry(relay) ? registry_wake_at(relay->registry) : MONO_NEVER;

	wake_at = earlier(wake_at, pump_gather_at(relay->pump, now));
	if (relay->state == RELAY_STREAMING)
		wake_at = earlier(wake_at, pump_fill_at(relay->pump, now));
	wake_at = earlier(wake_at, relay_kafka_wake_at(relay));
	if (relay->renewing)
		wake_at = earlier(wake_at, relay->renew_deadline);
	if (relay->burial == BURIAL_WAITING)
		wake_at = earlier(wake_at, relay->burial_retry_at);
	wake_at = earlier(wake_at, relay_topic_wake_at(relay, now));
	switch (relay->state)
	{
		case RELAY_CONNECTING:
			return now;
		case RELAY_WAITING:
			return earlier(wake_at, relay->retry_at);
		case RELAY_STANDING_BY:
			return relay->slot_asked ? wake_at : earlier(wake_at, relay->retry_at);
		case RELAY_IDENTIFYING:
		case RELAY_STARTING:
			return earlier(wake_at, now + USEC_PER_SEC); /* its deadline is its own */
		case RELAY_COMPARING:
			if (!relay->routing_recorded || (relay->flushed_asked && !relay->flushed_known))
				return wake_at;
			if (relay->tail != NULL)
				return earlier(wake_at, kafka_tail_wake_at(relay->tail));
			return relay_is_comparing_topics(relay)
					   ? (relay->look_at > now ? relay->look_at : now)
					   : earlier(wake_at, relay_delivery_wake_at(relay, now));
		case RELAY_SETTLING:
			return pump_in_flight(relay->pump) == 0 ? now : wake_at;
		case RELAY_STREAMING:
			return earlier(earlier(wake_at, relay_chores_wake_at(relay)),
						   earlier(pump_wake_at(relay->pump), pump_transact_wake_at(relay->pump)));
		case RELAY_DRAINING:
		case RELAY_MARKING:
		case RELAY_CLOSING:
			return earlier(earlier(wake_at, pump_wake_at(relay->pump)),
						   relay->state == RELAY_CLOSING ? now + SOON_USEC : relay->drain_deadline);
		default:
			return earlier(wake_at, pump_transact_wake_at(relay->pump));
	}
}

bool
relay_step(Relay *relay, MonoUsec now, PgUsec wall, MonoUsec *wake_at)
{
	bool more;

	relay->now = now;
	/* Reports come in together, too, while the stream is gathered. */
	more = pump_gather_at(relay->pump, now) == MONO_NEVER && relay_settle(relay, now, wall);
	relay_take_refusal(relay, now);
	relay_renew_step(relay, now);
	relay_kafka_step(relay, now);
	lag_confirmed(&relay->lag, pump_confirmed(relay->pump));
	listen_to_registry(relay, now);
	relay_topic_step(relay, now);
	relay_burial_step(relay, now);
	switch (relay->state)
	{
		case RELAY_STREAMING:
			more |= stream_step(relay, now, wall);
			break;
		case RELAY_BACKFILLING:
			more |= relay_backfill_step(relay, now);
			break;
		case RELAY_DRAINING:
		case RELAY_MARKING:
		case RELAY_CLOSING:
			more |= relay_drain_step(relay, now, wall);
			break;
		case RELAY_STOPPED:
			break;
		default:
			relay_session_step(relay, now);
			more |= relay->state == RELAY_STREAMING;
			break;
	}
	if (relay->sink != NULL)
		relay->sink->ops->release(relay->sink);
	relay_transact(relay, now);
	watch(relay, now);
	*wake_at = more ? now : wake_up(relay, now);
	return relay->state != RELAY_STOPPED;
}
