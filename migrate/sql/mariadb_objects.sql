-- Everything of this database that SHOW CREATE knows, in an order in which most of it can be made.
SELECT kind, name
  FROM (SELECT 1 AS turn, 'sequence' AS kind, TABLE_NAME AS name
          FROM information_schema.TABLES
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SEQUENCE'
        UNION ALL
        SELECT 2, 'table', TABLE_NAME
          FROM information_schema.TABLES
         WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED')
        UNION ALL
        SELECT CASE ROUTINE_TYPE WHEN 'PACKAGE BODY' THEN 4 ELSE 3 END, LOWER(ROUTINE_TYPE), ROUTINE_NAME
          FROM information_schema.ROUTINES
         WHERE ROUTINE_SCHEMA = DATABASE()
        UNION ALL
        SELECT 5, 'view', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
        UNION ALL
        SELECT 6, 'trigger', TRIGGER_NAME
          FROM information_schema.TRIGGERS
         WHERE TRIGGER_SCHEMA = DATABASE()
        UNION ALL
        SELECT 7, 'event', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()) AS found
 ORDER BY turn, name;
