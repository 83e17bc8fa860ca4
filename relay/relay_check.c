/*
 * relay_check.c
 *	  The rules that keep a relay from streaming over a gap.
 *
 * Refuses, in this order: a server that can't do it, a database without
 * extension or registration, a publication that isn't as it must be, a slot that
 * is missing, lost, another one, or ahead of the mark, another or an older
 * server, and a Kafka that is ahead of the server.  Two connections that lead to
 * different servers are tried again.
 *
 * Invariants: a slot behind the mark is what a crash leaves, and fine; one ahead
 * of it was moved by somebody else, because the mark is committed before the
 * server is told, unless a standby was promoted that had copied the slot.
 */
#include "relay_check.h"

#include "exit_codes.h"

#include <string.h>

static bool
gap_hint(Error *error)
{
	return error_hint(
		error, "Events may be missing in Kafka. Their rows are still in outbox.event as "
			   "far as its retention reaches. To publish them: outbox-relay init "
			   "--accept-gap, start the relay, then outbox-relay replay --gap. Where "
			   "outbox-consumer reads the topics replay nothing: docs/operations.md, \"A gap\", "
			   "has the way for that.");
}

bool
relay_check_server(const RelayFacts *facts, Error *error)
{
	if (facts->server_version < RELAY_SERVER_VERSION_MIN)
		return error_permanent(error, EXIT_SERVER,
							   "PostgreSQL %d is too old: version %d or later is needed",
							   facts->server_version / 10000, RELAY_SERVER_VERSION_MIN / 10000);
	if (facts->in_recovery)
	{
		error_transient(error, "the server is in recovery: marks can't be written");
		return error_hint(error, "Of several hosts, target_session_attrs=read-write takes the "
								 "primary.");
	}
	if (strcmp(facts->wal_level, "logical") != 0 &&
		(facts->server_version < RELAY_DYNAMIC_WAL_VERSION_MIN ||
		 strcmp(facts->wal_level, "replica") != 0))
	{
		const char *least =
			facts->server_version < RELAY_DYNAMIC_WAL_VERSION_MIN ? "logical" : "replica";

		error_permanent(error, EXIT_SERVER, "wal_level is \"%s\" and must be \"%s\"",
						facts->wal_level, least);
		return error_hint(error, "Set wal_level = %s and restart the server.", least);
	}
	return true;
}

bool
relay_check_database(const RelayFacts *facts, Error *error)
{
	if (!relay_check_server(facts, error))
		return false;
	if (!facts->extension_found)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the extension \"pg_outbox\" isn't in this database");
		return error_hint(error,
						  "CREATE EXTENSION pg_outbox (or load pg_outbox-managed.sql), then run "
						  "outbox-relay init.");
	}
	return true;
}

bool
relay_check_registration(const RelayFacts *facts, const char *slot, Error *error)
{
	if (!facts->registered)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED, "no relay is registered for the slot \"%s\"",
						slot);
		return error_hint(error, "Run outbox-relay init.");
	}
	if (facts->creating)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the registration of the slot \"%s\" isn't finished", slot);
		return error_hint(error, "Run outbox-relay init again.");
	}
	return true;
}

bool
relay_check_publication(const RelayFacts *facts, const char *publication, Error *error)
{
	if (!facts->publication_found)
		error_permanent(error, EXIT_PUBLICATION, "the publication \"%s\" doesn't exist",
						publication);
	else if (facts->publication_problem[0] != '\0')
		error_permanent(error, EXIT_PUBLICATION, "the publication \"%s\" isn't as it must be: %s",
						publication, facts->publication_problem);
	else
		return true;
	return error_hint(error,
					  "outbox-relay init makes it so. Events that were written meanwhile may "
					  "not have been published: outbox-relay verify tells which.");
}

bool
relay_registration_is_gone(const char *slot, Error *error)
{
	error_permanent(error, EXIT_GAP, "the registration of the slot \"%s\" was removed or replaced",
					slot);
	return error_hint(error, "Was outbox-relay init --accept-gap run? Then start the relay again.");
}

