-- Functions, views and a materialised view.

CREATE FUNCTION stamm.alter_in_jahren(geboren date, am date) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT extract(year FROM age(am, geboren))::integer $$;

CREATE FUNCTION stamm.voller_name(vorname text, nachname text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT concat_ws(' ', nullif(vorname, ''), nullif(nachname, '')) $$;

CREATE FUNCTION rai.stufe_aus_minuten(minuten numeric) RETURNS rai.stufe
    LANGUAGE plpgsql IMMUTABLE SET search_path = ''
    AS $$
BEGIN
    IF minuten IS NULL OR minuten = 'NaN' THEN
        RETURN 0;
    END IF;
    RETURN least(12, ceil(minuten / 20))::smallint;
END
$$;

-- Large objects have no default privileges: their owner reads them for whoever may read the row.
CREATE FUNCTION epdoc.anhang_inhalt(anhang integer) RETURNS bytea
    LANGUAGE sql STABLE STRICT SECURITY DEFINER SET search_path = ''
    AS $$ SELECT pg_catalog.lo_get(a.inhalt) FROM epdoc.anhang a WHERE a.id = anhang $$;

CREATE FUNCTION rai.setze_aenderung() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
    AS $$
BEGIN
    NEW."geändert_am" := pg_catalog.clock_timestamp() AT TIME ZONE 'Europe/Zurich';
    RETURN NEW;
END
$$;

CREATE FUNCTION schnittstelle.protokolliere() RETURNS trigger
    LANGUAGE plpgsql SET search_path = ''
    AS $$
BEGIN
    INSERT INTO schnittstelle.protokoll (was)
        VALUES (TG_OP || ' ' || TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME);
    RETURN NULL;
END
$$;

CREATE PROCEDURE schnittstelle.protokoll_leeren(vor timestamp with time zone)
    LANGUAGE sql
    AS $$ DELETE FROM schnittstelle.protokoll WHERE am < vor $$;

CREATE VIEW stamm."Bewohnerübersicht" AS
    SELECT b.id, stamm.voller_name(b.vorname, b.nachname) AS name, b.geburtsdatum, b.geschlecht, b.sprache,
           w.name AS wohnbereich, z.nummer AS zimmer, b.eintritt, b.austritt
      FROM stamm.bewohner b
      LEFT JOIN stamm.bettbelegung k ON k.bewohner_id = b.id AND upper_inf(k.zeitraum)
      LEFT JOIN stamm.bett t ON t.id = k.bett_id
      LEFT JOIN stamm.zimmer z ON z.id = t.zimmer_id
      LEFT JOIN stamm.wohnbereich w ON w.id = z.wohnbereich_id;
COMMENT ON VIEW stamm."Bewohnerübersicht" IS 'Wer wohnt wo? – Liste für den Empfang';

CREATE VIEW rai.letztes_assessment AS
    SELECT DISTINCT ON (bewohner_id) * FROM rai.assessment ORDER BY bewohner_id, stichtag DESC, id DESC;

CREATE VIEW abrechnung.offene_posten AS
    SELECT r.nummer, r.bewohner_id, r.monat, sum(p.betrag) AS betrag
      FROM abrechnung.rechnung r
      JOIN abrechnung.rechnungsposition p ON p.rechnung_nr = r.nummer
     WHERE NOT r.bezahlt
     GROUP BY r.nummer;

CREATE MATERIALIZED VIEW rai.stufen_je_monat AS
    SELECT date_trunc('month', a.stichtag)::date AS monat, g.stufe, count(*) AS anzahl,
           avg(a.minuten) FILTER (WHERE a.minuten <> 'NaN') AS minuten
      FROM rai.assessment a
      JOIN rai.rug_gruppe g ON g.code = a.rug_code
     GROUP BY 1, 2
    WITH NO DATA;
COMMENT ON MATERIALIZED VIEW rai.stufen_je_monat IS 'Für die Kennzahlen der Heimleitung';
