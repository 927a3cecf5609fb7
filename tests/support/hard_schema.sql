-- What real databases have and simple ones lack: every part of it has broken some migration tool.
CREATE EXTENSION citext;
CREATE SCHEMA "Pflege";
CREATE TYPE "Pflege".stufe AS ENUM ('tief', 'mittel', 'hoch');
CREATE DOMAIN "Pflege".punkte AS numeric(6,2) CHECK (VALUE >= 0);
CREATE TYPE "Pflege".adresse AS (strasse text, ort text);
CREATE TABLE "Pflege"."Bewohnerübersicht" (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name citext NOT NULL, stufe "Pflege".stufe,
  punkte "Pflege".punkte, doppelt numeric GENERATED ALWAYS AS (id * 2) STORED,
  wert double precision, klein real, daten jsonb, roh json, bild bytea, marken text[], wohnt "Pflege".adresse,
  an timestamp, um timestamptz, dauer interval, zeit time);
COMMENT ON TABLE "Pflege"."Bewohnerübersicht" IS 'Alle Bewohnerinnen und Bewohner';
INSERT INTO "Pflege"."Bewohnerübersicht" (name, stufe, punkte, wert, klein, daten, roh, bild, marken, wohnt, an, um, dauer, zeit)
SELECT 'Zoë ' || n, (ARRAY['tief','mittel','hoch'])[1 + n % 3]::"Pflege".stufe, n / 7.0,
  CASE n % 5 WHEN 0 THEN 'NaN'::float8 WHEN 1 THEN '-Infinity' WHEN 2 THEN '-0' ELSE n / 3.0 END, n / 3.0,
  jsonb_build_object('b', n, 'a', null, 'ä', 'é'), '{"z": 1,  "a": 2}', decode(md5(n::text), 'hex'),
  ARRAY['x', NULL, 'ü' || n], ROW('Dorfstrasse ' || n, 'Wengen'::text)::"Pflege".adresse, '2024-02-29 12:00:00.123456',
  '2024-03-31 01:30:00+00', '1 mon 2 days 03:04:05', '23:59:60'
FROM generate_series(1, 500) n;
CREATE TABLE "Pflege".ohne_schluessel (wann timestamptz, was text);
INSERT INTO "Pflege".ohne_schluessel SELECT '2025-01-01', 'gleich' FROM generate_series(1, 10);
CREATE TABLE "Pflege".messung (id int, monat date NOT NULL, wert numeric, PRIMARY KEY (id, monat)) PARTITION BY RANGE (monat);
CREATE TABLE "Pflege".messung_a PARTITION OF "Pflege".messung FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE "Pflege".messung_b PARTITION OF "Pflege".messung FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
INSERT INTO "Pflege".messung SELECT n, '2025-01-01'::date + n % 59, n * 1.10 FROM generate_series(1, 300) n;
CREATE TABLE "Pflege".eltern (id int PRIMARY KEY);
CREATE TABLE "Pflege".kind (id int PRIMARY KEY, eltern int REFERENCES "Pflege".eltern ON DELETE CASCADE);
INSERT INTO "Pflege".eltern VALUES (1); INSERT INTO "Pflege".kind VALUES (1, 1);
CREATE TABLE "Pflege".leer (id int PRIMARY KEY);
CREATE INDEX nach_name ON "Pflege"."Bewohnerübersicht" (name);
CREATE SEQUENCE "Pflege".nummer; SELECT nextval('"Pflege".nummer') FROM generate_series(1, 7);
CREATE VIEW "Pflege".hohe AS SELECT id FROM "Pflege"."Bewohnerübersicht" WHERE stufe = 'hoch';
CREATE MATERIALIZED VIEW "Pflege".zahlen AS SELECT stufe, count(*) FROM "Pflege"."Bewohnerübersicht" GROUP BY 1;
CREATE FUNCTION "Pflege".f(n int) RETURNS int LANGUAGE sql AS 'SELECT n + 1';
CREATE FUNCTION "Pflege".merke() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER merke BEFORE INSERT ON "Pflege".kind FOR EACH ROW EXECUTE FUNCTION "Pflege".merke();
SELECT lo_from_bytea(70001, 'ein grosses Objekt'), lo_from_bytea(70002, 'noch eines');
