-- RAI assessments: catalogues, answers, scores and what follows from them.

CREATE TABLE rai.bereich (
    code char(1) PRIMARY KEY,
    name_de text NOT NULL,
    name_fr text NOT NULL
);

CREATE TABLE rai.item (
    code text PRIMARY KEY,
    bereich_code char(1) NOT NULL,
    frage text NOT NULL,
    minimum smallint NOT NULL DEFAULT 0,
    maximum smallint NOT NULL DEFAULT 4,
    reihenfolge integer NOT NULL
);

CREATE TABLE rai.rug_gruppe (
    code char(3) PRIMARY KEY,
    bezeichnung text NOT NULL,
    aufwandindex numeric(6, 4) NOT NULL,
    stufe rai.stufe NOT NULL
);

CREATE TABLE rai.assessment (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bewohner_id integer NOT NULL,
    anlass rai.anlass NOT NULL,
    status rai.status NOT NULL DEFAULT 'Entwurf',
    stichtag date NOT NULL,
    erfasst_am timestamp with time zone NOT NULL DEFAULT now(),
    abgeschlossen_am timestamp with time zone,
    verfasst_von integer,
    rug_code char(3),
    minuten numeric(8, 2),
    bmi double precision,
    beobachtungen text[] NOT NULL DEFAULT '{}',
    profil jsonb NOT NULL DEFAULT '{}',
    notiz text,
    pruefsumme bytea,
    "geändert_am" timestamp without time zone
);
COMMENT ON COLUMN rai.assessment.minuten IS 'Pflegeminuten je Tag; NaN = nicht berechenbar';

CREATE TABLE rai.antwort (
    assessment_id bigint NOT NULL,
    item_code text NOT NULL,
    wert smallint,
    bemerkung text,
    PRIMARY KEY (assessment_id, item_code)
);

CREATE TABLE rai.skala (
    id smallint PRIMARY KEY,
    "kürzel" text NOT NULL UNIQUE,
    name text NOT NULL,
    grenzen numrange NOT NULL
);

CREATE TABLE rai.skalenwert (
    assessment_id bigint NOT NULL,
    skala_id smallint NOT NULL,
    wert real,
    PRIMARY KEY (assessment_id, skala_id)
);

CREATE TABLE rai.capp (
    nummer smallint PRIMARY KEY,
    titel text NOT NULL,
    leitfrage text NOT NULL
);

CREATE TABLE rai.capp_ausloesung (
    assessment_id bigint NOT NULL,
    capp_nummer smallint NOT NULL,
    bearbeitet boolean NOT NULL DEFAULT false,
    begruendung text,
    PRIMARY KEY (assessment_id, capp_nummer)
);

CREATE TABLE rai.pflegeziel (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    bewohner_id integer NOT NULL,
    capp_nummer smallint,
    text text NOT NULL,
    zeitraum daterange NOT NULL,
    fortschritt numeric(5, 2) CHECK (fortschritt BETWEEN 0 AND 100)
);

-- Nothing was ever transmitted by this way: real databases have tables without a row.
CREATE TABLE rai.uebermittlung (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    assessment_id bigint NOT NULL,
    gesendet_am timestamp with time zone,
    quittung xml
);
