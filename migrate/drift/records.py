"""
What the last check of each stack found, ``.state/drift/<stack>.json``, and when a check last was a good one.

Promise: a check that could tell nothing never makes an older good one look new. A stack that was there at its
last good check and is in this state backend no longer is an error, not a stack that nobody stood up.
"""

from datetime import datetime
from pathlib import Path

from pydantic import ValidationError

from migrate.case import write_whole
from migrate.drift.findings import Finding, StackReport
from provisioning.errors import WorkspaceError
from provisioning.workspace import Workspace

OLDEST_HOURS = 36
"""A night and a day's grace: what was last known before is not known."""


def _path(workspace: Workspace, stack: str) -> Path:
    return workspace.state / "drift" / f"{stack}.json"


def last(workspace: Workspace, stack: str) -> StackReport | None:
    """
    Return what the last check of a stack found, if there was one.

    Raises:
        WorkspaceError: It cannot be read.
    """
    path = _path(workspace, stack)
    try:
        return StackReport.model_validate_json(path.read_text())
    except FileNotFoundError:
        return None
    except (ValidationError, OSError) as error:
        raise WorkspaceError(
            f"{path.relative_to(workspace.root)} cannot be read: {error}",
            next_step=f"remove it, then: fab drift --stack {stack}",
        ) from error


def kept(workspace: Workspace, report: StackReport) -> StackReport:
    """Keep a report as the stack's last, and return it with the time of the last good check."""
    before = last(workspace, report.stack)
    if not report.is_there and before and before.good_at:
        report = report.model_copy(update={"is_there": True}).with_findings(
            Finding(
                check="record",
                verdict="error",
                says=f"it was there on {before.good_at:%Y-%m-%d %H:%M} UTC and is not in this state backend;"
                f" where it was destroyed on purpose, remove .state/drift/{report.stack}.json",
            )
        )
    good = report.checked_at if report.is_good else before.good_at if before else None
    report = report.model_copy(update={"good_at": good})
    path = _path(workspace, report.stack)
    workspace.prepare()
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_whole(path, report.model_dump_json(indent=1).encode())
    return report


def aged(report: StackReport, now: datetime) -> StackReport:
    """Return the report with a finding where its last good check is too old, or never was."""
    if not report.is_there:
        return report
    hours = report.age_hours(now)
    if hours is not None and hours <= OLDEST_HOURS:
        return report
    age = "never" if hours is None else f"{hours:.0f} h ago"
    says = f"its last good check was {age}; at most {OLDEST_HOURS} h are allowed"
    return report.with_findings(Finding(check="record", verdict="stale", says=says))
