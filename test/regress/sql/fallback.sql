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

-- a row that a trigger drops has no id; a statement trigger is one, too
CREATE FUNCTION drop_row() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER drop_row BEFORE INSERT ON outbox.event FOR EACH ROW WHEN (NEW.type = 'drop') EXECUTE FUNCTION drop_row();
SELECT outbox.emit('f', 'dropped by a trigger', 'drop', '{}') IS NULL AS nothing;
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
DROP TRIGGER drop_row ON outbox.event;
CREATE FUNCTION note_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen VALUES ('statement'); RETURN NULL; END $$;
CREATE TRIGGER note AFTER INSERT ON outbox.event FOR EACH STATEMENT EXECUTE FUNCTION note_statement();
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
DROP TRIGGER note ON outbox.event;
CREATE RULE elsewhere AS ON INSERT TO outbox.event WHERE NEW.type = 'rule' DO INSTEAD INSERT INTO seen VALUES ('rule ' || NEW.aggregatetype);
SELECT outbox.emit('f', 'taken by a rule', 'rule', '{}') IS NOT NULL AS emitted;
DROP RULE elsewhere ON outbox.event;
SELECT what FROM seen WHERE what NOT LIKE 'row%';
SELECT count(*) FROM outbox.event WHERE aggregateid ~ ' by ';

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

-- when all of that is gone, emit() needs no right on the table again
CREATE ROLE regress_emitter;
GRANT USAGE ON SCHEMA outbox TO regress_emitter;
GRANT EXECUTE ON FUNCTION outbox.emit(text, text, text, text, jsonb, uuid) TO regress_emitter;
SET ROLE regress_emitter;
SELECT outbox.emit('f', '1', 'x', '{}') IS NOT NULL AS emitted;
RESET ROLE;
DROP OWNED BY regress_emitter;
DROP ROLE regress_emitter;

ALTER TABLE outbox.event ADD COLUMN tenant text DEFAULT 'acme';
SELECT outbox.emit('f', 'column', 'x', '{}') IS NOT NULL AS emitted;
SELECT tenant FROM outbox.event WHERE aggregateid = 'column';
ALTER TABLE outbox.event DROP COLUMN tenant;
SELECT outbox.emit('f', 'dropped', 'x', '{}') IS NOT NULL AS emitted;
SELECT count(*) FROM outbox.event WHERE aggregateid = 'dropped';
