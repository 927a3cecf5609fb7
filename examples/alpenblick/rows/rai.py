"""
Rows of schema ``rai``: catalogues, assessments, their answers and scores.

Promise: every assessment answers every item, as a real one does.
"""

import hashlib
import json
from collections.abc import Iterator

from ..copytext import line
from ..counts import Counts
from ..people import Pools
from .table import Table

_SECTIONS = (
    ("A", "Kognitive Fähigkeiten", "Capacités cognitives"),
    ("B", "Stimmungslage und Verhalten", "Humeur et comportement"),
    ("C", "Psychosoziales Wohlbefinden", "Bien-être psychosocial"),
    ("D", "Körperliche Funktionsfähigkeit", "Capacité fonctionnelle"),
    ("E", "Kontinenz", "Continence"),
    ("F", "Gesundheitszustand", "État de santé"),
)
_QUESTIONS = (
    "Kurzzeitgedächtnis", "Orientierung im Haus", "Versteht andere", "Schlafmuster", "Antrieb am Morgen",
    "Wirkt bedrückt", "Kontakt zu Angehörigen", "Teilnahme an Aktivitäten", "Transfer", "Gehen im Zimmer",
    "Ankleiden", "Essen", "Toilettenbenutzung", "Blasenkontrolle", "Schmerzhäufigkeit", "Sturzangst",
    "Hautzustand", "Trinkmenge", "Kauprobleme", "Atemnot bei Belastung",
)  # fmt: skip
_ITEMS_A_SECTION = 10
_SCALES = (
    ("ADL", "Alltagsaktivitäten", "[0,28]"),
    ("CPS", "Kognitive Leistung", "[0,6]"),
    ("DRS", "Depression (échelle)", "[0,14]"),
    ("PAIN", "Schmerz", "[0,4)"),
)
_CAPPS = ("Sturzgefährdung", "Mangelernährung", "Dekubitus", "Délire", "Schmerz", "Soziale Beziehungen")
_GROUPS = 36
_OBSERVATIONS = (
    "Brille",
    "Hörgerät",
    "Rollator",
    'geht "am Arm"',
    "fauteuil roulant",
    "Sturz, letzte 30 Tage",
)
ITEMS = tuple(f"{code}{number:02}" for code, _, _ in _SECTIONS for number in range(1, _ITEMS_A_SECTION + 1))


def group_code(number: int) -> str:
    """RUG groups as three signs: PA0, PA1 … RF5."""
    return f"{'PRSCIB'[number % 6]}{'ABCDEF'[number // 6]}{number % 3}"


