"""
What PostgreSQL's own tools say: telling harmless lines from rows that are missing.

Promise: a tool succeeded only if its exit status is 0 *and* it said nothing that is not listed here as
harmless. Wrappers that end with success although rows are missing are why.
"""

import re

from migrate.errors import TransferError
from migrate.remote_jobs import Ended

# Each begins a message; the lines that belong to it (DETAIL, HINT, continued lines) begin otherwise.
_HARMLESS = tuple(
    re.compile(pattern)
    for pattern in (
        # Data are restored before any foreign key exists, so a circle of them does no harm.
        r"pg_dump: warning: there are circular foreign-key constraints on (this table|these tables)",
        # Statistics were never gathered, or a table was just made; both are told by vacuumdb as well.
        r"vacuumdb: (vacuuming|processing) database",
    )
)
_BELONGS = re.compile(r"(pg_\w+: (detail|hint):|DETAIL:|HINT:|CONTEXT:|\s)")


def complaints(errors: str) -> list[str]:
    """Return all lines of a tool's stderr that are not known to be harmless."""
    found, harmless = [], False
    for line in errors.splitlines():
        if not line.strip():
            continue
        if not (_BELONGS.match(line) and harmless):
            harmless = any(pattern.match(line) for pattern in _HARMLESS)
        if not harmless:
            found.append(line)
    return found


def require_success(what: str, ended: Ended, *, state: str, next_step: str) -> None:
    """
    Accept that a tool did all of its work.

    Raises:
        TransferError: Its exit status or its words tell otherwise.
    """
    said = complaints(ended.errors)
    if ended.status == 0 and not said:
        return
    lines = "\n".join(f"  {line}" for line in said[:20]) or "  (it said nothing)"
    more = f"\n  … and {len(said) - 20} lines more" if len(said) > 20 else ""
    raise TransferError(
        f"{what} ended with {ended.status} and said:\n{lines}{more}", state=state, next_step=next_step
    )


def without_extensions(toc: str, present: set[str]) -> str:
    """
    Return pg_restore's list of contents without our own fence and the extensions that the target has.

    Args:
        toc: What ``pg_restore -l`` printed.
        present: Names of the target's extensions, which belong to its superuser.
    """
    kept = []
    for line in toc.splitlines():
        entry = re.match(r"\d+; \d+ \d+ (?:EXTENSION - (.+?) |COMMENT - EXTENSION (.+?) )", line + " ")
        if entry is not None and (entry[1] or entry[2]).strip('"') in present:
            continue
        # A copy in the freeze is made under it; pg_dump leaves its schema out when told to, but not this.
        if not re.match(r"\d+; \d+ \d+ EVENT TRIGGER - bascule_fence ", line):
            kept.append(line)
    return "\n".join(kept) + "\n"
