/*
 * pg_doctor.c
 *	  Looks at PostgreSQL for doctor.
 *
 *	1 connection	ordinary; the catalogs, which every role may read
 *	2 questions		that need a privilege: failover, limits of the SQL-only install
 *	3 replication	a replication connection; who the server is
 *	4 registry		the same questions as those of a start
 *
 * Refuses nothing.  Invariants: nothing is written, not even a temporary object; one that
 * isn't there, or may not be read, is no error of a statement, because names are looked up
 * in the catalogs first.
 */
#include "pg_doctor.h"

#include "pg_command.h"
#include "pg_facts.h"
#include "pg_registry.h"
#include "pg_registry_sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PG_EPOCH "TIMESTAMPTZ '2000-01-01 00:00:00+00'"

/* A parameter that not every version has. */
#define SETTING(name) "coalesce(current_setting('" name "', true), '')"

#define SQL_QUIET                                                                                  \
	"SELECT pg_catalog.set_config('search_path', 'pg_catalog', false),"                            \
	"       pg_catalog.set_config('statement_timeout', '30s', false),"                             \
	"       pg_catalog.set_config('application_name', 'outbox-relay doctor', false)"

/*
 * What every relay needs (docs/sql.md, "Privileges"), as the statements that are missing.
 * Objects that an older version doesn't have are left out; those on outbox.dead_letter are
 * doctor_check_dead_letters()' affair.
 */
#define SQL_MISSING_GRANTS                                                                         \
	"WITH outbox AS (SELECT oid FROM pg_namespace WHERE nspname = 'outbox'),"                      \
	" wanted (relname, privilege) AS (VALUES"                                                      \
	"  ('relay', 'SELECT'), ('relay', 'INSERT'), ('relay', 'UPDATE'),"                             \
	"  ('topic', 'SELECT'), ('topic', 'INSERT'), ('topic', 'UPDATE'),"                             \
	"  ('event', 'SELECT'),"                                                                       \
	"  ('event_0', 'SELECT'), ('event_1', 'SELECT'), ('event_2', 'SELECT'),"                       \
	"  ('rotation', 'SELECT')),"                                                                   \
	" missing AS ("                                                                                \
	"  SELECT 1 AS place, 'USAGE' AS privilege, 'SCHEMA outbox' AS object FROM outbox o"           \
	"   WHERE NOT has_schema_privilege(o.oid, 'USAGE')"                                            \
	"  UNION ALL"                                                                                  \
	"  SELECT 2, string_agg(w.privilege, ', '), 'outbox.' || c.relname"                            \
	"    FROM outbox o JOIN pg_class c ON c.relnamespace = o.oid"                                  \
	"    JOIN wanted w ON w.relname = c.relname"                                                   \
	"   WHERE NOT has_table_privilege(c.oid, w.privilege) GROUP BY c.relname"                      \
	"  UNION ALL"                                                                                  \
	"  SELECT 3, 'EXECUTE', format('FUNCTION outbox.%s(%s)', p.proname,"                           \
	"                              pg_get_function_identity_arguments(p.oid))"                     \
	"    FROM outbox o JOIN pg_proc p ON p.pronamespace = o.oid"                                   \
	"   WHERE p.proname IN ('heartbeat', 'maintain') AND NOT has_function_privilege(p.oid, "       \
	"'EXECUTE'))"                                                                                  \
	" SELECT string_agg(format('GRANT %s ON %s TO %I', privilege, object, current_user), '; '"     \
	"                   ORDER BY place, object) FROM missing"

