"""
Rows of schema ``epdoc``: notes, medication, measurements, wounds, documents, events.

Promise: ``epdoc.dokument`` names exactly the files that `documents.documents` gives. Large objects
are not rows: the generator makes them and fills ``epdoc.anhang``.
"""

from collections.abc import Iterator
from datetime import timedelta

from ..copytext import line
from ..counts import Counts
from ..documents import documents, png
from ..people import TODAY, Pools
from .table import Table

_MEDICINES = (
    "Dafalgan",
    "Torasemid",
    "Metamizol",
    "Quetiapin",
    "Marcoumar",
    "Pantoprazol",
    "Vitamin D₃",
    "Laxoberon",
)
_UNUSUAL = ("NaN", "Infinity", "-Infinity", "-0", "0.30000000000000004", "1e-310")


def tables(pools: Pools, counts: Counts) -> Iterator[Table]:
    """Yield the tables of this schema."""
    r = pools.random
    yield Table(
        "epdoc.eintrag", "bewohner_id, mitarbeiter_id, zeitpunkt, thema, text, wichtig", _notes(pools, counts)
    )
    yield Table(
        "epdoc.medikament",
        "pharmacode, name, form, wirkstoffe, preis",
        [
            line(
                7680000 + n,
                f"{_MEDICINES[n % 8]} {n} mg",
                r.choice(("Tbl.", "gtt.", "Supp.")),
                [f"Stoff {n}", "ää"],
                n,
            )
            for n in range(1, 121)
        ],
    )
    yield Table(
        "epdoc.verordnung",
        'bewohner_id, pharmacode, arzt_id, dosis, schema_tag, gueltig_bis, "Bemerkung für Spitex"',
        (
            line(
                r.randint(1, counts.residents),
                7680000 + r.randint(1, 120),
                r.randint(1, 25),
                r.choice(("1", "0.5", "1.00", "NaN", "12345678901234567890.123456789")),
                f"{r.randint(1, 15):04b}",
                r.choice(("infinity", "infinity", "-infinity", pools.moment(90))),
                r.choice((None, None, "bei Bedarf – max. 4×/Tag", "à jeun")),
            )
            for _ in range(counts.prescriptions)
        ),
    )
    yield Table("epdoc.abgabe", "verordnung_id, am, um, menge, visiert_von", _doses(pools, counts))
    yield Table(
        "epdoc.vitalwert",
        'bewohner_id, groesse, gemessen_am, wert, zweitwert, "gerät"',
        _measurements(pools, counts),
    )
    yield Table(
        "epdoc.wunde",
        'bewohner_id, lokalisation, "fläche_cm2", umriss, entdeckt_am',
        [
            line(
                r.randint(1, counts.residents),
                r.choice(("Ferse links", "Steißbein", "malléole externe")),
                r.randint(10, 9000) / 100,
                f"((0,0),(0,{r.randint(1, 9)}),({r.randint(1, 9)},0.5))",
                pools.day(400),
            )
            for _ in range(counts.wounds)
        ],
    )
    yield Table(
        "epdoc.wundfoto",
        "wunde_id, aufgenommen_am, bild",
        (
            line(1 + n % counts.wounds, pools.moment(300), png(r, r.randint(120, 240)))
            for n in range(counts.wounds * 2)
        ),
    )
    yield Table(
        "epdoc.dokument",
        "bewohner_id, pfad, titel, bytes, sha256",
        (line(d.resident, d.path, d.title, len(d.content), d.sha256) for d in documents(pools.seed, counts)),
    )
    yield Table(
        "epdoc.termin",
        "bewohner_id, beginn, dauer, was, wiederholung",
        (
            line(
                r.randint(1, counts.residents),
                pools.moment(200),
                r.choice(("00:30:00", "1:15:00.25", "2 mons -3 days")),
                r.choice(("Coiffeur", "Physiotherapie", "Besuch der Enkel 🎂")),
                r.choice((None, "{}", "{[2026-07-01,2026-07-08),[2026-08-01,2026-08-08)}")),
            )
            for _ in range(counts.residents)
        ),
    )
    yield Table(
        "epdoc.sturz",
        "bewohner_id, ereignet_am, hergang, folgen",
        [
            line(
                r.randint(1, counts.residents),
                pools.moment(700),
                r.choice(pools.notes)[1],
                r.choice((None, "null", '{"verletzt": false, "skala": 1.50}', '["Hämatom", {"cm": 1e2}]')),
            )
            for _ in range(counts.residents // 3)
        ],
    )
    yield Table(
        "epdoc.ereignis",
        "nummer, bewohner_id, art, zeitpunkt",
        (
            line(n, r.randint(1, counts.residents), ("Ruf", "Rundgang", "Mahlzeit")[n % 3], pools.moment(30))
            for n in range(1, counts.events + 1)
        ),
    )
    yield Table(
        "epdoc.leseprotokoll", "mitarbeiter_id, bewohner_id, gelesen_am, seite", _readings(pools, counts)
    )


def _notes(pools: Pools, counts: Counts) -> Iterator[str]:
    r = pools.random
    for number in range(counts.notes):
        theme, text = r.choice(pools.notes)
        yield line(
            r.randint(1, counts.residents),
            r.randint(1, counts.staff),
            pools.moment(900),
            theme,
            text,
            number % 37 == 0,
        )


def _doses(pools: Pools, counts: Counts) -> Iterator[str]:
    """Rows of the partitioned table: six months in partitions of their own, some in the default one."""
    r = pools.random
    days = [str(TODAY - timedelta(days=back)) for back in range(190)]
    for _ in range(counts.doses):
        hour = r.choice(("07:30:00", "12:00:00", "18:15:00", "22:00:00.5"))
        yield (
            f"{r.randint(1, counts.prescriptions)}\t{r.choice(days)}\t{hour}"
            f"\t{r.choice(('1', '0.50', '2.00'))}\t{r.randint(1, counts.staff)}\n"
        )


def _measurements(pools: Pools, counts: Counts) -> Iterator[str]:
    r = pools.random
    kinds = (
        ("Blutdruck", 90, 170),
        ("Puls", 50, 110),
        ("Temperatur", 35, 39),
        ("Gewicht", 40, 95),
        ("Sauerstoff", 85, 99),
    )
    for number in range(counts.measurements):
        kind, low, high = kinds[number % len(kinds)]
        resident = 1 + number % counts.residents
        # Everybody varies a little around a value of their own.
        middle = low + (high - low) * (resident * 37 % 100) / 100
        value = f"{r.gauss(middle, (high - low) / 60):.15g}"
        if number % 997 == 0:
            value = _UNUSUAL[number // 997 % len(_UNUSUAL)]
        day, hour = TODAY - timedelta(days=number // 2000), number % 2000 // 84
        at = f"{day} {hour:02}:{number % 60:02}:{number % 59:02}.5+02"
        device = "\\N" if number % 3 else f"08:00:2b:01:02:{number % 100:02}"
        second = "80.5" if kind == "Blutdruck" else "\\N"
        yield f"{resident}\t{kind}\t{at}\t{value}\t{second}\t{device}\n"


def _readings(pools: Pools, counts: Counts) -> Iterator[str]:
    """Rows without a key; every tenth stands there twice."""
    r = pools.random
    for number in range(counts.readings):
        row = line(
            r.randint(1, counts.staff),
            r.randint(1, counts.residents),
            f"{pools.day(60)} 08:00:00",
            "Übersicht",
        )
        yield row
        if number % 10 == 0:
            yield row
