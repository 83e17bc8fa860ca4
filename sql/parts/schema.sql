/*
 * pg_outbox @VERSION@
 *
 * Everything that it makes is qualified; all else means the server's own.  The control file (schema = pg_catalog)
 * sees to that as well.  Nothing is granted to PUBLIC; docs/sql.md has the GRANT blocks.
 */
\echo Use "CREATE EXTENSION pg_outbox" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'transactional outbox: events, their rotation, and registered relays';

