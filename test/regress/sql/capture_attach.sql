-- outbox.attach() and outbox.detach(): what they make, and everything they refuse.
\pset null '~'
\pset format unaligned
\pset tuples_only on
-- "accepted", or how it was refused
CREATE FUNCTION try(call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE 'SELECT ' || call;
	RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(E'\n', SQLSTATE || ' ' || SQLERRM, NULLIF(detail, ''), NULLIF(hint, ''));
END $$;
CREATE TABLE orders (id int PRIMARY KEY, customer text NOT NULL, total numeric, "Odd" text, gone int);
ALTER TABLE orders DROP gone;
CREATE VIEW triggers AS SELECT tgrelid::regclass AS "table", pg_get_triggerdef(oid) AS definition FROM pg_trigger WHERE NOT tgisinternal AND tgrelid >= 'orders'::regclass ORDER BY 1, 2;

SELECT try($try$outbox.attach('orders')$try$);
SELECT * FROM triggers;
-- a second time it is refused, whatever is asked for
SELECT try($try$outbox.attach('orders')$try$);
SELECT try($try$outbox.attach('orders', 'other', operations => '{insert}')$try$);
SELECT try($try$outbox.detach('orders')$try$);
SELECT try($try$outbox.detach('orders')$try$);
SELECT * FROM triggers;
SELECT outbox.attach('orders', 'or.der_s-1', '{customer,id}', '{Odd,total}', 'row', 'row', '{delete,update}', 'both', 'error', 'i', 'u''s', 'd\', 't',
	NULL, 'NEW.total > 0', 'OLD.total > 0');
SELECT * FROM triggers;
-- what is there by hand stays there; a name that is taken is told
CREATE TRIGGER own AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('own', 'id');
SELECT try($try$outbox.detach('orders')$try$);
SELECT * FROM triggers;
SELECT try($try$outbox.detach('orders')$try$);
SELECT try($try$outbox.attach('orders', operations => '{update}', truncates => 'ignore')$try$);
SELECT try($try$outbox.detach('orders')$try$);
DROP TRIGGER own ON orders;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER _outbox_capture_delete AFTER DELETE ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
SELECT try($try$outbox.attach('orders')$try$);
SELECT try($try$outbox.detach('orders')$try$);
DROP TRIGGER _outbox_capture_delete ON orders;
-- only triggers that may change rows before they are captured are warned of
CREATE TRIGGER "A" AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER "B" BEFORE UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER "C" AFTER UPDATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION nothing();
CREATE TRIGGER z AFTER UPDATE ON orders FOR EACH ROW EXECUTE FUNCTION nothing();
CREATE TRIGGER zz AFTER UPDATE ON orders FOR EACH STATEMENT EXECUTE FUNCTION nothing();
SELECT try($try$outbox.attach('orders')$try$);
SELECT try($try$outbox.detach('orders')$try$);
SELECT try($try$outbox.attach('orders', level => 'statement')$try$);
SELECT try($try$outbox.detach('orders')$try$);
DROP TRIGGER "A" ON orders;
DROP TRIGGER "B" ON orders;
DROP TRIGGER "C" ON orders;
DROP TRIGGER z ON orders;
DROP TRIGGER zz ON orders;

-- the table
SELECT try($try$outbox.attach(NULL)$try$);
SELECT try($try$outbox.detach(NULL)$try$);
SELECT try($try$outbox.attach('nowhere')$try$);
SELECT try($try$outbox.attach(1)$try$);
SELECT try($try$outbox.detach(1)$try$);
CREATE VIEW orders_view AS SELECT * FROM orders;
SELECT try($try$outbox.attach('orders_view')$try$);
SELECT try($try$outbox.detach('orders_view')$try$);
SELECT try($try$outbox.attach('orders_pkey')$try$);
CREATE MATERIALIZED VIEW orders_mat AS SELECT * FROM orders;
SELECT try($try$outbox.attach('orders_mat')$try$);
SELECT try($try$outbox.attach('outbox.event')$try$);
SELECT try($try$outbox.attach('outbox.event_0', key => '{id}')$try$);
SELECT try($try$outbox.attach('outbox.rotation', key => '{current}')$try$);
SELECT try($try$outbox.attach('pg_catalog.pg_class', key => '{oid}')$try$);
CREATE TABLE "no topic" (id int PRIMARY KEY);
SELECT try($try$outbox.attach('"no topic"')$try$);
SELECT try($try$outbox.attach('"no topic"', 'topic')$try$);

-- the aggregate type
SELECT try($try$outbox.attach('orders', 'or der')$try$);
SELECT try($try$outbox.attach('orders', '')$try$);
SELECT try($try$outbox.attach('orders', '../etc')$try$);
SELECT try($try$outbox.attach('orders', repeat('x', 237))$try$);
SET pg_outbox.allowed_types = 'invoice';
SELECT try($try$outbox.attach('orders')$try$);
RESET pg_outbox.allowed_types;

-- key and columns
SELECT try($try$outbox.attach('orders', key => '{nope}')$try$);
SELECT try($try$outbox.attach('orders', key => '{ID}')$try$);
SELECT try($try$outbox.attach('orders', key => '{}')$try$);
SELECT try($try$outbox.attach('orders', key => '{id,NULL}')$try$);
SELECT try($try$outbox.attach('orders', key => '{id,id}')$try$);
SELECT try($try$outbox.attach('orders', key => '{ctid}')$try$);
SELECT try($try$outbox.attach('orders', key => '{gone}')$try$);
SELECT try($try$outbox.attach('orders', key => '{""}')$try$);
SELECT try($try$outbox.attach('orders', columns => '{id,nope}')$try$);
SELECT try($try$outbox.attach('orders', columns => '{}')$try$);
SELECT try($try$outbox.attach('orders', columns => '{total,id,total}')$try$);
SELECT try($try$outbox.attach('orders', columns => '{{id,total},{customer,Odd}}')$try$);
SELECT try($try$outbox.detach('orders')$try$);

-- the rest
SELECT try($try$outbox.attach('orders', payload => 'all')$try$);
SELECT try($try$outbox.attach('orders', level => 'table')$try$);
SELECT try($try$outbox.attach('orders', operations => '{insert,truncate}')$try$);
SELECT try($try$outbox.attach('orders', operations => '{}')$try$);
SELECT try($try$outbox.attach('orders', deletes => 'nothing')$try$);
SELECT try($try$outbox.attach('orders', truncates => 'on')$try$);
SELECT try($try$outbox.attach('orders', payload => 'row', truncates => 'event')$try$);
SELECT try($try$outbox.attach('orders', level => 'statement', when_insert => 'true')$try$);
SELECT try($try$outbox.attach('orders', operations => '{insert}', when_delete => 'true')$try$);
-- conditions are the server's to judge, and nothing but conditions
SELECT try($try$outbox.attach('orders', when_insert => 'OLD.total > 0')$try$);
SELECT try($try$outbox.attach('orders', when_update => 'NEW.nope > 0')$try$);
SELECT try($try$outbox.attach('orders', when_update => 'NEW.total')$try$);
SELECT try($try$outbox.attach('orders', when_delete => 'OLD.total >')$try$);
SELECT try($try$outbox.attach('orders', when_delete => '')$try$);
SELECT try($try$outbox.attach('orders', when_insert => 'EXISTS (SELECT FROM orders)')$try$);
SELECT try($try$outbox.attach('orders', when_insert => 'true) EXECUTE FUNCTION nothing() --')$try$);
SELECT try($try$outbox.attach('orders', when_insert => 'true) EXECUTE FUNCTION nothing(); CREATE TABLE injected (); CREATE TRIGGER x AFTER INSERT ON orders FOR EACH ROW WHEN (true')$try$);
SELECT try($try$outbox.attach('orders', when_insert => 'true /*')$try$);
-- nothing is left of what failed
SELECT * FROM triggers;
SELECT to_regclass('injected') AS injected;

-- triggers by hand
CREATE FUNCTION insert_one() RETURNS void LANGUAGE sql AS $$ INSERT INTO orders VALUES (1, 'c') $$;
CREATE TRIGGER own BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('own', 'id');
SELECT try('insert_one()');
DROP TRIGGER own ON orders;
CREATE TRIGGER own INSTEAD OF INSERT ON orders_view FOR EACH ROW EXECUTE FUNCTION outbox.capture('own', 'id');
INSERT INTO orders_view VALUES (1, 'c');
DROP VIEW orders_view;
CREATE TRIGGER own AFTER INSERT ON outbox.event FOR EACH ROW EXECUTE FUNCTION outbox.capture('own', 'id');
SELECT try($try$outbox.emit('order', '1', 'x', '{}')$try$);
DROP TRIGGER own ON outbox.event;
CREATE FUNCTION try_arguments(arguments text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER own AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION outbox.capture(%s)', arguments);
	result := try('insert_one()');
	EXECUTE 'DROP TRIGGER own ON orders';
	RETURN E'\n' || arguments || E'\n' || result;
END $$;
SELECT try_arguments(a) FROM unnest(ARRAY['', $a$'own'$a$, $a$'own', ''$a$, $a$'own', ' '$a$, $a$'own', 'id,'$a$, $a$'own', '"id'$a$, $a$'own', 'id id'$a$, $a$'own', 'id, ID'$a$,
		$a$'own', 'nope'$a$, $a$'o w n', 'id'$a$, $a$'own', 'id', 'customer'$a$, $a$'own', 'id', 'colums=id'$a$, $a$'own', 'id', '=id'$a$, $a$'own', 'id', 'columns='$a$,
		$a$'own', 'id', 'columns=nope'$a$, $a$'own', 'id', 'columns=id, id'$a$, $a$'own', 'id', 'payload='$a$, $a$'own', 'id', 'payload=row', 'payload=row'$a$,
		$a$'own', 'id', 'deletes=ignore'$a$, $a$'own', 'id', 'truncates=ignore'$a$, $a$'own', 'id', 'payload=row', 'truncates=event'$a$, $a$'own', 'id', ''$a$]) WITH ORDINALITY AS u (a, o) ORDER BY o;
-- names as SQL has them
CREATE TRIGGER own AFTER INSERT ON orders FOR EACH ROW EXECUTE FUNCTION outbox.capture('own', ' ID , "Odd" ', 'columns=Customer,"Odd"', 'payload=row');
INSERT INTO orders VALUES (1, 'c', 2, 'odd');
SELECT aggregateid, payload FROM outbox.event;
SELECT try('outbox.capture()');
