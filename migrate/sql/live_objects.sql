-- Indexes, constraints and statistics objects with the table whose rows alone they need: catalogue, object, table.
-- Partitioned tables have no rows of their own, and views are filled later, so neither is among them.
WITH plain AS (SELECT oid FROM pg_class WHERE relkind = 'r')
SELECT 'pg_class'::regclass::oid::bigint, i.indexrelid::bigint, i.indrelid::bigint
  FROM pg_index i JOIN plain p ON p.oid = i.indrelid
UNION ALL
SELECT 'pg_constraint'::regclass::oid::bigint, k.oid::bigint, k.conrelid::bigint
  FROM pg_constraint k JOIN plain p ON p.oid = k.conrelid WHERE k.contype <> 'f'
UNION ALL
SELECT 'pg_statistic_ext'::regclass::oid::bigint, s.oid::bigint, s.stxrelid::bigint
  FROM pg_statistic_ext s JOIN plain p ON p.oid = s.stxrelid;
