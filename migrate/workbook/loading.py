"""
A checked workbook's rows on the site: loaded, and proved to be there.

Promise: loading again changes nothing that is right. What the workbook does not hold (any more) goes away. A
row that the site's tables refuse is left out and reported with its reason, and costs no other row. The proof
compares every value of every row, both ways.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from migrate.databases import Session
from migrate.errors import WorkbookError
from migrate.workbook.book import Book, opened
from migrate.workbook.checking import parsed
from migrate.workbook.form import Column, Form, Sheet
from provisioning.model import Model

SHOWN = 20
_TYPES = {"integer": "bigint", "decimal": "numeric", "date": "date", "boolean": "boolean"}


class Rejected(Model):
    """A row that the site's tables refuse. `row` counts as people see it in the workbook."""

    sheet: str
    row: int
    key: str
    reason: str


@dataclass
class Loaded:
    """What loading one sheet did; counts of rows."""

    sheet: str
    rows: int = 0
    changed: int = 0
    removed: int = 0
    rejected: list[Rejected] = field(default_factory=list)


def load(session: Session, workbook: Path, form: Form, parts: Sequence[str]) -> list[Loaded]:
    """
    Make the tables of the sheets of these parts hold what the workbook holds, in one transaction.

    Raises:
        WorkbookError: A row that is no longer in the workbook is in use, so it cannot go away.
    """
    sheets = [sheet for sheet in form.sheets if sheet.part in parts]
    done = []
    with opened(workbook) as book, session.transaction():
        for sheet in sheets:
            _stage(session, book, sheet)
            done.append(_merge(session, sheet))
        # What refers goes before what it refers to.
        for sheet, loaded in zip(reversed(sheets), reversed(done), strict=True):
            loaded.removed = _remove_others(session, sheet)
            session.execute(sql.SQL("DROP TABLE {}").format(_staged(sheet)))
    return done


def differing(session: Session, workbook: Path, form: Form, rejected: Sequence[Rejected] = ()) -> list[str]:
    """
    Name every row in which site and workbook differ, at most `SHOWN` a sheet and then how many more.

    Args:
        rejected: Rows that loading reported as refused: these may not be there.
    """
    found: list[str] = []
    with opened(workbook) as book, session.transaction(force_rollback=True):
        for sheet in form.sheets:
            _stage(session, book, sheet)
            refused = [one.row for one in rejected if one.sheet == sheet.name]
            session.execute(
                sql.SQL("DELETE FROM {} WHERE row_number = ANY(%s)").format(_staged(sheet)), (refused,)
            )
            found += _differences(session, sheet)
    return found


def _staged(sheet: Sheet) -> sql.Identifier:
    return sql.Identifier("pg_temp", f"staged_{sheet.name}")


def _names(columns: Sequence[Column], prefix: str = "") -> sql.Composed:
    before = sql.SQL(prefix)
    return sql.SQL(", ").join(before + sql.Identifier(column.name) for column in columns)


def _stage(session: Session, book: Book, sheet: Sheet) -> None:
    columns = sql.SQL(", ").join(
        sql.Identifier(column.name) + sql.SQL(f" {_TYPES.get(column.type, 'text')}")
        for column in sheet.columns
    )
    make = sql.SQL("CREATE TEMPORARY TABLE {} (row_number integer PRIMARY KEY, {}) ON COMMIT DROP")
    session.execute(make.format(_staged(sheet), columns))
    into = sql.SQL("COPY {} (row_number, {}) FROM STDIN").format(_staged(sheet), _names(sheet.columns))
    with session.cursor().copy(into) as copy:
        for number, values in parsed(book, sheet):
            copy.write_row([number, *values])


