/*
 * pg_outbox @VERSION@ for servers that load no C of others: plain SQL and PL/pgSQL, for a database whose owner runs
 *
 *	psql -v ON_ERROR_STOP=1 -f pg_outbox-managed.sql
 *
 * in it.  Put together from the parts of the extension (scripts/managed-sql).  docs/sql.md, "Without the
 * extension", says what is lost.  It is one transaction, and it fails where there is a schema "outbox" already.
 */
BEGIN;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL client_min_messages = warning;

