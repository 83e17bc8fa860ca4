/*
 * pg_registry_sql.h
 *	  The statements of the ordinary connection.  For pg_registry*.c, pg_init*.c,
 *	  pg_doctor.c and pg_source.c.
 *
 * Everything is qualified by its schema; $1 is the slot's name unless said
 * otherwise.
 */
#ifndef OUTBOX_RELAY_PG_REGISTRY_SQL_H
#define OUTBOX_RELAY_PG_REGISTRY_SQL_H

#include "pg_row.h"

/*
 * The mark must be on this server's disk before the server is told, and must
 * not hang for ever on a standby that is away: "local".  outbox.status counts relays
 * by the name of this connection, which the user may have given another one.  What
 * must be scanned although it may not looks so expensive that it would be compiled.
 */
#define SQL_SETUP                                                                                  \
	"SELECT pg_catalog.set_config(name, value, false)"                                             \
	"  FROM (VALUES ('synchronous_commit', 'local'), ('search_path', 'pg_catalog'),"               \
	"               ('statement_timeout', '30s'), ('idle_session_timeout', '0'),"                  \
	"               ('default_transaction_read_only', 'off'), ('bytea_output', 'hex'),"            \
	"               ('enable_seqscan', 'off'), ('jit', 'off'),"                                    \
	"               ('application_name', CASE current_setting('application_name')"                 \
	"                 WHEN 'outbox-relay' THEN left('outbox-relay/' || $1, 63)"                    \
	"                 ELSE current_setting('application_name') END)) AS v(name, value)"

/* $2: the publication.  What is wrong with it is said in words; '' means nothing. */
#define SQL_PUBLICATION_PROBLEM                                                                    \
	" CASE WHEN p.pubname IS NULL THEN ''"                                                         \
	"      WHEN NOT p.pubviaroot THEN 'publish_via_partition_root is off'"                         \
	"      WHEN NOT p.pubinsert OR p.pubupdate OR p.pubdelete OR p.pubtruncate"                    \
	"           THEN 'it must publish insert, and nothing else'"                                   \
	"      WHEN NOT EXISTS (SELECT FROM pg_catalog.pg_publication_tables t"                        \
	"                        WHERE t.pubname = p.pubname AND t.schemaname = 'outbox'"              \
	"                              AND t.tablename = 'event')"                                     \
	"           THEN 'outbox.event isn''t in it'"                                                  \
	"      WHEN (SELECT count(*) FROM pg_catalog.pg_publication_tables t"                          \
	"             WHERE t.pubname = p.pubname) <> 1"                                               \
	"           THEN 'it must have outbox.event, and no other table'"                              \
	"      WHEN (SELECT t.rowfilter FROM pg_catalog.pg_publication_tables t"                       \
	"             WHERE t.pubname = p.pubname) IS NOT NULL"                                        \
	"           THEN 'it has a row filter'"                                                        \
	"      WHEN (SELECT array_agg(a::text ORDER BY a::text COLLATE \"C\")"                         \
	"              FROM pg_catalog.pg_publication_tables t, unnest(t.attnames) a"                  \
	"             WHERE t.pubname = p.pubname)"                                                    \
	"           <> '{aggregateid,aggregatetype,created_at,headers,id,payload,payload_bytes,type}'" \
	"           THEN 'its column list must be the eight columns of an event'"                      \
	"      ELSE '' END"

/* $1 isn't used */
#define SQL_PUBLICATION                                                                            \
	"SELECT p.pubname IS NOT NULL," SQL_PUBLICATION_PROBLEM "  FROM (VALUES ($1::text)) AS one"    \
	"  LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $2"

/* When the server started: no two servers, and no two lives of one, say the same. */
#define SQL_SERVER_STARTED                                                                         \
	"pg_catalog.extract('epoch', pg_catalog.pg_postmaster_start_time())::text"

