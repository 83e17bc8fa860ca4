/*
 * pg_init.c
 *	  outbox-relay init: publication, registration, slot.
 *
 *	1 checks		extension, wal_level, version
 *	2 publication	made, or mended to exactly what it must be (pg_init_publication.c)
 *	3 registration	state "creating", committed
 *	4 slot			made on a replication connection, which exports its snapshot
 *	5 registration	the slot's start and snapshot; state "backfill" or "ready"
 *	6 messages		whether logical messages are events (pg_init_messages.c)
 *
 * Refuses a slot of that name that isn't registered; a registered slot that is
 * missing, lost or ahead of its mark, unless the gap is accepted; another source id
 * than the registered one.
 *
 * Invariants: a slot of our name beside a registration in state "creating" is ours
 * and holds nothing yet, so the next run drops it and goes on; a generation is
 * never used twice.
 */
#include "pg_init.h"

#include "backfill.h"
#include "exit_codes.h"
#include "pg_command.h"
#include "pg_facts.h"
#include "pg_init_gap.h"
#include "pg_init_messages.h"
#include "pg_init_publication.h"
#include "pg_link.h"
#include "random.h"

#include <ctype.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_MAX 4096
/* From here on a logical slot can be copied to standbys. */
#define FAILOVER_VERSION_MIN 170000

typedef struct Init
{
	const RelayConfig *config;
	const InitRequest *request;
	SayFn say;
	void *arg;
	PgLink link;		/* ordinary */
	PgLink replication; /* holds the exported snapshot */
	RelayFacts facts;
	char source_id[SOURCE_ID_MAX + 1];
	uint32_t generation;
	bool gap_accepted;
	PgIdentity identity;
	char start_lsn[LSN_TEXT_SIZE];
	char snapshot_name[64];
} Init;

/* What was asked for and can't be had any more. */
static void
warn_of_ignored(Init *init)
{
	if (init->request->existing_given)
		say_text(init->say, init->arg, true,
				 "--existing changes nothing: what becomes of the rows was decided when the slot "
				 "\"%s\" was registered",
				 init->config->slot);
	if (init->request->no_failover)
		say_text(init->say, init->arg, true,
				 "--no-failover changes nothing: the slot \"%s\" was made before",
				 init->config->slot);
	if (init->request->accept_gap)
		init->say(true, "--accept-gap changes nothing: there is no gap", init->arg);
}

/* -------------------------------------------------------------------------
 * registration
 * -------------------------------------------------------------------------
 */

/* <database>-<8 hexadecimal digits> */
static void
make_up_source_id(Init *init)
{
	const char *database = PQdb(init->link.conn);
	char name[33];
	size_t len = 0;
	Random random;

	for (; *database != '\0' && len < sizeof(name) - 1; database++)
		name[len++] =
			isalnum((unsigned char) *database) && (unsigned char) *database < 128 ? *database : '_';
	name[len] = '\0';
	random_seed(&random, random_seed_from_system());
	snprintf(init->source_id, sizeof(init->source_id), "%s-%08llx", name,
			 (unsigned long long) (random_next(&random) & 0xffffffff));
}

static bool
choose_source_id(Init *init, Error *error)
{
	const char *wanted = init->request->source_id;

	if (wanted != NULL && !source_id_valid(wanted, strlen(wanted)))
	{
		error_permanent(error, EXIT_CONFIG, "invalid source id \"%s\"", wanted);
		return error_hint(error, "It has 1 to %d letters, digits, hyphens and underscores.",
						  SOURCE_ID_MAX);
	}
	if (init->facts.registered && wanted != NULL && strcmp(wanted, init->facts.source_id) != 0)
	{
		error_permanent(error, EXIT_CONFIG,
						"the slot \"%s\" is registered with the source id \"%s\"",
						init->config->slot, init->facts.source_id);
		return error_hint(error, "A source id never changes: positions in Kafka carry it.");
	}
	if (init->facts.registered)
		snprintf(init->source_id, sizeof(init->source_id), "%s", init->facts.source_id);
	else if (wanted != NULL)
		snprintf(init->source_id, sizeof(init->source_id), "%s", wanted);
	else
		make_up_source_id(init);
	return true;
}

/* Before anything is made: another name is needed then, and what was made would stay behind. */
static bool
check_slot_is_free(const Init *init, Error *error)
{
	if (init->facts.registered || !init->facts.slot_found)
		return true;
	if (init->facts.slot_here)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the replication slot \"%s\" exists, but isn't registered",
						init->config->slot);
		return error_hint(error,
						  "Choose another name with postgres.slot, or drop the slot if nobody "
						  "needs it.");
	}
	error_permanent(error, EXIT_NOT_INITIALIZED,
					"the replication slot \"%s\" isn't a pgoutput slot of this database",
					init->config->slot);
	error_detail(error,
				 "Slots are the server's: another database, or another program, has this one.");
	return error_hint(error, "Choose another name with postgres.slot.");
}

