"""
Rows of schemas ``abrechnung`` and ``schnittstelle``: tariffs, invoices, payments, and leftovers.

Promise: invoice numbers are those that the database's sequence gives, in order.
"""

from collections.abc import Iterator

from ..copytext import line
from ..counts import Counts
from ..people import Pools
from .table import Table

_STUFEN = 13


def invoice_number(index: int) -> int:
    """The number that the sequence gives to the invoice with that index, counted from 0."""
    return 202400001 + 3 * index


def tables(pools: Pools, counts: Counts) -> Iterator[Table]:
    """Yield the tables of both schemas."""
    r = pools.random
    yield Table(
        "abrechnung.tarif",
        'stufe, "gültig_ab", "gültig_bis", pflege, hotellerie',
        [
            line(
                stufe,
                f"{year}-01-01",
                "infinity" if year == 2026 else f"{year}-12-31",
                f"{stufe * 9.6:.2f}",
                "142.50",
            )
            for year in (2024, 2025, 2026)
            for stufe in range(_STUFEN)
        ],
    )
    yield Table(
        "abrechnung.rechnung",
        "bewohner_id, monat, gestellt_am, bezahlt",
        (
            line(1 + n % counts.residents, f"2026-{1 + n % 6:02}-01", pools.moment(150), n % 10 != 0)
            for n in range(counts.invoices)
        ),
    )
    yield Table(
        "abrechnung.rechnungsposition",
        "rechnung_nr, position, text, menge, einzelpreis",
        _positions(pools, counts),
    )
    yield Table(
        "abrechnung.zahlung",
        "rechnung_nr, eingang, betrag, art, referenz",
        (
            line(
                invoice_number(n),
                pools.day(120),
                f"{r.randint(100000, 900000) / 100:.2f}",
                r.choice(("Überweisung", "LSV", "eBill", "bar")),
                f"{r.randint(10**25, 10**26)}",
            )
            for n in range(counts.invoices)
            if n % 10
        ),
    )
    yield Table(
        "schnittstelle.zwischenablage",
        "schluessel, inhalt",
        [line(f"ablage-{n}", r.randbytes(n * 7)) for n in range(40)],
    )


def _positions(pools: Pools, counts: Counts) -> Iterator[str]:
    r = pools.random
    for n in range(counts.invoices):
        for position, (text, price) in enumerate(
            (("Pflege", r.randint(0, 11500) / 100), ("Hotellerie", 142.5), ("Coiffeur / Pédicure", 68.0)),
            start=1,
        ):
            yield line(
                invoice_number(n), position, text, r.choice(("30", "31", "28", "0.125")), f"{price:.2f}"
            )