def _merge(session: Session, sheet: Sheet) -> Loaded:
    loaded = Loaded(sheet.name)
    rows = session.execute(sql.SQL("SELECT row_number FROM {} ORDER BY 1").format(_staged(sheet))).fetchall()
    numbers = [int(number) for (number,) in rows]
    loaded.rows = len(numbers)
    others = [column for column in sheet.columns if not column.key]
    update: sql.Composable = sql.SQL("NOTHING")
    if others:
        update = sql.SQL("UPDATE SET ({0}) = ROW({1}) WHERE ROW({2}) IS DISTINCT FROM ROW({1})").format(
            _names(others), _names(others, "excluded."), _names(others, "now.")
        )
    statement = sql.SQL(
        "INSERT INTO {} AS now ({}) SELECT {} FROM {} WHERE row_number = ANY(%s) ON CONFLICT ({}) DO "
    ).format(
        sql.Identifier(*sheet.table),
        _names(sheet.columns),
        _names(sheet.columns),
        _staged(sheet),
        _names(sheet.keys),
    )
    for attempt in _halved(session, sql.Composed([statement, update]), numbers):
        if isinstance(attempt, int):
            loaded.changed += attempt
        else:
            number, reason = attempt
            loaded.rejected.append(
                Rejected(sheet=sheet.name, row=number, key=_key(session, sheet, number), reason=reason)
            )
    return loaded


def _halved(
    session: Session, statement: sql.Composed, numbers: Sequence[int]
) -> Iterator[int | tuple[int, str]]:
    """Yield how many rows a statement changed; where it is refused, halve the rows until those are found."""
    if not numbers:
        return
    try:
        with session.transaction():
            count = session.execute(statement, (list(numbers),)).rowcount
        yield count
    except (psycopg.IntegrityError, psycopg.DataError) as error:
        if len(numbers) == 1:
            yield numbers[0], _reason(error)
            return
        middle = len(numbers) // 2
        yield from _halved(session, statement, numbers[:middle])
        yield from _halved(session, statement, numbers[middle:])


def _reason(error: psycopg.Error) -> str:
    lines = (error.diag.message_primary, error.diag.message_detail)
    return ". ".join(line.rstrip(".") for line in lines if line)


def _key(session: Session, sheet: Sheet, number: int) -> str:
    parts = [sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in sheet.keys]
    statement = sql.SQL("SELECT pg_catalog.concat_ws('/', {}) FROM {} WHERE row_number = %s")
    row = session.execute(statement.format(sql.SQL(", ").join(parts), _staged(sheet)), (number,)).fetchone()
    return str(row[0]) if row else ""


def _same_key(sheet: Sheet) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("s.{0} = t.{0}").format(sql.Identifier(column.name)) for column in sheet.keys
    )


def _remove_others(session: Session, sheet: Sheet) -> int:
    statement = sql.SQL("DELETE FROM {} AS t WHERE NOT EXISTS (SELECT FROM {} AS s WHERE {})").format(
        sql.Identifier(*sheet.table), _staged(sheet), _same_key(sheet)
    )
    try:
        with session.transaction():
            return session.execute(statement).rowcount
    except psycopg.errors.ForeignKeyViolation as error:
        raise WorkbookError(
            f"{sheet.name}: a row that is not in the workbook is in use: {_reason(error)}",
            state="Nothing was changed.",
            next_step="put the row back into the workbook, or have what uses it removed",
        ) from error


def _differences(session: Session, sheet: Sheet) -> list[str]:
    others = [column for column in sheet.columns if not column.key]
    differs = sql.SQL("ROW({}) IS DISTINCT FROM ROW({})").format(_names(others, "s."), _names(others, "t."))
    key = sql.SQL(", ").join(
        sql.SQL("coalesce(s.{0}, t.{0})::text").format(sql.Identifier(column.name)) for column in sheet.keys
    )
    first = sql.Identifier(sheet.keys[0].name)
    statement = sql.SQL(
        "SELECT pg_catalog.concat_ws('/', {key}),"
        " CASE WHEN t.{first} IS NULL THEN 'is not on the site'"
        " WHEN s.{first} IS NULL THEN 'is not in the workbook' ELSE 'differs' END,"
        " pg_catalog.count(*) OVER ()"
        " FROM {staged} AS s FULL JOIN {table} AS t ON {same}"
        " WHERE s.{first} IS NULL OR t.{first} IS NULL OR {differs} ORDER BY 1 LIMIT {limit}"
    ).format(
        key=key,
        first=first,
        staged=_staged(sheet),
        table=sql.Identifier(*sheet.table),
        same=_same_key(sheet),
        differs=differs if others else sql.SQL("false"),
        limit=sql.Literal(SHOWN),
    )
    rows = session.execute(statement).fetchall()
    told = [f"{sheet.name} {name}: {says}" for name, says, _ in rows]
    more = int(rows[0][2]) - len(rows) if rows else 0
    return told + ([f"{sheet.name}: {more} more"] if more else [])
