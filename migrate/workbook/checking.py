"""
Checking a workbook: every fault, at its sheet and cell.

Promise: one pass, row by row. What is kept in memory are the keys of each sheet (to find duplicates and
unknown references) and no rows; a workbook without a fault can be loaded.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from migrate.workbook.book import Book, Row, address, opened
from migrate.workbook.form import Column, Form, Sheet
from migrate.workbook.values import Value, value_of

MOST_ROWS = 200_000
"""Of one sheet."""

Key = tuple[Value, ...]


@dataclass(frozen=True)
class Fault:
    """One thing to correct. `cell` is empty where the sheet as a whole is wrong."""

    sheet: str
    cell: str
    says: str

    def __str__(self) -> str:
        return f"{self.sheet}!{self.cell}: {self.says}" if self.cell else f"{self.sheet}: {self.says}"


@dataclass
class Checked:
    """What was seen so far; `rows` by sheet."""

    rows: dict[str, int] = field(default_factory=dict)
    _keys: dict[str, dict[Key, int]] = field(default_factory=dict)


def faults_of(path: Path, form: Form, checked: Checked) -> Iterator[Fault]:
    """
    Yield the faults of a workbook as they are found; `checked` is filled meanwhile.

    Raises:
        WorkbookError: It cannot be read at all.
    """
    with opened(path) as book:
        there = book.sheets()
        for sheet in form.sheets:
            if sheet.name in there:
                yield from _sheet(book, sheet, checked)
            elif sheet.required:
                yield Fault(sheet.name, "", "this sheet is missing")


def parsed(book: Book, sheet: Sheet) -> Iterator[tuple[int, list[Value]]]:
    """Yield number and values of every row of a sheet that was checked before; those left out are None."""
    if sheet.name not in book.sheets():
        return
    order = _order(book.header(sheet.name), sheet)
    for row in book.rows(sheet.name, len(order)):
        values: dict[str, Value] = {column.name: None for column in sheet.columns}
        for column, found in zip(order, row.cells, strict=False):
            if column is not None:
                values[column.name] = value_of(column, found.cell)
        yield row.number, list(values.values())


def _order(header: Sequence[str], sheet: Sheet) -> list[Column | None]:
    known = {column.name: column for column in sheet.columns}
    return [known.get(name) for name in header]


def _sheet(book: Book, sheet: Sheet, checked: Checked) -> Iterator[Fault]:
    header = book.header(sheet.name)
    if wrong := list(_header_faults(header, sheet)):
        yield from wrong
        return
    order = _order(header, sheet)
    keys = checked._keys.setdefault(sheet.name, {})
    # Within a sheet somebody may name a row further down: what is unknown yet is looked at once more.
    pending: list[tuple[Key, str, Fault]] = []
    count = 0
    for row in book.rows(sheet.name, len(order)):
        count += 1
        if count > MOST_ROWS:
            yield Fault(sheet.name, address(0, row.number), f"more than {MOST_ROWS:,} rows; split the list")
            break
        values, wrong = _row(row, order, sheet)
        yield from wrong
        yield from _duplicate(row, values, sheet, keys, order)
        for column in sheet.columns:
            if column.to is None or values.get(column.name) is None:
                continue
            target, _, part = column.to.partition("/")
            key: Key = (part, values[column.name]) if part else (values[column.name],)
            # A sheet that is missing is told once, not at each cell that names it.
            if target in checked._keys and key not in checked._keys[target]:
                where = address(order.index(column), row.number)
                says = f"{values[column.name]!r} is not in {column.to}"
                pending.append((key, target, Fault(sheet.name, where, says)))
    yield from (fault for key, target, fault in pending if key not in checked._keys[target])
    if sheet.required and not count:
        yield Fault(sheet.name, "", "this sheet has no row")
    checked.rows[sheet.name] = count


def _header_faults(header: Sequence[str], sheet: Sheet) -> Iterator[Fault]:
    known = {column.name for column in sheet.columns}
    for position, name in enumerate(header):
        if name and header.index(name) != position:
            yield Fault(sheet.name, address(position, 1), f"column {name!r} stands twice")
        elif name not in known:
            yield Fault(
                sheet.name, address(position, 1), f"unknown column {name!r}; leave the first row as is"
            )
    for column in sheet.columns:
        if column.is_required and column.name not in header:
            yield Fault(sheet.name, address(0, 1), f"column {column.name!r} is missing")


def _row(row: Row, order: Sequence[Column | None], sheet: Sheet) -> tuple[dict[str, Value], list[Fault]]:
    values: dict[str, Value] = {}
    wrong: list[Fault] = []
    cells = dict(enumerate(row.cells))
    for position, column in enumerate(order):
        if column is None:
            continue
        found, says = cells.get(position), ""
        if found and found.is_formula:
            says = f"holds the formula {found.cell}; write the value itself"
        elif found and found.error:
            says = f"holds the error {found.error}"
        else:
            try:
                values[column.name] = value_of(column, found.cell if found else None)
            except ValueError as error:
                says = f"{column.name}: {error}"
        if says:
            wrong.append(Fault(sheet.name, address(position, row.number), says))
    for position in range(len(order), len(row.cells)):
        if cells[position].cell not in (None, ""):
            says = "stands outside of the columns"
            wrong.append(Fault(sheet.name, address(position, row.number), says))
    return values, wrong


def _duplicate(
    row: Row, values: dict[str, Value], sheet: Sheet, keys: dict[Key, int], order: Sequence[Column | None]
) -> Iterator[Fault]:
    key = tuple(values.get(column.name) for column in sheet.keys)
    if None in key:
        return
    if (first := keys.setdefault(key, row.number)) != row.number:
        where = address(order.index(sheet.keys[-1]), row.number)
        named = ", ".join(map(str, key))
        yield Fault(sheet.name, where, f"{named!r} stands in row {first} already")
