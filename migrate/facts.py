"""
Facts: what steps found out that decides which entries of later phases apply to a tenant.

Promise: a fact holds as the journal's last record of it says; whoever records it again changes nothing.
"""

from migrate.journal import Journal

RECORD = "fact"
"""The journal's kind of record: about a fact, with ``holds``."""


def record(journal: Journal, fact: str, *, holds: bool) -> None:
    """Record whether a fact holds, unless that is what the journal says already."""
    before = journal.last(RECORD, fact)
    if before is None or before.data["holds"] != holds:
        journal.append(RECORD, fact, holds=holds)


def holding(journal: Journal) -> frozenset[str]:
    """Return the facts that hold by now."""
    found = {record.about: bool(record.data["holds"]) for record in journal if record.kind == RECORD}
    return frozenset(fact for fact, holds in found.items() if holds)