static bool
register_slot(Init *init, Error *error)
{
	char text[16];
	const char *params[] = {init->config->slot, init->config->publication, init->source_id, text};

	init->generation = 0;
	if (!pg_init_skip_old_letters(&init->link, &init->facts, init->source_id, &init->generation,
								  error))
		return false;
	init->generation++;
	snprintf(text, sizeof(text), "%u", init->generation);
	if (!pg_command_only(
			&init->link, "register the slot",
			"INSERT INTO outbox.relay (slot_name, publication, source_id, state, generation) "
			"VALUES ($1, $2, $3, 'creating', $4::int4)",
			params, 4, error))
		return false;
	say_text(init->say, init->arg, false, "registered the slot \"%s\" with the source id \"%s\"",
			 init->config->slot, init->source_id);
	return true;
}

static bool
drop_slot(Init *init, Error *error)
{
	const char *params[] = {init->config->slot};
	PGresult *result;
	bool ours;

	if (!init->facts.slot_found)
		return true;
	if (init->facts.slot_pid != 0)
	{
		error_permanent(error, EXIT_SERVER, "the replication slot \"%s\" is in use by process %d",
						init->config->slot, init->facts.slot_pid);
		return error_hint(error, "Stop the relay that reads it.");
	}
	result = pg_command(&init->link, "drop the old slot",
						"SELECT pg_catalog.pg_drop_replication_slot(slot_name)"
						"  FROM pg_catalog.pg_replication_slots"
						" WHERE slot_name = $1 AND database = pg_catalog.current_database()",
						params, 1, error);
	if (result == NULL)
		return false;
	ours = PQntuples(result) == 1;
	PQclear(result);
	if (!ours)
	{
		error_permanent(error, EXIT_NOT_INITIALIZED,
						"the replication slot \"%s\" belongs to another database",
						init->config->slot);
		error_detail(error, "This database may be a copy of that one.");
		return error_hint(error, "In a copy, DELETE FROM outbox.relay, and choose another name "
								 "with postgres.slot.");
	}
	say_text(init->say, init->arg, false, "dropped the old slot \"%s\"", init->config->slot);
	return true;
}

/* A new epoch: positions after it are higher than all before, whatever the WAL says. */
static bool
begin_generation(Init *init, Error *error)
{
	uint32_t generation = init->facts.generation;
	char text[16];
	const char *params[] = {init->config->slot, text};

	if (init->facts.slot_pid != 0)
		return drop_slot(init, error); /* says that it is in use */
	/* A server that was restored may have forgotten generations that Kafka has. */
	if (init->request->kafka_generation > generation)
		generation = init->request->kafka_generation;
	if (!pg_init_skip_old_letters(&init->link, &init->facts, init->source_id, &generation, error))
		return false;
	init->generation = generation + 1;
	snprintf(text, sizeof(text), "%u", init->generation);
	if (!pg_init_remember_gap(&init->link, init->config->slot, init->identity.system_identifier,
							  init->say, init->arg, error) ||
		!pg_command_only(&init->link, "begin a new generation",
						 "UPDATE outbox.relay SET state = 'creating', generation = $2::int4 "
						 "WHERE slot_name = $1",
						 params, 2, error))
		return false;
	init->gap_accepted = true;
	if (init->request->existing_given)
		init->say(true,
				  "--existing changes nothing after a gap: replay --gap publishes what may be "
				  "missing",
				  init->arg);
	say_text(init->say, init->arg, false, "accepted the gap: generation %u begins",
			 init->generation);
	return true;
}

