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

void
relay_describe(const Relay *relay, RelayStatus *status)
{
	*status = (RelayStatus){
		.state = relay->state,
		.ready = relay->state == RELAY_STREAMING || relay->state == RELAY_STANDING_BY,
		.reason = "",
		.slot = relay->config->slot,
		.source_id = relay->facts.source_id,
		.generation = relay->facts.generation,
		.timeline = relay->identity.timeline,
		.confirmed = pump_confirmed(relay->pump),
		.durable = pump_durable(relay->pump),
		.in_flight = pump_in_flight(relay->pump),
		.in_flight_bytes = pump_in_flight_bytes(relay->pump),
		.oldest_commit_time = pump_oldest_commit_time(relay->pump),
		.kafka_cut_off = relay->sink != NULL && kafka_sink_is_cut_off(relay->sink),
		.dead_letter_waits = relay->burial_failed,
		.slot_pid = relay->state == RELAY_STANDING_BY ? relay->facts.slot_pid : 0,
		.sessions = relay->sessions,
		.sinks = relay->sinks,
		.backfilled = relay->backfilled,
		.grown_topics = topic_map_count(relay->grown),
		.drained = relay->drained,
		.pump = pump_stats(relay->pump),
	};
	if (!status->ready)
		status->reason = relay_state_name(relay->state);
}
