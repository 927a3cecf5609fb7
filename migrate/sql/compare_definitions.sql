-- What the database is made of, one line an object: kind, name, definition.
-- What an extension owns is told by the extension's own line. Owners and grants differ by design, since the
-- site has roles of its own: compare_rights.sql holds them to a rule. Columns that newer servers have are
-- read through JSON, so that this runs on version 10 too.
WITH spaces AS (
  SELECT oid, nspname FROM pg_namespace
   WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
     -- What a new version brings along beside what legacy has: migrate/product/in_step.py.
     AND pg_catalog.obj_description(oid, 'pg_namespace') IS DISTINCT FROM 'bascule: only on this site'
), owned_by_extension AS (
  SELECT classid, objid FROM pg_depend WHERE deptype = 'e'
), relations AS (
  SELECT c.oid, c.relkind, c.relpersistence, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
         c.relispartition, c.relpartbound,
         format('%I.%I', s.nspname, c.relname) AS name
    FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
   WHERE (('pg_class'::regclass)::oid, c.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
)
SELECT 'schema' AS kind, quote_ident(nspname) AS name, '' AS definition
  FROM spaces WHERE nspname <> 'public'
UNION ALL
-- Its version is its server's, which a dump does not carry: the assessment tells where that differs.
SELECT 'extension', extname, 'in ' || extnamespace::regnamespace FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL
SELECT 'table', name, concat_ws(' ', CASE relkind WHEN 'p' THEN 'partitioned by ' || pg_get_partkeydef(oid)
         WHEN 'f' THEN 'foreign' ELSE 'plain' END,
         CASE relpersistence WHEN 'u' THEN 'unlogged' END, CASE WHEN relrowsecurity THEN 'row security' END,
         CASE WHEN relforcerowsecurity THEN 'for its owner too' END, 'with ' || reloptions::text,
         CASE WHEN relispartition THEN pg_get_expr(relpartbound, oid) END)
  FROM relations WHERE relkind IN ('r', 'p', 'f')
UNION ALL
SELECT 'column', r.name || '.' || quote_ident(a.attname),
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
         CASE WHEN a.attcollation <> t.typcollation THEN 
           (SELECT format('collate %I.%I', l.collnamespace::regnamespace, l.collname)
              FROM pg_collation l WHERE l.oid = a.attcollation) END,
         CASE WHEN a.attstorage <> t.typstorage THEN 'storage ' || a.attstorage::text END,
         'identity ' || nullif(a.attidentity::text, ''),
         CASE WHEN d.adbin IS NOT NULL THEN 'generated ' || nullif(to_jsonb(a) ->> 'attgenerated', '') END,
         'default ' || pg_get_expr(d.adbin, d.adrelid))
  FROM relations r
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_type t ON t.oid = a.atttypid
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE r.relkind IN ('r', 'p', 'f', 'm', 'c')
UNION ALL
SELECT 'inheritance', r.name, string_agg(h.inhparent::regclass::text, ', ' ORDER BY h.inhseqno)
  FROM pg_inherits h JOIN relations r ON r.oid = h.inhrelid
 WHERE r.relkind IN ('r', 'p', 'f') GROUP BY r.name
UNION ALL
SELECT 'constraint', coalesce(r.name, t.typnamespace::regnamespace || '.' || quote_ident(t.typname))
         || ' ' || quote_ident(k.conname),
       pg_get_constraintdef(k.oid) || CASE WHEN k.convalidated THEN '' ELSE ' (not validated)' END
         || CASE WHEN EXISTS (SELECT FROM pg_trigger g WHERE g.tgconstraint = k.oid AND g.tgisinternal
                                 AND g.tgenabled <> 'O') THEN ' (switched off)' ELSE '' END
  FROM pg_constraint k
  JOIN spaces s ON s.oid = k.connamespace
  LEFT JOIN relations r ON r.oid = k.conrelid
  LEFT JOIN pg_type t ON t.oid = k.contypid
 WHERE r.oid IS NOT NULL OR t.oid IS NOT NULL
