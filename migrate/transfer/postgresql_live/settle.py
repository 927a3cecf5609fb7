"""
Settling: what replication does not carry is brought over, once the source is fenced and drained.

Promise: sequences, large objects, tables that no stream carries and materialised views, each in a pair of
sessions of its own at the same time; what agrees already is not written. Works either way round.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any

from psycopg import sql

from migrate.databases import Session
from migrate.errors import TransferError
from migrate.transfer.contract import Settled, Task
from migrate.transfer.postgresql_live.drain import flowing
from migrate.transfer.postgresql_live.large_objects import bring_large_objects
from migrate.transfer.postgresql_live.names import stem
from migrate.transfer.postgresql_live.sequences import bring_sequences
from migrate.transfer.postgresql_live.sessions import asked, both_at_work, statement, telling
from migrate.transfer.postgresql_live.stream import is_applied, new_stream


def settle(task: Task) -> Settled:
    """
    Bring over what replication does not carry; needs `drain` before, and may be repeated.

    Raises:
        TransferError: The two sides do not have the same sequences or tables.
    """
    begun = monotonic()
    with both_at_work(task, 3) as (source, target), ThreadPoolExecutor(3) as pool:
        _refuse_turned(task, source[0])
        sequences = pool.submit(bring_sequences, task, source[0], target[0])
        objects = pool.submit(bring_large_objects, task, source[1], target[1])
        refilled = pool.submit(_refill, task, source[2], target[2])
        # All three are waited for by the end of the block, whichever fails first.
        return Settled(
            sequences=sequences.result(),
            large_objects=objects.result(),
            refreshed=tuple(refilled.result()),
            seconds=round(monotonic() - begun, 4),
        )


def _refuse_turned(task: Task, source: Session) -> None:
    """Refuse to overwrite what users write on a target that is at work already."""
    if is_applied(new_stream(task.turned(), ()), source):
        raise TransferError(
            f"changes flow from {task.target.name} back to {task.source.name}: it is turned already",
            state="Nothing was changed.",
            next_step="fab status",
        )


def _require_publications(task: Task, source: Session, target: Session) -> None:
    """Without its publication, a stream's tables would look like ones that no stream carries."""
    for stream in flowing(task, source, target):
        if not asked(source, "stream_publisher", stream=stream.name)[0]["has_publication"]:
            raise TransferError(
                f"{task.source.name}: publication {stream.name} is gone; somebody removed it",
                next_step="fab abandon, and begin the move anew",
            )


def _refill(task: Task, source: Session, target: Session) -> list[str]:
    """Copy tables that no stream carries, and fill materialised views; return what was filled, in order."""
    _require_publications(task, source, target)
    tables = asked(source, "turn_unpublished", stem=stem(task))
    _require_tables(task, tables, target)
    for table in tables:
        with (
            telling(task.target, f"copying {table['schema_name']}.{table['name']}"),
            target.transaction(),
        ):
            _copy(table, source, target)
    views = asked(source, "turn_views")
    held = {(row["schema_name"], row["name"]): row["is_populated"] for row in asked(target, "turn_views")}
    filled = []
    for view in views:
        name = view["schema_name"], view["name"]
        if view["is_populated"] or held.get(name):
            end = "" if view["is_populated"] else " WITH NO DATA"
            with telling(task.target, f"filling {'.'.join(name)}"):
                target.execute(statement(f"REFRESH MATERIALIZED VIEW {{}}{end}", name))
            filled.append(".".join(name))
    return [f"{table['schema_name']}.{table['name']}" for table in tables] + filled


def _require_tables(task: Task, tables: Sequence[dict[str, Any]], target: Session) -> None:
    """Refuse a table that came into being on the source meanwhile, rather than leave its rows behind."""
    names = [sql.Identifier(table["schema_name"], table["name"]).as_string(None) for table in tables]
    found = target.execute(
        "SELECT pg_catalog.to_regclass(name) IS NULL FROM pg_catalog.unnest(%s::text[])"
        " WITH ORDINALITY AS n (name, place) ORDER BY place",
        (names,),
    ).fetchall()
    if any(is_lacking for (is_lacking,) in found):
        lacking = [t for t, (is_lacking,) in zip(tables, found, strict=True) if is_lacking]
        shown = ", ".join(f"{t['schema_name']}.{t['name']}" for t in lacking)
        raise TransferError(
            f"{task.target.name} lacks {shown}, which {task.source.name} has; it came into being meanwhile",
            next_step="open the source again, make the definitions alike, then fab run",
        )


def _copy(table: dict[str, Any], source: Session, target: Session) -> None:
    """Replace the rows of one table by the source's, as text, which means the same to every version."""
    name = sql.Identifier(table["schema_name"], table["name"])
    columns = sql.SQL(", ").join(map(sql.Identifier, table["columns"]))
    condition = sql.SQL(table["condition"])
    target.execute("SET LOCAL session_replication_role = replica")
    if table["is_referenced"] or table["condition"]:
        target.execute(sql.SQL("DELETE FROM ONLY {} {}").format(name, condition))
    else:
        target.execute(sql.SQL("TRUNCATE ONLY {}").format(name))
    reading = sql.SQL("COPY (SELECT {} FROM ONLY {} {}) TO STDOUT").format(columns, name, condition)
    writing = sql.SQL("COPY {} ({}) FROM STDIN").format(name, columns)
    with source.cursor().copy(reading) as out, target.cursor().copy(writing) as into:
        for piece in out:
            into.write(piece)
