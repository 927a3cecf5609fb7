-- What is made after the data, since it is faster so: indexes, foreign keys, triggers.

CREATE INDEX bewohner_name_aehnlich ON stamm.bewohner
    USING gin (stamm.voller_name(vorname, nachname) public.gin_trgm_ops);
CREATE INDEX bewohner_vorlieben ON stamm.bewohner USING gin (vorlieben);
CREATE INDEX assessment_bewohner ON rai.assessment (bewohner_id, stichtag DESC) INCLUDE (status);
CREATE INDEX assessment_offen ON rai.assessment (stichtag) WHERE status IN ('Entwurf', 'in Arbeit');
CREATE INDEX eintrag_bewohner ON epdoc.eintrag (bewohner_id, zeitpunkt DESC);
CREATE INDEX eintrag_suche ON epdoc.eintrag USING gin (suche);
CREATE INDEX abgabe_verordnung ON epdoc.abgabe (verordnung_id);
CREATE INDEX eintrag_zeit ON epdoc.eintrag USING brin (zeitpunkt);
CREATE UNIQUE INDEX stufen_je_monat_eindeutig ON rai.stufen_je_monat (monat, stufe);

ALTER TABLE stamm.wohnbereich ADD FOREIGN KEY (haus_id) REFERENCES stamm.haus;
ALTER TABLE stamm.zimmer ADD FOREIGN KEY (wohnbereich_id) REFERENCES stamm.wohnbereich;
ALTER TABLE stamm.bett ADD FOREIGN KEY (zimmer_id) REFERENCES stamm.zimmer;
ALTER TABLE stamm.mitarbeiter ADD FOREIGN KEY (vorgesetzt_id) REFERENCES stamm.mitarbeiter;
ALTER TABLE stamm.bewohner ADD FOREIGN KEY (hausarzt_id) REFERENCES stamm.arzt;
ALTER TABLE stamm.bewohner ADD FOREIGN KEY (krankenkasse_nr) REFERENCES stamm.krankenkasse;
ALTER TABLE stamm.angehoerige ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner ON DELETE CASCADE;
ALTER TABLE stamm.bettbelegung ADD FOREIGN KEY (bett_id) REFERENCES stamm.bett;
ALTER TABLE stamm.bettbelegung ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE stamm."Zimmerwechsel (Änderungen)" ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE rai.item ADD FOREIGN KEY (bereich_code) REFERENCES rai.bereich;
ALTER TABLE rai.assessment ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE rai.assessment ADD FOREIGN KEY (verfasst_von) REFERENCES stamm.mitarbeiter;
ALTER TABLE rai.assessment ADD FOREIGN KEY (rug_code) REFERENCES rai.rug_gruppe;
ALTER TABLE rai.antwort ADD FOREIGN KEY (assessment_id) REFERENCES rai.assessment ON DELETE CASCADE;
ALTER TABLE rai.antwort ADD FOREIGN KEY (item_code) REFERENCES rai.item;
ALTER TABLE rai.skalenwert ADD FOREIGN KEY (assessment_id) REFERENCES rai.assessment ON DELETE CASCADE;
ALTER TABLE rai.skalenwert ADD FOREIGN KEY (skala_id) REFERENCES rai.skala;
ALTER TABLE rai.capp_ausloesung ADD FOREIGN KEY (assessment_id) REFERENCES rai.assessment ON DELETE CASCADE;
ALTER TABLE rai.capp_ausloesung ADD FOREIGN KEY (capp_nummer) REFERENCES rai.capp;
ALTER TABLE rai.pflegeziel ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE rai.uebermittlung ADD FOREIGN KEY (assessment_id) REFERENCES rai.assessment;
ALTER TABLE epdoc.eintrag ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE epdoc.verordnung ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE epdoc.verordnung ADD FOREIGN KEY (pharmacode) REFERENCES epdoc.medikament;
ALTER TABLE epdoc.abgabe ADD FOREIGN KEY (verordnung_id) REFERENCES epdoc.verordnung;
ALTER TABLE epdoc.wunde ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE epdoc.wundfoto ADD FOREIGN KEY (wunde_id) REFERENCES epdoc.wunde ON DELETE CASCADE;
ALTER TABLE epdoc.anhang ADD FOREIGN KEY (assessment_id) REFERENCES rai.assessment;
ALTER TABLE epdoc.dokument ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE epdoc.termin ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE epdoc.sturz ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE epdoc.ereignis ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE abrechnung.rechnung ADD FOREIGN KEY (bewohner_id) REFERENCES stamm.bewohner;
ALTER TABLE abrechnung.rechnungsposition ADD FOREIGN KEY (rechnung_nr) REFERENCES abrechnung.rechnung;
ALTER TABLE abrechnung.zahlung ADD FOREIGN KEY (rechnung_nr) REFERENCES abrechnung.rechnung;

CREATE TRIGGER assessment_geaendert BEFORE UPDATE ON rai.assessment
    FOR EACH ROW EXECUTE FUNCTION rai.setze_aenderung();
CREATE TRIGGER bewohner_geaendert BEFORE UPDATE ON stamm.bewohner
    FOR EACH ROW EXECUTE FUNCTION rai.setze_aenderung();
CREATE TRIGGER assessment_protokoll AFTER INSERT OR UPDATE OR DELETE ON rai.assessment
    FOR EACH STATEMENT EXECUTE FUNCTION schnittstelle.protokolliere();

REFRESH MATERIALIZED VIEW rai.stufen_je_monat;
