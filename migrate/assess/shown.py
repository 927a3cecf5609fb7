"""
An assessment as a person reads it in a terminal: what decides first, then what hurts, then the figures.

Promise: no line is longer than `WIDTH`, unless a name alone is; a waived finding is shown as waived.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from rich.filesize import decimal

from migrate.assess.facts import Assessment, Database, Finding, Part
from migrate.waivers import Waiver

WIDTH = 100
MOST_TABLES = 10


def lines(
    found: Assessment,
    waived: Mapping[str, Waiver],
    stale: Sequence[str],
    rehearsed: tuple[float, float] | None = None,
) -> Iterator[str]:
    """
    Yield the screen's lines.

    Args:
        waived: Waivers in force by the `waiver_id` of the finding that they cover.
        stale: What no longer holds of what was planned before.
        rehearsed: The stop that a rehearsal predicts, in seconds, as long as that one still holds.
    """
    yield f"{found.tenant}, measured {found.measured_at:%Y-%m-%d %H:%M} UTC, reading only"
    yield from _subjects(found)
    yield ""
    estimate, before = found.estimate, found.before_stop
    yield f"mode: {found.mode}; estimated stop: {_range(estimate.low_seconds, estimate.high_seconds)}"
    yield from _wrapped(found.mode_because, "  ")
    if rehearsed is not None:
        yield f"  rehearsed: {_range(*rehearsed)}, which counts in the place of the estimate"
    if before.parts:
        yield from _wrapped(
            f"before it, while everybody works: {_range(before.low_seconds, before.high_seconds)}", "  "
        )
    for line in stale:
        yield from _wrapped(f"no longer holds: {line}", "  ")
    yield ""
    yield _count(found.findings, waived)
    for finding in found.findings:
        yield from _finding(finding, waived.get(finding.waiver_id))
    for database in found.databases:
        yield ""
        yield from _tables(database)
    yield ""
    yield "the stop, part by part"
    yield from _parts(estimate.parts)
    if before.parts:
        yield "before the stop"
        yield from _parts(before.parts)


def _subjects(found: Assessment) -> Iterator[str]:
    for database in found.databases:
        server, writes = database.server, database.writes
        log = decimal(int(writes.wal_bytes_per_second))
        yield from _wrapped(
            f"{database.name}: {database.product}, {decimal(server.bytes)}, "
            f"{len(database.tables)} tables; {writes.rows_per_second:.0f} rows and {log} of log "
            f"written a second{_growth(database)}",
            "  ",
        )
    for tree in found.files:
        since = f", oldest of {tree.oldest_at:%Y-%m-%d}" if tree.oldest_at else ""
        yield f"  {tree.name}: {tree.count} files, {decimal(tree.bytes)}{since}"
    for interface in found.interfaces:
        yield from _wrapped(f"{interface.name}: {interface.detail}", "  ")


def _growth(database: Database) -> str:
    if database.growth is None:
        return ""
    a_day = database.growth.bytes_per_day
    return f"; {'grows' if a_day >= 0 else 'shrinks'} by {decimal(int(abs(a_day)))} a day"


def _count(findings: Sequence[Finding], waived: Mapping[str, Waiver]) -> str:
    if not findings:
        return "nothing was found that matters for the move"
    number = {s: sum(f.severity == s for f in findings) for s in ("blocker", "warning", "info")}
    words = [
        f"{count} {one if count == 1 else many}"
        for count, one, many in (
            (number["blocker"], "blocker", "blockers"),
            (number["warning"], "warning", "warnings"),
            (number["info"], "thing to know", "things to know"),
        )
        if count
    ]
    let_be = sum(finding.waiver_id in waived for finding in findings)
    return "findings: " + ", ".join(words) + (f"; {let_be} waived" if let_be else "")


def _finding(finding: Finding, waiver: Waiver | None) -> Iterator[str]:
    severity = "waived" if waiver else finding.severity
    yield ""
    yield f"{severity:8} {finding.id} ({finding.subject})"
    yield from _wrapped(finding.what, " " * 9)
    yield from _wrapped(f"means: {finding.meaning}", " " * 9)
    if waiver:
        until = f"{waiver.expires_at:%Y-%m-%d %H:%M %Z}"
        yield from _wrapped(f"waived by {waiver.by} until {until}: {waiver.reason}", " " * 9)
    elif finding.remedy != "nothing to do":
        never = " (no waiver can help)" if finding.severity == "blocker" and not finding.waivable else ""
        yield from _wrapped(f"to do: {finding.remedy}{never}", " " * 9)


def _tables(database: Database) -> Iterator[str]:
    shown = database.tables[:MOST_TABLES]
    if not shown:
        return
    widest = min(max(len(str(table)) for table in shown), 52)
    many = (
        f"{len(shown)} largest of {len(database.tables)} tables"
        if len(database.tables) > len(shown)
        else "tables"
    )
    yield f"{database.name}: {many}"
    yield f"  {'table':{widest}}  {'rows':>13}  {'size':>9}  {'indexes':>9}  kind"
    for table in shown:
        kind = "no key" if table.kind == "table" and not table.has_key else table.kind
        yield (
            f"  {table!s:{widest}}  {table.estimated_rows:>13,}  {decimal(table.bytes):>9}"
            f"  {decimal(table.index_bytes):>9}  {'unlogged' if table.is_unlogged else kind}"
        )
    largest = [f"{i.name} of {i.table} {decimal(i.bytes)}" for i in database.indexes[:3] if i.bytes]
    if largest:
        yield from _wrapped(f"largest indexes: {', '.join(largest)}", "  ")


def _parts(parts: Sequence[Part]) -> Iterator[str]:
    for part in parts:
        yield from _wrapped(
            f"{_range(part.low_seconds, part.high_seconds):>16}  {part.name}: {part.rests_on}", "  ", 18
        )


def _range(low_seconds: float, high_seconds: float) -> str:
    """Such as ``3.1 to 12.4 s`` or ``40 to 210 min``; the unit is that of the high end."""
    if high_seconds >= 600:
        return f"{low_seconds / 60:.0f} to {high_seconds / 60:.0f} min"
    if high_seconds >= 100:
        return f"{low_seconds:.0f} to {high_seconds:.0f} s"
    return f"{low_seconds:.1f} to {high_seconds:.1f} s"


def _wrapped(text: str, indent: str, hang: int = 2) -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent + " " * hang,
        break_long_words=False,
        break_on_hyphens=False,
    )
