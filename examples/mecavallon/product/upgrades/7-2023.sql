-- Version 2023: tokens for licences, VAT by article.
CREATE TABLE erp.jeton (code text PRIMARY KEY REFERENCES erp.utilisateur, licence text NOT NULL);
INSERT INTO erp.jeton SELECT code, licence FROM erp.utilisateur;
ALTER TABLE erp.article ADD COLUMN tva numeric(4, 2) NOT NULL DEFAULT 20;
UPDATE erp.societe SET version = '2023';
