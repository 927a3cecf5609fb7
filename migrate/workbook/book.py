"""
Reading a filled-in workbook row by row: XLSX, or CSV files in a folder or a ZIP archive.

Promise: memory does not grow with the number of rows (a workbook's table of shared texts is bounded by
`LARGEST_BYTES`); nothing is calculated, no macro, link or outside entity is followed.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from migrate.errors import WorkbookError
from migrate.workbook.values import Cell

if TYPE_CHECKING:
    from openpyxl.workbook.workbook import Workbook

LARGEST_BYTES = 512 * 1024 * 1024
"""Unpacked; far beyond any sound file, and far below what would fill a machine."""
BEYOND = 20
"""Columns that are read beside those of the form: what stands there was put there by mistake."""
HEADER_ROWS = 3
"""Of a sheet: names, titles, an example."""


@dataclass(frozen=True)
class Found:
    """One cell. `is_formula` when its content would be calculated; `error` such as ``#REF!``."""

    cell: Cell
    is_formula: bool = False
    error: str = ""


@dataclass(frozen=True)
class Row:
    """One row; `number` counts from 1 as people see it."""

    number: int
    cells: tuple[Found, ...]

    @property
    def is_empty(self) -> bool:
        return all(found.cell is None or found.cell == "" for found in self.cells)


class Book(Protocol):
    """A workbook that is open."""

    is_spreadsheet: bool
    """Whether it is an XLSX file, not CSV."""

    def sheets(self) -> list[str]: ...

    def header(self, sheet: str) -> tuple[str, ...]:
        """Names of the columns, as they stand there."""
        ...

    def rows(self, sheet: str, width: int) -> Iterator[Row]:
        """Rows below the header; some cells more than `width`, where the file has more."""
        ...


def address(column: int, row: int) -> str:
    """Return a cell's address, such as ``C7``; columns count from 0."""
    letters, rest = "", column + 1
    while rest:
        rest, letter = divmod(rest - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return f"{letters}{row}"


@contextmanager
def opened(path: Path) -> Iterator[Book]:
    """
    Open a workbook.

    Raises:
        WorkbookError: It is none, or one that cannot be read safely.
    """
    if path.is_dir():
        yield _Csv({file.stem: _of_file(file) for file in sorted(path.glob("*.csv"))}, path)
        return
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            _refuse_dangerous(path, archive)
            if "xl/workbook.xml" not in names:
                files = {
                    Path(name).stem: _of_archive(archive, name) for name in names if name.endswith(".csv")
                }
                yield _Csv(files, path)
                return
    except (OSError, zipfile.BadZipFile) as error:
        raise WorkbookError(
            f"{path} is no workbook: {error}", next_step="save it as .xlsx, or hand in a folder of .csv files"
        ) from None
    # Here, since reading workbooks is nothing that every command should have to wait for.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True, keep_links=False)
    except (InvalidFileException, KeyError, ValueError, OSError) as error:
        raise WorkbookError(f"{path} cannot be read: {error}", next_step="save it anew as .xlsx") from None
    try:
        yield _Xlsx(book)
    finally:
        book.close()


Opener = Callable[[], IO[bytes]]


def _of_archive(archive: zipfile.ZipFile, name: str) -> Opener:
    return lambda: archive.open(name)


def _of_file(path: Path) -> Opener:
    return lambda: path.open("rb")


def _refuse_dangerous(path: Path, archive: zipfile.ZipFile) -> None:
    size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_BYTES:
        raise WorkbookError(
            f"{path} is {size:,} bytes when unpacked; {LARGEST_BYTES:,} at most",
            next_step="take out what is not asked for: pictures, empty formatted rows, other sheets",
        )
    if any("vbaProject" in name for name in archive.namelist()):
        raise WorkbookError(f"{path} holds macros", next_step="save it as .xlsx, which has none")


class _Xlsx:
    is_spreadsheet = True

    def __init__(self, book: "Workbook") -> None:
        self._book = book

    def sheets(self) -> list[str]:
        return [str(name) for name in self._book.sheetnames]

    def header(self, sheet: str) -> tuple[str, ...]:
        first = next(self._raw(sheet, 1, 1, 200), ())
        names = ["" if cell.value is None else str(cell.value).strip() for cell in first]
        while names and not names[-1]:
            names.pop()
        return tuple(names)

    def rows(self, sheet: str, width: int) -> Iterator[Row]:
        for number, cells in enumerate(
            self._raw(sheet, HEADER_ROWS + 1, None, width + BEYOND), HEADER_ROWS + 1
        ):
            row = Row(number, tuple(_found(cell.value, cell.data_type) for cell in cells))
            if not row.is_empty:
                yield row

    def _raw(self, sheet: str, first: int, last: int | None, width: int) -> Iterator[tuple[Any, ...]]:
        page = self._book[sheet]
        # What a file says of its own size may be wrong, and then rows would be left out.
        page.reset_dimensions()
        yield from page.iter_rows(min_row=first, max_row=last, max_col=width)


def _found(cell: Cell, kind: str) -> Found:
    if kind == "f":
        return Found(str(cell), is_formula=True)
    return Found(cell, error=str(cell)) if kind == "e" else Found(cell)


class _Csv:
    is_spreadsheet = False

    def __init__(self, files: dict[str, Opener], path: Path) -> None:
        self._files, self._path = files, path
        if not files:
            raise WorkbookError(
                f"{path} holds no .csv file", next_step="name each file as its sheet, such as customers.csv"
            )

    def sheets(self) -> list[str]:
        return list(self._files)

    def header(self, sheet: str) -> tuple[str, ...]:
        first = next(self._lines(sheet), (1, []))[1]
        return tuple(name.strip() for name in first)

    def rows(self, sheet: str, width: int) -> Iterator[Row]:
        for number, fields in islice(self._lines(sheet), 1, None):
            row = Row(number, tuple(Found(field) for field in fields[: width + BEYOND]))
            if not row.is_empty:
                yield row

    def _lines(self, sheet: str) -> Iterator[tuple[int, list[str]]]:
        with self._files[sheet]() as raw:
            head = raw.readline()
        separator = ";" if head.count(b";") > head.count(b",") else ","
        with self._files[sheet]() as raw, io.TextIOWrapper(raw, "utf-8-sig", newline="") as text:
            reader = csv.reader(text, delimiter=separator, strict=True)
            try:
                yield from ((number, fields) for number, fields in enumerate(reader, 1))
            except UnicodeDecodeError:
                raise WorkbookError(
                    f"{sheet}.csv is not UTF-8, near line {reader.line_num + 1}",
                    next_step="save it as CSV UTF-8",
                ) from None
            except csv.Error as error:
                raise WorkbookError(f"{sheet}.csv, line {reader.line_num}: {error}") from None
