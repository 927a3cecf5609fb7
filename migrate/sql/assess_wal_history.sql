-- What the segments of the log tell of the time before: how far back they reach, how much they hold, and the
-- most that was finished within a minute. Segments beyond the current one are old files kept for reuse.
WITH segments AS (
    SELECT w.name, w.modification,
           pg_size_bytes(current_setting('wal_segment_size')) AS bytes
      FROM pg_ls_waldir() w
     WHERE w.name ~ '^[0-9A-F]{24}$' AND w.name <= pg_walfile_name(pg_current_wal_insert_lsn())
)
SELECT coalesce(sum(s.bytes), 0)::bigint AS bytes,
       coalesce(extract(epoch FROM clock_timestamp() - min(s.modification)), 0)::float8 AS seconds,
       coalesce(max((SELECT sum(b.bytes) FROM segments b
                      WHERE b.modification BETWEEN s.modification - interval '1 minute' AND s.modification)),
                0)::bigint AS burst_bytes
  FROM segments s;