#define SQL_SERVER                                                                                 \
	"SELECT current_setting('server_version_num'), pg_catalog.pg_is_in_recovery(),"                \
	"       current_setting('wal_level'),"                                                         \
	"       (SELECT setting FROM pg_catalog.pg_settings WHERE name = 'wal_sender_timeout'),"       \
	"       to_regclass('outbox.relay') IS NOT NULL"                                               \
	"         AND to_regprocedure('outbox.heartbeat(name)') IS NOT NULL,"                          \
	"       s.slot_name IS NOT NULL,"                                                              \
	"       s.slot_type = 'logical' AND s.plugin = 'pgoutput'"                                     \
	"         AND s.database = current_database(),"                                                \
	"       s.wal_status = 'lost', s.active_pid, s.confirmed_flush_lsn,"                           \
	"       p.pubname IS NOT NULL," SQL_PUBLICATION_PROBLEM ", d.oid IS NOT NULL,"                 \
	"       pg_catalog.has_table_privilege(d.oid, 'SELECT'),"                                      \
	"       pg_catalog.has_table_privilege(d.oid, 'INSERT'),"                                      \
	"       (pg_catalog.to_jsonb(s) ->> 'synced')::bool,"                                          \
	"       CASE WHEN NOT pg_catalog.pg_is_in_recovery()"                                          \
	"            THEN ('x' || left(pg_catalog.pg_walfile_name("                                    \
	"                  pg_catalog.pg_current_wal_insert_lsn()), 8))::bit(32)::int4 END,"           \
	"       " SQL_SERVER_STARTED "  "                                                              \
	"  FROM (SELECT to_regclass('outbox.dead_letter')::oid) AS d (oid)"                            \
	"  LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1"                            \
	"  LEFT JOIN pg_catalog.pg_publication p ON p.pubname = $2"

/* Through jsonb: version 0.1.0 of the extension has none of these columns. */
#define SQL_REGISTRATION                                                                           \
	"SELECT state, generation, source_id, system_identifier, timeline, start_lsn, mark_lsn,"       \
	"       last_position, wal_messages, pg_catalog.to_jsonb(r) ->> 'wal_messages_until',"         \
	"       pg_catalog.to_jsonb(r) ->> 'gap_snapshot' IS NOT NULL,"                                \
	"       pg_catalog.jsonb_exists(pg_catalog.to_jsonb(r), 'routing'),"                           \
	"       pg_catalog.to_jsonb(r) ->> 'routing',"                                                 \
	"       pg_catalog.jsonb_exists(pg_catalog.to_jsonb(r), 'exactly_once_generation'),"           \
	"       pg_catalog.to_jsonb(r) ->> 'exactly_once_generation',"                                 \
	"       floor(extract(epoch FROM COALESCE(heartbeat_at, created_at)) * 1000)::int8"            \
	"  FROM outbox.relay r WHERE slot_name = $1"

/* The end of the WAL is as of the look: later than the slot's positions, or the same. */
#define SQL_SLOT_FACTS                                                                             \
	"SELECT s.slot_name IS NOT NULL, s.wal_status, s.safe_wal_size,"                               \
	"       GREATEST(f.lsn - s.restart_lsn, 0), GREATEST(f.lsn - s.confirmed_flush_lsn, 0),"       \
	"       f.lsn,"                                                                                \
	"       EXISTS (SELECT FROM outbox.relay r WHERE r.slot_name = $1"                             \
	"                AND pg_catalog.to_jsonb(r) ->> 'gap_snapshot' IS NOT NULL)"                   \
	"  FROM (SELECT pg_catalog.pg_current_wal_flush_lsn()) AS f (lsn)"                             \
	"  LEFT JOIN pg_catalog.pg_replication_slots s ON s.slot_name = $1"

/*
 * Held as long as the connection lives: what a session has learned of its registration
 * stays true.  outbox-relay init takes the same lock alone to change wal_messages, and
 * outbox-relay repartition to change the routing map.
 */
#define LOCK_REGISTRATION "pg_catalog.hashtext('pg_outbox.relay'), pg_catalog.hashtext($1)"
#define SQL_SHARE_REGISTRATION "SELECT pg_catalog.pg_advisory_lock_shared(" LOCK_REGISTRATION ")"
#define SQL_LOCK_REGISTRATION "SELECT pg_catalog.pg_advisory_xact_lock(" LOCK_REGISTRATION ")"

#define SQL_TOPICS                                                                                 \
	"SELECT topic, partitions FROM outbox.topic WHERE slot_name = $1 ORDER BY recorded_at, topic"

