/*
 * What the catalogs say of the extension, one fact a line, without OIDs and in an order that depends on nothing
 * but the names: for comparing two databases with diff.
 *
 * The members of the extension, whatever they are, with owner, privileges (those of the script too) and comment;
 * definitions of functions, relations, columns, constraints, indexes, triggers, rules, policies, types and
 * sequences; what is dumped; how many rows the script put into its tables.  What hangs on a member counts as
 * well as the member, so a column that an update gave in another place, a default that it forgot and a privilege
 * that it left to PUBLIC are each a line that differs.
 */
\pset tuples_only on
\pset format unaligned
\pset fieldsep ' | '

CREATE TEMPORARY VIEW member AS
	SELECT d.classid, d.objid, i.type, i.identity
	  FROM pg_depend AS d
	  JOIN pg_extension AS e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid
	 CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) AS i
	 WHERE e.extname = 'pg_outbox' AND d.deptype = 'e';
CREATE TEMPORARY VIEW relation AS
	SELECT c.* FROM pg_class AS c JOIN member ON classid = 'pg_class'::regclass AND objid = c.oid;
CREATE TEMPORARY VIEW every_relation AS
	SELECT * FROM relation
	 UNION ALL
	SELECT c.* FROM pg_class AS c JOIN pg_index AS i ON c.oid = i.indexrelid JOIN relation AS r ON i.indrelid = r.oid;

CREATE FUNCTION pg_temp.privileges(acl aclitem[]) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(a::text, ' ' ORDER BY a::text), 'default') FROM unnest(acl) AS a
$$;
/* pg_attver is the server's own count of a column's definitions (in the minor releases that have it). */
CREATE FUNCTION pg_temp.options(options text[]) RETURNS text LANGUAGE sql AS $$
	SELECT coalesce(string_agg(o, ' ' ORDER BY o), '-') FROM unnest(options) AS o WHERE o NOT LIKE 'pg\_attver=%'
$$;

CREATE TEMPORARY TABLE fact (kind text, name text, what text, value text);

INSERT INTO fact
SELECT 'extension', extname, w.what, w.value
  FROM pg_extension,
	   LATERAL (VALUES ('version', extversion), ('relocatable', extrelocatable::text),
					   ('schema', extnamespace::regnamespace::text), ('owner', extowner::regrole::text),
					   ('comment', obj_description(pg_extension.oid, 'pg_extension'))) AS w (what, value)
 WHERE extname = 'pg_outbox'
 UNION ALL
SELECT 'extension', extname, 'dumped: ' || extconfig[n]::regclass::text, coalesce(nullif(extcondition[n], ''), 'all')
  FROM pg_extension, generate_subscripts(extconfig, 1) AS n WHERE extname = 'pg_outbox';

INSERT INTO fact
SELECT type, identity, 'member, comment', obj_description(objid, classid::regclass::name) FROM member
 UNION ALL
SELECT m.type, m.identity, 'privileges from the script', pg_temp.privileges(i.initprivs)
  FROM member AS m JOIN pg_init_privs AS i ON i.classoid = m.classid AND i.objoid = m.objid AND i.objsubid = 0
 UNION ALL
SELECT 'schema', nspname, 'owner, privileges', nspowner::regrole || ' ' || pg_temp.privileges(nspacl)
  FROM pg_namespace JOIN member ON classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid
 UNION ALL
SELECT 'default privileges', coalesce(nspname, '-'), format('%s %s', defaclrole::regrole, defaclobjtype), pg_temp.privileges(defaclacl)
  FROM pg_default_acl LEFT JOIN pg_namespace ON pg_namespace.oid = defaclnamespace
 UNION ALL
SELECT 'in the schema, no member', c.oid::regclass::text, '', ''
  FROM pg_class AS c
 WHERE relnamespace = 'outbox'::regnamespace AND relkind NOT IN ('i', 'I')
   AND c.oid NOT IN (SELECT oid FROM relation)
 UNION ALL
SELECT 'in the schema, no member', p.oid::regprocedure::text, '', ''
  FROM pg_proc AS p
 WHERE pronamespace = 'outbox'::regnamespace
   AND NOT EXISTS (SELECT FROM member WHERE classid = 'pg_proc'::regclass AND objid = p.oid);

INSERT INTO fact
SELECT 'function', identity, w.what, w.value
  FROM pg_proc AS p JOIN member ON classid = 'pg_proc'::regclass AND objid = p.oid,
	   LATERAL (VALUES ('definition', CASE WHEN p.prokind = 'a' THEN 'aggregate' ELSE pg_get_functiondef(p.oid) END),
					   ('owner, privileges', p.proowner::regrole || ' ' || pg_temp.privileges(p.proacl))) AS w (what, value);

INSERT INTO fact
SELECT 'relation', r.oid::regclass::text, w.what, w.value
  FROM every_relation AS r LEFT JOIN pg_am AS a ON a.oid = r.relam,
	   LATERAL (VALUES
		('kind', format('%s %s %s, options %s, replica identity %s, row security %s %s', r.relkind, r.relpersistence, a.amname,
						pg_temp.options(r.reloptions), r.relreplident, r.relrowsecurity, r.relforcerowsecurity)),
		('partition', coalesce(pg_get_partkeydef(r.oid), '-') || ' ' || coalesce(pg_get_expr(r.relpartbound, r.oid), '-')),
		('view', CASE WHEN r.relkind IN ('v', 'm') THEN pg_get_viewdef(r.oid) END),
		('owner, privileges', r.relowner::regrole || ' ' || pg_temp.privileges(r.relacl))) AS w (what, value)
 WHERE w.value IS NOT NULL
 UNION ALL
