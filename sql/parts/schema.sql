/*
 * pg_outbox @VERSION@
 *
 * Runs with search_path = pg_catalog, pg_temp (schema = pg_catalog in the control file), and everything that
 * it makes is qualified.  Nothing is granted to PUBLIC; docs/sql.md has the GRANT blocks.
 */
\echo Use "CREATE EXTENSION pg_outbox" to load this file. \quit

CREATE SCHEMA outbox;
COMMENT ON SCHEMA outbox IS 'transactional outbox: events, their rotation, and registered relays';

