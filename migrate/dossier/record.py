"""
The dossier's sections on what was done and decided: timeline, signatures, waivers, the journal itself.

Promise: everything here comes from the journal, whose chain was checked before.
"""

import json
from collections.abc import Iterable

from migrate import waivers
from migrate.case import Case
from migrate.dossier.parts import Cell, Section, Table, Tone, columns, number
from migrate.dossier.timeline import Span, draw, shown_seconds
from migrate.journal import Record

_ENDS = {"done": "done", "waived": "done", "failed": "failed", "waiting": "waiting", "undone": "undone"}
_TONES: dict[str, Tone] = {"done": "good", "failed": "bad", "undone": "warn", "waiting": ""}


def spans(records: Iterable[Record]) -> list[Span]:
    """Pair every intent with what came of it; an intent without an end (a killed run) is left to the next."""
    begun: dict[str, Record] = {}
    found = []
    for record in records:
        if record.kind in ("intent", "undoing"):
            begun[record.about] = record
        elif record.kind in (*_ENDS, "undo-failed") and (start := begun.pop(record.about, None)):
            phase = str(record.data.get("attempt", record.data.get("phase", "")))
            outcome = _ENDS.get(record.kind, "failed")
            found.append(Span(phase, record.about, start.at, record.at, outcome))
    return found


def timeline(case: Case) -> Section | None:
    """Every step, when it ran and how long it took: as a picture and as a table."""
    ran = spans(case.journal)
    # A gate that was looked at and found unsigned is no work; the gate's signature is told elsewhere.
    shown = [span for span in ran if span.outcome != "waiting"]
    if not shown:
        return None
    rows = [
        (
            Cell(span.phase),
            Cell(span.step),
            Cell(f"{span.began_at:%Y-%m-%d %H:%M:%S}"),
            Cell(shown_seconds(span.seconds), "n"),
            Cell(span.outcome, _TONES[span.outcome]),
        )
        for span in ran
    ]
    heads = columns("Attempt", "Step", "Began (UTC)", "#Took", "Outcome")
    table = Table(
        f"All {len(rows)} steps, those that waited for a person too", heads, tuple(rows), folded=True
    )
    lead = "Each phase attempt has its own scale. Times are UTC."
    return Section("timeline", "What happened, step by step", lead, picture=draw(shown), tables=(table,))


def decisions(case: Case) -> Section | None:
    """Who signed what, and what was let be."""
    signed = [r for r in case.journal if r.kind == "signed"]
    waived = list(waivers.every(case))
    if not signed and not waived:
        return None
    signature_rows = [
        (
            Cell(r.about),
            Cell(str(r.data["document"])),
            Cell(str(r.data["signer"])),
            Cell(f"{r.at:%Y-%m-%d %H:%M:%S}"),
            Cell(str(r.data["fingerprint"]), "digest"),
            Cell(str(r.data["sha256"]), "digest"),
        )
        for r in signed
    ]
    heads = columns("Gate", "Document", "Signed by", "Seen at (UTC)", "Key", "Document's SHA-256")
    tables = [Table("Signatures, checked with ssh-keygen", heads, tuple(signature_rows))]
    if waived:
        rows = [
            (
                Cell(waiver.what, "digest"),
                Cell(waiver.by),
                Cell(waiver.reason),
                Cell(f"{waiver.expires_at:%Y-%m-%d %H:%M %Z}"),
            )
            for waiver in waived
        ]
        tables.append(
            Table("Waivers: let be, not passed", columns("What", "By", "Reason", "Until"), tuple(rows))
        )
    return Section("decisions", "What was decided, and by whom", tables=tuple(tables))


def journal(case: Case) -> Section | None:
    """The journal as it stands, each record with its digest."""
    records = list(case.journal)
    if not records:
        return None
    rows = [
        (
            number(r.number),
            Cell(f"{r.at:%Y-%m-%d %H:%M:%S}"),
            Cell(r.kind),
            Cell(r.about),
            Cell(_shortened(json.dumps(r.data, ensure_ascii=False)), "digest"),
            Cell(r.digest[:16], "digest"),
        )
        for r in records
    ]
    heads = columns("#No.", "At (UTC)", "Kind", "About", "Data", "Digest")
    lead = (
        "Each record holds the digest of the one before it, so none can be changed or taken out unseen. "
        "fab dossier --check follows the chain and compares every file below."
    )
    table = Table(f"All {len(rows)} records", heads, tuple(rows), folded=True)
    return Section("journal", "The journal", lead, tables=(table,))


def _shortened(text: str, limit: int = 300) -> str:
    return text if len(text) <= limit else text[:limit] + " …"
