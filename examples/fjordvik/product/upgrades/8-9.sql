-- Version 9, WebSak+: a schema beside that of version 8, which stays as it is.
CREATE SCHEMA websak9;
CREATE TABLE websak9.oppsett (navn text PRIMARY KEY, verdi text NOT NULL);
INSERT INTO websak9.oppsett VALUES ('versjon', '9'), ('klient', 'WebSak+'), ('tema', 'fjord');
CREATE VIEW websak9.aapen_sak AS SELECT id, aar, tittel FROM websak.sak WHERE NOT lukket;
CREATE FUNCTION websak9.antall(sak int) RETURNS bigint LANGUAGE sql STABLE AS $$
SELECT count(*) FROM websak.journalpost WHERE sak_id = sak
$$;
