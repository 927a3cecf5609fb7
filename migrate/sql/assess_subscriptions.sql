-- Subscriptions of the server: what writes into it from elsewhere. This view shows them to everybody.
SELECT DISTINCT s.subname AS name FROM pg_stat_subscription s WHERE s.subname NOT LIKE 'bascule\_%' ORDER BY 1;
