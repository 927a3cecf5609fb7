"""
What a rehearsal found: evidence ``rehearsal``.

Promise: every figure was measured in it, but for those that `Rehearsal.rests_on` names; it says of what
state of legacy it speaks, and goes stale when that changes.
"""

from typing import Literal

from pydantic import AwareDatetime

from migrate.assess.facts import Fingerprint
from provisioning.model import Model


class Fault(Model):
    """A difference that the rehearsal made on purpose, and whether the comparison found it."""

    kind: str
    name: str
    found: bool


class Switch(Model):
    """One switch of the database, as its users saw it."""

    direction: Literal["forward", "back"]
    stop_seconds: float
    """From the last write that the one side acknowledged to the first that the other did."""
    parts: dict[str, float]
    """Seconds of each part, in order."""
    rows_compared: int
    """The verdict was about so many."""
    rows_read: int
    """So many of them inside the freeze."""


class Rehearsal(Model):
    """One rehearsal of one tenant."""

    attempt: str
    ended_at: AwareDatetime
    fingerprint: Fingerprint
    """Of what was assessed before it: a rehearsal of another schema or volume says little."""
    copy_seconds: float
    """Of the copy out of legacy."""
    copy_bytes: int
    switches: tuple[Switch, ...]
    """Forward and back; none of a move in bulk."""
    acknowledged: int
    """Writes that a side acknowledged, through both switches."""
    lost: int
    faults: tuple[Fault, ...]
    files_seconds: float
    """The pass over files that the freeze would hold, with next to nothing changed."""
    low_seconds: float
    """The predicted stop of the cutover, as a range."""
    high_seconds: float
    rests_on: str

    @property
    def passed(self) -> bool:
        """Whether the move may rest on it."""
        return bool(self.faults) and all(fault.found for fault in self.faults) and self.lost == 0
