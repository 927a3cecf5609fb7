-- Two values that change with every change of definitions, and of owners and rights, those of large objects too.
-- Neither changes with what a copy, a refresh or an ANALYZE does, nor the first with what a fence does: it takes
-- rights, and keeps things of its own in schema bascule. Most catalogues are taken by the place and maker of their rows;
-- what others write to as well, such as pg_class at every refresh, by what it says. Cheap, so that definitions
-- need not be read again where nothing changed.
WITH spaces AS (
  SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
   WHERE nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND nspname NOT LIKE 'pg\_%'
), ours AS (
  SELECT oid FROM pg_namespace WHERE nspname = 'bascule'
)
SELECT (
  SELECT md5(string_agg(t.row, ' ' ORDER BY t.row)) FROM (
    SELECT concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relkind, c.relpersistence, c.relispopulated,
                     c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relreplident, c.reloptions,
                     c.relpartbound,
                     -- Before 11 only this tells that a table was emptied.
                     CASE WHEN current_setting('server_version_num')::int < 110000 THEN c.relfilenode END) AS row
      FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
    UNION ALL SELECT concat('namespace', t.oid, t.nspname) FROM spaces t
    UNION ALL SELECT concat('extension', t.ctid, t.xmin) FROM pg_extension t
    UNION ALL SELECT concat('attrdef', t.ctid, t.xmin) FROM pg_attrdef t
    UNION ALL SELECT concat('constraint', t.ctid, t.xmin) FROM pg_constraint t
    UNION ALL SELECT concat('index', t.ctid, t.xmin) FROM pg_index t
    UNION ALL SELECT concat('inherits', t.ctid, t.xmin) FROM pg_inherits t
    UNION ALL SELECT concat('trigger', t.ctid, t.xmin) FROM pg_trigger t
    UNION ALL SELECT concat('event_trigger', t.ctid, t.xmin) FROM pg_event_trigger t WHERE t.evtname !~ '^bascule_'
    UNION ALL SELECT concat('policy', t.ctid, t.xmin) FROM pg_policy t
    UNION ALL SELECT concat('sequence', t.ctid, t.xmin) FROM pg_sequence t
    UNION ALL SELECT concat('enum', t.ctid, t.xmin) FROM pg_enum t
    UNION ALL SELECT concat('statistic_ext', t.ctid, t.xmin) FROM pg_statistic_ext t
    UNION ALL SELECT concat('ts_config_map', t.ctid, t.xmin) FROM pg_ts_config_map t
    UNION ALL SELECT concat('attribute', t.ctid, t.xmin) FROM pg_attribute t WHERE t.attrelid >= 16384
    UNION ALL SELECT concat('proc', t.ctid, t.xmin) FROM pg_proc t
               WHERE t.oid >= 16384 AND t.pronamespace NOT IN (SELECT oid FROM ours)
    UNION ALL SELECT concat('type', t.ctid, t.xmin) FROM pg_type t WHERE t.oid >= 16384
    UNION ALL SELECT concat('rewrite', t.ctid, t.xmin) FROM pg_rewrite t WHERE t.oid >= 16384
    UNION ALL SELECT concat('operator', t.ctid, t.xmin) FROM pg_operator t WHERE t.oid >= 16384
    UNION ALL SELECT concat('collation', t.ctid, t.xmin) FROM pg_collation t WHERE t.oid >= 16384
    UNION ALL SELECT concat('cast', t.ctid, t.xmin) FROM pg_cast t WHERE t.oid >= 16384
    UNION ALL SELECT concat('ts_config', t.ctid, t.xmin) FROM pg_ts_config t WHERE t.oid >= 16384
    UNION ALL SELECT concat('ts_dict', t.ctid, t.xmin) FROM pg_ts_dict t WHERE t.oid >= 16384
    UNION ALL SELECT concat('description', t.ctid, t.xmin) FROM pg_description t
               WHERE t.objoid >= 16384 AND NOT (t.classoid = 'pg_namespace'::regclass AND t.objoid IN (SELECT oid FROM ours))
  ) AS t
) AS definitions, (
  SELECT md5(string_agg(t.row, ' ' ORDER BY t.row)) FROM (
    SELECT concat_ws(' ', 'class', c.oid, c.relowner, c.relacl) AS row FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
    UNION ALL SELECT concat_ws(' ', 'namespace', t.oid, t.nspowner, t.nspacl) FROM spaces t
    UNION ALL SELECT concat_ws(' ', 'proc', t.oid, t.proowner, t.proacl) FROM pg_proc t JOIN spaces s ON s.oid = t.pronamespace
    UNION ALL SELECT concat_ws(' ', 'type', t.oid, t.typowner, t.typacl) FROM pg_type t JOIN spaces s ON s.oid = t.typnamespace
    UNION ALL SELECT concat_ws(' ', 'column', t.attrelid, t.attnum, t.attacl) FROM pg_attribute t WHERE t.attacl IS NOT NULL
    UNION ALL SELECT concat('large object', t.ctid, t.xmin) FROM pg_largeobject_metadata t
  ) AS t
) AS rights;
