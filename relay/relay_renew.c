/*
 * relay_renew.c
 *	  Another configuration for a relay that runs.
 *
 * Refuses nothing: what only a restart can change was refused before.
 *
 * Invariants: a producer is replaced when it has nothing in flight, so that the next one begins
 * where it ended, without a hole and without a repetition.  One that can't get rid of its events
 * in time (its brokers are away, perhaps the very reason) is thrown away as after a failure.
 * Nothing goes to other brokers before what they hold was compared.
 */
#include "relay_intern.h"

#define SILENCE_USEC (60 * USEC_PER_SEC)

static WindowLimits
window_limits(const RelayConfig *config)
{
	return (WindowLimits){config->window_events, config->window_transactions, config->window_bytes};
}

PumpConfig
relay_pump_config(const RelayConfig *config)
{
	return (PumpConfig){.window = window_limits(config),
						.mark_interval_usec = config->mark_interval_usec,
						.mark_idle_bytes = config->mark_idle_bytes,
						.silence_usec = SILENCE_USEC,
						.gather_usec = config->gather_interval_usec,
						.transactions = relay_transaction_limits(config)};
}

/* A quarter of wal_sender_timeout at most. */
int64_t
relay_feedback_interval(const Relay *relay)
{
	int64_t interval_usec = relay->config->feedback_interval_usec;
	int64_t timeout_usec = relay->facts.wal_sender_timeout_ms * USEC_PER_MS;

	return timeout_usec > 0 && interval_usec > timeout_usec / 4 ? timeout_usec / 4 : interval_usec;
}

static void
set_backoff(Backoff *backoff, const RelayConfig *config)
{
	BackoffConfig settings = {config->reconnect_min_usec / 2, config->reconnect_min_usec,
							  config->reconnect_max_usec};

	backoff_init(backoff, &settings);
}

void
relay_reconfigure(Relay *relay, ProducerChange producer, MonoUsec now)
{
	const RelayConfig *config = relay->config;
	PumpConfig pump = relay_pump_config(config);

	if (relay_is_ending(relay))
		return;
	set_backoff(&relay->backoff, config);
	set_backoff(&relay->burial_backoff, config);
	/* What failed with the old settings may be mended. */
	if (relay->state == RELAY_WAITING)
		relay->retry_at = now;
	pump_configure(relay->pump, &pump, relay_feedback_interval(relay));
	relay->heartbeat_at = now;
	relay->maintain_at = now + config->maintain_interval_usec;
	if (producer == PRODUCER_STAYS)
		return;
	relay->elsewhere |= producer == PRODUCER_ELSEWHERE;
	relay->renewing = true;
	relay->renew_deadline = now + config->drain_timeout_usec;
	/* The rest of a transaction goes with its beginning. */
	if (config->exactly_once)
		pump_finish(relay->pump);
}

/* With transactions what is under way is read to its end. */
bool
relay_pauses_to_renew(const Relay *relay)
{
	return relay->renewing && !relay->config->exactly_once;
}

/* Whether this state goes on with a producer: the others get theirs in SETTLING. */
static bool
needs_sink(const Relay *relay)
{
	return relay->state == RELAY_COMPARING || relay->state == RELAY_BACKFILLING ||
		   relay->state == RELAY_STARTING || relay->state == RELAY_STREAMING;
}

/*
 * A producer of transactions has to fence off the one before, and to read its position; and other brokers may
 * be those of another cluster, without the topics or with positions above the server's: that is a start.
 */
static void
end_for_another(Relay *relay, MonoUsec now)
{
	log_event(LOG_LEVEL_INFO, "replacing the producer", "peer", relay_peer_name(PEER_KAFKA), NULL);
	pump_sink_lost(relay->pump);
	relay_close_sink(relay);
	relay_end_session(relay);
	relay->retry_at = now;
	relay_set_state(relay, RELAY_WAITING, now);
}

void
relay_renew_step(Relay *relay, MonoUsec now)
{
	WindowLimits limits = window_limits(relay->config);
	bool another;
	Error error;

	if (!relay->renewing)
		return;
	if (relay_is_ending(relay))
	{
		relay->renewing = false;
		return;
	}
	if (pump_in_flight(relay->pump) > 0 && now < relay->renew_deadline)
		return;
	relay->renewing = false;
	another = relay->elsewhere || relay->config->exactly_once;
	if (relay->elsewhere)
		relay->tail_is_known = false;
	relay->elsewhere = false;
	error_clear(&error);
	if (pump_in_flight(relay->pump) > 0)
	{
		error_transient(&error, "the producer was replaced with events in flight, they go again");
		relay_lose_sink(relay, &error, now);
	}
	else if (another && needs_sink(relay))
		end_for_another(relay, now);
	else
		relay_close_sink(relay);
	if (!pump_resize(relay->pump, &limits, &error))
	{
		relay_fail(relay, &error, now);
		return;
	}
	if (!needs_sink(relay) || !relay_open_sink(relay, now))
		return;
	/* A new client reads topics and limits anew. */
	if (relay->state == RELAY_COMPARING)
	{
		relay->next_topic = 0;
		relay_waits_no_more(relay);
	}
	log_event(LOG_LEVEL_INFO, "replaced the producer", "peer", relay_peer_name(PEER_KAFKA), NULL);
}
