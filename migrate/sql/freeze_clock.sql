-- The server's clock, in seconds since 1970.
SELECT pg_catalog.date_part('epoch', pg_catalog.clock_timestamp()) AS epoch;
