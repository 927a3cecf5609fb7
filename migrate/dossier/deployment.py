"""
The dossier's sections on an environment that was set up: template, workbook, pilot, deadlines, bills.

Promise: each is None where there is nothing of it to show; what was refused is shown row by row.
"""

from datetime import UTC, datetime

from migrate import deadlines
from migrate.billing import subscription
from migrate.case import Case
from migrate.dossier.parts import Cell, Figure, Section, Table, Tone, columns, evidence, number
from migrate.environment import Configured, Proof, SetUp
from migrate.kpis.adopting import Dashboards
from migrate.pilot import Pilot
from migrate.verify import GoLive


def figures(case: Case) -> list[Figure]:
    """Return the figures at the top of the page, for a tenant who began afresh."""
    proof, golive = evidence(case, "environment-proof", Proof), evidence(case, "golive", GoLive)
    late = [one for one in deadlines.milestones(case, datetime.now(UTC)) if one.late_days]
    rejected = proof.rejected if proof else 0
    return [
        Figure("Rows as signed", number(proof.rows - rejected).text, "compared by content", "good")
        if proof
        else Figure("Rows as signed", "not yet"),
        Figure("Rows refused", str(rejected), "", "warn" if rejected else "good")
        if proof
        else Figure("Rows refused", "not yet"),
        Figure("Milestones late", str(len(late)), "", "warn" if late else "good"),
        Figure("Go-live checks", golive.summary, "", "good" if golive.passed else "bad")
        if golive
        else Figure("Go-live checks", "not yet"),
    ]


def environment(case: Case) -> Section | None:
    """What the site was set up and configured from, and what its tables refused."""
    made = evidence(case, "environment", SetUp)
    if made is None:
        return None
    facts = [
        ("Template", Cell(f"{made.template} {made.version}")),
        ("Its digest, on the host as published", Cell(made.sha256, "digest")),
        ("Definitions", Cell(f"{made.definitions}, {made.definitions_sha256}", "digest")),
    ]
    loaded = [found for name in ("configured", "history") if (found := evidence(case, name, Configured))]
    if loaded:
        facts.append(("Signed workbook", Cell(loaded[0].sha256, "digest")))
    if (pilot := evidence(case, "pilot", Pilot)) is not None:
        facts.append(("Pilot", Cell(f"{pilot.begins_at:%F %H:%M} to {pilot.ends_at:%F %H:%M} UTC")))
    for done in case.journal:
        if done.kind == "done" and done.about.startswith("erase-pilot"):
            erased = ", ".join(f"{rows} of {table}" for table, rows in done.data["result"]["erased"].items())
            facts.append(("Erased of the pilot", Cell(erased or "no row")))
    sheets = [
        (Cell(one.sheet), number(one.rows), number(len(one.rejected)))
        for found in loaded
        for one in found.sheets
    ]
    refused = [
        (Cell(row.sheet), number(row.row), Cell(row.key), Cell(row.reason))
        for found in loaded
        for row in found.rejected
    ]
    tables = [Table("Sheets", columns("Sheet", "#Rows", "#Refused"), tuple(sheets))]
    if refused:
        heads = columns("Sheet", "#Row", "Key", "Why the site's tables refuse it")
        tables.append(Table(f"{len(refused)} rows refused", heads, tuple(refused)))
    if (built := evidence(case, "dashboards", Dashboards)) is not None:
        rows = [(Cell(name), number(count)) for name, count in built.rows.items()]
        tables.append(Table("Signed KPIs", columns("KPI", "#Rows when read"), tuple(rows)))
    return Section("environment", "What the site was set up from", facts=tuple(facts), tables=tuple(tables))


def milestones(case: Case) -> Section | None:
    """Which milestone was due when, what was late, and what was waited for."""
    if case.manifest.deployment is None:
        return None
    now = datetime.now(UTC)
    found = list(deadlines.milestones(case, now))
    if not found:
        return None
    rows = []
    for one in found:
        tone: Tone = "warn" if one.late_days else ""
        reached = f"{one.reached_at:%F}" if one.reached_at else "ahead"
        cells = (Cell(one.name), Cell(f"{one.due:%F}"), Cell(reached), Cell(str(one.late_days), tone))
        rows.append(cells)
    waited = [
        (Cell(one.name), Cell(w.about), Cell(w.what), Cell(f"{w.since:%F}"), number(w.days(now)))
        for one in found
        for w in one.waited
    ]
    agreed = [
        (Cell(one.milestone), Cell(f"{one.until:%F}"), Cell(one.reason), Cell(one.by))
        for one in deadlines.postponements(case)
    ]
    tables = [Table("Milestones", columns("Milestone", "Due", "Reached", "Days late"), tuple(rows))]
    if waited:
        heads = columns("Milestone", "Waited for", "What", "Since", "#Days")
        tables.append(Table("Why", heads, tuple(waited)))
    if agreed:
        heads = columns("Milestone", "Later day", "Why", "Proposed by")
        tables.append(Table("Steering committee", heads, tuple(agreed)))
    return Section("milestones", "Whether deadlines were kept", tables=tuple(tables))


def bills(case: Case) -> Section | None:
    """Since when the subscription runs, and how its invoices stand."""
    began = evidence(case, "subscription", subscription.Subscription)
    if began is None:
        return None
    rows = [
        (
            Cell(line.id),
            Cell(f"{line.invoice.issued_on:%F}"),
            Cell(f"{line.invoice.due_on:%F}"),
            Cell(line.state, "bad" if line.state == "overdue" else ""),
        )
        for line in subscription.lines(case, datetime.now(UTC))
    ]
    facts = (
        ("Runs since", Cell(f"{began.went_live_at:%F %H:%M} UTC")),
        ("Price", Cell(f"{case.manifest.currency} {began.price} a {began.period}")),
    )
    table = Table("Invoices", columns("Invoice", "Issued", "Due", "State"), tuple(rows))
    return Section("bills", "The subscription", facts=facts, tables=(table,))
