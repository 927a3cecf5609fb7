-- Schemas, extensions, enums, domains and a composite type.
-- Run as the role that owns the database; every function and type is named with its schema, since
-- pg_restore runs with an empty search_path.

CREATE SCHEMA stamm;
CREATE SCHEMA rai;
CREATE SCHEMA epdoc;
CREATE SCHEMA abrechnung;
CREATE SCHEMA schnittstelle;

COMMENT ON SCHEMA stamm IS 'Stammdaten: Haus, Bewohnende, Mitarbeitende';
COMMENT ON SCHEMA rai IS 'Bedarfsabklärungen nach RAI';
COMMENT ON SCHEMA epdoc IS 'Elektronische Pflegedokumentation (ePDoc)';
COMMENT ON SCHEMA abrechnung IS 'Tarife, Rechnungen, Zahlungen';
COMMENT ON SCHEMA schnittstelle IS 'Was andere Systeme liefern';

CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS btree_gist WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS citext WITH SCHEMA public;

CREATE TYPE stamm.geschlecht AS ENUM ('weiblich', 'männlich', 'divers', 'unbekannt');
CREATE TYPE stamm.sprache AS ENUM ('de', 'fr', 'it', 'rm', 'en');
CREATE TYPE rai.anlass AS ENUM ('Eintritt', 'Verlauf', 'Statusänderung', 'Austritt');
CREATE TYPE rai.status AS ENUM ('Entwurf', 'in Arbeit', 'abgeschlossen', 'übermittelt');
CREATE TYPE epdoc.messgroesse AS ENUM ('Blutdruck', 'Puls', 'Temperatur', 'Gewicht', 'Sauerstoff');
CREATE TYPE abrechnung.zahlungsart AS ENUM ('Überweisung', 'LSV', 'eBill', 'bar');

CREATE FUNCTION stamm.ist_ahv_nummer(nummer text) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT nummer ~ '^756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}$' $$;
COMMENT ON FUNCTION stamm.ist_ahv_nummer(text) IS 'Form der AHV-Nummer, ohne Prüfziffer';

CREATE DOMAIN stamm.ahv_nummer AS text CHECK (stamm.ist_ahv_nummer(VALUE));
CREATE DOMAIN stamm.plz AS text CHECK (VALUE ~ '^[1-9][0-9]{3}$');
CREATE DOMAIN abrechnung.franken AS numeric(12, 2) DEFAULT 0;
CREATE DOMAIN rai.stufe AS smallint CHECK (VALUE BETWEEN 0 AND 12);

CREATE TYPE stamm.anschrift AS (strasse text, plz text, ort text);
CREATE SEQUENCE abrechnung.rechnungsnummer AS bigint START 202400001 INCREMENT 3 CACHE 5;
