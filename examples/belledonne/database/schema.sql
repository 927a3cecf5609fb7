-- The firm's bookkeeping: files of clients, entries, vouchers. About half of it is too old to move.
SET ROLE compta_owner;
CREATE SCHEMA compta;
CREATE TABLE compta.utilisateur (code text PRIMARY KEY, nom text NOT NULL);
CREATE TABLE compta.client (id int PRIMARY KEY, nom text NOT NULL);
CREATE TABLE compta.dossier (
    id int PRIMARY KEY,
    client_id int NOT NULL REFERENCES compta.client,
    libelle text NOT NULL,
    etat text NOT NULL CHECK (etat IN ('ouvert', 'clos')),
    cloture_le date,
    suite_de int REFERENCES compta.dossier);
CREATE TABLE compta.ecriture (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    dossier_id int NOT NULL REFERENCES compta.dossier,
    le date NOT NULL,
    libelle text NOT NULL,
    debit numeric(12, 2) NOT NULL DEFAULT 0,
    credit numeric(12, 2) NOT NULL DEFAULT 0);
CREATE INDEX ON compta.ecriture (dossier_id);
CREATE TABLE compta.piece (
    id bigint PRIMARY KEY,
    ecriture_id bigint NOT NULL REFERENCES compta.ecriture ON DELETE CASCADE,
    scan bytea NOT NULL);
GRANT USAGE ON SCHEMA compta TO compta_people;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA compta TO compta_people;