SELECT 'relation', i.inhrelid::regclass::text, 'parent', i.inhparent::regclass::text
  FROM pg_inherits AS i JOIN every_relation AS r ON i.inhrelid = r.oid;

INSERT INTO fact
SELECT 'column', r.oid::regclass || '.' || attname, w.what, w.value
  FROM (SELECT a.*, row_number() OVER (PARTITION BY attrelid ORDER BY attnum) AS place
		  FROM pg_attribute AS a WHERE attnum > 0 AND NOT attisdropped) AS a
  JOIN every_relation AS r ON attrelid = r.oid
  LEFT JOIN pg_attrdef AS d ON adrelid = attrelid AND adnum = attnum
  LEFT JOIN pg_collation AS c ON c.oid = attcollation,
	   LATERAL (VALUES
		('place, type', format('%s %s %s', place, format_type(atttypid, atttypmod), coalesce('collate ' || collname, ''))),
		('null, default', format('%s %s identity %L generated %L', CASE WHEN attnotnull THEN 'not null' ELSE 'null' END,
								 coalesce(pg_get_expr(adbin, adrelid), '-'), attidentity, attgenerated)),
		('storage', format('%s %L options %s', attstorage, attcompression, pg_temp.options(attoptions))),
		('privileges', pg_temp.privileges(attacl)),
		('comment', col_description(attrelid, attnum))) AS w (what, value)
 UNION ALL
SELECT 'column', r.oid::regclass || '.' || attname, 'dropped', 'its place stays' FROM pg_attribute JOIN relation AS r ON attrelid = r.oid
 WHERE attnum > 0 AND attisdropped;

INSERT INTO fact
SELECT 'constraint', format('%s.%s', coalesce(nullif(conrelid, 0)::regclass::text, contypid::regtype::text), conname), w.what, w.value
  FROM pg_constraint AS c,
	   LATERAL (VALUES
		('definition', format('%s, validated %s, local %s, inherited %s, no inherit %s', pg_get_constraintdef(c.oid), convalidated,
							  conislocal, coninhcount, connoinherit)),
		('comment', obj_description(c.oid, 'pg_constraint'))) AS w (what, value)
 WHERE conrelid IN (SELECT oid FROM relation)
	OR contypid IN (SELECT objid FROM member WHERE classid = 'pg_type'::regclass)
 UNION ALL
SELECT 'index', indexrelid::regclass::text, w.what, w.value
  FROM pg_index AS i JOIN relation AS r ON indrelid = r.oid,
	   LATERAL (VALUES
		('definition', format('%s, valid %s, replica identity %s', pg_get_indexdef(indexrelid), indisvalid, indisreplident)),
		('comment', obj_description(indexrelid, 'pg_class'))) AS w (what, value)
 UNION ALL
SELECT 'trigger', format('%s on %s', tgname, tgrelid::regclass), w.what, w.value
  FROM pg_trigger AS t JOIN relation AS r ON tgrelid = r.oid,
	   LATERAL (VALUES
		('definition', format('%s, enabled %s, parent %s', pg_get_triggerdef(t.oid), tgenabled, tgparentid <> 0)),
		('comment', obj_description(t.oid, 'pg_trigger'))) AS w (what, value)
 WHERE NOT tgisinternal OR tgparentid <> 0
 UNION ALL
SELECT 'rule', format('%s on %s', rulename, ev_class::regclass), 'definition', format('%s, enabled %s', pg_get_ruledef(u.oid), ev_enabled)
  FROM pg_rewrite AS u JOIN relation AS r ON ev_class = r.oid WHERE rulename <> '_RETURN'
 UNION ALL
SELECT 'policy', format('%s on %s', polname, polrelid::regclass), 'definition',
	   format('%s %s %s %s %s', polcmd, polpermissive, polroles::regrole[], pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))
  FROM pg_policy JOIN relation AS r ON polrelid = r.oid
 UNION ALL
SELECT 'statistics', s.oid::regclass::text, 'definition', pg_get_statisticsobjdef(s.oid)
  FROM pg_statistic_ext AS s JOIN relation AS r ON stxrelid = r.oid
 UNION ALL
SELECT 'sequence', seqrelid::regclass::text, 'definition',
	   format('%s start %s by %s from %s to %s cache %s cycle %s', format_type(seqtypid, NULL), seqstart, seqincrement, seqmin, seqmax,
			  seqcache, seqcycle)
  FROM pg_sequence JOIN relation AS r ON seqrelid = r.oid
 UNION ALL
SELECT 'type', t.oid::regtype::text, 'definition',
	   format('%s %s not null %s default %s owner %s privileges %s labels %s', typtype, format_type(typbasetype, typtypmod), typnotnull,
			  typdefault, typowner::regrole, pg_temp.privileges(typacl),
			  (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
  FROM pg_type AS t JOIN member ON classid = 'pg_type'::regclass AND objid = t.oid;

DO $rows$
DECLARE
	r regclass;
BEGIN
	FOR r IN SELECT oid FROM relation WHERE relkind IN ('r', 'p') LOOP
		EXECUTE format('INSERT INTO fact SELECT ''relation'', %L, ''rows'', count(*) FROM %s', r, r);
	END LOOP;
END
$rows$;

/* A definition of many lines gives a line of output for each, so that diff shows the ones that differ. */
SELECT f.kind, f.name, f.what, l.line
  FROM fact AS f, LATERAL regexp_split_to_table(coalesce(f.value, '(none)'), E'\n') WITH ORDINALITY AS l (line, n)
 ORDER BY f.kind COLLATE "C", f.name COLLATE "C", f.what COLLATE "C", f.value COLLATE "C", l.n;
