"""
Drift that somebody answers for, ``stacks/drift-exceptions.yaml``: who, why, and until when.

Promise: an exception excuses to the end of its day; then what it excused counts again, and it is itself told.
What could not be looked at, and what made a check stop, is excused by nobody. Rules of the policy and what
stands beside a program have their exceptions in ``stacks/policy-exceptions.yaml``.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Literal

from migrate.drift.findings import Check, Finding, StackReport
from provisioning.exceptions_file import AgreedException, read_exceptions

FILE = "drift-exceptions.yaml"
_CHECKS: dict[str, Check] = {"drifted": "refresh", "gone": "refresh", "pending": "preview"}


class DriftException(AgreedException):
    """One resource of one stack, or one property of it, that may differ for a while."""

    verdict: Literal["drifted", "gone", "pending"]
    property: str = ""
    """Its path as a finding names it; without one, all of the resource's."""

    def fits(self, stack: str, finding: Finding) -> bool:
        same = (self.stack, self.resource, self.verdict) == (stack, finding.resource, finding.verdict)
        return same and self.property in ("", finding.path)


def load_exceptions(stacks: Path) -> list[DriftException]:
    """
    Read the exceptions of a workspace; none without a file.

    Raises:
        WorkspaceError: The file is not as it must be; all faults are told.
    """
    return read_exceptions(stacks / FILE, DriftException)


def excused(report: StackReport, exceptions: Sequence[DriftException], today: date) -> StackReport:
    """Return the report with what is excused today marked as such, and what has ended told."""
    here = [one for one in exceptions if one.stack == report.stack]
    holding = [one for one in here if one.holds(today)]

    def marked(finding: Finding) -> Finding:
        for one in holding:
            if one.fits(report.stack, finding):
                return finding.model_copy(update={"excused_by": f"{one.owner} until {one.expires}"})
        return finding

    ended = [
        Finding(
            check=_CHECKS[one.verdict],
            verdict="exception",
            resource=one.resource,
            path=one.property,
            says=f"that of {one.owner} ended on {one.expires}; mend it, or agree on a new date",
        )
        for one in here
        if not one.holds(today)
    ]
    return report.model_copy(update={"findings": (*map(marked, report.findings), *ended)})