/* What outbox.status needs, which a relay that runs doesn't: the view, and what it calls. */
#define SQL_MISSING_FOR_STATUS                                                                     \
	"SELECT string_agg(format('GRANT %s TO %I', missing.what, current_user), '; ' ORDER BY what)"  \
	"  FROM pg_namespace n CROSS JOIN LATERAL ("                                                   \
	"  SELECT 'SELECT ON outbox.status' AS what FROM pg_class c"                                   \
	"   WHERE c.relnamespace = n.oid AND c.relname = 'status'"                                     \
	"     AND NOT has_table_privilege(c.oid, 'SELECT')"                                            \
	"  UNION ALL"                                                                                  \
	"  SELECT format('EXECUTE ON FUNCTION outbox.%s(%s)', p.proname,"                              \
	"                (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY place)"                \
	"                   FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, place)))"              \
	"    FROM pg_proc p WHERE p.pronamespace = n.oid"                                              \
	"     AND p.proname IN ('rotation_settings', 'oldest_unpublished', 'failover_problem')"        \
	"     AND NOT has_function_privilege(p.oid, 'EXECUTE')) AS missing"                            \
	" WHERE n.nspname = 'outbox'"

/* $1: a function of the schema.  What would let us call it; NULL: nothing is needed. */
#define SQL_MAY_CALL                                                                               \
	"SELECT CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE')"                                    \
	"              OR NOT has_function_privilege(p.oid, 'EXECUTE')"                                \
	"         THEN format('GRANT EXECUTE ON FUNCTION outbox.%s(%s) TO %I', p.proname,"             \
	"                     (SELECT string_agg(format_type(t, NULL), ', ' ORDER BY place)"           \
	"                        FROM unnest(p.proargtypes) WITH ORDINALITY AS a (t, place)),"         \
	"                     current_user) END"                                                       \
	"  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"                               \
	" WHERE n.nspname = 'outbox' AND p.proname = $1"

/*
 * The largest limit of any database or role that counts here: as a parameter of a module
 * that isn't loaded it is any text.
 */
#define SQL_LARGEST_EVENT                                                                          \
	"SELECT max(pg_size_bytes(v)) FROM ("                                                          \
	"  SELECT coalesce(nullif(current_setting('pg_outbox.max_event_bytes', true), ''), '900kB')"   \
	"  UNION ALL"                                                                                  \
	"  SELECT split_part(c, '=', 2) FROM pg_db_role_setting, unnest(setconfig) AS c"               \
	"   WHERE c LIKE 'pg\\_outbox.max\\_event\\_bytes=%'"                                          \
	"     AND setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = "                    \
	"current_database()))) AS s (v) WHERE v ~ '^ *[0-9]+ *([kMG]?B)? *$'"