/* $2 generation, $3 mark, $4 last position, $5 snapshot, $6 its time in usec since 2000 */
#define SQL_MARK                                                                                   \
	"UPDATE outbox.relay"                                                                          \
	"   SET mark_lsn = GREATEST(mark_lsn, $3::pg_lsn), mark_at = clock_timestamp(),"               \
	"       last_position = COALESCE($4, last_position),"                                          \
	"       heartbeat_snapshot = COALESCE($5::pg_snapshot, heartbeat_snapshot),"                   \
	"       heartbeat_at = COALESCE(TIMESTAMPTZ '2000-01-01 00:00:00+00'"                          \
	"                               + $6::int8 * INTERVAL '1 microsecond', heartbeat_at)"          \
	" WHERE slot_name = $1 AND generation = $2::int4"                                              \
	" RETURNING pg_catalog.pg_current_wal_flush_lsn()"

/* $2 generation, $3 the same, or null */
#define SQL_DELIVERY                                                                               \
	"UPDATE outbox.relay SET exactly_once_generation = $3::int4"                                   \
	" WHERE slot_name = $1 AND generation = $2::int4"

#define SQL_TIMELINE                                                                               \
	"UPDATE outbox.relay SET timeline = $3::int4, mark_lsn = GREATEST(mark_lsn, $4::pg_lsn)"       \
	" WHERE slot_name = $1 AND generation = $2::int4"

#define SQL_FLUSHED "SELECT pg_catalog.pg_current_wal_flush_lsn()"

#define SQL_SLOT "SELECT active_pid FROM pg_catalog.pg_replication_slots WHERE slot_name = $1"

/* $2 generation, $3 the settings.  The first to record them wins. */
#define SQL_RECORD_ROUTING                                                                         \
	"UPDATE outbox.relay SET routing = $3"                                                         \
	" WHERE slot_name = $1 AND generation = $2::int4 AND routing IS NULL"

/*
 * $2 topic, $3 partitions, $4 generation.  The first to record it wins, and the registration
 * stays until it has.  0: another relay's record was committed after this statement's snapshot
 * was taken.  Null: the registration is gone.
 */
#define SQL_RECORD_TOPIC                                                                           \
	"WITH mine AS ("                                                                               \
	"  INSERT INTO outbox.topic (slot_name, topic, partitions, generation, recorded_at)"           \
	"  SELECT r.slot_name, $2, $3::int4, $4::int4, clock_timestamp()"                              \
	"    FROM (SELECT slot_name FROM outbox.relay WHERE slot_name = $1 FOR KEY SHARE) AS r"        \
	"  ON CONFLICT (slot_name, topic) DO NOTHING RETURNING partitions)"                            \
	"SELECT pg_catalog.max(t.partitions) FROM ("                                                   \
	" SELECT partitions FROM mine UNION ALL"                                                       \
	" SELECT partitions FROM outbox.topic WHERE slot_name = $1 AND topic = $2 UNION ALL"           \
	" SELECT 0 FROM outbox.relay WHERE slot_name = $1) AS t"

/*
 * $2 what the positions of this registration begin with.  Rows are written in the order of
 * their positions.
 */
#define SQL_LAST_DEAD_LETTER                                                                       \
	"SELECT position FROM outbox.dead_letter"                                                      \
	" WHERE slot_name = $1 AND pg_catalog.starts_with(position, $2)"                               \
	" ORDER BY number DESC LIMIT 1"

/*
 * $2 position, $3 topic, $4 reason, $5 Kafka's name of it, $6 id, $7 to $9 what text columns have,
 * $10 and $11 the payload as bytes (text or not), $12 headers, $13 when it was made, in usec since
 * 2000.  A row that is there already says the same.
 */
#define INSERT_DEAD_LETTER_ROW                                                                     \
	"INSERT INTO outbox.dead_letter (slot_name, position, topic, reason, errcode, id,"             \
	"  aggregatetype, aggregateid, type, payload, payload_bytes, headers, created_at)"             \
	"VALUES ($1, $2, $3, $4, $5, $6::uuid,"
#define INSERT_DEAD_LETTER INSERT_DEAD_LETTER_ROW " $7, $8, $9,"
/* The ends of int8 are those of all times, and no number of microseconds. */
#define DEAD_LETTER_CREATED_AT                                                                     \
	" CASE $13::int8 WHEN 9223372036854775807 THEN 'infinity'"                                     \
	"      WHEN -9223372036854775808 THEN '-infinity'"                                             \
	"      ELSE TIMESTAMPTZ '2000-01-01 00:00:00+00'"                                              \
	"           + $13::int8 * INTERVAL '1 microsecond' END)"                                       \
	" ON CONFLICT (slot_name, position) DO NOTHING"
