/*
 * relay_slot.c
 *	  A look at the slot now and then, for people and for Prometheus, and how far Kafka is
 *	  behind the server.
 *
 * Refuses nothing; a look that fails is tried again with the next one.
 *
 * Invariants: what was seen is forgotten with the connection that it was seen by, and when it is
 * older than three looks: nothing old looks like news.
 */
#include "relay_intern.h"

#include "exit_codes.h"

#include <string.h>

#define SLOT_KNOWN_USEC (3 * SLOT_LOOK_USEC + 5 * USEC_PER_SEC)

void
relay_slot_begin(Relay *relay, MonoUsec now)
{
	lag_stream(&relay->lag, relay->identity.flushed, pump_confirmed(relay->pump), now);
	relay->slot_at = now;
}

void
relay_slot_end(Relay *relay, MonoUsec now)
{
	relay->slot_in_flight = false;
	relay->slot.found = false;
	lag_no_stream(&relay->lag, now);
}

void
relay_slot_look(Relay *relay, MonoUsec now)
{
	if (relay->slot_in_flight || now < relay->slot_at)
		return;
	relay->slot_at = now + SLOT_LOOK_USEC;
	relay->slot_in_flight = registry_ask_slot_facts(relay->registry);
}

MonoUsec
relay_slot_wake_at(const Relay *relay)
{
	return relay->slot_in_flight ? MONO_NEVER : relay->slot_at;
}

void
relay_server_at(Relay *relay, PgLsn server_end, MonoUsec now)
{
	pump_server_at(relay->pump, server_end);
	lag_server_at(&relay->lag, server_end, pump_confirmed(relay->pump), now);
}

void
relay_slot_take(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	relay->slot_in_flight = false;
	if (reply->failed)
		return;
	relay->slot = reply->u.slot;
	relay->slot_seen_at = now;
	relay_server_at(relay, relay->slot.server_end, now);
}

bool
relay_slot_is_known(const Relay *relay, MonoUsec now)
{
	return relay->registry != NULL && relay->slot.found &&
		   now - relay->slot_seen_at < SLOT_KNOWN_USEC;
}

void
relay_tell_gap(Relay *relay)
{
	Error error;

	if (!relay->facts.gap_open || relay->gap_told)
		return;
	relay->gap_told = true;
	error_clear(&error);
	error_permanent(&error, EXIT_GAP,
					"an accepted gap is open: what the lost slot may have missed wasn't published");
	error_hint(&error,
			   "outbox-relay replay --gap publishes it, as long as outbox.event has it; where "
			   "outbox-consumer reads the topics see docs/operations.md, \"A gap\".");
	log_error(LOG_LEVEL_WARNING, &error, "slot", relay->config->slot, NULL);
}