/* $1: the slot. */
#define SQL_CATALOGS                                                                               \
	"SELECT current_setting('server_version_num') AS version_num,"                                 \
	"  current_setting('server_version') AS version, pg_is_in_recovery() AS in_recovery,"          \
	"  quote_ident(current_database()) AS database, quote_ident(current_user) AS role,"            \
	"  (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS superuser,"                 \
	"  current_setting('wal_level') AS wal_level,"                                                 \
	"  (SELECT setting FROM pg_settings WHERE name = 'wal_sender_timeout') AS sender_timeout,"     \
	"  (SELECT count(*) FROM pg_replication_slots) AS slots,"                                      \
	"  current_setting('max_replication_slots') AS slots_max,"                                     \
	"  (SELECT count(*) FROM pg_stat_replication) AS senders,"                                     \
	"  current_setting('max_wal_senders') AS senders_max,"                                         \
	"  (SELECT setting FROM pg_settings WHERE name = 'output_plugin_libraries') AS plugins,"       \
	"  (SELECT extversion FROM pg_extension WHERE extname = 'pg_outbox') AS extension,"            \
	"  (SELECT default_version FROM pg_available_extensions WHERE name = 'pg_outbox')"             \
	"    AS available,"                                                                            \
	"  EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"               \
	"           WHERE n.nspname = 'outbox' AND c.relname = 'relay') AS schema_found,"              \
	"  (" SQL_MISSING_GRANTS ") AS missing, (" SQL_MISSING_FOR_STATUS ") AS missing_for_status,"   \
	"  (" SQL_LARGEST_EVENT ") AS largest_event,"                                                  \
	"  (" SQL_MESSAGES_ARE_PUBLIC ") AS messages_public,"                                          \
	"  s.slot_name IS NOT NULL AS slot_found, to_jsonb(s) ->> 'two_phase' AS two_phase,"           \
	"  to_jsonb(s) ->> 'failover' AS failover, s.wal_status, s.safe_wal_size, s.active_pid,"       \
	"  greatest(0, CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()"                    \
	"                   ELSE pg_current_wal_insert_lsn() END - s.restart_lsn)::int8 AS retained,"  \
	"  (SELECT setting FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS slot_keep,"      \
	"  (SELECT setting FROM pg_settings WHERE name = 'max_wal_size') AS max_wal,"                  \
	"  " SETTING(                                                                                  \
		"synchronized_standby_slots") " AS standby_slots,"                                         \
									  "  (SELECT string_agg(slot_name, ', ' ORDER BY slot_name) "  \
									  "FROM pg_replication_slots"                                  \
									  "    WHERE slot_type = 'physical') AS physical_slots,"       \
									  "  " SETTING(                                                \
										  "sync_replication_slots") " AS sync_slots,"              \
																	"  "                           \
																	"current_setting('hot_"        \
																	"standby_feedback') AS "       \
																	"standby_feedback,"            \
																	"  "                           \
																	"current_setting('primary_"    \
																	"slot_name') AS primary_slot," \
																	"  (SELECT setting FROM "      \
																	"pg_settings WHERE name = "    \
																	"'primary_conninfo') AS "      \
																	"primary_conninfo,"            \
																	"  "                           \
																	"current_setting('"            \
																	"synchronous_standby_names') " \
																	"AS synchronous,"              \
																	"  (SELECT "                   \
																	"string_agg(DISTINCT '\"' || " \
																	"replace(application_name, "   \
																	"'\"', '\"\"') || '\"', ', ')" \
																	"     FROM "                   \
																	"pg_stat_replication r WHERE " \
																	"NOT EXISTS (SELECT FROM "     \
																	"pg_replication_slots l"       \
																	"          WHERE "             \
																	"l.active_pid = r.pid AND "    \
																	"l.slot_type = 'logical')) "   \
																	"AS standbys"                  \
																	"  FROM (VALUES (1)) AS one "  \
																	"LEFT JOIN "                   \
																	"pg_replication_slots s ON "   \
																	"s.slot_name = $1"

/* $1: the slot. */
#define SQL_FAILOVER                                                                               \
	"SELECT outbox.failover_problem(CASE WHEN s.slot_name IS NOT NULL THEN to_jsonb(s) END,"       \
	"    current_setting('server_version_num')::int4, pg_is_in_recovery(),"                        \
	"    current_setting('synchronized_standby_slots', true),"                                     \
	"    (SELECT array_agg(slot_name) FROM pg_replication_slots"                                   \
	"      WHERE slot_type = 'physical' AND active))"                                              \
	"  FROM (VALUES (1)) AS one LEFT JOIN pg_replication_slots s ON s.slot_name = $1"

#define SQL_CLOCK "SELECT (extract(epoch FROM clock_timestamp() - " PG_EPOCH ") * 1000000)::int8"

/* -------------------------------------------------------------------------
 * results
 * -------------------------------------------------------------------------
 */

static bool
is_null(const PGresult *result, const char *column)
{
	return PQgetisnull(result, 0, PQfnumber(result, column)) != 0;
}

static bool
flag(const PGresult *result, const char *column)
{
	return pg_command_text(result, column)[0] == 't';
}

#define COPY(field, column) snprintf((field), sizeof(field), "%s", pg_command_text(result, column))

