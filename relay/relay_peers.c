/*
 * relay_peers.c
 *	  PostgreSQL and Kafka as peers: whether they answer, what went wrong, and the one line
 *	  that says that an outage is over.
 *
 * Refuses nothing: the class of an error decides what becomes of it (relay.c).
 *
 * Invariants: an outage is announced by its first error, and ends with one line; in between
 * equal complaints are logged once a minute with their number.
 */
#include "relay_intern.h"

#include "kafka_refusal.h"

#include <stdio.h>
#include <string.h>

#define REPEAT_USEC (60 * USEC_PER_SEC)
#define PROBE_USEC (2 * USEC_PER_SEC)
#define PROBE_MS 100
#define FIRST_ANSWER_USEC (5 * USEC_PER_SEC)
#define LOG_WARNING_LEVEL 4 /* of syslog */
#define STEADY_USEC (30 * USEC_PER_SEC)

static const char *const peer_names[] = {"postgres", "kafka"};
static const char *const recoveries[] = {"PostgreSQL is reachable again",
										 "Kafka is reachable again"};

const char *
relay_peer_name(RelayPeer peer)
{
	return peer_names[peer];
}

void
relay_note_error(Relay *relay, const Error *error)
{
	relay->errors[error->error_class]++;
	relay->last_error = *error;
	relay->last_error_at = clock_wall();
}

void
relay_peer_lost(Relay *relay, RelayPeer peer, MonoUsec now)
{
	PeerHealth *health = &relay->peers[peer];

	if (!health->away)
		*health = (PeerHealth){.away = true, .since = now, .recoveries = health->recoveries};
	health->failures++;
}

void
relay_peer_back(Relay *relay, RelayPeer peer, MonoUsec now)
{
	PeerHealth *health = &relay->peers[peer];
	char seconds[24];
	char failures[24];

	if (!health->away)
		return;
	snprintf(seconds, sizeof(seconds), "%.3f",
			 (double) (now - health->since) / (double) USEC_PER_SEC);
	snprintf(failures, sizeof(failures), "%llu", (unsigned long long) health->failures);
	log_event(LOG_LEVEL_INFO, recoveries[peer], "peer", peer_names[peer], "away_seconds", seconds,
			  "failures", failures, NULL);
	*health = (PeerHealth){.recoveries = health->recoveries + 1};
}

bool
relay_may_complain(Relay *relay, RelayPeer peer, const char *text, MonoUsec now,
				   unsigned long *suppressed)
{
	char kind[256];

	if (peer == PEER_KAFKA)
	{
		kafka_complaint_kind(text, kind, sizeof(kind));
		text = kind;
	}
	return log_repeat_pass(&relay->peers[peer].repeat, text, now, REPEAT_USEC, suppressed);
}

/* peer NULL: it says nothing of a peer. */
static void
fail(Relay *relay, const RelayPeer *peer, const Error *error, MonoUsec now)
{
	RelayPeer of = peer != NULL ? *peer : PEER_KAFKA;
	char delay[24];
	char count[LOG_COUNT_SIZE];
	unsigned long repeated;
	const EventTrace culprit = relay->culprit;

	relay_note_error(relay, error);
	relay->culprit = (EventTrace){0};
	if (relay_is_ending(relay))
	{
		/* No second chance at the end: what isn't marked comes again. */
		log_error(LOG_LEVEL_WARNING, error, "state", relay_state_name(relay->state),
				  EVENT_TRACE_FIELDS(&culprit), NULL);
		relay_end_session(relay);
		relay_set_state(relay, RELAY_STOPPED, now);
		return;
	}
	if (error->error_class != ERROR_CLASS_TRANSIENT)
	{
		relay->stop_error = *error;
		relay->stop_event = culprit;
		relay_begin_end(relay, now);
		return;
	}
	if (peer != NULL)
		relay_peer_lost(relay, of, now);
	if (relay_events_done(relay) > relay->done_at_start ||
		(relay->state == RELAY_STREAMING && now - relay->state_since > STEADY_USEC))
		backoff_reset(&relay->backoff);
	relay->done_at_start = relay_events_done(relay);
	relay->retry_at = backoff_next(&relay->backoff, now, &relay->random);
	if (relay->yield_until > relay->retry_at)
		relay->retry_at = relay->yield_until;
	snprintf(delay, sizeof(delay), "%lld", (long long) ((relay->retry_at - now) / USEC_PER_MS));
	if (relay_may_complain(relay, of, error->message, now, &repeated))
		log_error(LOG_LEVEL_WARNING, error, "peer", relay_peer_name(of), "state",
				  relay_state_name(relay->state), "retry_in_ms", delay, "repeated",
				  log_count(repeated, count), EVENT_TRACE_FIELDS(&culprit), NULL);
	relay_end_session(relay);
	relay_set_state(relay, RELAY_WAITING, now);
}

