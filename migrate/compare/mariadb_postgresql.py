"""
Comparing a MariaDB database with what became of it in PostgreSQL: every value of every row.

Both servers hash one text for each value; the floats, which they print otherwise, are hashed here.

Promise: each side is read at one moment, which the verdict names. The declared cast, a date that does
not exist becoming NULL, is no difference; all else that was not carried over is listed. Reads only.
"""

import hashlib
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from psycopg import sql
from psycopg.rows import dict_row

from migrate.compare.mariadb import Keyed, Rows, Told, behind, merged, position, require_tables, snapshot
from migrate.compare.verdict import DatabaseComparison, Difference, TableResult
from migrate.databases import Database, Session, query, value
from migrate.mariadb.casts import Cast, source_digest, target_digest
from migrate.mariadb.columns import digest_sums
from migrate.mariadb.postgresql import Plan, plan, qualified
from migrate.mariadb.session import MariaDatabase, MariaSession, name

_HALF = 1 << 63
_BATCH_ROWS = 5000


def compare(
    called: str,
    source: MariaDatabase,
    target: Database,
    *,
    target_role: str | None = None,
    told: Told | None = None,
) -> DatabaseComparison:
    """
    Compare a MariaDB database with schema ``public`` of a PostgreSQL one.

    Args:
        called: What the result is called, the database's name in the manifest.
        target_role: Read the target as this role.
        told: Progress.

    Raises:
        ComparisonError: The source holds no table, so agreement would prove nothing.
    """
    began_at = time.monotonic()
    with snapshot(source) as left, _snapshot(target, target_role) as right:
        wanted = plan(left)
        require_tables(source, {table.name: table for table in wanted.tables})
        there = _arrived(right)
        results = []
        names = [*(table.name for table in wanted.tables), *sorted(there.keys() - wanted.casts.keys())]
        for done, table in enumerate(names, 1):
            results.append(_table(left, right, table, wanted, there))
            (told or (lambda *_: None))(table, done, len(names))
        numbers = {t.name: t.next_number for t in wanted.tables if t.next_number is not None}
        return DatabaseComparison(
            name=called,
            source_position=position(left),
            target_position=str(value(right, "SELECT pg_catalog.pg_current_wal_lsn()")),
            tables=tuple(sorted(results, key=lambda result: result.name)),
            definitions=sum(len(of) for of in wanted.casts.values()) + len(wanted.finish),
            sequences=len(numbers),
            large_objects=0,
            differences=(
                *_definitions(right, wanted, there),
                *behind(numbers, _numbers(right, wanted, there)),
            ),
            not_compared=wanted.not_carried,
            seconds=round(time.monotonic() - began_at, 3),
        )


Arrived = dict[str, dict[str, str]]
"""By table, the type of each column."""


@contextmanager
def _snapshot(database: Database, role: str | None) -> Iterator[Session]:
    with database.opened(role=role) as session:
        session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            yield session
        finally:
            session.rollback()


def _arrived(session: Session) -> Arrived:
    found: Arrived = {}
    with session.cursor(row_factory=dict_row) as cursor:
        for row in cursor.execute(query("mariadb_arrived")).fetchall():
            found.setdefault(row["table_name"], {})[row["name"]] = row["type"]
    return found


def _definitions(session: Session, wanted: Plan, there: Arrived) -> Iterator[Difference]:
    """Yield columns, keys and indexes that the target has otherwise, or lacks."""
    for table, of in wanted.casts.items():
        for one in of:
            arrived = there.get(table, {}).get(one.column.name)
            if arrived != one.type:
                called = f"{table}.{one.column.name}"
                yield Difference(kind="column", name=called, source=one.type, target=arrived)
    made = {row[0] for row in session.execute(query("mariadb_made")).fetchall()}
    for finish in wanted.finish:
        if finish.name not in made:
            yield Difference(kind="key or index", name=finish.name, source=finish.statement, target=None)


def _numbers(session: Session, wanted: Plan, there: Arrived) -> dict[str, int]:
    """Return what each identity column gives next, by table."""
    found = {}
    for table in wanted.tables:
        for column in table.columns:
            if "auto_increment" in column.extra and column.name in there.get(table.name, {}):
                of = value(
                    session,
                    "SELECT pg_catalog.pg_get_serial_sequence(%s, %s)",
                    qualified(table.name),
                    column.name,
                )
                if of:
                    next_number = f"SELECT last_value + is_called::integer FROM {of}"  # noqa: S608 - quoted by the server
                    found[table.name] = int(value(session, _sql(next_number)))
    return found


def _sql(text: str) -> sql.SQL:
    return sql.SQL(text)  # made of quoted names and our own words


