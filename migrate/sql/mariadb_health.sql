-- How the source is, on one line: microseconds that a small piece of work takes it, bytes by which a standby is behind
-- (0: a server does not know), and sessions at work that are not this account's.
SELECT CONCAT_WS('|',
    BENCHMARK(20000, CRC32('bascule')) + TIMESTAMPDIFF(MICROSECOND, NOW(6), SYSDATE(6)),
    0,
    (SELECT COUNT(*) FROM information_schema.PROCESSLIST
      WHERE COMMAND NOT IN ('Sleep', 'Daemon', 'Binlog Dump')
        AND USER NOT IN ('system user', SUBSTRING_INDEX(USER(), '@', 1)))) AS health;