void
relay_fail(Relay *relay, const Error *error, MonoUsec now)
{
	static const RelayPeer peer = PEER_POSTGRES;

	fail(relay, &peer, error, now);
}

void
relay_fail_kafka(Relay *relay, const Error *error, MonoUsec now)
{
	static const RelayPeer peer = PEER_KAFKA;

	fail(relay, &peer, error, now);
}

void
relay_fail_session(Relay *relay, const Error *error, MonoUsec now)
{
	fail(relay, NULL, error, now);
}

void
relay_fail_unregistered(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	(void) relay_registration_is_gone(relay->config->slot, &error);
	relay_fail(relay, &error, now);
}

void
relay_kafka_complains(Relay *relay, int level, const char *text)
{
	/* That all are away says nothing of the reason, which came before. */
	if (level <= LOG_WARNING_LEVEL && strstr(text, "brokers are down") == NULL)
		snprintf(relay->kafka_trouble, sizeof(relay->kafka_trouble), "%s", text);
}

static void
note_cut_off(Relay *relay, MonoUsec now)
{
	Error error;

	error_clear(&error);
	error_transient(&error, "no Kafka broker answers");
	if (relay->kafka_trouble[0] != '\0')
		error_detail(&error, "The client's last complaint: %s", relay->kafka_trouble);
	relay_note_error(relay, &error);
	relay_peer_lost(relay, PEER_KAFKA, now);
	relay->peers[PEER_KAFKA].cut_off = true;
}

/* A producer that hasn't had an answer yet: does it wait for its first one, or in an outage? */
static bool
is_silent(const Relay *relay, MonoUsec now)
{
	return !relay->sink_answered &&
		   (relay->peers[PEER_KAFKA].cut_off || now - relay->sink_at >= FIRST_ANSWER_USEC);
}

/*
 * The client says when no broker answers any more, but not when one does again: a relay that
 * has nothing to send would never hear of it.  That another producer was made ends no outage: it
 * has to have an answer.
 */
void
relay_kafka_step(Relay *relay, MonoUsec now)
{
	PeerHealth *health = &relay->peers[PEER_KAFKA];

	if (relay->sink == NULL)
		return;
	relay->sink_answered = relay->sink_answered || kafka_sink_has_answer(relay->sink);
	if (kafka_sink_is_cut_off(relay->sink) || is_silent(relay, now))
	{
		bool known = health->cut_off;

		if (known && now < relay->probe_at)
			return;
		/* Whoever has nothing to send may never have asked. */
		if ((known || !kafka_sink_is_cut_off(relay->sink)) &&
			kafka_sink_probe(relay->sink, PROBE_MS))
			relay->sink_answered = true;
		else if (!known)
			note_cut_off(relay, now);
		relay->probe_at = now + PROBE_USEC;
		if (kafka_sink_is_cut_off(relay->sink) || !relay->sink_answered)
		{
			if (known)
				relay_peer_lost(relay, PEER_KAFKA, now);
			return;
		}
	}
	if (health->cut_off)
		relay_peer_back(relay, PEER_KAFKA, now);
}

MonoUsec
relay_kafka_wake_at(const Relay *relay)
{
	if (relay->sink == NULL)
		return MONO_NEVER;
	if (kafka_sink_is_cut_off(relay->sink) || relay->peers[PEER_KAFKA].cut_off)
		return relay->probe_at;
	return relay->sink_answered ? MONO_NEVER : relay->sink_at + FIRST_ANSWER_USEC;
}
