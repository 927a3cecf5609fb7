"""
Comparing a MariaDB database with another: every row by content, definitions, and the next numbers.

Promise: both sides are read at one moment each, whose GTID positions the verdict names; rows are
hashed as they are stored, a FLOAT as the DOUBLE that it is; no row leaves its server. Reads only.
"""

import itertools
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from migrate.compare.definitions import differing_definitions
from migrate.compare.verdict import DatabaseComparison, Difference, RowDifference, TableResult
from migrate.errors import ComparisonError
from migrate.mariadb.columns import Table, digest_sums, printed, same_engine_digest, tables
from migrate.mariadb.definitions import compared
from migrate.mariadb.session import MariaDatabase, MariaSession, formatted, name
from migrate.mariadb.stream import POSITION

SHOWN = 20
"""Rows named for a table."""

Told = Callable[[str, int, int], None]
"""Called after each table with its name, how many are done, and of how many."""

Keyed = tuple[str, str]
"""A row's key as text, and its digest."""

Rows = Generator[Keyed, None, None]


def compare(
    called: str, source: MariaDatabase, target: MariaDatabase, *, told: Told | None = None
) -> DatabaseComparison:
    """
    Compare two MariaDB databases.

    Args:
        called: What the result is called, the database's name in the manifest.
        told: Progress.

    Raises:
        ComparisonError: The source holds no table, so agreement would prove nothing.
    """
    began_at = time.monotonic()
    with snapshot(source) as left, snapshot(target) as right:
        known, there = tables(left), tables(right)
        require_tables(source, known)
        results = table_results(left, right, known, there, told)
        return verdict(called, left, right, known, there, results, began_at=began_at)


def verdict(
    called: str,
    left: MariaSession,
    right: MariaSession,
    known: Mapping[str, Table],
    there: Mapping[str, Table],
    results: Iterable[TableResult],
    *,
    began_at: float,
    written_on_target: Iterable[str] = (),
) -> DatabaseComparison:
    """Complete the results of all tables by definitions and next numbers; `began_at` is of time.monotonic."""
    before, after = compared(left), compared(right)
    numbers = next_numbers(left, known)
    return DatabaseComparison(
        name=called,
        source_position=position(left),
        target_position=position(right),
        tables=tuple(sorted(results, key=lambda result: result.name)),
        definitions=len(before),
        sequences=len(numbers),
        large_objects=0,
        differences=(*differing_definitions(before, after), *behind(numbers, next_numbers(right, there))),
        not_compared=(),
        seconds=round(time.monotonic() - began_at, 3),
        written_on_target=tuple(sorted(written_on_target)),
    )


def table_results(
    left: MariaSession,
    right: MariaSession,
    known: Mapping[str, Table],
    there: Mapping[str, Table],
    told: Told | None = None,
    pace: Callable[[], None] = lambda: None,
) -> Iterator[TableResult]:
    """Compare these tables of either side row by row, between two sessions that read one moment each."""
    names = [*known, *(n for n in there if n not in known)]
    with ThreadPoolExecutor(1) as beside:
        for done, table in enumerate(names, 1):
            pace()
            yield _table(left, right, known.get(table), there.get(table), beside)
            (told or (lambda *_: None))(table, done, len(names))


@contextmanager
def snapshot(database: MariaDatabase) -> Iterator[MariaSession]:
    """Open a session that reads one moment."""
    with database.opened() as session:
        session.run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        yield session


def position(session: MariaSession) -> str:
    """The GTID position of a session's snapshot; empty where the server writes no binary log."""
    return str(session.value(POSITION) or "") if session.value("SELECT @@log_bin") else ""


def require_tables(source: MariaDatabase, known: Mapping[str, Table]) -> None:
    """
    Refuse to compare nothing with nothing.

    Raises:
        ComparisonError: There is no table.
    """
    if not known:
        raise ComparisonError(
            f"{source.name} holds no table, so agreement would prove nothing",
            next_step="correct legacy.databases in the manifest",
        )


