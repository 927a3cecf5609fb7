"""
A drift report as one HTML page: a row a tenant, and what many tenants share put together.

Promise: the page is one file that asks for nothing else and runs no script: it can be put anywhere.
"""

from collections import Counter
from dataclasses import dataclass
from importlib.resources import files

from migrate.drift.findings import CHECKS, Check, StackReport
from migrate.drift.report import DriftReport, age, outcome
from migrate.templating import templates

_SAYS = {
    "clean": "as declared",
    "found": "differs",
    "error": "could not tell",
    "stopped": "not looked at",
    "nothing": "nothing to ask",
}
_SUMMARY = {
    "clean": "Everything is as declared",
    "drift": "Something differs",
    "unknown": "Something could not be told",
}


@dataclass(frozen=True)
class _Site:
    """One stack as the page shows it."""

    report: StackReport
    outcome: str
    age: str

    @property
    def checks(self) -> list[tuple[Check, str, str]]:
        """Check, outcome, and the outcome's words."""
        asked = {**dict.fromkeys(CHECKS, "stopped"), **self.report.outcomes}
        return [(check, asked[check], _SAYS[asked[check]]) for check in CHECKS]


def page(report: DriftReport) -> str:
    """Return the page."""
    tenants: dict[str, dict[str, _Site]] = {}
    for one in report.stacks:
        site = _Site(one, outcome(one), age(one, report.now))
        tenants.setdefault(one.tenant, {})[one.environment] = site
    outcomes = Counter(map(outcome, report.standing))
    return (
        templates("templates")
        .get_template("drift.html.j2")
        .render(
            css=files("migrate").joinpath("templates/drift.css").read_text(),
            summary=_SUMMARY[report.status],
            status=report.status,
            numbers={kind: outcomes[kind] for kind in ("clean", "found", "error")},
            now=report.now,
            tenants=dict(sorted(tenants.items())),
            causes=report.causes,
            notes=report.notes,
        )
    )
