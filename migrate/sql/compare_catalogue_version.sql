-- Two values that change with every change of definitions and rights: the first of all but large objects, the
-- second of who may do what with those. Neither changes with what a copy, a refresh or an ANALYZE does. Most
-- catalogues are taken by the place and maker of their rows; pg_class, which every refresh writes to, by what
-- it says. Cheap, so that definitions need not be read again where nothing changed.
SELECT md5(string_agg(t.row, ' ' ORDER BY t.row)) AS definitions,
       (SELECT md5(string_agg(concat(m.ctid, m.xmin), ' ' ORDER BY m.oid)) FROM pg_largeobject_metadata m) AS objects
  FROM (
    SELECT concat_ws(' ', c.oid, c.relname, c.relnamespace, c.relowner, c.relkind, c.relpersistence,
                     c.relispopulated, c.relispartition, c.relrowsecurity, c.relforcerowsecurity, c.relreplident,
                     c.reloptions, c.relacl, c.relpartbound) AS row
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule') AND n.nspname NOT LIKE 'pg\_%'
    UNION ALL SELECT concat('namespace', t.ctid, t.xmin) FROM pg_namespace t
    UNION ALL SELECT concat('extension', t.ctid, t.xmin) FROM pg_extension t
    UNION ALL SELECT concat('attrdef', t.ctid, t.xmin) FROM pg_attrdef t
    UNION ALL SELECT concat('constraint', t.ctid, t.xmin) FROM pg_constraint t
    UNION ALL SELECT concat('index', t.ctid, t.xmin) FROM pg_index t
    UNION ALL SELECT concat('inherits', t.ctid, t.xmin) FROM pg_inherits t
    UNION ALL SELECT concat('trigger', t.ctid, t.xmin) FROM pg_trigger t
    UNION ALL SELECT concat('event_trigger', t.ctid, t.xmin) FROM pg_event_trigger t
    UNION ALL SELECT concat('policy', t.ctid, t.xmin) FROM pg_policy t
    UNION ALL SELECT concat('sequence', t.ctid, t.xmin) FROM pg_sequence t
    UNION ALL SELECT concat('enum', t.ctid, t.xmin) FROM pg_enum t
    UNION ALL SELECT concat('statistic_ext', t.ctid, t.xmin) FROM pg_statistic_ext t
    UNION ALL SELECT concat('ts_config_map', t.ctid, t.xmin) FROM pg_ts_config_map t
    UNION ALL SELECT concat('attribute', t.ctid, t.xmin) FROM pg_attribute t WHERE t.attrelid >= 16384
    UNION ALL SELECT concat('proc', t.ctid, t.xmin) FROM pg_proc t WHERE t.oid >= 16384
    UNION ALL SELECT concat('type', t.ctid, t.xmin) FROM pg_type t WHERE t.oid >= 16384
    UNION ALL SELECT concat('rewrite', t.ctid, t.xmin) FROM pg_rewrite t WHERE t.oid >= 16384
    UNION ALL SELECT concat('operator', t.ctid, t.xmin) FROM pg_operator t WHERE t.oid >= 16384
    UNION ALL SELECT concat('collation', t.ctid, t.xmin) FROM pg_collation t WHERE t.oid >= 16384
    UNION ALL SELECT concat('cast', t.ctid, t.xmin) FROM pg_cast t WHERE t.oid >= 16384
    UNION ALL SELECT concat('ts_config', t.ctid, t.xmin) FROM pg_ts_config t WHERE t.oid >= 16384
    UNION ALL SELECT concat('ts_dict', t.ctid, t.xmin) FROM pg_ts_dict t WHERE t.oid >= 16384
    UNION ALL SELECT concat('description', t.ctid, t.xmin) FROM pg_description t WHERE t.objoid >= 16384
  ) AS t;
