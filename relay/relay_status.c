/*
 * relay_status.c
 *	  What people and Prometheus are told of a relay.
 *
 * Refuses nothing; only reads.
 */
#include "relay_intern.h"

#include "exit_codes.h"

static const char *const state_names[] = {
	"connecting", "checking",  "standing by", "identifying", "settling", "comparing", "backfilling",
	"starting",	  "streaming", "draining",	  "marking",	 "closing",	 "waiting",	  "stopped"};

const char *
relay_state_name(RelayState state)
{
	return state_names[state];
}

static const char *const role_names[] = {"active", "standby", "none"};

const char *
relay_role_name(RelayRole role)
{
	return role_names[role];
}

static RelayRole
role_of(const Relay *relay)
{
	switch (relay->state)
	{
		case RELAY_STARTING:
		case RELAY_BACKFILLING:
		case RELAY_STREAMING:
		case RELAY_DRAINING:
		case RELAY_MARKING:
		case RELAY_CLOSING:
			return ROLE_ACTIVE;
		case RELAY_STANDING_BY:
			return ROLE_STANDBY;
		case RELAY_CHECKING:
			/* A standby looks again and again. */
			return relay->standby_pid != 0 && relay->registry != NULL ? ROLE_STANDBY : ROLE_NONE;
		default:
			return ROLE_NONE;
	}
}

static bool
postgres_is_up(const Relay *relay)
{
	return relay->registry != NULL && !relay->peers[PEER_POSTGRES].away &&
		   relay->state != RELAY_CONNECTING &&
		   (relay->state != RELAY_CHECKING || relay->standby_pid != 0);
}

int
relay_exit_code(const Relay *relay)
{
	return relay->stop_error.error_class == ERROR_CLASS_NONE ? EXIT_OK
															 : relay->stop_error.exit_code;
}

const Error *
relay_error(const Relay *relay)
{
	return &relay->stop_error;
}

const EventTrace *
relay_error_event(const Relay *relay)
{
	return &relay->stop_event;
}

void
relay_describe(const Relay *relay, MonoUsec now, PgUsec wall, RelayStatus *status)
{
	const PumpStats *pump = pump_stats(relay->pump);
	PgUsec oldest = pump_oldest_commit_time(relay->pump);
	PgLsn confirmed = pump_confirmed(relay->pump);

	*status = (RelayStatus){
		.state = relay->state,
		.role = role_of(relay),
		.ready = relay->state == RELAY_STREAMING || role_of(relay) == ROLE_STANDBY,
		.slot = relay->config->slot,
		.source_id = relay->facts.source_id,
		.generation = relay->facts.generation,
		.timeline = relay->identity.timeline,
		.confirmed = confirmed,
		.durable = pump_durable(relay->pump),
		.in_flight = pump_in_flight(relay->pump),
		.in_flight_bytes = pump_in_flight_bytes(relay->pump),
		.oldest_commit_time = oldest,
		.kafka_cut_off = relay->peers[PEER_KAFKA].cut_off ||
						 (relay->sink != NULL && kafka_sink_is_cut_off(relay->sink)),
		.dead_letter_waits = relay->burial_failed,
		.slot_pid = relay->state == RELAY_STANDING_BY ? relay->facts.slot_pid : 0,
		.sessions = relay->sessions,
		.sinks = relay->sinks,
		.fenced = relay->fenced,
		.backfilled = relay->backfilled,
		.grown_topics = topic_map_count(relay->grown),
		.drained = relay->drained,
		.pump = pump,
		.errors = relay->errors,
		.last_error = &relay->last_error,
		.last_error_at = relay->last_error_at,
		.transactions_settled = pump_transactions_settled(relay->pump),
		.lag_seconds = lag_seconds(&relay->lag, oldest != 0 ? wall - oldest : 0, now),
		.lag_bytes = pump->server_end > confirmed ? pump->server_end - confirmed : 0,
		.slot_facts = relay_slot_is_known(relay, now) ? &relay->slot : NULL,
		.server_version = relay->facts.server_version,
	};
	status->lag_is_known = status->role != ROLE_STANDBY;
	status->lag_bytes_known = relay->registry != NULL && status->role == ROLE_ACTIVE;
	status->peer_up[PEER_POSTGRES] = postgres_is_up(relay);
	status->peer_up[PEER_KAFKA] = relay->sink != NULL && !relay->peers[PEER_KAFKA].away &&
								  !status->kafka_cut_off &&
								  (relay->sink_answered || kafka_sink_has_answer(relay->sink));
	for (int i = 0; i < RELAY_PEERS; i++)
		status->recoveries[i] = relay->peers[i].recoveries;
}
