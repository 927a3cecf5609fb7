"""
The dossier's section on what came after the move: the settlement, offer against actual.

Promise: returns None while its evidence does not exist.
"""

from decimal import Decimal

from migrate.case import Case
from migrate.dossier.parts import Cell, Section, Table, columns, evidence
from migrate.settlement import Settlement


def settlement(case: Case) -> Section | None:
    """What was offered against what was done."""
    found = evidence(case, "settlement", Settlement)
    if found is None:
        return None
    language = case.manifest.language
    rows = [
        (
            Cell(line.title.in_(language)),
            _number(line.offered),
            _number(line.actual),
            Cell(line.unit),
            Cell(f"{line.offered_amount:.2f}", "n"),
            Cell(f"{line.amount:.2f}", "n"),
            Cell("; ".join(line.notes)),
        )
        for line in found.lines
    ]
    heads = columns("Position", "#Offered", "#Done", "Unit", "#Offered amount", "#Amount", "Why")
    return Section(
        "settlement",
        "What it came to",
        facts=(
            ("Offered", Cell(f"{found.currency} {found.offered.total:.2f}")),
            ("Settled", Cell(f"{found.currency} {found.actual.total:.2f}")),
            ("Difference", Cell(f"{found.currency} {found.difference:+.2f}")),
        ),
        tables=(Table(f"Settlement {found.number} of offer {found.offer_number}", heads, tuple(rows)),),
    )


def _number(quantity: Decimal) -> Cell:
    return Cell(f"{quantity.normalize():f}", "n")