/* true with *done: nothing is left to do. */
static bool
settle_registration(Init *init, bool *done, Error *error)
{
	static const RelayMemory no_memory;
	const RelayFacts *facts = &init->facts;
	PgLsn flushed;

	*done = false;
	if (!facts->registered)
		return register_slot(init, error);
	init->generation = facts->generation;
	if (facts->creating)
	{
		say_text(init->say, init->arg, false, "going on with the registration of the slot \"%s\"",
				 init->config->slot);
		/* The generation says whether a gap was accepted before the last run broke off. */
		init->gap_accepted = facts->generation > 1 && facts->system_identifier[0] != '\0';
		/* And it may have been restored from a dump since. */
		return (!init->gap_accepted || pg_init_remember_gap(&init->link, init->config->slot,
															init->identity.system_identifier,
															init->say, init->arg, error)) &&
			   drop_slot(init, error);
	}
	if (!lsn_parse(init->identity.flushed, strlen(init->identity.flushed), &flushed))
		return error_bug(error, "unexpected answer to IDENTIFY_SYSTEM");
	if (relay_check_facts(facts, init->config->slot, init->config->publication, error) &&
		relay_check_identity(facts, &no_memory, init->identity.system_identifier,
							 (uint32_t) strtoul(init->identity.timeline, NULL, 10), flushed, error))
	{
		if (init->request->accept_gap && init->request->kafka_is_ahead)
			return begin_generation(init, error) && drop_slot(init, error);
		say_text(init->say, init->arg, false,
				 "the slot \"%s\" is registered with the source id \"%s\", generation %u",
				 init->config->slot, init->source_id, init->generation);
		warn_of_ignored(init);
		*done = true;
		return true;
	}
	if (error->exit_code != EXIT_GAP || !init->request->accept_gap)
		return false;
	error_clear(error);
	return begin_generation(init, error) && drop_slot(init, error);
}

/* -------------------------------------------------------------------------
 * slot
 * -------------------------------------------------------------------------
 */

static bool
make_slot(Init *init, Error *error)
{
	bool failover =
		init->facts.server_version >= FAILOVER_VERSION_MIN && !init->request->no_failover;
	Buffer sql;
	PGresult *result;

	buffer_init(&sql, STATEMENT_MAX);
	buffer_printf(&sql, "CREATE_REPLICATION_SLOT \"%s\" LOGICAL pgoutput (SNAPSHOT 'export'%s)",
				  init->config->slot, failover ? ", FAILOVER true" : "");
	/* Waits for the transactions of this moment to end. */
	result = sql.failed ? NULL
						: pg_command(&init->replication, "make the slot", sql.data, NULL, 0, error);
	buffer_free(&sql);
	if (result == NULL)
		return false;
	snprintf(init->start_lsn, sizeof(init->start_lsn), "%s", PQgetvalue(result, 0, 1));
	snprintf(init->snapshot_name, sizeof(init->snapshot_name), "%s", PQgetvalue(result, 0, 2));
	PQclear(result);
	say_text(init->say, init->arg, false, "made the slot \"%s\" at %s%s", init->config->slot,
			 init->start_lsn, failover ? ", for standbys to copy" : "");
	return true;
}

