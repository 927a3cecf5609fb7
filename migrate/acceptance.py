"""
The completeness checklist: what the responsible person checks before accepting the site.

Promise: every figure comes from evidence of the move that opened the site; nothing is typed in.
"""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from migrate.case import Case
from migrate.compare.verdict import Comparison
from migrate.deploy import DeployedSite
from migrate.documents import Voice
from migrate.errors import EvidenceError
from migrate.interfaces import Interfaces
from migrate.stop import Stop
from migrate.verify import GoLive
from provisioning.manifest import Manifest
from provisioning.model import Model


class Table(Model):
    """One table, before and after."""

    name: str
    rows_before: int
    rows_now: int
    agrees: bool


class Item(Model):
    """One line of the checklist. `values` fill the phrase ``acceptance.result.<kind>``."""

    kind: Literal["database", "files", "interface", "module", "golive"]
    name: str
    values: Mapping[str, int]
    agrees: bool

    def figures(self, voice: Voice) -> dict[str, str]:
        """Return the values as the tenant writes numbers; bytes as a size."""
        return {
            name: voice.size(value) if name == "size" else voice.number(value)
            for name, value in self.values.items()
        }


class Sheet(Model):
    """All that ``acceptance.pdf`` shows."""

    url: str
    opened_on: date
    application: str
    stop_seconds: float
    items: tuple[Item, ...]
    tables: tuple[Table, ...]


def sheet_of(case: Case) -> Sheet:
    """
    Put the checklist together from the evidence of the move that opened the site.

    Raises:
        EvidenceError: Some of it is missing, was changed, or is of another attempt than the one that opened.
    """
    comparison = case.read_evidence("comparison", Comparison)
    golive = case.read_evidence("golive", GoLive)
    stop = case.read_evidence("stop", Stop)
    interfaces = case.read_evidence("interfaces", Interfaces) if case.manifest.interfaces else None
    for name, evidence in (
        ("comparison", comparison),
        ("golive", golive),
        ("interfaces", interfaces),
    ):
        if evidence is not None and evidence.attempt != stop.attempt:
            whose = evidence.attempt or "a run by hand"
            raise EvidenceError(
                f"evidence {name!r} is of {whose}; {stop.attempt} opened the site",
                next_step=f"fab dossier --tenant {case.manifest.tenant} --check",
            )
    site = case.read_evidence("site-prod", DeployedSite)
    return make_sheet(case.manifest, site, comparison, interfaces, golive, stop)


def make_sheet(
    manifest: Manifest,
    site: DeployedSite,
    comparison: Comparison,
    interfaces: Interfaces | None,
    golive: GoLive,
    stop: Stop,
) -> Sheet:
    """Put the checklist together."""
    items = [
        Item(
            kind="database",
            name=database.name,
            values={
                "tables": len(database.tables),
                "rows": database.rows,
                "differing": len(database.differing_tables) + len(database.differences),
            },
            agrees=database.agrees,
        )
        for database in comparison.databases
    ]
    items += [
        Item(
            kind="files",
            name=tree.name,
            values={"files": tree.files, "size": tree.bytes, "differing": tree.differing},
            agrees=tree.agrees,
        )
        for tree in comparison.trees
    ]
    for one in interfaces.interfaces if interfaces else ():
        lost, twice = one.lost or 0, one.duplicates or 0
        items.append(
            Item(
                kind="interface",
                name=one.name,
                values={"lost": lost, "duplicates": twice},
                agrees=not lost and not twice,
            )
        )
    items += [Item(kind="module", name=name, values={}, agrees=True) for name in manifest.modules]
    outcomes = [check.outcome for check in golive.checks]
    passed, waived = outcomes.count("passed"), outcomes.count("waived")
    items.append(
        Item(
            kind="golive",
            name="",
            values={"passed": passed, "waived": waived, "failed": len(outcomes) - passed - waived},
            agrees=golive.passed,
        )
    )
    return Sheet(
        url=site.url,
        opened_on=stop.opened_at.astimezone(manifest.window.zone).date(),
        application=f"{site.application_name} {site.application_version}",
        stop_seconds=stop.actual_seconds,
        items=tuple(items),
        tables=tuple(
            Table(
                name=table.name,
                rows_before=table.source_rows or 0,
                rows_now=table.target_rows or 0,
                agrees=table.agrees,
            )
            for database in comparison.databases
            for table in database.tables
        ),
    )
