-- Jobs that pg_cron starts in this database; only run where cron.job is.
SELECT coalesce(to_jsonb(j) ->> 'jobname', 'job ' || j.jobid) AS name, j.schedule
  FROM cron.job j
 WHERE j.active AND j.database = current_database()
 ORDER BY 1;
