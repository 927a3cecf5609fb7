-- Jobs that pgAgent starts; only run where pgagent.pga_job is.
SELECT j.jobname::text AS name, coalesce('next at ' || j.jobnextrun, 'not planned') AS schedule
  FROM pgagent.pga_job j
 WHERE j.jobenabled
 ORDER BY 1;
