"""
Rows of schema ``stamm``: the house, its residents and its staff.

Promise: residents with the highest numbers live in the house and have a bed; the others have left.
"""

import json
from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID

from ..copytext import line
from ..counts import Counts
from ..people import TODAY, Pools
from .table import Table

_WARDS = ("Enzian", "Edelweiß", "Gémissaz", "Höhenweg", "Lac Noir", "Sonnenhang", "Föhre", "Arve")
_ROLES = (
    "Pflegefachfrau HF",
    "Pflegefachmann HF",
    "FaGe",
    "Assistentin Gesundheit",
    "Infirmière",
    "Koch",
    "RAI",
)
_BEDS_A_ROOM = 2


def room_id(number: int) -> int:
    """The id that the database gives to the room with that number, counted from 0."""
    return 100 + 10 * number


def tables(pools: Pools, counts: Counts) -> Iterator[Table]:
    """Yield the tables of this schema."""
    r = pools.random
    beds = counts.living + 3
    rooms = -(-beds // _BEDS_A_ROOM)
    house = line(1, "Pflegeheim Alpenblick", '("Dorfstrasse 12","3715","Adelboden")', "(46.4917,7.5583)")
    yield Table(
        "stamm.haus",
        'id, name, anschrift, lage, netz, "eröffnet"',
        [f"{house.strip()}\t10.11.0.0/22\t1974-05-01\n"],
    )
    yield Table(
        "stamm.wohnbereich",
        "haus_id, name, stockwerk, merkmale",
        [line(1, ward, i // 2, ["ruhig", 'mit "Balkon"', "Süd"][: i % 4]) for i, ward in enumerate(_WARDS)],
    )
    yield Table(
        "stamm.zimmer",
        'wohnbereich_id, nummer, "fläche_m2", aussicht',
        [
            line(
                1 + i % len(_WARDS),
                f"{1 + i % 4}{i:03}",
                r.randint(160, 320) / 10,
                r.choice(("Lohner", "Tal", None)),
            )
            for i in range(rooms)
        ],
    )
    yield Table(
        "stamm.bett",
        "zimmer_id, bezeichnung, elektrisch",
        [line(room_id(i // _BEDS_A_ROOM), "AB"[i % _BEDS_A_ROOM], i % 7 != 0) for i in range(beds)],
    )
    yield Table(
        "stamm.mitarbeiter",
        "kurzzeichen, vorname, nachname, funktion, pensum, vorgesetzt_id, mail, aktiv",
        [_employee(pools, number) for number in range(1, counts.staff + 1)],
    )
    yield Table(
        "stamm.arzt",
        "name, fachgebiet, praxis, telefon",
        [
            line(
                "Dr. med. " + " ".join(pools.full_name()),
                r.choice(("Allgemeine Innere Medizin", "Gériatrie", None)),
                pools.address(),
                f"+41 33 555 {r.randint(0, 99):02} {r.randint(0, 99):02}",
            )
            for _ in range(25)
        ],
    )
    yield Table(
        "stamm.krankenkasse",
        "nummer, name, ean",
        [line(n, f"Kasse {n} – Caisse {n}", 7601003000000 + n) for n in range(1001, 1013)],
    )
    yield Table(
        "stamm.bewohner",
        "ahv, vorname, nachname, geburtsdatum, geschlecht, sprache, herkunft, hausarzt_id, krankenkasse_nr,"
        ' "grösse_cm", eintritt, austritt, biografie, vorlieben, kennung, "geändert_am"',
        (_resident(pools, counts, number) for number in range(1, counts.residents + 1)),
    )
    yield Table(
        "stamm.angehoerige",
        "bewohner_id, name, beziehung, telefon, erreichbar, vertretungsberechtigt",
        [
            line(
                resident,
                " ".join(pools.full_name()),
                r.choice(("Tochter", "Sohn", "épouse", "frère", "Nachbar")),
                r.choice(("+41 79 555 01 02", None)),
                r.choice(("8 hours", "1 day 02:30:00", "-00:15:00", None)),
                r.random() < 0.3,
            )
            for resident in range(1, counts.residents + 1)
            for _ in range(r.randint(0, 3))
        ],
    )
    first_living = counts.residents - counts.living + 1
    yield Table(
        "stamm.bettbelegung",
        "bett_id, bewohner_id, zeitraum",
        [line(1 + i, first_living + i, f"[{pools.day(900)},)") for i in range(counts.living)],
    )
    yield Table(
        'stamm."Zimmerwechsel (Änderungen)"',
        'bewohner_id, "von Zimmer", "nach Zimmer", "Grund für den Wechsel", am',
        [
            line(
                r.randint(1, counts.residents),
                room_id(r.randrange(rooms)),
                room_id(r.randrange(rooms)),
                r.choice(("Wunsch", "Ruhe, wegen Föhn", "«plus près de l’ascenseur»", None)),
                f"{pools.day(2000)} 14:{r.randint(0, 59):02}:00",
            )
            for _ in range(counts.residents // 4)
        ],
    )
    yield Table(
        "stamm.einstellung",
        "schluessel, wert, gueltig",
        [
            line("kopfzeile", '{"text" : "Alpenblick",  "text": "doppelt"}', "(,)"),
            line("sommerzeit", "true", '["2026-03-29 02:00:00+01","2026-10-25 03:00:00+02")'),
            line("leer", "null", "empty"),
        ],
    )
    days = (("2026-01-01", "Neujahr"), ("2026-08-01", "Bundesfeier"), ("2026-12-25", "Weihnachten / Noël"))
    yield Table(
        "stamm.feiertag",
        "tag, kanton, name",
        [line(d, k, name) for d, name in days for k in ("BE", "FR", "VS")],
    )


def _employee(pools: Pools, number: int) -> str:
    r = pools.random
    first, last = pools.full_name()
    return line(
        f"{last[:2]}{first[:1]}{number:04}",
        first,
        last,
        r.choice(_ROLES),
        r.choice((40, 50, 62.5, 80, 100)),
        number // 8 or None,
        f"Personal.{number}@Alpenblick.example" if number % 5 else None,
        number % 11 != 0,
    )


def _resident(pools: Pools, counts: Counts, number: int) -> str:
    r = pools.random
    born = TODAY - timedelta(days=r.randint(65 * 365, 102 * 365))
    came = pools.day(3000)
    gone = None if number > counts.residents - counts.living else came + timedelta(days=r.randint(3, 900))
    woman = r.random() < 0.68
    likes = {"Getränk": r.choice(("Tee", "Café crème", "Rivella")), "allein": r.random() < 0.4, "Jass": None}
    return line(
        f"756.{number // 10000:04}.{number % 10000:04}.{r.randint(0, 99):02}" if number % 40 else None,
        r.choice(pools.women if woman else pools.men),
        r.choice(pools.last),
        born,
        "divers"
        if number % 97 == 0
        else "unbekannt"
        if number % 89 == 0
        else "weiblich"
        if woman
        else "männlich",
        r.choice(("de", "de", "de", "fr", "fr", "it", "rm")),
        pools.address(),
        r.randint(1, 25) if number % 9 else None,
        1001 + number % 12,
        r.randint(1450, 1920) / 10,
        came,
        gone,
        r.choice(pools.notes)[1] if number % 3 else None,
        json.dumps(likes, ensure_ascii=False),
        UUID(int=r.getrandbits(128), version=4),
        f"{pools.day(500)} {r.randint(0, 23):02}:00:00.{r.randint(0, 999):03}",
    )