UNION ALL
SELECT 'index', r.name || ' ' || quote_ident(c.relname),
       pg_get_indexdef(i.indexrelid) || CASE WHEN i.indisvalid THEN '' ELSE ' (not valid)' END
         || CASE WHEN i.indisclustered THEN ' (clustered)' ELSE '' END
  FROM pg_index i JOIN relations r ON r.oid = i.indrelid JOIN pg_class c ON c.oid = i.indexrelid
UNION ALL
SELECT 'trigger', r.name || ' ' || quote_ident(g.tgname), replace(pg_get_triggerdef(g.oid), 'EXECUTE PROCEDURE', 'EXECUTE FUNCTION') || ' enabled ' || g.tgenabled::text
  FROM pg_trigger g JOIN relations r ON r.oid = g.tgrelid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', r.name || ' ' || quote_ident(w.rulename), pg_get_ruledef(w.oid)
  FROM pg_rewrite w JOIN relations r ON r.oid = w.ev_class WHERE w.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', r.name || ' ' || quote_ident(p.polname),
       concat_ws(' ', p.polcmd::text, p.polpermissive, pg_get_expr(p.polqual, p.polrelid),
                 pg_get_expr(p.polwithcheck, p.polrelid))
  FROM pg_policy p JOIN relations r ON r.oid = p.polrelid
UNION ALL
SELECT CASE relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, name, pg_get_viewdef(oid)
  FROM relations WHERE relkind IN ('v', 'm')
UNION ALL
SELECT 'view options', name, reloptions::text FROM relations WHERE relkind = 'v' AND reloptions IS NOT NULL
UNION ALL
SELECT 'sequence', r.name, concat_ws(' ', format_type(q.seqtypid, NULL), 'start', q.seqstart, 'by', q.seqincrement,
         'from', q.seqmin, 'to', q.seqmax, 'cache', q.seqcache, CASE WHEN q.seqcycle THEN 'cycle' END)
  FROM pg_sequence q JOIN relations r ON r.oid = q.seqrelid
