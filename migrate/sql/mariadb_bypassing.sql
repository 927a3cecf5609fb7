-- Accounts that read_only does not hold, or that may switch it off, by right of their own or of a role:
-- bit 15 of what an account may do is SUPER, bit 33 is READ_ONLY ADMIN.
WITH RECURSIVE held AS (
    SELECT g.User AS user, g.Host AS host
      FROM mysql.global_priv AS g
     WHERE CAST(JSON_VALUE(g.Priv, '$.access') AS UNSIGNED) & (1 << 15 | 1 << 33) <> 0
     UNION
    SELECT m.User, m.Host
      FROM mysql.roles_mapping AS m
      JOIN held AS h ON h.user = m.Role AND h.host = ''
)
SELECT h.user,
       h.host,
       COALESCE(JSON_VALUE(g.Priv, '$.account_locked'), 'false') IN ('true', '1') AS is_locked,
       CONCAT(h.user, '@', h.host) = CURRENT_USER() AS is_own
  FROM held AS h
  JOIN mysql.global_priv AS g ON g.User = h.user AND g.Host = h.host
 WHERE COALESCE(JSON_VALUE(g.Priv, '$.is_role'), 'false') NOT IN ('true', '1')
 ORDER BY h.user, h.host;
