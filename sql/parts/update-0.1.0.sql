/*
 * pg_outbox 0.1.0 to @VERSION@: what changes in objects that were there.  The functions of the parts that changed
 * and the parts that are new follow (extension/Makefile).
 */
\echo Use "ALTER EXTENSION pg_outbox UPDATE TO '@VERSION@'" to load this file. \quit

SET LOCAL search_path = pg_catalog, pg_temp;
ALTER TABLE outbox.topic DROP CONSTRAINT topic_relay;
