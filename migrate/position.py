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
    paused (tenant)       by, reason             by hand: fab pause
    resumed (tenant)      by                     by hand: fab resume, or the move was abandoned
    door (prod stack)     state, reason          by hand: fab door
    legacy (tenant)       state, until           by hand: fab freeze, fab unfreeze; none: begins afresh
    ended (phase)         attempt, workflow, outcome, at, again_from, what, state, next, undo_failed,
                          past_return, seconds, reopens
"""

from collections.abc import Container
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from migrate.journal import Journal, Record

Outcome = Literal["finished", "waiting", "failed", "fallen-back", "fallback-incomplete", "reopened"]

Legacy = Literal["writable", "read-only", "uncertain", "none"]
Door = Literal["closed", "open", "suspended", "uncertain"]

WayBack = Literal["none", "armed", "given up"]

FREEZE_STEP = "freeze-legacy"
DOOR_STEP = "open-door"
CLOSE_STEP = "close-door"
REOPEN_STEP = "reopen-legacy"
ARM_STEP = "arm-way-back"
END_STEP = "end-replication"
"""The steps whose names the whole of Bascule knows, since everybody asks about what they change."""


@dataclass(frozen=True)
class PhasePosition:
    """The newest attempt at a phase. `ended` is None while its workflow has not come to an end."""

    begun: Record
    ended: Record | None
    reopened: bool = False
    """Whether a later phase, such as a rollback, has it begin anew."""

    @property
    def attempt(self) -> str:
        return str(self.begun.data["attempt"])

    @property
    def workflow(self) -> str:
        return str(self.begun.data["workflow"])

    @property
    def outcome(self) -> str:
        """An `Outcome`, or ``under way``: at work now, or killed and not yet resumed."""
        if self.reopened:
            return "reopened"
        return str(self.ended.data["outcome"]) if self.ended else "under way"

    @property
    def past_return(self) -> bool:
        return bool(self.ended and self.ended.data["past_return"])

    @property
    def is_untouched(self) -> bool:
        """Whether a protected attempt ended before it changed anything: another may take its place."""
        ended, begun = self.ended, self.begun.data
        return (
            ended is not None
            and bool(begun["protected"])
            and self.outcome in ("failed", "waiting")
            and not self.past_return
            and ended.data["again_from"] == begun["steps"][0]
        )

    @property
    def must_go_on(self) -> bool:
        """Whether it left things half changed, so that nothing else may begin before it has gone on."""
        # What puts back nothing by itself has left things where it stopped.
        stays_half = self.past_return or not self.begun.data["protected"]
        return self.outcome in ("under way", "fallback-incomplete") or (
            self.outcome in ("failed", "waiting") and stays_half
        )


def of_phase(journal: Journal, phase: str) -> PhasePosition | None:
    """Return the newest attempt at a phase, or None when it was never begun."""
    begun = journal.last("attempt", phase)
    if begun is None:
        return None
    ends = [r for r in journal if r.kind == "ended" and r.data["workflow"] == begun.data["workflow"]]
    reopened = any(
        r.kind == "ended" and phase in r.data.get("reopens", ()) for r in journal if r.number > begun.number
    )
    return PhasePosition(begun, ends[-1] if ends else None, reopened)


@dataclass(frozen=True)
class Standing:
    """What users can do now, and since when."""

    legacy: Legacy
    legacy_since: datetime | None
    door: Door
    door_since: datetime | None

    def __str__(self) -> str:
        site = f"the site {_SAID[self.door]}."
        return site.capitalize() if self.legacy == "none" else f"Legacy {_SAID[self.legacy]}; {site}"


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
    freeze, door = _last_change(journal, _LEGACY, "legacy"), _last_change(journal, _DOOR, "door")
    return Standing(
        legacy=_by_hand(freeze, "legacy") or _meaning(freeze, _LEGACY, "writable"),
        legacy_since=freeze.at if freeze else None,
        door=_by_hand(door, "door") or _meaning(door, _DOOR, "closed"),
        door_since=door.at if door else None,
    )


def way_back(journal: Journal) -> WayBack:
    """Tell from the journal whether changes on the open site flow back to legacy; a waived way does not."""
    if standing(journal).door != "open":
        return "none"
    armed: WayBack = _meaning(_last_change(journal, _WAY_BACK, ""), _WAY_BACK, "none")
    return armed


_LEGACY = {
    FREEZE_STEP: {"done": "read-only", "undone": "writable"},
    REOPEN_STEP: {"done": "writable", "failed": "read-only"},
}
_DOOR = {
    DOOR_STEP: {"done": "open", "undone": "closed", "failed": "closed"},
    CLOSE_STEP: {"done": "closed", "undone": "open"},
}
_WAY_BACK = {
    ARM_STEP: {"done": "armed", "under-waiver": "none", "undone": "none"},
    END_STEP: {"intent": "given up", "failed": "given up", "done": "given up"},
}
"""What the last record of a step means; what is not named here may be half changed."""


def _meaning(record: Record | None, words: dict[str, dict[str, str]], otherwise: str) -> Any:
    if record is None:
        return otherwise
    kind = "undecided" if record.data.get("undecided") else record.kind
    return words[record.about.partition(":")[0]].get(kind, "uncertain")


def _by_hand(record: Record | None, kind: str) -> Any:
    if record is None or record.kind != kind:
        return None
    # A freeze by hand is a lease that nobody renews: its host has lifted it by then.
    until = record.data.get("until")
    return (
        "writable" if until and datetime.fromisoformat(until) <= datetime.now(UTC) else record.data["state"]
    )


_CHANGES = ("intent", "done", "under-waiver", "failed", "undone", "undo-failed")


def _last_change(journal: Journal, steps: Container[str], by_hand: str) -> Record | None:
    found = None
    for record in journal:
        # The door of a test site says nothing of where the tenant works.
        if record.kind == by_hand and not record.about.endswith("-test"):
            found = record
        # A step with parameters is told with them, as in ``freeze-legacy:5``.
        name = record.about.partition(":")[0]
        if name in steps and record.kind in _CHANGES:
            found = record
    return found
