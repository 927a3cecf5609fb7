"""
Where a tenant stands, read from its journal alone.

Promise: launches nothing, connects to nothing; what it says of legacy and site is what Bascule last
did to them, and whatever was begun but not known to be finished is said as that.

What a run writes into the journal (`about` in brackets):

    attempt (phase)       attempt, workflow, playbook, digest, protected, steps, left_out; continues, from
    intent (step)         attempt, phase, title
    done | under-waiver (step)  attempt, phase, seconds, result
    waiting (step)        attempt, phase, seconds, what, next
    failed (step)         attempt, phase, seconds, what, state, next, undecided
    point-of-no-return (step)   attempt, phase
    fallback (phase)      attempt, cause, what
    undoing | undone | undo-failed (step)   attempt, phase, seconds, result | what
    signed (gate)         signer, fingerprint, sha256, document
    waived (anything)     by, reason, expires_at, fingerprint
    playbook-accepted (playbook)   by, was, now
    door (prod stack)     state, reason          by hand: fab door
    legacy (tenant)       state, until           by hand: fab freeze, fab unfreeze
    ended (phase)         attempt, workflow, outcome, at, again_from, what, state, next, undo_failed,
                          past_return, seconds
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from migrate.journal import Journal, Record

Outcome = Literal["finished", "waiting", "failed", "fallen-back", "fallback-incomplete"]

Legacy = Literal["writable", "read-only", "uncertain"]
Door = Literal["closed", "open", "suspended", "uncertain"]

FREEZE_STEP = "freeze-legacy"
DOOR_STEP = "open-door"
"""The two steps whose names the whole of Bascule knows, since everybody asks about what they change."""


@dataclass(frozen=True)
class PhasePosition:
    """The newest attempt at a phase. `ended` is None while its workflow has not come to an end."""

    begun: Record
    ended: Record | None

    @property
    def attempt(self) -> str:
        return str(self.begun.data["attempt"])

    @property
    def workflow(self) -> str:
        return str(self.begun.data["workflow"])

    @property
    def outcome(self) -> str:
        """An `Outcome`, or ``under way``: at work now, or killed and not yet resumed."""
        return str(self.ended.data["outcome"]) if self.ended else "under way"

    @property
    def past_return(self) -> bool:
        return bool(self.ended and self.ended.data["past_return"])


def of_phase(journal: Journal, phase: str) -> PhasePosition | None:
    """Return the newest attempt at a phase, or None when it was never begun."""
    begun = journal.last("attempt", phase)
    if begun is None:
        return None
    ends = [r for r in journal if r.kind == "ended" and r.data["workflow"] == begun.data["workflow"]]
    return PhasePosition(begun, ends[-1] if ends else None)


@dataclass(frozen=True)
class Standing:
    """What users can do now, and since when."""

    legacy: Legacy
    legacy_since: datetime | None
    door: Door
    door_since: datetime | None

    def __str__(self) -> str:
        return f"Legacy {_SAID[self.legacy]}; the site {_SAID[self.door]}."


_SAID = {
    "writable": "is writable",
    "read-only": "is read-only",
    "closed": "is closed",
    "open": "is open",
    "suspended": "is suspended",
    "uncertain": "may be half changed",
}


def standing(journal: Journal) -> Standing:
    """Tell from the journal whether legacy is writable and whether the site is open."""
    freeze, door = _last_change(journal, FREEZE_STEP, "legacy"), _last_change(journal, DOOR_STEP, "door")
    legacy_words: dict[str, Legacy] = {"": "writable", "done": "read-only", "undone": "writable"}
    door_words: dict[str, Door] = {"": "closed", "done": "open", "undone": "closed", "failed": "closed"}
    door_kind = door.kind if door else ""
    if door and door.data.get("undecided"):
        door_kind = "undecided"
    return Standing(
        legacy=_by_hand(freeze, "legacy") or legacy_words.get(freeze.kind if freeze else "", "uncertain"),
        legacy_since=freeze.at if freeze else None,
        door=_by_hand(door, "door") or door_words.get(door_kind, "uncertain"),
        door_since=door.at if door else None,
    )


def _by_hand(record: Record | None, kind: str) -> Any:
    if record is None or record.kind != kind:
        return None
    # A freeze by hand is a lease that nobody renews: its host has lifted it by then.
    until = record.data.get("until")
    return (
        "writable" if until and datetime.fromisoformat(until) <= datetime.now(UTC) else record.data["state"]
    )


def _last_change(journal: Journal, step: str, by_hand: str) -> Record | None:
    found = None
    for record in journal:
        # The door of a test site says nothing of where the tenant works.
        if record.kind == by_hand and not record.about.endswith("-test"):
            found = record
        # A step with parameters is told with them, as in ``freeze-legacy:5``.
        name = record.about.partition(":")[0]
        if name == step and record.kind in ("intent", "done", "failed", "undone", "undo-failed"):
            found = record
    return found