bool
relay_publication_is_younger(const char *slot, const char *publication, Error *error)
{
	error_permanent(error, EXIT_GAP,
					"the replication slot \"%s\" can't be read on: the publication \"%s\" was "
					"dropped and made again",
					slot, publication);
	error_detail(error,
				 "The server reads WAL with the catalogs of its time, and in a part that the "
				 "slot is still to give there was no such publication.");
	return error_hint(error,
					  "Drop the slot: SELECT pg_drop_replication_slot('%s'). Then outbox-relay "
					  "init --accept-gap, start the relay, and outbox-relay replay --gap; where "
					  "outbox-consumer reads the topics see docs/operations.md, \"A gap\".",
					  slot);
}

/*
 * The mark is committed before the server hears of it, but behind itself in the WAL.  A standby that
 * was promoted may have copied the slot's position and not have got that commit any more.
 */
static bool
slot_is_ahead_by_promotion(const RelayFacts *facts)
{
	return facts->slot_synced && facts->server_timeline > facts->timeline;
}

PgLsn
relay_settled(const RelayFacts *facts)
{
	if (facts->slot_confirmed > facts->mark_lsn && slot_is_ahead_by_promotion(facts))
		return facts->slot_confirmed;
	return facts->mark_lsn;
}

bool
relay_check_slot(const RelayFacts *facts, const char *slot, Error *error)
{
	char confirmed[LSN_TEXT_SIZE];
	char mark[LSN_TEXT_SIZE];

	if (!facts->slot_found)
	{
		error_permanent(error, EXIT_GAP, "the replication slot \"%s\" is gone", slot);
		return gap_hint(error);
	}
	if (!facts->slot_here)
	{
		error_permanent(error, EXIT_GAP,
						"the replication slot \"%s\" isn't a pgoutput slot of this database", slot);
		return gap_hint(error);
	}
	if (facts->slot_lost)
	{
		error_permanent(error, EXIT_GAP,
						"the replication slot \"%s\" lost WAL that it needs (wal_status is lost)",
						slot);
		return gap_hint(error);
	}
	if (facts->slot_confirmed > relay_settled(facts))
	{
		lsn_format(facts->slot_confirmed, confirmed);
		lsn_format(facts->mark_lsn, mark);
		error_permanent(error, EXIT_GAP,
						"the replication slot \"%s\" is at %s, ahead of the mark %s", slot,
						confirmed, mark);
		error_detail(error, "The slot was made again, or somebody else advanced it.");
		return gap_hint(error);
	}
	return true;
}

bool
relay_check_facts(const RelayFacts *facts, const char *slot, const char *publication, Error *error)
{
	return relay_check_database(facts, error) && relay_check_registration(facts, slot, error) &&
		   relay_check_publication(facts, publication, error) &&
		   relay_check_slot(facts, slot, error);
}

static bool
check_memory(const RelayFacts *facts, const RelayMemory *memory, PgLsn flushed, Error *error)
{
	char known[LSN_TEXT_SIZE];
	char found[LSN_TEXT_SIZE];

	if (facts->mark_lsn < memory->mark_lsn)
	{
		lsn_format(memory->mark_lsn, known);
		lsn_format(facts->mark_lsn, found);
		error_permanent(error, EXIT_GAP,
						"the mark is at %s, but %s was committed: the server went back in time",
						found, known);
		return gap_hint(error);
	}
	if (memory->confirmed > flushed)
	{
		lsn_format(memory->confirmed, known);
		lsn_format(flushed, found);
		error_permanent(error, EXIT_GAP,
						"Kafka has everything up to %s, but the server's WAL ends at %s", known,
						found);
		return gap_hint(error);
	}
	return true;
}

/* A relay goes on behind its last dead letter: up to an LSN that isn't there yet it would publish nothing. */
static bool
check_last_letter(const RelayFacts *facts, PgLsn flushed, Error *error)
{
	const char *text = facts->last_dead_letter;
	char source_id[SOURCE_ID_MAX + 1];
	char found[LSN_TEXT_SIZE];
	Position letter;

	if (text[0] == '\0' || !position_parse(text, strlen(text), source_id, &letter) ||
		letter.generation != facts->generation || letter.commit_lsn < flushed)
		return true;
	lsn_format(flushed, found);
	error_permanent(error, EXIT_GAP,
					"there is a dead letter of %s, but the server's WAL ends at %s", text, found);
	error_detail(error, "outbox.dead_letter was restored from a dump of another server.");
	return gap_hint(error);
}

