-- Seconds until the password of this session's account expires; null where it does not. An account without an
-- interval of its own (-1) has the server's; 0 is never.
SELECT own.changed + own.days * 86400 - UNIX_TIMESTAMP() AS seconds
  FROM (SELECT CAST(JSON_VALUE(p.Priv, '$.password_last_changed') AS INT) AS changed,
               NULLIF(CASE COALESCE(CAST(JSON_VALUE(p.Priv, '$.password_lifetime') AS INT), -1)
                      WHEN -1 THEN @@default_password_lifetime
                      ELSE CAST(JSON_VALUE(p.Priv, '$.password_lifetime') AS INT) END, 0) AS days
          FROM mysql.global_priv p
         WHERE CONCAT(p.User, '@', p.Host) = CURRENT_USER()) AS own;
