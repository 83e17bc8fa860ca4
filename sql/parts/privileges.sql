/* ---- privileges and dumps ---- */

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA outbox FROM PUBLIC;

/*
 * rotation and partition are left out: their rows come from this script.  A restored database starts with
 * partition 0, and the rows that were restored into the others are kept until these have had their turn.
 */
SELECT pg_extension_config_dump('outbox.event_0', '');
SELECT pg_extension_config_dump('outbox.event_1', '');
SELECT pg_extension_config_dump('outbox.event_2', '');
SELECT pg_extension_config_dump('outbox.relay', '');
SELECT pg_extension_config_dump('outbox.topic', '');
