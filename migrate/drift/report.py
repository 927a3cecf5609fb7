"""
What the checks of many stacks come to: one status, and causes across tenants.

Promise: the status is "clean" only where every stack that is stood up was looked at and nothing counts; what
could not be told outweighs what was found, since nobody knows what else there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from migrate.drift.findings import CHECKS, Finding, StackReport
from provisioning.state_locks import StateLock

Status = Literal["clean", "drift", "unknown"]
EXITS: dict[Status, int] = {"clean": 0, "drift": 1, "unknown": 2}
YOUNG_LOCK_SECONDS = 3600
"""An update that takes longer is taken for one that was left behind."""


@dataclass(frozen=True)
class Cause:
    """What is alike in several stacks."""

    text: str
    findings: tuple[tuple[str, Finding], ...]
    """Stack and finding."""

    @property
    def stacks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(stack for stack, _ in self.findings))


@dataclass(frozen=True)
class DriftReport:
    """Of all stacks that were asked for; `notes` are for a person and change nothing."""

    stacks: tuple[StackReport, ...]
    now: datetime
    notes: tuple[str, ...] = ()

    @property
    def standing(self) -> tuple[StackReport, ...]:
        return tuple(one for one in self.stacks if one.is_there)

    @property
    def status(self) -> Status:
        every = [finding for one in self.standing for finding in one.findings]
        if any(finding.verdict == "error" for finding in every):
            return "unknown"
        return "drift" if any(finding.counts for finding in every) else "clean"

    @property
    def causes(self) -> tuple[Cause, ...]:
        """What counts, what many stacks share first."""
        found: dict[str, list[tuple[str, Finding]]] = {}
        for one in self.standing:
            for finding in one.findings:
                if finding.counts:
                    found.setdefault(finding.cause, []).append((one.stack, finding))
        causes = [Cause(text, tuple(findings)) for text, findings in found.items()]
        return tuple(sorted(causes, key=lambda cause: (-len(cause.stacks), cause.text)))

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; ``status`` is clean, drift or unknown."""
        return {
            "status": self.status,
            "at": self.now.isoformat(timespec="seconds"),
            "stacks": [
                {**one.model_dump(mode="json"), "good_check_hours_ago": one.age_hours(self.now)}
                for one in self.stacks
            ],
            "causes": [{"cause": one.text, "stacks": one.stacks} for one in self.causes],
            "notes": self.notes,
        }


def outcome(report: StackReport) -> str:
    """Return the worst of one stack: ``error``, ``found`` or ``clean``."""
    if not report.is_good:
        return "error"
    return "found" if any(finding.counts for finding in report.findings) else "clean"


def age(report: StackReport, now: datetime) -> str:
    """Return how long ago the last good check was, for a person."""
    hours = report.age_hours(now)
    if hours is None:
        return "never"
    return f"{hours:.0f} h" if hours >= 1 else f"{hours * 60:.0f} min"


def lines(report: DriftReport) -> list[str]:
    """Return the table for a terminal: a row a stack, then what each says, then causes that tenants share."""
    heads = ("stack", *CHECKS, "last good check")
    rows = [
        (one.stack, *(one.outcomes.get(check, "") for check in CHECKS), age(one, report.now))
        for one in report.standing
    ]
    widths = [max(len(row[n]) for row in (heads, *rows)) for n in range(len(heads))]
    told = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (heads, *rows)
    ]
    told = told if rows else []
    for one in report.standing:
        if one.findings:
            told += ["", one.stack, *(f"  {finding}".replace("\n", "\n    ") for finding in one.findings)]
    if shared := [cause for cause in report.causes if len(cause.stacks) > 1]:
        told += ["", "the same in several stacks"]
        told += [f"  {len(cause.stacks)} × {cause.text}: {', '.join(cause.stacks)}" for cause in shared]
    return told + (["", *report.notes] if report.notes else [])


def locked(lock: StateLock, now: datetime) -> Finding | None:
    """Return what is to be told of a lock: None for one that is at work, as far as can be seen."""
    hours = lock.age_seconds(now) / 3600
    if proof := lock.death:
        says = f"left over by {lock} ({hours:.1f} h): {proof}; fab unlock --stack {lock.stack}"
    elif lock.age_seconds(now) > YOUNG_LOCK_SECONDS:
        says = f"held by {lock} ({hours:.1f} h), which is not proven dead from here"
    else:
        return None
    return Finding(check="record", verdict="locked", says=says)


def with_locks(
    reports: Iterable[StackReport], locks: Sequence[StateLock], now: datetime
) -> list[StackReport]:
    """Return the reports with a finding for every lock that was left over."""
    told = {lock.stack: finding for lock in locks if (finding := locked(lock, now))}
    return [one.with_findings(told[one.stack]) if one.stack in told else one for one in reports]
