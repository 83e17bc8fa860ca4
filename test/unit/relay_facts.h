/*
 * relay_facts.h
 *	  For tests of what is judged before a stream: the facts of a server that is as it must be.
 */
#ifndef OUTBOX_TEST_RELAY_FACTS_H
#define OUTBOX_TEST_RELAY_FACTS_H

#include "relay_check.h"

static inline RelayFacts
sound_relay_facts(void)
{
	return (RelayFacts){.server_version = 150020,
						.wal_level = "logical",
						.wal_sender_timeout_ms = 60000,
						.extension_found = true,
						.publication_found = true,
						.slot_found = true,
						.slot_here = true,
						.slot_confirmed = 400,
						.registered = true,
						.generation = 2,
						.source_id = "src",
						.system_identifier = "77",
						.timeline = 3,
						.start_lsn = 100,
						.mark_lsn = 500,
						.routing_kept = true};
}

#endif