#define SQL_DEAD_LETTER                                                                            \
	INSERT_DEAD_LETTER                                                                             \
	" pg_catalog.convert_from($10::bytea, 'UTF8')::json, $11::bytea, "                             \
	"$12::jsonb," DEAD_LETTER_CREATED_AT
/* For what the columns refuse, as only a message can hold: a payload that isn't JSON, and such headers. */
#define DEAD_LETTER_BYTES                                                                          \
	INSERT_DEAD_LETTER                                                                             \
	" CASE WHEN $11::bytea IS NULL THEN NULL"                                                      \
	"      ELSE pg_catalog.convert_from($10::bytea, 'UTF8')::json END,"                            \
	" COALESCE($11::bytea, $10::bytea),"
#define SQL_DEAD_LETTER_BYTES DEAD_LETTER_BYTES " $12::jsonb," DEAD_LETTER_CREATED_AT
#define SQL_DEAD_LETTER_RAW                                                                        \
	DEAD_LETTER_BYTES " pg_catalog.to_jsonb($12::text)," DEAD_LETTER_CREATED_AT
/*
 * For text that the database can't hold: each field with its length, -1 for none; $7 to $9 and $12
 * come as bytes.
 */
#define FIELD_OF_BYTES(param)                                                                      \
	" pg_catalog.int4send(COALESCE(pg_catalog.length(" param "::bytea), -1))"                      \
	" || COALESCE(" param "::bytea, '')"
#define TEXT_AS_BYTES                                                                              \
	FIELD_OF_BYTES("$7")                                                                           \
	" ||" FIELD_OF_BYTES("$8") " ||" FIELD_OF_BYTES("$9") " ||" FIELD_OF_BYTES("$12")
#define PAYLOADS_AS_BYTES FIELD_OF_BYTES("$10") " ||" FIELD_OF_BYTES("$11")
#define SQL_DEAD_LETTER_ALL_BYTES                                                                  \
	INSERT_DEAD_LETTER_ROW                                                                         \
	" NULL, NULL, NULL, NULL," TEXT_AS_BYTES " ||" PAYLOADS_AS_BYTES                               \
	", NULL," DEAD_LETTER_CREATED_AT

/*
 * The statement's snapshot is older than the message: whatever it sees was committed below the LSN.
 * The time is in usec since 2000.
 */
#define SQL_HEARTBEAT                                                                              \
	"SELECT outbox.heartbeat($1), pg_catalog.pg_current_snapshot(),"                               \
	"       floor(extract(epoch FROM pg_catalog.clock_timestamp()"                                 \
	"             - TIMESTAMPTZ '2000-01-01 00:00:00+00') * 1000000)::int8"
#define SQL_MAINTAIN "SELECT outbox.maintain()"

/* The leaf's number is put in. */
#define SQL_LEAF_SIZE                                                                              \
	"SELECT pg_catalog.pg_relation_size('outbox.event_%u')"                                        \
	"       / current_setting('block_size')::int8"

/* $2 the first TID, $3 the one behind the last */
#define SQL_LEAF_ROWS                                                                              \
	"SELECT" SQL_ROW_COLUMNS "  FROM ONLY outbox.event_%u e"                                       \
	" WHERE e.ctid >= $2::tid AND e.ctid < $3::tid"                                                \
	"   AND pg_catalog.pg_visible_in_snapshot(e.xid,"                                              \
	"         (SELECT start_snapshot FROM outbox.relay WHERE slot_name = $1))"

#define SQL_READY                                                                                  \
	"UPDATE outbox.relay SET state = 'ready', mark_lsn = GREATEST(mark_lsn, start_lsn),"           \
	"       mark_at = clock_timestamp()"                                                           \
	" WHERE slot_name = $1 AND generation = $2::int4 AND state = 'backfill'"

/* May every role write logical messages in this database?  No parameter. */
#define SQL_MESSAGES_ARE_PUBLIC                                                                    \
	"SELECT EXISTS (SELECT FROM pg_catalog.pg_proc p,"                                             \
	"    pg_catalog.aclexplode(COALESCE(p.proacl, pg_catalog.acldefault('f', p.proowner))) a"      \
	"  WHERE p.pronamespace = 'pg_catalog'::pg_catalog.regnamespace"                               \
	"    AND p.proname = 'pg_logical_emit_message' AND a.grantee = 0)"

#endif
