"""
Adjustments: what a customer asks for while an environment is validated.

Promise: each is kept with who asked and who closed it; a deployment does not go live while one is open.
"""

from dataclasses import dataclass

from migrate.case import Case
from migrate.errors import Refused


@dataclass(frozen=True)
class Adjustment:
    number: int
    what: str
    by: str
    done_by: str
    """Empty while it is open."""


def every(case: Case) -> list[Adjustment]:
    """Return all of them, oldest first."""
    closed = {r.about: str(r.data["by"]) for r in case.journal if r.kind == "adjusted"}
    return [
        Adjustment(int(r.about), str(r.data["what"]), str(r.data["by"]), closed.get(r.about, ""))
        for r in case.journal
        if r.kind == "adjustment"
    ]


def ask(case: Case, what: str, by: str) -> Adjustment:
    """Keep that something is to be changed."""
    number = len(every(case)) + 1
    case.journal.append("adjustment", str(number), what=what, by=by)
    return Adjustment(number, what, by, "")


def close(case: Case, number: int, by: str) -> None:
    """
    Keep that an adjustment is made; again, it changes nothing.

    Raises:
        Refused: There is none of that number.
    """
    found = next((one for one in every(case) if one.number == number), None)
    if found is None:
        raise Refused(f"{case.manifest.tenant} has no adjustment {number}")
    if not found.done_by:
        case.journal.append("adjusted", str(number), by=by)
