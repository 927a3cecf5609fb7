"""
The watch over definitions: a schema that changes while it is moved stops the move.

Promise: what the source was made of when the move began is kept on the site, word for word; a table
added, a column changed, an index dropped since is told with both definitions. Reads only, but for `remember`.

Source: changed schemas are what online migrations fail of most (ghostferry #26, #5).
"""

from collections.abc import Mapping

from psycopg import sql

from migrate.compare.digests import definitions
from migrate.compare.verdict import Difference
from migrate.databases import Session, value
from migrate.errors import TransferError
from migrate.transfer.contract import Task
from migrate.transfer.postgresql_live.names import SCHEMA

MOST_SHOWN = 10


def now(session: Session) -> dict[tuple[str, str], str]:
    """What a database is made of at this moment, by kind and name; what is Bascule's own is left out."""
    return {
        (kind, name): definition
        for (kind, name), definition in definitions(session).items()
        if name != SCHEMA and not name.startswith(f"{SCHEMA}.") and f" {SCHEMA}." not in name
    }


def remember(site: Session, side: str, found: dict[tuple[str, str], str]) -> None:
    """
    Keep one side's definitions on the site, in place of those kept before.

    Args:
        side: ``source`` or ``site``.
    """
    with site.transaction():
        site.execute("DELETE FROM bascule.definitions WHERE side = %s", (side,))
        with site.cursor().copy("COPY bascule.definitions (side, kind, name, definition) FROM STDIN") as copy:
            for (kind, name), definition in found.items():
                copy.write_row((side, kind, name, definition))


def changes(
    source: Session, target: Session, after: Mapping[tuple[str, str], str] | None = None
) -> list[Difference]:
    """
    What the flow's source is made of otherwise than at the start; `source` of each is how it was.

    Args:
        after: What `now` said of the source; by default it is asked.
    """
    # The site keeps both sides' definitions; it is the target of a flow, or its source once it is turned.
    site, side = (target, "source") if _keeps(target) else (source, "site")
    if not _keeps(site):
        return []
    rows = site.execute("SELECT kind, name, definition FROM bascule.definitions WHERE side = %s", (side,))
    before = {(kind, name): definition for kind, name, definition in rows}
    if not before:
        return []
    after = now(source) if after is None else after
    return [
        Difference(kind=kind, name=name, source=before.get((kind, name)), target=after.get((kind, name)))
        for kind, name in sorted(before.keys() | after.keys())
        if before.get((kind, name)) != after.get((kind, name))
    ]


def told(found: list[Difference]) -> str:
    """Changes in words, a line each, with both definitions."""
    lines = [
        f"  {one.kind} {one.name}: was {_shown(one.source)}, is {_shown(one.target)}"
        for one in found[:MOST_SHOWN]
    ]
    more = [f"  … and {len(found) - MOST_SHOWN} more"] if len(found) > MOST_SHOWN else []
    return "\n".join(lines + more)


def require_unchanged(
    task: Task, source: Session, target: Session, after: Mapping[tuple[str, str], str] | None = None
) -> None:
    """
    Refuse to go on over definitions that changed; `after` as `changes` has it.

    Raises:
        TransferError: With both definitions of everything that changed.
    """
    if found := changes(source, target, after):
        raise TransferError(
            f"{task.source.name} was changed while it is moved:\n{told(found)}",
            state="The source works as ever; what was copied stays, but cannot be completed.",
            next_step="undo the change on the source, then fab run; or fab abandon, and begin anew with it",
        )


def _keeps(session: Session) -> bool:
    return not value(session, sql.SQL("SELECT pg_catalog.to_regclass('bascule.definitions') IS NULL"))


def _shown(definition: str | None) -> str:
    return "absent" if definition is None else repr(" ".join(definition.split()))
