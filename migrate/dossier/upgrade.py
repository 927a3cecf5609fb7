"""
The dossier's section on an upgrade: prerequisites, pre-production, customisations, workstations.

Promise: None for a tenant whose product was not looked at; what is not measured yet is left out.
"""

from dataclasses import replace

from migrate.case import Case
from migrate.documents import Voice
from migrate.dossier.before import shown_range
from migrate.dossier.parts import Cell, Section, Table, Tone, columns, evidence
from migrate.product.assertions import ProductionDate
from migrate.product.customisations import Customisations
from migrate.product.evidence import Preproduction, ProductionCopy
from migrate.product.installation import Installation
from migrate.product.merging import Merges
from migrate.product.put_back import CustomisationTests, PutBack
from migrate.product.recommendation import Prerequisites
from migrate.product.workstations import Matrix

_TONES: dict[str, Tone] = {
    "met": "good",
    "not met": "bad",
    "failed": "bad",
    "could not tell": "warn",
    "not tried": "warn",
}


def upgrade(case: Case) -> Section | None:
    """What became of the tenant's product, and what was tested before production."""
    installed = evidence(case, "product", Installation)
    if installed is None:
        return None
    return Section(
        "upgrade",
        "The upgrade",
        lead=f"{installed.product} {installed.version}, to {installed.to} by {' → '.join(installed.hops)}.",
        facts=tuple(_facts(case)),
        tables=tuple(
            t for t in (_asserted(case), _customisations(case), _matrix(case), _rows(case)) if t.rows
        ),
    )


def _facts(case: Case) -> list[tuple[str, Cell]]:
    found = []
    if (copied := evidence(case, "test-copy", ProductionCopy)) is not None:
        found = [
            ("Users before the copy", Cell(copied.before.shown)),
            (
                "Users during the copy",
                Cell(f"{copied.during.shown}; {copied.during.waiting_for_us} waited for it"),
            ),
        ]
    if (predicted := evidence(case, "preproduction", Preproduction)) is not None:
        said = f"{shown_range(predicted.low_seconds, predicted.high_seconds)}; {predicted.rests_on}"
        found.append(("Stop predicted by pre-production", Cell(said)))
    return found


def _asserted(case: Case) -> Table:
    date = evidence(case, "production-date", ProductionDate)
    english = replace(Voice.of(case.manifest), language="en")
    rows = [(Cell(one.what), Cell(one.evidence(english))) for one in date.assertions] if date else []
    refused = [r for r in case.journal if r.kind == "date-refused"]
    rows += [
        (Cell(f"refused {r.data['opens_at'][:10]}"), Cell("; ".join(r.data["lacks"]), "warn"))
        for r in refused
    ]
    return Table("What accepting the date asserts", columns("asserted", "shown by"), tuple(rows))


def _customisations(case: Case) -> Table:
    found = evidence(case, "customisations", Customisations)
    merges, put = evidence(case, "merges", Merges), evidence(case, "put-back-test", PutBack)
    tests = {
        environment: {one.id: one for one in done.tests}
        for environment in ("test", "prod")
        if (done := evidence(case, f"customisation-tests-{environment}", CustomisationTests)) is not None
    }
    decided = {one.id: one for one in put.put} if put else {}
    rows = []
    for one in found.found if found else ():
        merged, what = merges.of(one.id) if merges else None, decided.get(one.id)
        said = [
            f"{where}: {'passed' if t[one.id].passed else 'failed'}"
            for where, t in tests.items()
            if one.id in t
        ]
        rows.append(
            (
                Cell(one.id),
                Cell(one.change),
                Cell(merged.outcome if merged else ""),
                Cell(f"{what.decision}, by {what.by}" if what else ""),
                Cell(", ".join(said), "bad" if any("failed" in s for s in said) else "good"),
            )
        )
    heads = columns("customisation", "found", "carried over", "decision", "tests")
    return Table("Customisations", heads, tuple(rows))


def _matrix(case: Case) -> Table:
    matrix = evidence(case, "workstations", Matrix)
    rows = [
        (Cell(c.group), Cell(c.workstation), Cell(c.user), Cell(c.outcome, _TONES[c.outcome]))
        for c in (matrix.cells if matrix else ())
    ]
    return Table("Workstations", columns("group", "workstation", "user", "opened"), tuple(rows))


def _rows(case: Case) -> Table:
    found = evidence(case, "prerequisites", Prerequisites)
    rows = [
        (Cell(r.title), Cell(r.wanted), Cell(r.found), Cell(r.verdict, _TONES[r.verdict]))
        for r in (found.rows if found else ())
    ]
    return Table("Prerequisites", columns("what", "wanted", "found", "verdict"), tuple(rows), folded=True)