UNION ALL
SELECT k.kind, format('%I.%I(%s)', s.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       CASE WHEN k.kind <> 'aggregate' THEN pg_get_functiondef(p.oid)
            ELSE (SELECT concat_ws(' ', g.aggtransfn, g.aggfinalfn, g.aggtranstype::regtype, g.agginitval)
                    FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END
  FROM pg_proc p
  JOIN spaces s ON s.oid = p.pronamespace
 CROSS JOIN LATERAL
       (SELECT CASE WHEN EXISTS (SELECT FROM pg_aggregate g WHERE g.aggfnoid = p.oid) THEN 'aggregate'
                    WHEN to_jsonb(p) ->> 'prokind' = 'p' THEN 'procedure' ELSE 'function' END AS kind) k
 WHERE (('pg_proc'::regclass)::oid, p.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'type', format('%I.%I', s.nspname, t.typname),
       CASE t.typtype
         WHEN 'e' THEN (SELECT string_agg(quote_literal(e.enumlabel), ', ' ORDER BY e.enumsortorder)
                          FROM pg_enum e WHERE e.enumtypid = t.oid)
         WHEN 'd' THEN concat_ws(' ', format_type(t.typbasetype, t.typtypmod),
                                 CASE WHEN t.typnotnull THEN 'not null' END, 'default ' || t.typdefault)
         WHEN 'r' THEN (SELECT format_type(g.rngsubtype, NULL) FROM pg_range g WHERE g.rngtypid = t.oid)
         ELSE 'composite' END
  FROM pg_type t
  JOIN spaces s ON s.oid = t.typnamespace
  LEFT JOIN pg_class c ON c.oid = t.typrelid
 WHERE (t.typtype IN ('e', 'd', 'r') OR (t.typtype = 'c' AND c.relkind = 'c'))
   AND (('pg_type'::regclass)::oid, t.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'statistics', format('%I.%I', s.nspname, x.stxname), pg_get_statisticsobjdef(x.oid)
  FROM pg_statistic_ext x JOIN spaces s ON s.oid = x.stxnamespace
UNION ALL
SELECT 'collation', format('%I.%I', s.nspname, c.collname),
       concat_ws(' ', c.collprovider, coalesce(to_jsonb(c) ->> 'colllocale', to_jsonb(c) ->> 'colliculocale',
                                               c.collcollate), c.collctype, to_jsonb(c) ->> 'collisdeterministic')
  FROM pg_collation c JOIN spaces s ON s.oid = c.collnamespace
 WHERE (('pg_collation'::regclass)::oid, c.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'operator', format('%I.%s(%s, %s)', s.nspname, o.oprname, o.oprleft::regtype, o.oprright::regtype),
       concat_ws(' ', o.oprcode, o.oprrest, o.oprjoin, o.oprcom::regoper, o.oprnegate::regoper)
  FROM pg_operator o JOIN spaces s ON s.oid = o.oprnamespace
 WHERE (('pg_operator'::regclass)::oid, o.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'cast', format('%s AS %s', c.castsource::regtype, c.casttarget::regtype),
       concat_ws(' ', c.castcontext, c.castmethod, nullif(c.castfunc, 0)::regprocedure)
  FROM pg_cast c
 WHERE c.oid >= 16384
   AND (('pg_cast'::regclass)::oid, c.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'text search configuration', format('%I.%I', s.nspname, c.cfgname),
       (SELECT string_agg(format('%s: %s', m.maptokentype, m.mapdict::regdictionary), ', '
                          ORDER BY m.maptokentype, m.mapseqno)
          FROM pg_ts_config_map m WHERE m.mapcfg = c.oid)
  FROM pg_ts_config c JOIN spaces s ON s.oid = c.cfgnamespace
 WHERE (('pg_ts_config'::regclass)::oid, c.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'text search dictionary', format('%I.%I', s.nspname, d.dictname), d.dictinitoption
  FROM pg_ts_dict d JOIN spaces s ON s.oid = d.dictnamespace
 WHERE (('pg_ts_dict'::regclass)::oid, d.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
UNION ALL
SELECT 'event trigger', e.evtname, concat_ws(' ', e.evtevent, e.evttags::text, e.evtfoid::regprocedure, e.evtenabled)
  FROM pg_event_trigger e
 WHERE (('pg_event_trigger'::regclass)::oid, e.oid) NOT IN (SELECT classid, objid FROM owned_by_extension)
   AND e.evtname !~ '^bascule_' -- the fence's
UNION ALL
SELECT 'comment', concat_ws(' ', o.type, o.identity), d.description
  FROM pg_description d
 CROSS JOIN LATERAL pg_identify_object(d.classoid, d.objoid, d.objsubid) o
 WHERE d.classoid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass, 'pg_namespace'::regclass,
                      'pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                      'pg_rewrite'::regclass, 'pg_largeobject'::regclass, 'pg_collation'::regclass,
                      'pg_operator'::regclass, 'pg_ts_config'::regclass, 'pg_ts_dict'::regclass,
                      'pg_statistic_ext'::regclass, 'pg_event_trigger'::regclass)
   AND (d.classoid, d.objoid) NOT IN (SELECT classid, objid FROM owned_by_extension)
   AND (o.schema IN (SELECT quote_ident(nspname) FROM spaces)
        OR (o.type = 'schema' AND o.identity IN (SELECT quote_ident(nspname) FROM spaces WHERE nspname <> 'public'))
        OR d.classoid IN ('pg_largeobject'::regclass, 'pg_event_trigger'::regclass)
        OR (d.classoid IN ('pg_constraint'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
                           'pg_rewrite'::regclass)
            AND o.identity !~ ' on (pg_catalog|information_schema|bascule)\.'))
 ORDER BY 1, 2, 3;
