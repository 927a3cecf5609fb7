"""
The dossier's sections on what came before the move: assessment, offer, agreed window.

Promise: each returns None while its evidence does not exist.
"""

from migrate.assess.facts import Assessment
from migrate.case import Case
from migrate.dossier.parts import Cell, Section, Table, columns, evidence, number, shown_bytes
from migrate.dossier.timeline import shown_seconds
from migrate.offer import Offer
from migrate.request import Request
from migrate.schedule import Schedule

_TONES = {"info": "", "warning": "warn", "blocker": "bad"}


def shown_range(low_seconds: float, high_seconds: float) -> str:
    return f"{shown_seconds(low_seconds)} to {shown_seconds(high_seconds)}"


def assessment(case: Case) -> Section | None:
    """What the legacy system is, and what that means for the move."""
    measured = evidence(case, "assessment", Assessment)
    if measured is None:
        return None
    estimate = measured.estimate
    return Section(
        "assessment",
        "What was there",
        lead=f"Measured at {measured.measured_at:%Y-%m-%d %H:%M %Z}, reading only. "
        f"Transfer mode: {measured.mode}, because {measured.mode_because}",
        facts=(
            ("Databases and files", Cell(shown_bytes(measured.bytes))),
            ("Estimated stop", Cell(shown_range(estimate.low_seconds, estimate.high_seconds))),
            ("Schema's fingerprint", Cell(measured.fingerprint.schema_digest, "digest")),
        ),
        tables=(_databases(measured), _findings(measured), _estimate(measured), _tables(measured)),
    )


def _databases(measured: Assessment) -> Table:
    rows = [
        (
            Cell(database.name),
            Cell(database.product),
            Cell(shown_bytes(database.server.bytes), "n"),
            number(len(database.tables)),
            number(database.counts.large_objects),
            Cell(f"{database.writes.rows_per_second:.1f}", "n"),
        )
        for database in measured.databases
    ] + [
        (
            Cell(tree.name),
            Cell("files"),
            Cell(shown_bytes(tree.bytes), "n"),
            number(tree.count),
            Cell("", "n"),
            Cell("", "n"),
        )
        for tree in measured.files
    ]
    heads = columns("Name", "Kind", "#Size", "#Tables or files", "#Large objects", "#Rows written a second")
    return Table("Databases and file trees", heads, tuple(rows))


def _findings(measured: Assessment) -> Table:
    rows = [
        (
            Cell(finding.severity, _TONES[finding.severity]),  # type: ignore[arg-type] # the three tones above
            Cell(finding.id, "digest"),
            Cell(finding.subject),
            Cell(f"{finding.what} {finding.meaning}"),
            Cell(finding.remedy),
        )
        for finding in measured.findings
    ]
    heads = columns("Severity", "Id", "Where", "What it means for the move", "Remedy")
    return Table(f"{len(rows)} findings", heads, tuple(rows))


def _estimate(measured: Assessment) -> Table:
    rows = [
        (Cell(part.name), Cell(shown_range(part.low_seconds, part.high_seconds), "n"), Cell(part.rests_on))
        for part in measured.estimate.parts
    ]
    return Table("What the estimate rests on", columns("Part", "#Seconds", "Rests on"), tuple(rows))


def _tables(measured: Assessment) -> Table:
    rows = [
        (
            Cell(f"{table.schema_name}.{table.name}"),
            Cell(table.kind),
            number(table.estimated_rows),
            Cell(shown_bytes(table.bytes), "n"),
            Cell("yes" if table.has_key else "no", "" if table.has_key else "warn"),
        )
        for database in measured.databases
        for table in sorted(database.tables, key=lambda t: -t.bytes)
    ]
    heads = columns("Table", "Kind", "#Rows, estimated", "#Size", "Key")
    return Table(f"All {len(rows)} tables by size", heads, tuple(rows), folded=True)


def offer(case: Case) -> Section | None:
    """What was asked for and offered."""
    offered = evidence(case, "offer", Offer)
    if offered is None:
        return None
    asked = evidence(case, "request", Request)
    language = case.manifest.language
    rows = [
        (
            Cell(line.title.in_(language)),
            Cell(f"{line.quantity.normalize():f}", "n"),
            Cell(line.unit),
            Cell(f"{line.price:.2f}", "n"),
            Cell(f"{line.amount:.2f}", "n"),
        )
        for line in offered.lines
    ]
    facts = [
        ("Number", Cell(offered.number)),
        ("Issued", Cell(str(offered.issued_on))),
        ("Valid until", Cell(str(offered.valid_until))),
        ("Net", Cell(f"{offered.currency} {offered.sum.net:.2f}")),
        (f"VAT {offered.sum.vat_percent.normalize():f} %", Cell(f"{offered.currency} {offered.sum.vat:.2f}")),
        ("Total", Cell(f"{offered.currency} {offered.sum.total:.2f}")),
        ("Stop offered", Cell(shown_range(offered.stop_low_seconds, offered.stop_high_seconds))),
    ]
    if asked is not None:
        facts.insert(0, ("Asked for by", Cell(f"{asked.by.name}, {asked.requested_at:%Y-%m-%d}")))
    heads = columns("Position", "#Quantity", "Unit", "#Price", f"#{offered.currency}")
    return Section(
        "offer", "What was offered", facts=tuple(facts), tables=(Table("Positions", heads, tuple(rows)),)
    )


def window(case: Case) -> Section | None:
    """When the move was agreed to happen."""
    agreed = evidence(case, "schedule", Schedule)
    if agreed is None:
        return None
    opens, closes = (
        moment.astimezone(case.manifest.window.zone) for moment in (agreed.opens_at, agreed.closes_at)
    )
    return Section(
        "window",
        "What was agreed",
        facts=(
            ("Window", Cell(f"{opens:%A %Y-%m-%d %H:%M} to {closes:%A %Y-%m-%d %H:%M} ({agreed.time_zone})")),
            ("Site", Cell(agreed.site_name)),
            ("Agreed with", Cell(agreed.agreed_with)),
            ("Agreed at", Cell(f"{agreed.agreed_at:%Y-%m-%d %H:%M %Z}")),
        ),
    )
