-- What CREATE EXTENSION makes, and what it leaves to nobody.
\pset null '~'
SELECT extname, extversion, extrelocatable FROM pg_extension WHERE extname = 'pg_outbox';

-- every object has a comment, every column too
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid
 WHERE e.extname = 'pg_outbox' AND d.deptype = 'e' AND d.classid <> 'pg_type'::regclass
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
 ORDER BY 1;
SELECT attrelid::regclass, attname FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
 WHERE relnamespace = 'outbox'::regnamespace AND relkind IN ('r', 'p') AND attnum > 0
   AND col_description(attrelid, attnum) IS NULL
 ORDER BY 1, 2;
SELECT tgrelid::regclass, tgname FROM pg_trigger JOIN pg_class AS c ON c.oid = tgrelid
 WHERE relnamespace = 'outbox'::regnamespace AND NOT tgisinternal AND tgparentid = 0
   AND obj_description(pg_trigger.oid, 'pg_trigger') IS NULL
 ORDER BY 1, 2;
-- and is in its schema
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid
 WHERE e.extname = 'pg_outbox' AND d.deptype = 'e'
   AND (pg_identify_object(d.classid, d.objid, d.objsubid)).schema <> 'outbox'
 ORDER BY 1;

-- the event table: columns and defaults
SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid = 'outbox.event'::regclass AND attnum > 0 ORDER BY attnum;
-- no index on it
SELECT count(*) FROM pg_index WHERE indrelid::regclass::text LIKE 'outbox.event%';

-- PUBLIC may do nothing
SELECT p.oid::regprocedure FROM pg_proc AS p
 WHERE pronamespace = 'outbox'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a WHERE a.grantee = 0)
 ORDER BY p.oid::regprocedure::text;
SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(relacl) AS a WHERE a.grantee = 0);
SELECT nspacl IS NULL AS nothing_granted FROM pg_namespace WHERE nspname = 'outbox';

-- settings with an unknown name are refused
SELECT outbox.uuid7() IS NOT NULL AS loaded;
SET pg_outbox.no_such_setting = 1;

-- it can go and come again, also in a session that knew the tables
SELECT outbox.emit('order', '1', 'x', NULL) IS NOT NULL AS emitted;
DROP EXTENSION pg_outbox;
SELECT count(*) FROM pg_namespace WHERE nspname = 'outbox';
-- (newer servers say where in the script)
\set SHOW_CONTEXT never
CREATE SCHEMA outbox;
CREATE EXTENSION pg_outbox;
DROP SCHEMA outbox;
CREATE EXTENSION pg_outbox SCHEMA public;
SET search_path = nowhere;
CREATE EXTENSION pg_outbox;
SELECT outbox.emit('order', '1', 'x', NULL) IS NOT NULL AS emitted;
SELECT count(*) FROM outbox.event;
SET check_function_bodies = on;
SELECT extname, extconfig::regclass[] FROM pg_extension WHERE extname = 'pg_outbox';

-- functions run with a search path of their own, temporary objects last; C functions need none
SELECT p.oid::regprocedure FROM pg_proc AS p JOIN pg_language AS l ON l.oid = prolang
 WHERE pronamespace = 'outbox'::regnamespace AND (lanname <> 'c' OR prosecdef)
   AND NOT coalesce('search_path=pg_catalog, pg_temp' = ANY (proconfig), false)
 ORDER BY p.oid::regprocedure::text;
-- those that run with their owner's rights
SELECT p.oid::regprocedure FROM pg_proc AS p WHERE pronamespace = 'outbox'::regnamespace AND prosecdef ORDER BY p.oid::regprocedure::text;
-- views, checks, defaults, indexes and functions use what is the server's or the extension's own
SELECT pg_describe_object(d.classid, d.objid, d.objsubid), pg_describe_object(d.refclassid, d.refobjid, d.refobjsubid)
  FROM pg_depend AS d, pg_identify_object(d.classid, d.objid, d.objsubid) AS o, pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS r
 WHERE d.classid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass, 'pg_trigger'::regclass)
   AND (o.schema = 'outbox' OR o.identity LIKE '% on outbox.%' OR o.identity LIKE 'for outbox.%')
   AND r.schema NOT IN ('outbox', 'pg_catalog', 'pg_toast')
 ORDER BY 1, 2;