def next_numbers(session: MariaSession, known: Mapping[str, Table]) -> dict[str, int]:
    """Return what each sequence and each AUTO_INCREMENT gives next, by name."""
    found = {f"{t.name} AUTO_INCREMENT": t.next_number for t in known.values() if t.next_number is not None}
    for row in session.run(
        "SELECT TABLE_NAME AS name FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SEQUENCE'"
    ):
        of = name(row["name"])
        found[row["name"]] = int(session.value(f"SELECT next_not_cached_value FROM {of}"))  # noqa: S608 - quoted
    return found


def behind(source: Mapping[str, int], target: Mapping[str, int]) -> Iterator[Difference]:
    """Yield what would give a number again on the target; being ahead does no harm."""
    for of, number in sorted(source.items()):
        there = target.get(of)
        if there is None or there < number:
            shown = None if there is None else str(there)
            yield Difference(kind="next number", name=of, source=str(number), target=shown)


def merged(source: Rows, target: Rows, shown: int = SHOWN) -> tuple[RowDifference, ...]:
    """Return the first rows in which two sides differ; both are in the order of their keys' bytes."""
    try:
        return tuple(itertools.islice(_merged(source, target), shown))
    finally:
        # Each holds its session until it is closed.
        source.close()
        target.close()


def _merged(source: Rows, target: Rows) -> Iterator[RowDifference]:
    left, right = next(source, None), next(target, None)
    while left is not None or right is not None:
        if right is None or (left is not None and left[0].encode() < right[0].encode()):
            assert left is not None  # noqa: S101 - one of the two is left, and it is this one
            yield RowDifference(key=left[0], kind="missing")
            left = next(source, None)
        elif left is None or right[0].encode() < left[0].encode():
            yield RowDifference(key=right[0], kind="extra")
            right = next(target, None)
        else:
            if left[1] != right[1]:
                yield RowDifference(key=left[0], kind="changed")
            left, right = next(source, None), next(target, None)


def _table(
    left: MariaSession,
    right: MariaSession,
    known: Table | None,
    there: Table | None,
    beside: ThreadPoolExecutor,
) -> TableResult:
    """Hash one table on both sides at once, and narrow a difference down."""
    ahead = beside.submit(_digest, right, there) if there else None
    rows, digest = _digest(left, known) if known else (None, None)
    target_rows, target_digest = ahead.result() if ahead else (None, None)
    table = known or there
    assert table is not None  # noqa: S101 - one side has it
    result = TableResult(
        name=table.name,
        source_rows=rows,
        target_rows=target_rows,
        source_digest=digest,
        target_digest=target_digest,
    )
    if result.agrees or known is None or there is None or known.columns != there.columns:
        return result  # other columns are told as definitions
    return result.model_copy(update={"differing": merged(keyed(left, known), keyed(right, there))})


def _digest(session: MariaSession, table: Table) -> tuple[int, str]:
    (row,) = session.run(digest_sums(same_engine_digest(table), name(table.name)))
    return int(row["n"]), str(row["digest"])


def shown_key(table: Table) -> str:
    """An expression for a row's key as a verdict names it; empty without a key."""
    columns = {column.name: column for column in table.columns}
    parts = ", ".join(printed(columns[part]) for part in table.key)
    return f"CONCAT_WS(',', {parts})" if parts else ""


def keyed(session: MariaSession, table: Table, condition: str = "TRUE", *args: object) -> Rows:
    """Yield key and digest of every row, or of those that fit, in the order of the keys' bytes."""
    digest = same_engine_digest(table)
    key = shown_key(table) or digest
    rows = f"SELECT {key} AS k, {digest} AS d FROM {name(table.name)}"  # noqa: S608 - quoted names
    rows = formatted(rows) if args else rows
    for found in session.stream(f"{rows} WHERE {condition} ORDER BY CAST(k AS BINARY), d", *args):
        yield str(found[0]), str(found[1])
