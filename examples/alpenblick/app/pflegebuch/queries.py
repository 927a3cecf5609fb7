"""
The queries of the pages, by name. Ready for psql but for their parameters.

Promise: each names its schemas, and returns nothing that Python cannot hold (no infinite dates).
"""

from typing import LiteralString

Query = LiteralString
STATUS = ("Entwurf", "in Arbeit", "abgeschlossen", "übermittelt")

FIGURES: Query = """
SELECT (SELECT count(*) FROM stamm.bewohner WHERE austritt IS NULL) AS bewohnende,
       (SELECT count(*) FROM rai.assessment WHERE status IN ('Entwurf', 'in Arbeit')) AS offen,
       (SELECT count(*) FROM rai.assessment) AS assessments,
       (SELECT count(*) FROM epdoc.dokument) AS dokumente,
       (SELECT coalesce(sum(received), 0) FROM schnittstelle.stand) AS nachrichten
"""
LEVELS: Query = """
SELECT g.stufe, count(*) AS anzahl, count(*) * 100.0 / max(count(*)) OVER () AS prozent
  FROM rai.letztes_assessment a
  JOIN stamm.bewohner b ON b.id = a.bewohner_id AND b.austritt IS NULL
  JOIN rai.rug_gruppe g ON g.code = a.rug_code
 GROUP BY g.stufe ORDER BY g.stufe
"""
IMPORTANT_NOTES: Query = """
SELECT e.thema, e.text, e.zeitpunkt, e.bewohner_id, stamm.voller_name(b.vorname, b.nachname) AS name
  FROM epdoc.eintrag e JOIN stamm.bewohner b ON b.id = e.bewohner_id
 WHERE e.wichtig AND e.text <> '' ORDER BY e.zeitpunkt DESC LIMIT 5
"""
OPEN_ASSESSMENTS: Query = """
SELECT a.id, a.anlass::text, a.status::text, a.stichtag, stamm.voller_name(b.vorname, b.nachname) AS name
  FROM rai.assessment a JOIN stamm.bewohner b ON b.id = a.bewohner_id
 WHERE a.status IN ('Entwurf', 'in Arbeit') ORDER BY a.stichtag DESC, a.id DESC LIMIT 6
"""
INTERFACES: Query = """
SELECT s.interface, s.received, s.last_sequence, n.received_at
  FROM schnittstelle.stand s
  LEFT JOIN schnittstelle.nachricht n ON (n.interface, n.sequence) = (s.interface, s.last_sequence)
 ORDER BY s.interface
"""
LAST_MESSAGES: Query = """
SELECT interface, sequence, received_at, payload::text AS inhalt
  FROM schnittstelle.nachricht ORDER BY received_at DESC LIMIT 20
"""
RESIDENTS: Query = """
SELECT u.*, u.sprache::text AS sprache, stamm.alter_in_jahren(u.geburtsdatum, current_date) AS jahre
  FROM stamm."Bewohnerübersicht" u
 WHERE (%(alle)s OR u.austritt IS NULL) AND (%(q)s = '' OR u.name ILIKE %(like)s OR u.zimmer = %(q)s)
 ORDER BY u.name, u.id LIMIT %(limit)s OFFSET %(offset)s
"""
RESIDENT: Query = """
SELECT u.*, u.sprache::text AS sprache, u.geschlecht::text AS geschlecht, b.ahv::text AS ahv, b.biografie,
       b."grösse_cm" AS groesse, (b.herkunft).ort AS ort, a.name AS hausarzt, k.name AS kasse,
       stamm.alter_in_jahren(u.geburtsdatum, current_date) AS jahre
  FROM stamm."Bewohnerübersicht" u
  JOIN stamm.bewohner b USING (id)
  LEFT JOIN stamm.arzt a ON a.id = b.hausarzt_id
  LEFT JOIN stamm.krankenkasse k ON k.nummer = b.krankenkasse_nr
 WHERE u.id = %s
"""
ASSESSMENTS_OF: Query = """
SELECT a.id, a.anlass::text, a.status::text, a.stichtag, a.minuten, g.stufe
  FROM rai.assessment a LEFT JOIN rai.rug_gruppe g ON g.code = a.rug_code
 WHERE a.bewohner_id = %s ORDER BY a.stichtag DESC, a.id DESC LIMIT 12
"""
NOTES_OF: Query = """
SELECT e.thema, e.text, e.zeitpunkt, e.wichtig, m.kurzzeichen::text AS wer
  FROM epdoc.eintrag e LEFT JOIN stamm.mitarbeiter m ON m.id = e.mitarbeiter_id
 WHERE e.bewohner_id = %s AND e.text <> '' ORDER BY e.zeitpunkt DESC LIMIT 8
"""
PRESCRIPTIONS_OF: Query = """
SELECT m.name, m.form, v.dosis::text AS dosis, v.schema_tag::text AS schema,
       v."Bemerkung für Spitex" AS bemerkung
  FROM epdoc.verordnung v JOIN epdoc.medikament m USING (pharmacode)
 WHERE v.bewohner_id = %s AND v.dosis <> 'NaN' AND v.dosis < 100 ORDER BY m.name LIMIT 10
"""
DOCUMENTS_OF: Query = (
    "SELECT id, titel, pfad, bytes FROM epdoc.dokument WHERE bewohner_id = %s ORDER BY pfad LIMIT 20"
)
WEIGHTS_OF: Query = """
SELECT wert FROM epdoc.vitalwert
 WHERE bewohner_id = %s AND groesse = 'Gewicht' AND wert BETWEEN 20 AND 200 ORDER BY gemessen_am LIMIT 40
"""
ASSESSMENTS: Query = """
SELECT a.id, a.anlass::text, a.status::text, a.stichtag, a.minuten, g.stufe, a.bewohner_id,
       stamm.voller_name(b.vorname, b.nachname) AS name
  FROM rai.assessment a
  JOIN stamm.bewohner b ON b.id = a.bewohner_id
  LEFT JOIN rai.rug_gruppe g ON g.code = a.rug_code
 WHERE (%(status)s = '' OR a.status::text = %(status)s)
   AND (%(q)s = '' OR stamm.voller_name(b.vorname, b.nachname) ILIKE %(like)s)
 ORDER BY a.stichtag DESC, a.id DESC LIMIT %(limit)s OFFSET %(offset)s
"""
ASSESSMENT: Query = """
SELECT a.id, a.bewohner_id, a.anlass::text, a.status::text, a.stichtag, a.erfasst_am, a.abgeschlossen_am,
       a.minuten, a.bmi, a.beobachtungen, a.notiz, g.code AS rug, g.stufe, m.kurzzeichen::text AS wer,
       encode(a.pruefsumme, 'hex') AS pruefsumme, stamm.voller_name(b.vorname, b.nachname) AS name
  FROM rai.assessment a
  JOIN stamm.bewohner b ON b.id = a.bewohner_id
  LEFT JOIN rai.rug_gruppe g ON g.code = a.rug_code
  LEFT JOIN stamm.mitarbeiter m ON m.id = a.verfasst_von
 WHERE a.id = %s
"""
ANSWERS: Query = """
SELECT b.code || ' · ' || b.name_de AS bereich, i.code, i.frage, i.maximum, w.wert, w.bemerkung
  FROM rai.antwort w
  JOIN rai.item i ON i.code = w.item_code
  JOIN rai.bereich b ON b.code = i.bereich_code
 WHERE w.assessment_id = %s ORDER BY i.reihenfolge
"""
SCALES: Query = """
SELECT s."kürzel" AS kuerzel, s.name, w.wert, upper(s.grenzen) AS hoechstens
  FROM rai.skalenwert w JOIN rai.skala s ON s.id = w.skala_id WHERE w.assessment_id = %s ORDER BY s.id
"""
CAPPS: Query = """
SELECT c.titel, c.leitfrage, l.bearbeitet, l.begruendung
  FROM rai.capp_ausloesung l JOIN rai.capp c ON c.nummer = l.capp_nummer
 WHERE l.assessment_id = %s ORDER BY c.nummer
"""
ATTACHMENTS: Query = "SELECT id, dateiname, bytes FROM epdoc.anhang WHERE assessment_id = %s ORDER BY id"
ATTACHMENT: Query = "SELECT epdoc.anhang_inhalt(id) AS inhalt FROM epdoc.anhang WHERE id = %s"
DOCUMENTS: Query = """
SELECT d.id, d.titel, d.pfad, d.bytes, d.bewohner_id, stamm.voller_name(b.vorname, b.nachname) AS name
  FROM epdoc.dokument d LEFT JOIN stamm.bewohner b ON b.id = d.bewohner_id
 WHERE %(q)s = '' OR d.pfad ILIKE %(like)s OR stamm.voller_name(b.vorname, b.nachname) ILIKE %(like)s
 ORDER BY d.pfad LIMIT %(limit)s OFFSET %(offset)s
"""
