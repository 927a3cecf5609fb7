"""
The dossier's sections on the rehearsal and on the way back: what was predicted, planted, taken.

Promise: as everywhere in the dossier, what was not done is not shown.
"""

from migrate import position
from migrate.case import Case
from migrate.dossier.before import shown_range
from migrate.dossier.parts import Cell, Section, Table, columns, evidence, number, shown_bytes
from migrate.dossier.timeline import shown_seconds
from migrate.effects import Effects
from migrate.position import WayBack
from migrate.rehearsal.evidence import Rehearsal
from migrate.stop import Return

_WAYS: dict[WayBack, str] = {
    "armed": "open: changes on the site flow back to legacy",
    "given up": "given up by finalize",
    "none": "there is none",
}
_WRITING, _BULK = ", with somebody writing throughout.", ". The move is in bulk: there is no way back."


def rehearsal(case: Case) -> Section | None:
    """What the rehearsal measured, and which of the faults that it planted were found."""
    found = evidence(case, "rehearsal", Rehearsal)
    if found is None:
        return None
    switches = tuple(
        (
            Cell(one.direction),
            Cell(shown_seconds(one.stop_seconds), "n"),
            Cell(", ".join(f"{name} {shown_seconds(seconds)}" for name, seconds in one.parts.items())),
            number(one.rows_compared),
            number(one.rows_read),
        )
        for one in found.switches
    )
    faults = tuple(
        (
            Cell(one.kind),
            Cell(one.name),
            Cell("found" if one.found else "NOT FOUND", "good" if one.found else "bad"),
        )
        for one in found.faults
    )
    writes = (
        ("Writes acknowledged", Cell(str(found.acknowledged))),
        ("Writes lost", Cell(str(found.lost), "bad" if found.lost else "good")),
    )
    both = Table(
        "Both switches",
        columns("Direction", "#Stopped", "Of it", "#Rows in the verdict", "#Read in the freeze"),
        switches,
    )
    return Section(
        "rehearsal",
        "What the rehearsal showed",
        lead=f"In the test environment, on a copy{_WRITING if switches else _BULK}",
        facts=(
            ("Predicted stop", Cell(shown_range(found.low_seconds, found.high_seconds))),
            ("Rests on", Cell(found.rests_on)),
            *(writes if switches else ()),
            ("Copied", Cell(f"{shown_bytes(found.copy_bytes)} in {shown_seconds(found.copy_seconds)}")),
        ),
        tables=(
            *((both,) if switches else ()),
            Table("Faults that were planted", columns("Kind", "Where", "Comparison"), faults),
        ),
    )


def way_back(case: Case) -> Section | None:
    """Whether one can still go back, and what came of it when somebody did."""
    taken, effects = evidence(case, "return", Return), evidence(case, "effects", Effects)
    if case.journal.last("done", position.ARM_STEP) is None:
        return None
    state = position.way_back(case.journal)
    facts = [("Way back", Cell(_WAYS.get(state, "may be half removed")))]
    if taken is not None:
        facts.append(("Taken", Cell(f"{taken.attempt}, at {taken.reopened_at:%Y-%m-%d %H:%M:%S} UTC")))
        facts.append(("Stopped for", Cell(shown_seconds(taken.seconds))))
    sent = [
        (Cell(one.name), number(one.sent), Cell(", ".join(one.shown[:10])))
        for one in (effects.effects if effects else ())
    ]
    table = Table(
        "Sent into the world before it, and not called back", columns("What", "#Sent", "Such as"), tuple(sent)
    )
    return Section("way-back", "The way back", facts=tuple(facts), tables=(table,) if sent else ())