bool
relay_check_same_server(const RelayFacts *facts, const char *started, Error *error)
{
	if (strcmp(facts->started, started) == 0)
		return true;
	error_transient(error, "the two connections lead to different servers");
	return error_detail(error, "One started at %s, the other one at %s (seconds since 1970).",
						facts->started, started);
}

bool
relay_check_identity(const RelayFacts *facts, const RelayMemory *memory,
					 const char *system_identifier, uint32_t timeline, PgLsn flushed, Error *error)
{
	if (strcmp(facts->system_identifier, system_identifier) != 0)
	{
		error_permanent(error, EXIT_GAP,
						"this is another server: its system identifier is %s, %s is registered",
						system_identifier, facts->system_identifier);
		error_detail(error, "The database was restored from a dump, or upgraded with pg_upgrade, "
							"or the connection leads elsewhere.");
		return gap_hint(error);
	}
	if (!check_last_letter(facts, flushed, error))
		return false;
	if (timeline < facts->timeline || (memory->valid && timeline < memory->timeline))
	{
		error_permanent(error, EXIT_GAP, "the server is on timeline %u, %u %s", timeline,
						timeline < facts->timeline ? facts->timeline : memory->timeline,
						timeline < facts->timeline ? "is registered" : "was streamed already");
		error_detail(error, "It is a former primary, or was restored from an old backup.");
		return gap_hint(error);
	}
	if (memory->valid && facts->generation != memory->generation)
	{
		error_permanent(error, EXIT_GAP, "the slot was registered anew (generation %u, was %u)",
						facts->generation, memory->generation);
		return error_hint(error, "Start this relay again if it is the one that shall run.");
	}
	if (!memory->valid || memory->timeline != timeline)
		return true;
	return check_memory(facts, memory, flushed, error);
}

bool
relay_check_tail(const Position *tail, const char *topic, int partition, uint32_t generation,
				 uint32_t timeline, PgLsn flushed, Error *error)
{
	char known[LSN_TEXT_SIZE];
	char found[LSN_TEXT_SIZE];

	lsn_format(tail->commit_lsn, known);
	lsn_format(flushed, found);
	if (tail->generation > generation ||
		(tail->generation == generation && tail->timeline > timeline))
	{
		error_permanent(
			error, EXIT_GAP,
			"topic \"%s\" partition %d has an event of epoch %u.%u, the server is at %u.%u", topic,
			partition, tail->generation, tail->timeline, generation, timeline);
		error_detail(error, "The server is a former primary, or was restored from an old backup.");
		return gap_hint(error);
	}
	if (tail->generation == generation && tail->timeline == timeline && tail->commit_lsn >= flushed)
	{
		error_permanent(
			error, EXIT_GAP,
			"topic \"%s\" partition %d has an event of %s, but the server's WAL ends at %s", topic,
			partition, known, found);
		error_detail(error, "The server was restored from an old snapshot.");
		return gap_hint(error);
	}
	return true;
}

bool
relay_check_topic(const char *topic, uint32_t recorded, uint32_t present, bool *grew, Error *error)
{
	*grew = present > recorded;
	if (present >= recorded)
		return true;
	if (present == 0)
	{
		error_permanent(error, EXIT_ROUTING, "the topic \"%s\" is gone from Kafka", topic);
		error_detail(error, "It is recorded with %u partitions; its events are lost with it.",
					 recorded);
	}
	else
		error_permanent(error, EXIT_ROUTING, "the topic \"%s\" has %u partitions, %u are recorded",
						topic, present, recorded);
	return error_hint(error,
					  "Restore the topic, or make it again with as many partitions: then "
					  "outbox-relay verify lists the events that it lost, and outbox-relay "
					  "replay sends them as long as outbox.event has them. Or delete its row from "
					  "outbox.topic if its events may be forgotten.");
}

bool
relay_check_dead_letters(const RelayFacts *facts, Error *error)
{
	if (!facts->dead_letters_found)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"poison.policy is \"dead-letter\", and there is no outbox.dead_letter");
		return error_hint(error, "ALTER EXTENSION pg_outbox UPDATE.");
	}
	if (facts->dead_letters_readable && facts->dead_letters_writable)
		return true;
	error_permanent(error, EXIT_PERMISSION,
					"poison.policy is \"dead-letter\", and outbox.dead_letter can't be %s",
					facts->dead_letters_readable ? "written" : "read");
	return error_hint(error, "GRANT SELECT, INSERT ON outbox.dead_letter to the relay's role.");
}
