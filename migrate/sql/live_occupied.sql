-- What a database holds that neither belongs to the role bascule.owner, nor to an extension, nor to the server
-- or Bascule: name and owner.
SELECT format('%I.%I', n.nspname, c.relname), c.relowner::regrole::text
  FROM pg_class c
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
   AND c.relpersistence <> 't'
   AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'bascule')
   AND n.nspname NOT LIKE 'pg\_toast%'
   AND pg_get_userbyid(c.relowner) <> coalesce(current_setting('bascule.owner', true), '')
   AND NOT EXISTS (SELECT FROM pg_depend d
                    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
 ORDER BY 1;
