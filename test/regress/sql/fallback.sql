-- What a user adds to the table is honoured by emit() as by INSERT.
-- a user's own constraint shows the row, with its time
\set VERBOSITY terse
CREATE TABLE seen (what text);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES (TG_ARGV[0] || ' ' || NEW.aggregatetype); RETURN NEW; END $$;
CREATE FUNCTION emitted() RETURNS bigint LANGUAGE sql AS $$ SELECT count(*) FROM outbox.event WHERE aggregatetype = 'f' $$;

CREATE TRIGGER note AFTER INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION note('row trigger');
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
DROP TRIGGER note ON outbox.event;
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
SELECT what, emitted() FROM seen;

CREATE INDEX ON outbox.event (aggregateid);
SELECT outbox.emit('f', 'indexed', 'x', '{}') IS NOT NULL AS emitted;
SET enable_seqscan = off;
SELECT count(*) FROM outbox.event WHERE aggregateid = 'indexed';
RESET enable_seqscan;
DROP INDEX outbox.event_aggregateid_idx;

ALTER TABLE outbox.event ADD CONSTRAINT has_key CHECK (aggregateid IS NOT NULL);
SELECT outbox.emit('f', NULL, 'x', '{}');
ALTER TABLE outbox.event DROP CONSTRAINT has_key;
ALTER TABLE outbox.event ALTER COLUMN type SET NOT NULL;
SELECT outbox.emit('f', '1', NULL, '{}');
ALTER TABLE outbox.event ALTER COLUMN type DROP NOT NULL;

ALTER TABLE outbox.event ADD COLUMN tenant text DEFAULT 'acme';
SELECT outbox.emit('f', 'column', 'x', '{}') IS NOT NULL AS emitted;
SELECT tenant FROM outbox.event WHERE aggregateid = 'column';
ALTER TABLE outbox.event DROP COLUMN tenant;
SELECT outbox.emit('f', 'dropped', 'x', '{}') IS NOT NULL AS emitted;
SELECT count(*) FROM outbox.event WHERE aggregateid = 'dropped';
