-- What CREATE EXTENSION makes, and what it leaves to nobody.
\pset null '~'
SELECT extname, extversion, extrelocatable FROM pg_extension WHERE extname = 'pg_outbox';

-- every object has a comment
SELECT pg_describe_object(d.classid, d.objid, d.objsubid)
  FROM pg_depend AS d JOIN pg_extension AS e ON d.refobjid = e.oid
 WHERE e.extname = 'pg_outbox' AND d.deptype = 'e' AND d.classid IN ('pg_proc'::regclass, 'pg_class'::regclass, 'pg_namespace'::regclass)
   AND obj_description(d.objid, d.classid::regclass::name) IS NULL
 ORDER BY 1;

-- the event table: columns and defaults
SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
  FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
 WHERE attrelid = 'outbox.event'::regclass AND attnum > 0 ORDER BY attnum;
-- no index on it
SELECT count(*) FROM pg_index WHERE indrelid::regclass::text LIKE 'outbox.event%';

-- what PUBLIC may execute: only what an inserting role needs
SELECT p.oid::regprocedure FROM pg_proc AS p
 WHERE pronamespace = 'outbox'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) AS a WHERE a.grantee = 0)
 ORDER BY 1::text;
SELECT relname FROM pg_class WHERE relnamespace = 'outbox'::regnamespace
   AND EXISTS (SELECT FROM aclexplode(relacl) AS a WHERE a.grantee = 0);
SELECT nspacl IS NULL AS nothing_granted FROM pg_namespace WHERE nspname = 'outbox';

-- settings with an unknown name are refused
SELECT outbox.uuid7() IS NOT NULL AS loaded;
SET pg_outbox.no_such_setting = 1;

-- it can go and come again
DROP EXTENSION pg_outbox CASCADE;
CREATE EXTENSION pg_outbox;
SELECT count(*) FROM outbox.event;
