/*
 * relay_routing.c
 *	  The routing map of this relay against the one that is recorded: the settings that decide
 *	  where an event goes, and the partition counts.
 *
 * Refuses settings that put an event elsewhere than those that are recorded: one that was
 * sent and not confirmed before a crash could come again into a partition where readers are
 * past its position, and be dropped.  Refuses as well to go on with a map that another
 * generation has replaced.
 *
 * Invariants: where nothing is recorded, the settings are committed before the first event is
 * published, by a relay that found the slot free; the first one to record wins.
 */
#include "relay_intern.h"

#include "exit_codes.h"

#include <stdlib.h>

bool
relay_check_routing(const Relay *relay, Error *error)
{
	RouteRecord recorded;
	RouteRecord mine;
	bool ok;

	if (!route_record_parse(&recorded, registry_routing(relay->registry), error))
		return false;
	if (!route_record_is_set(&recorded))
		return true;
	ok = route_record_make(&mine, &relay->config->route, error) &&
		 route_record_check(&recorded, &mine, error);
	route_record_free(&mine);
	route_record_free(&recorded);
	return ok;
}

void
relay_record_routing(Relay *relay, MonoUsec now)
{
	RouteRecord mine;
	char *text = NULL;
	Error error;

	relay->routing_recorded =
		!relay->facts.routing_kept || registry_routing(relay->registry) != NULL;
	if (!relay->facts.routing_kept && !relay->routing_unkept)
		log_event(LOG_LEVEL_WARNING,
				  "the extension has no room for the routing settings, so that a change of them "
				  "goes unnoticed: ALTER EXTENSION pg_outbox UPDATE",
				  NULL);
	relay->routing_unkept = !relay->facts.routing_kept;
	if (relay->routing_recorded)
		return;
	error_clear(&error);
	if (route_record_make(&mine, &relay->config->route, &error))
	{
		text = route_record_text(&mine);
		relay->routing_in_flight =
			text != NULL && registry_record_routing(relay->registry, relay->facts.generation, text);
		if (!relay->routing_in_flight)
			error_bug(&error, "out of memory");
	}
	free(text);
	route_record_free(&mine);
	if (!relay->routing_in_flight)
		relay_fail(relay, &error, now);
}

void
relay_take_routing(Relay *relay, const RegistryReply *reply, MonoUsec now)
{
	Error error;

	relay->routing_in_flight = false;
	if (reply->failed)
	{
		relay_fail(relay, &reply->error, now);
		return;
	}
	if (reply->rows == 1)
	{
		relay->routing_recorded = true;
		log_event(LOG_LEVEL_INFO, "recorded the settings that decide where events go", "slot",
				  relay->config->slot, NULL);
		return;
	}
	/* What another relay recorded in this very moment is read with the next connection. */
	error_clear(&error);
	error_transient(&error, "another relay recorded its routing settings first");
	relay_fail(relay, &error, now);
}

static bool
is_replaced(const Relay *relay, Error *error)
{
	error_permanent(error, EXIT_ROUTING,
					"the routing map was replaced: it is of generation %u, was of %u",
					relay->facts.generation, relay->map_generation);
	return error_hint(error, "outbox-relay repartition or init --accept-gap was run. Start this "
							 "relay again if it is the one that shall run.");
}

bool
relay_load_topics(Relay *relay, Error *error)
{
	if (relay->map_generation != 0 && relay->map_generation != relay->facts.generation)
		return is_replaced(relay, error);
	if (relay->router == NULL)
	{
		relay->router =
			router_create_with(&relay->config->route, relay->facts.source_id, relay->topics, error);
		if (relay->router == NULL)
			return false;
	}
	relay->map_generation = relay->facts.generation;
	for (int i = 0; i < registry_topic_count(relay->registry); i++)
	{
		uint32_t partitions;
		const char *topic = registry_topic(relay->registry, i, &partitions);

		if (!topic_map_add(relay->topics, topic, partitions, error))
			return false;
	}
	return true;
}
