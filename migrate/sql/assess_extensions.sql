-- Extensions in use; plpgsql stands in every database and is left out.
SELECT extname AS name, extversion AS version FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1;
