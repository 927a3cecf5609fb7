-- What in the schema a move has to know of: a kind, a name, a detail. Objects of extensions are not the tenant's.
WITH RECURSIVE mine AS (
    SELECT oid, nspname FROM pg_namespace
     WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
), extended AS (
    SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
    SELECT c.oid, c.relkind, c.relispartition, c.relreplident, c.reltablespace,
           format('%I.%I', m.nspname, c.relname) AS name, to_jsonb(c) ->> 'relhasoids' AS has_oids
      FROM pg_class c JOIN mine m ON m.oid = c.relnamespace
     WHERE ('pg_class'::regclass, c.oid) NOT IN (TABLE extended)
), trees AS (
    SELECT r.oid AS root, r.oid AS part FROM relations r WHERE r.relkind = 'p' AND NOT r.relispartition
    UNION ALL
    SELECT t.root, i.inhrelid FROM trees t JOIN pg_inherits i ON i.inhparent = t.part
)
SELECT 'trigger on apply' AS kind, format('%s.%I', r.name, t.tgname) AS name,
       CASE t.tgenabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END AS detail
  FROM pg_trigger t JOIN relations r ON r.oid = t.tgrelid
 WHERE t.tgenabled IN ('A', 'R') AND NOT t.tgisinternal
UNION ALL
SELECT 'rule on apply', format('%s.%I', r.name, w.rulename), CASE w.ev_enabled WHEN 'A' THEN 'ALWAYS' ELSE 'REPLICA' END
  FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class
 WHERE w.ev_enabled IN ('A', 'R') AND w.rulename <> '_RETURN'
UNION ALL
SELECT 'deferrable constraint', format('%s.%I', r.name, k.conname), pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
 WHERE k.condeferrable AND k.contype IN ('p', 'u', 'x', 'f')
UNION ALL
SELECT 'constraint not validated', format('%s.%I', r.name, k.conname), pg_get_constraintdef(k.oid)
  FROM pg_constraint k JOIN relations r ON r.oid = k.conrelid
 WHERE NOT k.convalidated
UNION ALL
SELECT 'invalid index', r.name, ''
  FROM pg_index i JOIN relations r ON r.oid = i.indexrelid
 WHERE NOT i.indisvalid AND r.relkind = 'i'
UNION ALL
SELECT 'untrusted function', format('%I.%I', m.nspname, p.proname), l.lanname
  FROM pg_proc p JOIN mine m ON m.oid = p.pronamespace JOIN pg_language l ON l.oid = p.prolang
 WHERE NOT l.lanpltrusted AND ('pg_proc'::regclass, p.oid) NOT IN (TABLE extended)
   AND NOT EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = p.oid) -- those only say that they are internal
UNION ALL
SELECT 'table with oids', r.name, '' FROM relations r WHERE r.has_oids = 'true' AND r.relkind IN ('r', 'p')
UNION ALL
-- The types of before 1.0 that went with PostgreSQL 12.
SELECT 'removed type', format('%s.%I', r.name, a.attname), format_type(a.atttypid, NULL)
  FROM pg_attribute a JOIN relations r ON r.oid = a.attrelid AND r.relkind IN ('r', 'p', 'f')
 WHERE a.attnum > 0 AND NOT a.attisdropped AND a.atttypid IN (702, 703, 704)
UNION ALL
-- Postfix operators went with PostgreSQL 14.
SELECT 'removed operator', format('%I.%s', m.nspname, o.oprname), ''
  FROM pg_operator o JOIN mine m ON m.oid = o.oprnamespace
 WHERE o.oprright = 0 AND ('pg_operator'::regclass, o.oid) NOT IN (TABLE extended)
UNION ALL
SELECT 'tablespace', r.name, s.spcname FROM relations r JOIN pg_tablespace s ON s.oid = r.reltablespace
 WHERE s.spcname <> 'pg_default'
UNION ALL
SELECT 'inheritance', r.name, p.name
  FROM pg_inherits i JOIN relations r ON r.oid = i.inhrelid JOIN relations p ON p.oid = i.inhparent
 WHERE r.relkind = 'r' AND NOT r.relispartition
UNION ALL
SELECT 'partition tree', r.name, (count(*) - 1) || ' partitions'
  FROM trees t JOIN relations r ON r.oid = t.root GROUP BY r.name
UNION ALL
SELECT 'replica identity', r.name, CASE r.relreplident WHEN 'n' THEN 'NOTHING' WHEN 'f' THEN 'FULL' ELSE 'USING INDEX' END
  FROM relations r WHERE r.relkind IN ('r', 'p') AND r.relreplident <> 'd'
UNION ALL
SELECT 'policy', format('%s.%I', r.name, p.polname), '' FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
UNION ALL
SELECT 'event trigger', format('%I', e.evtname), e.evtevent
  FROM pg_event_trigger e WHERE ('pg_event_trigger'::regclass, e.oid) NOT IN (TABLE extended)
UNION ALL
SELECT 'publication', format('%I', p.pubname), '' FROM pg_publication p WHERE p.pubname NOT LIKE 'bascule\_%'
UNION ALL
SELECT 'foreign server', format('%I', s.srvname), w.fdwname
  FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = s.srvfdw
UNION ALL
SELECT 'security label', coalesce(l.objname, '?'), l.provider FROM pg_seclabels l WHERE l.objtype <> 'role'
UNION ALL
-- Names only: a value may be a secret.
SELECT 'setting', split_part(given, '=', 1),
       CASE WHEN s.setrole = 0 THEN 'of the database' ELSE 'of ' || pg_get_userbyid(s.setrole) END
  FROM pg_db_role_setting s, unnest(s.setconfig) AS given
 WHERE s.setdatabase = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
UNION ALL
SELECT 'sequence nearly used up', r.name, round(100.0 * pg_sequence_last_value(r.oid) / s.seqmax) || ' % of ' || s.seqmax
  FROM pg_sequence s JOIN relations r ON r.oid = s.seqrelid
 WHERE CASE WHEN s.seqincrement > 0 AND NOT s.seqcycle AND has_sequence_privilege(r.oid, 'SELECT')
            THEN pg_sequence_last_value(r.oid) > 0.8 * s.seqmax ELSE false END
 ORDER BY 1, 2, 3;
