"""
Running a comparison: both sides at one moment each, tables in parallel, the largest first.

Promise: every session of a side reads the same snapshot, so the verdict is about one declared
position on each side, however long the reading takes.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue

from psycopg import sql

from migrate.compare.digests import (
    Relation,
    definitions,
    differing,
    digest,
    large_objects,
    relations,
    sequence_values,
    value,
)
from migrate.compare.narrow import differing_rows
from migrate.compare.verdict import DatabaseComparison, Difference, TableResult
from migrate.databases import Database, Session
from migrate.errors import ComparisonError

WORKERS = 2
"""Tables at once; each is read on both sides at the same time."""

Told = Callable[[str, int, int], None]
"""Called after each table with its name, how many are done, and of how many."""


def compare(
    name: str, source: Database, target: Database, *, target_role: str | None = None, told: Told | None = None
) -> DatabaseComparison:
    """
    Compare two databases: rows, sequences, large objects, definitions.

    Args:
        name: What the result is called, the database's name in the manifest.
        target_role: Read the target as this role.
        told: Progress.

    Raises:
        ComparisonError: The source holds no table, so agreement would prove nothing.
    """
    began_at = time.monotonic()
    with _snapshot(source, None) as left, _snapshot(target, target_role) as right:
        known, there = relations(left[0]), relations(right[0])
        if not [r for r in known.values() if r.kind != "foreign"]:
            raise ComparisonError(
                f"{source.name} holds no table, so agreement would prove nothing",
                next_step="correct legacy.databases in the manifest",
            )
        others = _beside_rows(left[0], right[0])
        results = _tables(known, there, left, right, told or (lambda *_: None))
        return DatabaseComparison(
            name=name,
            source_position=_position(left[0]),
            target_position=_position(right[0]),
            tables=tuple(sorted(results, key=lambda result: result.name)),
            definitions=others[1],
            sequences=len(sequence_values(left[0])),
            large_objects=len(large_objects(left[0])),
            differences=tuple(others[0]),
            not_compared=tuple(_not_compared(known)),
            seconds=round(time.monotonic() - began_at, 3),
        )


@contextmanager
def _snapshot(database: Database, role: str | None) -> Iterator[list[Session]]:
    """Open `WORKERS` sessions that read one snapshot."""
    with database.opened_many(WORKERS, role=role) as sessions:
        begin = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sessions[0].execute(begin)
        snapshot = value(sessions[0], sql.SQL("SELECT pg_export_snapshot()"))
        for session in sessions[1:]:
            session.execute(begin)
            session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        yield sessions


def _position(session: Session) -> str:
    return str(value(session, sql.SQL("SELECT pg_current_wal_lsn()")))


def _beside_rows(source: Session, target: Session) -> tuple[list[Difference], int]:
    """Return the differences in all that is no row, and how many definitions were compared."""
    before, after = definitions(source), definitions(target)
    found = [
        Difference(kind=kind, name=name, source=before.get((kind, name)), target=after.get((kind, name)))
        for kind, name in sorted(before.keys() | after.keys())
        if before.get((kind, name)) != after.get((kind, name))
    ]
    found += differing("sequence value", sequence_values(source), sequence_values(target))
    found += differing("large object", large_objects(source), large_objects(target))
    return found, len(before)


def _tables(
    known: dict[str, Relation],
    there: dict[str, Relation],
    left: list[Session],
    right: list[Session],
    told: Told,
) -> list[TableResult]:
    """Compare the rows of every table; a table that only the target has counts as extra."""
    names = [n for n, r in {**there, **known}.items() if r.kind != "foreign" and r.is_readable]
    # The order of `known` comes first: the largest tables of the source.
    names.sort(key=lambda n: list(known).index(n) if n in known else len(known))
    pairs: SimpleQueue[tuple[Session, Session]] = SimpleQueue()
    for pair in zip(left, right, strict=True):
        pairs.put(pair)
    done: list[TableResult] = []

    def one(table: str) -> TableResult:
        pair = pairs.get()
        try:
            result = _table(table, known.get(table), there.get(table), *pair, readers)
        finally:
            pairs.put(pair)
        done.append(result)
        told(table, len(done), len(names))
        return result

    with ThreadPoolExecutor(WORKERS) as workers, ThreadPoolExecutor(WORKERS) as readers:
        return list(workers.map(one, names))


def _table(
    name: str,
    known: Relation | None,
    there: Relation | None,
    source: Session,
    target: Session,
    readers: ThreadPoolExecutor,
) -> TableResult:
    """Digest one table on both sides at once, and narrow a difference down."""
    ahead = readers.submit(digest, target, there) if there else None
    source_rows, source_digest = digest(source, known) if known else (None, None)
    target_rows, target_digest = ahead.result() if ahead else (None, None)
    result = TableResult(
        name=name,
        source_rows=source_rows,
        target_rows=target_rows,
        source_digest=source_digest,
        target_digest=target_digest,
    )
    # Other columns are told as definitions; rows could not be told apart by their text then.
    if result.agrees or known is None or there is None or known.columns != there.columns:
        return result
    return result.model_copy(update={"differing": differing_rows(source, target, known)})


def _not_compared(known: dict[str, Relation]) -> Iterator[str]:
    for relation in known.values():
        if relation.kind == "foreign":
            yield f"{relation.full_name}: a foreign table, whose rows live elsewhere"
        elif not relation.is_readable:
            yield f"{relation.full_name}: a materialised view that was never filled"