def tables(pools: Pools, counts: Counts) -> Iterator[Table]:
    """Yield the tables of this schema."""
    r = pools.random
    yield Table("rai.bereich", "code, name_de, name_fr", [line(*section) for section in _SECTIONS])
    yield Table(
        "rai.item",
        "code, bereich_code, frage, reihenfolge",
        [line(code, code[0], _QUESTIONS[i * 7 % len(_QUESTIONS)], i) for i, code in enumerate(ITEMS)],
    )
    yield Table(
        "rai.rug_gruppe",
        "code, bezeichnung, aufwandindex, stufe",
        [
            line(group_code(n), f"Gruppe {group_code(n)}", f"{0.5 + n / 20:.4f}", n // 3)
            for n in range(_GROUPS)
        ],
    )
    yield Table(
        "rai.skala",
        'id, "kürzel", name, grenzen',
        [line(i, *scale) for i, scale in enumerate(_SCALES, start=1)],
    )
    yield Table(
        "rai.capp",
        "nummer, titel, leitfrage",
        [line(i, title, f"Was begünstigt «{title}»?") for i, title in enumerate(_CAPPS, start=1)],
    )
    yield Table(
        "rai.assessment",
        "bewohner_id, anlass, status, stichtag, erfasst_am, abgeschlossen_am, verfasst_von, rug_code,"
        ' minuten, bmi, beobachtungen, profil, notiz, pruefsumme, "geändert_am"',
        (_assessment(pools, counts, number) for number in range(1, counts.assessments + 1)),
    )
    yield Table("rai.antwort", "assessment_id, item_code, wert, bemerkung", _answers(pools, counts))
    yield Table(
        "rai.skalenwert",
        "assessment_id, skala_id, wert",
        (
            line(number, scale, r.choice((0, 1, 2.5, 3.3333333, 4, "NaN")))
            for number in range(1, counts.assessments + 1)
            for scale in range(1, len(_SCALES) + 1)
        ),
    )
    yield Table(
        "rai.capp_ausloesung",
        "assessment_id, capp_nummer, bearbeitet, begruendung",
        (
            line(number, capp, r.random() < 0.7, r.choice((None, "siehe Pflegeplan", "à revoir")))
            for number in range(1, counts.assessments + 1)
            for capp in r.sample(range(1, len(_CAPPS) + 1), 2)
        ),
    )
    yield Table(
        "rai.pflegeziel",
        "bewohner_id, capp_nummer, text, zeitraum, fortschritt",
        (
            line(
                r.randint(1, counts.residents),
                r.randint(1, len(_CAPPS)),
                r.choice(("Geht mit Rollator 50 m", "Trinkt 1,5 l am Tag", "Participe au repas en commun")),
                r.choice((f"[{pools.day(400)},2026-12-31)", "[2025-01-01,)", "empty")),
                r.choice((None, "0.00", "33.33", "100.00")),
            )
            for _ in range(counts.residents * 2)
        ),
    )


def _assessment(pools: Pools, counts: Counts, number: int) -> str:
    r = pools.random
    day = pools.day(2000)
    status = r.choices(("Entwurf", "in Arbeit", "abgeschlossen", "übermittelt"), (1, 2, 10, 10))[0]
    closed = None if status in ("Entwurf", "in Arbeit") else f"{day} 16:{r.randint(10, 59)}:00.5+02"
    profile = {
        "ADL": r.randint(0, 28),
        "Risiken": r.sample(["Sturz", "Dekubitus", "Dénutrition"], 2),
        "quelle": {"gerät": "Tablet", "version": r.choice((3.1, 3.25, None))},
    }
    content = json.dumps(profile, ensure_ascii=False)
    return line(
        1 + (number * 7919) % counts.residents,
        "Eintritt"
        if number <= counts.residents
        else r.choice(("Verlauf", "Verlauf", "Statusänderung", "Austritt")),
        status,
        day,
        f"{day} {r.randint(8, 15):02}:{r.randint(10, 59)}:{r.randint(10, 59)}.{r.randint(0, 999999):06}+02",
        closed,
        r.randint(1, counts.staff),
        group_code(r.randrange(_GROUPS)) if closed else None,
        "NaN" if number % 401 == 0 else f"{r.randint(0, 24000) / 100:.2f}",
        r.choice((r.uniform(16, 38), 0.1 + 0.2, 1e-300, "-0", "Infinity"))
        if number % 50 == 0
        else r.uniform(16, 38),
        r.sample(_OBSERVATIONS, r.randint(0, 3)),
        content,
        r.choice(pools.notes)[1] if number % 4 == 0 else None,
        hashlib.sha256(content.encode()).digest() if closed else None,
        f"{day} 17:00:00",
    )


def _answers(pools: Pools, counts: Counts) -> Iterator[str]:
    """Rows by assessment; written out by hand, since this is the largest table."""
    r = pools.random
    values = ("0", "0", "1", "1", "2", "3", "4", "\\N")
    for number in range(1, counts.assessments + 1):
        answers = r.choices(values, k=len(ITEMS))
        remarks = ("\\N", r.choice(("", "gemäss Angehörigen", "\\N")))
        yield "".join(
            f"{number}\t{code}\t{value}\t{remarks[value == '4']}\n"
            for code, value in zip(ITEMS, answers, strict=True)
        )