static bool
use_snapshot(Init *init, Error *error)
{
	Buffer sql;
	bool ok;

	buffer_init(&sql, STATEMENT_MAX);
	buffer_printf(&sql, "SET TRANSACTION SNAPSHOT '%s'", init->snapshot_name);
	ok = !sql.failed &&
		 pg_command_only(&init->link, "use the slot's snapshot",
						 "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0, error) &&
		 pg_command_only(&init->link, "use the slot's snapshot", sql.data, NULL, 0, error);
	buffer_free(&sql);
	return ok;
}

/* Step 5, with the rows as the slot's snapshot sees them. */
static bool
finish(Init *init, const PGresult *seen, Error *error)
{
	bool rows = pg_command_flag(seen, 1);
	unsigned current = (unsigned) strtoul(PQgetvalue(seen, 0, 2), NULL, 10);
	bool publish = rows && !init->gap_accepted && init->request->existing == EXISTING_PUBLISH;
	char origin[POSITION_TEXT_SIZE];
	Position position;
	PgLsn start_lsn;
	const char *params[] = {init->config->slot,
							init->config->publication,
							init->identity.system_identifier,
							init->identity.timeline,
							init->start_lsn,
							PQgetvalue(seen, 0, 0),
							publish ? origin : NULL,
							publish ? "backfill" : "ready"};

	if (!lsn_parse(init->start_lsn, strlen(init->start_lsn), &start_lsn))
		return error_bug(error, "unexpected answer to CREATE_REPLICATION_SLOT");
	position =
		backfill_origin(init->generation, (uint32_t) strtoul(init->identity.timeline, NULL, 10),
						start_lsn, (current + 1) % 3);
	position_format(init->source_id, &position, origin);
	if (!pg_command_only(
			&init->link, "finish the registration",
			"UPDATE outbox.relay SET publication = $2, system_identifier = $3,"
			"       timeline = $4::int4, start_lsn = $5::pg_lsn,"
			"       start_snapshot = $6::pg_snapshot, mark_lsn = $5::pg_lsn,"
			"       mark_at = clock_timestamp(), last_position = COALESCE($7, last_position),"
			"       state = $8, heartbeat_at = CASE $8 WHEN 'ready' THEN clock_timestamp() END,"
			"       heartbeat_snapshot = CASE $8 WHEN 'ready' THEN $6::pg_snapshot END"
			" WHERE slot_name = $1",
			params, 8, error))
		return false;
	/* There may have been some behind the mark; nobody can tell. */
	if (init->gap_accepted && init->facts.messages_before > init->facts.mark_lsn)
		init->say(true,
				  "events in the WAL alone (pg_outbox.storage = wal) that the lost slot still had "
				  "are gone for good: they have no rows to replay",
				  init->arg);
	if (publish)
		say_text(init->say, init->arg, false,
				 "the rows that are already in outbox.event will be published first");
	else if (rows && init->gap_accepted)
		say_text(init->say, init->arg, false,
				 "the rows that are already in outbox.event don't come through the new slot: start "
				 "the relay, and outbox-relay replay --gap publishes those that may be missing");
	else if (rows)
		say_text(init->say, init->arg, false,
				 "the rows that are already in outbox.event won't be published");
	return true;
}

/*
 * Rows that are there are told from those that the slot decodes by the transaction that wrote
 * them.  One that isn't in the past of this server was written on another one.
 */
static bool
check_rows_are_ours(Init *init, Error *error)
{
	bool foreign;

	if (init->gap_accepted || init->request->existing != EXISTING_PUBLISH)
		return true;
	if (!pg_command_ask(&init->link, "look for restored rows",
						"SELECT EXISTS (SELECT FROM outbox.event WHERE xid >= "
						"pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot()))",
						NULL, 0, &foreign, error))
		return false;
	if (!foreign)
		return true;
	error_permanent(error, EXIT_NOT_INITIALIZED, "outbox.event has rows of another server");
	error_detail(error, "They were restored from a dump, with transaction ids of the server that "
						"it is of.");
	return error_hint(error, "Pass --existing=skip, or write them again before "
							 "(\"Dump and restore\" in docs/sql.md).");
}

/*
 * The snapshot of a slot that had to wait for transactions may have an xmin beyond its xmax
 * (SnapBuildProcessRunningXacts() raises the one, only commits raise the other).  PostgreSQL reads
 * it as one that sees all below xmin and nothing else, but its own type pg_snapshot refuses it.
 */
#define SQL_LOOK                                                                                   \
	"SELECT CASE WHEN pg_catalog.pg_snapshot_xmin(s.taken) <= "                                    \
	"pg_catalog.pg_snapshot_xmax(s.taken)"                                                         \
	"            THEN s.taken::text"                                                               \
	"            ELSE pg_catalog.concat(pg_catalog.pg_snapshot_xmin(s.taken), ':',"                \
	"                                   pg_catalog.pg_snapshot_xmin(s.taken), ':') END,"           \
	"       EXISTS (SELECT FROM outbox.event), (SELECT current FROM outbox.rotation)"              \
	"  FROM (SELECT pg_catalog.pg_current_snapshot() AS taken) AS s"

static bool
make_slot_and_finish(Init *init, Error *error)
{
	PGresult *seen = NULL;
	bool ok =
		check_rows_are_ours(init, error) && make_slot(init, error) && use_snapshot(init, error);

	if (ok)
		seen = pg_command(&init->link, "look at the rows that are there", SQL_LOOK, NULL, 0, error);
	ok = seen != NULL && pg_command_only(&init->link, "end the look", "COMMIT", NULL, 0, error) &&
		 finish(init, seen, error);
	PQclear(seen);
	return ok;
}

static bool
init_database(Init *init, Error *error)
{
	const char *conninfo = init->config->conninfo;
	bool done;

	return pg_facts_read(init->config, &init->facts, NULL, error) &&
		   relay_check_database(&init->facts, error) &&
		   pg_link_connect(&init->link, conninfo, false, error) &&
		   pg_command_session(&init->link, error) && choose_source_id(init, error) &&
		   pg_link_connect_to(&init->replication, conninfo, true, init->link.host, error) &&
		   pg_identify(&init->replication, &init->identity, error) &&
		   check_slot_is_free(init, error) &&
		   pg_init_publication(&init->link, init->config->publication, &init->facts, init->say,
							   init->arg, error) &&
		   settle_registration(init, &done, error) && (done || make_slot_and_finish(init, error));
}

bool
pg_init_run(const RelayConfig *config, const InitRequest *request, SayFn say, void *arg,
			Error *error)
{
	Init init = {.config = config, .request = request, .say = say, .arg = arg};
	bool ok = init_database(&init, error) &&
			  pg_init_messages(&init.link, config->slot, request, say, arg, error);

	pg_link_close(&init.replication);
	pg_link_close(&init.link);
	return ok;
}