static void
read_settings(ServerFacts *facts, const PGresult *result)
{
	facts->superuser = flag(result, "superuser");
	facts->slots = (int) pg_command_number(result, "slots");
	facts->slots_max = (int) pg_command_number(result, "slots_max");
	facts->senders = (int) pg_command_number(result, "senders");
	facts->senders_max = (int) pg_command_number(result, "senders_max");
	facts->plugins_listed = !is_null(result, "plugins");
	facts->slot_keep_mb = pg_command_number(result, "slot_keep");
	facts->max_wal_mb = pg_command_number(result, "max_wal");
	COPY(facts->version, "version");
	COPY(facts->database, "database");
	COPY(facts->role, "role");
	COPY(facts->plugins, "plugins");
	COPY(facts->standby_slots, "standby_slots");
	COPY(facts->physical_slots, "physical_slots");
	COPY(facts->sync_slots, "sync_slots");
	COPY(facts->standby_feedback, "standby_feedback");
	COPY(facts->primary_slot, "primary_slot");
	COPY(facts->synchronous_standby_names, "synchronous");
	COPY(facts->standbys, "standbys");
	facts->primary_dbname_known = !is_null(result, "primary_conninfo");
	facts->primary_dbname = strstr(pg_command_text(result, "primary_conninfo"), "dbname") != NULL;
}

static void
read_database(ServerFacts *facts, const PGresult *result)
{
	facts->schema_found = flag(result, "schema_found");
	facts->messages_public = flag(result, "messages_public");
	facts->slot_two_phase = flag(result, "two_phase");
	facts->slot_failover = flag(result, "failover");
	facts->retained_bytes = pg_command_number(result, "retained");
	facts->safe_wal_known = !is_null(result, "safe_wal_size");
	facts->safe_wal_size = pg_command_number(result, "safe_wal_size");
	COPY(facts->extension_version, "extension");
	COPY(facts->extension_available, "available");
	COPY(facts->missing_grants, "missing");
	COPY(facts->status_grants, "missing_for_status");
	COPY(facts->wal_status, "wal_status");
	facts->max_event_bytes = is_null(result, "largest_event") || !facts->schema_found
								 ? EVENT_BYTES_UNKNOWN
								 : pg_command_number(result, "largest_event");
	/* Until the registry says more. */
	facts->relay = (RelayFacts){
		.server_version = (int) pg_command_number(result, "version_num"),
		.in_recovery = flag(result, "in_recovery"),
		.wal_sender_timeout_ms = pg_command_number(result, "sender_timeout"),
		.slot_found = flag(result, "slot_found"),
		.slot_pid = (int) pg_command_number(result, "active_pid"),
	};
	COPY(facts->relay.wal_level, "wal_level");
}

/* -------------------------------------------------------------------------
 * questions
 * -------------------------------------------------------------------------
 */

/* What is needed to call it: *grant is "" for nothing; false: it isn't there. */
static bool
may_call(PgLink *link, const char *function, char *grant, size_t size, Error *error)
{
	PGresult *result = pg_command(link, "look for a function", SQL_MAY_CALL, &function, 1, error);
	bool found = result != NULL && PQntuples(result) == 1;

	if (found)
		snprintf(grant, size, "%s", PQgetvalue(result, 0, 0));
	PQclear(result);
	return found;
}

static void
ask_failover(PgLink *link, const char *slot, ServerFacts *facts, Error *error)
{
	PGresult *result;

	if (!may_call(link, "failover_problem", facts->failover_grant, sizeof(facts->failover_grant),
				  error) ||
		facts->failover_grant[0] != '\0')
		return;
	result = pg_command(link, "ask what stands against a failover", SQL_FAILOVER, &slot, 1, error);
	if (result != NULL)
		snprintf(facts->failover_problem, sizeof(facts->failover_problem), "%s",
				 PQgetvalue(result, 0, 0));
	PQclear(result);
}

/* Without the extension the limit is in a table. */
static void
ask_limits(PgLink *link, ServerFacts *facts, Error *error)
{
	PGresult *result;

	if (facts->extension_version[0] != '\0' ||
		!may_call(link, "limits", facts->event_grant, sizeof(facts->event_grant), error))
		return;
	facts->max_event_bytes = EVENT_BYTES_UNKNOWN;
	if (facts->event_grant[0] != '\0')
		return;
	result = pg_command(link, "read the limits", "SELECT max_event_bytes FROM outbox.limits()",
						NULL, 0, error);
	if (result != NULL)
		facts->max_event_bytes = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
}