def _table(left: MariaSession, right: Session, table: str, wanted: Plan, there: Arrived) -> TableResult:
    of = wanted.casts.get(table)
    columns = there.get(table, {})
    is_like = of is not None and all(one.column.name in columns for one in of)
    rows, digest = _source(left, table, of) if of is not None else (None, None)
    if of is None:
        arrived_rows = int(value(right, _sql(f"SELECT count(*) FROM {qualified(table)}")))  # noqa: S608 - quoted
        arrived: tuple[int | None, str | None] = (arrived_rows, "")
    else:
        arrived = _target(right, table, of) if is_like else (None, None)
    result = TableResult(
        name=table,
        source_rows=rows,
        target_rows=arrived[0],
        source_digest=digest,
        target_digest=arrived[1],
    )
    if result.agrees or of is None or not is_like:
        return result
    key = next(t.key for t in wanted.tables if t.name == table)
    keyed = merged(_source_keyed(left, table, of, key), _target_keyed(right, table, of, key))
    return result.model_copy(update={"differing": keyed})


def _floats(of: tuple[Cast, ...]) -> tuple[Cast, ...]:
    return tuple(one for one in of if one.column.is_float)


def _source(session: MariaSession, table: str, of: tuple[Cast, ...]) -> tuple[int, str]:
    digest = source_digest(of)
    if not _floats(of):
        (row,) = session.run(digest_sums(digest, name(table)))
        return int(row["n"]), str(row["digest"])
    numbers = "".join(f", {one.source}" for one in _floats(of))
    return _summed(session.stream(f"SELECT {digest}{numbers} FROM {name(table)}"))  # noqa: S608 - quoted names


def _target(session: Session, table: str, of: tuple[Cast, ...]) -> tuple[int, str]:
    digest, rows = target_digest(of), f"ONLY {qualified(table)}"
    if not _floats(of):
        half = "coalesce(sum(('x' || {side}(d, 16))::bit(64)::bigint::numeric), 0)::text"
        both = f"{half.format(side='left')} || '/' || {half.format(side='right')}"
        statement = f"SELECT count(*), {both} FROM (SELECT {digest} AS d FROM {rows}) AS r"  # noqa: S608 - quoted names
        found = session.execute(_sql(statement)).fetchone()
        assert found is not None  # noqa: S101 - an aggregate gives one row
        return int(found[0]), str(found[1])
    numbers = "".join(f", {one.target}" for one in _floats(of))
    return _summed(_streamed(session, f"SELECT {digest}{numbers} FROM {rows}"))  # noqa: S608 - quoted names


def _streamed(session: Session, statement: str) -> Generator[tuple[Any, ...], None, None]:
    with session.cursor(name="bascule_rows") as cursor:
        cursor.itersize = _BATCH_ROWS
        cursor.execute(_sql(statement))
        yield from cursor


def _with_floats(digest: str, numbers: Iterable[float | None]) -> str:
    """A row's digest, its floats included: by their bits, so that no two print alike."""
    shown = (("-" if n is None else float(n).hex()) for n in numbers)
    return hashlib.md5("|".join((digest, *shown)).encode(), usedforsecurity=False).hexdigest()


def _summed(rows: Iterable[tuple[Any, ...]]) -> tuple[int, str]:
    """The same two sums as the servers' own."""
    count, left, right = 0, 0, 0
    for digest, *numbers in rows:
        whole = _with_floats(digest, numbers)
        count += 1
        left += _signed(whole[:16])
        right += _signed(whole[16:])
    return count, f"{left}/{right}"


def _signed(half: str) -> int:
    number = int(half, 16)
    return number - 2 * _HALF if number >= _HALF else number


def _source_keyed(session: MariaSession, table: str, of: tuple[Cast, ...], key: tuple[str, ...]) -> Rows:
    parts = _key(of, key)
    digest = source_digest(of)
    shown = f"CONCAT_WS(',', {', '.join(one.source for one in parts)})" if parts else digest
    numbers = "".join(f", {one.source}" for one in _floats(of))
    rows = session.stream(
        f"SELECT {shown} AS k, {digest} AS d{numbers} FROM {name(table)} ORDER BY CAST(k AS BINARY), d"  # noqa: S608 - quoted names
    )
    yield from map(_keyed, rows)


def _target_keyed(session: Session, table: str, of: tuple[Cast, ...], key: tuple[str, ...]) -> Rows:
    parts = _key(of, key)
    digest = target_digest(of)
    shown = f"pg_catalog.concat_ws(',', {', '.join(one.target for one in parts)})" if parts else digest
    numbers = "".join(f", {one.target} AS f{n}" for n, one in enumerate(_floats(of)))
    inner = f"SELECT {shown} AS k, {digest} AS d{numbers} FROM ONLY {qualified(table)}"  # noqa: S608 - quoted names
    rows = _streamed(session, f'SELECT * FROM ({inner}) AS r ORDER BY k COLLATE "C", d')  # noqa: S608 - quoted names
    yield from map(_keyed, rows)


def _key(of: tuple[Cast, ...], key: tuple[str, ...]) -> list[Cast]:
    """The key's columns, unless a float is one of them: its text is each side's own."""
    parts = [one for called in key for one in of if one.column.name == called]
    return [] if any(one.column.is_float for one in parts) else parts


def _keyed(row: tuple[Any, ...]) -> Keyed:
    key, digest, *numbers = row
    return str(key), _with_floats(digest, numbers) if numbers else str(digest)
