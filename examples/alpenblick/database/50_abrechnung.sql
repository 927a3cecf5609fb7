-- Tariffs, invoices, payments; and what other systems deliver.

CREATE TABLE abrechnung.tarif (
    stufe rai.stufe NOT NULL,
    "gültig_ab" date NOT NULL,
    "gültig_bis" date NOT NULL DEFAULT 'infinity',
    pflege abrechnung.franken NOT NULL,
    hotellerie abrechnung.franken NOT NULL,
    PRIMARY KEY (stufe, "gültig_ab")
);

CREATE TABLE abrechnung.rechnung (
    nummer bigint PRIMARY KEY DEFAULT nextval('abrechnung.rechnungsnummer'),
    bewohner_id integer NOT NULL,
    monat date NOT NULL,
    gestellt_am timestamp with time zone NOT NULL,
    bezahlt boolean NOT NULL DEFAULT false
);
ALTER SEQUENCE abrechnung.rechnungsnummer OWNED BY abrechnung.rechnung.nummer;

CREATE TABLE abrechnung.rechnungsposition (
    rechnung_nr bigint NOT NULL,
    position smallint NOT NULL,
    text text NOT NULL,
    menge numeric(8, 3) NOT NULL,
    einzelpreis abrechnung.franken NOT NULL,
    betrag numeric(14, 2) GENERATED ALWAYS AS (round(menge * einzelpreis, 2)) STORED,
    PRIMARY KEY (rechnung_nr, position)
);

CREATE TABLE abrechnung.zahlung (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rechnung_nr bigint NOT NULL,
    eingang date NOT NULL,
    betrag abrechnung.franken NOT NULL,
    art abrechnung.zahlungsart NOT NULL,
    referenz numeric(27, 0)
);

CREATE TABLE abrechnung.kostengutsprache (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bewohner_id integer NOT NULL,
    krankenkasse_nr integer NOT NULL,
    verfuegt date
);

CREATE TABLE schnittstelle.stand (
    interface text PRIMARY KEY,
    received bigint NOT NULL DEFAULT 0,
    last_sequence bigint NOT NULL DEFAULT 0
);

CREATE TABLE schnittstelle.nachricht (
    interface text NOT NULL,
    sequence bigint NOT NULL,
    id uuid NOT NULL,
    payload jsonb NOT NULL,
    received_at timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (interface, sequence),
    UNIQUE (id)
);
COMMENT ON TABLE schnittstelle.nachricht IS 'Jede Nachricht genau einmal, in der Reihenfolge des Absenders';

CREATE TABLE schnittstelle.protokoll (
    am timestamp with time zone NOT NULL DEFAULT clock_timestamp(),
    was text NOT NULL,
    wer name NOT NULL DEFAULT current_user
);

CREATE TABLE schnittstelle.importfehler (
    interface text NOT NULL,
    datei text NOT NULL,
    fehler text NOT NULL
);

-- Never in the WAL: replication passes it over, a dump does not.
CREATE UNLOGGED TABLE schnittstelle.zwischenablage (
    schluessel text PRIMARY KEY,
    inhalt bytea
);