static void
compare_clocks(PgLink *link, ServerFacts *facts, Error *error)
{
	PgUsec before = clock_pg();
	PGresult *result = pg_command(link, "read the clock", SQL_CLOCK, NULL, 0, error);
	PgUsec after = clock_pg();

	if (result == NULL)
		return;
	facts->clock_error_usec = (after - before) / 2;
	facts->clock_ahead_usec =
		strtoll(PQgetvalue(result, 0, 0), NULL, 10) - (before + facts->clock_error_usec);
	PQclear(result);
}

static void
look_at_catalogs(PgLink *link, const char *slot, ServerFacts *facts)
{
	Error *error = &facts->server;
	PGresult *result;

	if (!pg_command_only(link, "prepare the session", SQL_QUIET, NULL, 0, error))
		return;
	result = pg_command(link, "read the catalogs", SQL_CATALOGS, &slot, 1, error);
	if (result == NULL)
		return;
	read_settings(facts, result);
	read_database(facts, result);
	PQclear(result);
	ask_failover(link, slot, facts, error);
	ask_limits(link, facts, error);
	compare_clocks(link, facts, error);
}

static void
look_at_replication(const RelayConfig *config, ServerFacts *facts)
{
	Error *error = &facts->replication;
	PgLink link = PG_LINK_CLOSED;
	PgIdentity identity;
	PGresult *result;

	if (!pg_link_connect(&link, config->conninfo, true, error))
		return;
	if (pg_identify(&link, &identity, error))
	{
		snprintf(facts->system_identifier, sizeof(facts->system_identifier), "%s",
				 identity.system_identifier);
		facts->timeline = (uint32_t) strtoul(identity.timeline, NULL, 10);
		if (!lsn_parse(identity.flushed, strlen(identity.flushed), &facts->flushed))
			error_bug(error, "unexpected answer to IDENTIFY_SYSTEM");
		result =
			pg_command(&link, "read application_name", "SHOW application_name", NULL, 0, error);
		if (result != NULL)
			snprintf(facts->application_name, sizeof(facts->application_name), "%s",
					 PQgetvalue(result, 0, 0));
		PQclear(result);
	}
	pg_link_close(&link);
}

static void
look_at_routing(const RelayConfig *config, const PgRegistry *registry, ServerFacts *facts)
{
	RouteRecord recorded;

	if (!route_record_parse(&recorded, registry_routing(registry), &facts->routing))
		return;
	facts->routing_recorded = route_record_is_set(&recorded);
	if (!pg_facts_check_routing(config, &recorded, &facts->routing))
		facts->routing.hint[0] = '\0'; /* the line below says it */
	route_record_free(&recorded);
}

static void
look_at_registry(const RelayConfig *config, ServerFacts *facts, BrokerFacts *broker)
{
	PgRegistry *registry = registry_look(config, &facts->relay_error);
	int count;

	if (registry == NULL)
		return;
	facts->relay = *registry_facts(registry);
	look_at_routing(config, registry, facts);
	count = registry_topic_count(registry);
	broker->topics = calloc(count > 0 ? (size_t) count : 1, sizeof(*broker->topics));
	broker->topic_count = broker->topics != NULL ? count : 0;
	broker->topics_known = broker->topics != NULL && facts->relay.registered;
	for (int i = 0; i < broker->topic_count; i++)
	{
		TopicFacts *topic = &broker->topics[i];

		snprintf(topic->name, sizeof(topic->name), "%s",
				 registry_topic(registry, i, &topic->recorded));
	}
	registry_free(registry);
}

void
pg_doctor_look(const RelayConfig *config, ServerFacts *facts, BrokerFacts *broker)
{
	PgLink link = PG_LINK_CLOSED;

	facts->max_event_bytes = EVENT_BYTES_UNKNOWN;
	if (!pg_link_connect(&link, config->conninfo, false, &facts->connection))
		return;
	look_at_catalogs(&link, config->slot, facts);
	pg_link_close(&link);
	look_at_replication(config, facts);
	look_at_registry(config, facts, broker);
	broker->max_event_bytes = facts->max_event_bytes;
}
