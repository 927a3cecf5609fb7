"""
Running a comparison: both sides at one moment each, both at once, the largest tables first and in pieces.

Promise: every session of a side reads the same snapshot, so the verdict is about one declared
position on each side, however long the reading takes.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue

from psycopg import sql

from migrate.compare.definitions import Roles, definitions, differing_definitions, differing_rights
from migrate.compare.digests import Digest, Hasher, digest
from migrate.compare.narrow import differing_rows
from migrate.compare.objects import differing, large_objects, sequence_values
from migrate.compare.relations import Relation, relations
from migrate.compare.verdict import DatabaseComparison, Difference, TableResult
from migrate.compare.views import excused, reasons
from migrate.compare.wording import in_words_of
from migrate.databases import Database, Session, value
from migrate.errors import ComparisonError

WORKERS = 2
"""Pieces of tables at once on each side."""
_PIECE_BLOCKS = 16384
"""128 MiB of a table."""

Told = Callable[[str, int, int], None]
"""Called after each table with its name, how many are done, and of how many."""


def compare(
    name: str,
    source: Database,
    target: Database,
    *,
    target_role: str | None = None,
    told: Told | None = None,
    application: str | None = None,
) -> DatabaseComparison:
    """
    Compare two databases: rows, sequences, large objects, definitions.

    Args:
        name: What the result is called, the database's name in the manifest.
        target_role: Read the target as this role, which owns everything there.
        told: Progress.
        application: The role that reads and writes rows on the target; with it, owners and grants are
            held to the rule of the site.

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
        roles = Roles(target_role, application) if target_role and application else None
        others = _beside_rows(left[0], right[0], roles)
        results = _tables(known, there, left, right, told or (lambda *_: None))
        return DatabaseComparison(
            name=name,
            source_position=_position(left[0]),
            target_position=_position(right[0]),
            tables=tuple(sorted(results, key=lambda result: result.name)),
            definitions=others[1],
            sequences=len(sequence_values(left[0])),
            large_objects=others[2],
            differences=tuple(others[0]),
            not_compared=(*not_compared(known), *reasons(results)),
            seconds=round(time.monotonic() - began_at, 3),
        )


@contextmanager
def _snapshot(database: Database, role: str | None) -> Iterator[list[Session]]:
    """Open `WORKERS` sessions that read one snapshot."""
    with database.opened_many(WORKERS, role=role) as sessions:
        begin = sql.SQL("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        sessions[0].execute(begin)
        snapshot = value(sessions[0], "SELECT pg_export_snapshot()")
        for session in sessions[1:]:
            session.execute(begin)
            session.execute(sql.SQL("SET TRANSACTION SNAPSHOT {}").format(sql.Literal(snapshot)))
        yield sessions


def _position(session: Session) -> str:
    return str(value(session, "SELECT pg_current_wal_lsn()"))


def _beside_rows(source: Session, target: Session, roles: Roles | None) -> tuple[list[Difference], int, int]:
    """Return the differences in all that is no row; how many definitions and large objects there are."""
    before, after, objects = definitions(source), definitions(target), large_objects(source)
    found = differing_definitions(in_words_of(target, source, before, after), after)
    found += differing("sequence value", sequence_values(source), sequence_values(target))
    found += differing("large object", objects, large_objects(target))
    if roles:
        found += differing_rights(source, target, roles)
    return found, len(before), len(objects)


def _tables(
    known: dict[str, Relation],
    there: dict[str, Relation],
    left: list[Session],
    right: list[Session],
    told: Told,
) -> list[TableResult]:
    """Compare the rows of every table; a table that only the target has counts as extra."""
    names = [n for n, r in {**known, **there}.items() if r.kind != "foreign" and r.is_readable]
    hasher = Hasher.between(left[0], right[0])
    with ExitStack() as stack:
        readers = [stack.enter_context(ThreadPoolExecutor(WORKERS)) for _ in range(2)]
        source = _digests(known, names, left, hasher, readers[0])
        target = _digests(there, names, right, hasher, readers[1])
        results: list[TableResult] = []
        try:
            for name in names:
                results.append(_result(name, source, target))
                told(name, len(results), len(names))
        finally:
            for futures in (*source.values(), *target.values()):
                for future in futures:
                    future.cancel()
    results = [excused(result, known, there, hasher, right) for result in results]
    # Other columns are told as definitions; rows could not be told apart by their text then.
    return [
        result
        if result.agrees or not _alike(known.get(result.name), there.get(result.name))
        else result.model_copy(
            update={"differing": differing_rows(left[0], right[0], known[result.name], hasher)}
        )
        for result in results
    ]


def _digests(
    held: Mapping[str, Relation],
    names: list[str],
    sessions: list[Session],
    hasher: Hasher,
    reader: ThreadPoolExecutor,
) -> dict[str, list[Future[Digest]]]:
    """Begin to digest every table that this side has, piece by piece, in the order of `names`."""
    free: SimpleQueue[Session] = SimpleQueue()
    for session in sessions:
        free.put(session)

    def one(statement: sql.Composed) -> Digest:
        session = free.get()
        try:
            return digest(session, statement)
        finally:
            free.put(session)

    in_pieces = sessions[0].info.server_version >= 140000  # before, a range of places was a whole scan
    return {
        name: [
            reader.submit(one, hasher.statement(held[name], where=piece))
            for piece in _pieces(held[name].blocks if in_pieces else 0)
        ]
        for name in names
        if name in held
    }


def _pieces(blocks: int) -> Iterator[sql.Composed]:
    """Yield conditions that divide a table by place; the last one has no end, as `blocks` may be old."""
    starts = list(range(0, blocks, _PIECE_BLOCKS)) or [0]
    for start, end in zip(starts, [*starts[1:], None], strict=True):
        condition = sql.SQL("t.ctid >= {}::tid").format(sql.Literal(f"({start},0)"))
        if end is not None:
            condition += sql.SQL(" AND t.ctid < {}::tid").format(sql.Literal(f"({end},0)"))
        yield condition


def _result(
    name: str, source: Mapping[str, list[Future[Digest]]], target: Mapping[str, list[Future[Digest]]]
) -> TableResult:
    left, right = (
        sum((future.result() for future in side[name]), Digest()) if name in side else None
        for side in (source, target)
    )
    return TableResult(
        name=name,
        source_rows=left.rows if left else None,
        target_rows=right.rows if right else None,
        source_digest=str(left) if left else None,
        target_digest=str(right) if right else None,
    )


def _alike(source: Relation | None, target: Relation | None) -> bool:
    """Whether rows of the two can be set against each other."""
    return (
        source is not None
        and target is not None
        and (source.columns, source.key) == (target.columns, target.key)
    )


def not_compared(known: Mapping[str, Relation]) -> Iterator[str]:
    """Yield what holds no rows here, each with the reason."""
    for relation in known.values():
        if relation.kind == "foreign":
            yield f"{relation.full_name}: a foreign table, whose rows live elsewhere"
        elif not relation.is_readable:
            yield f"{relation.full_name}: a materialised view that was never filled"
