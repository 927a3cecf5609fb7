"""
The firm's users and their roles, from a sheet: CSV or XLSX with the columns user, name, email and role.

Promise: every fault is told at its line; a formula is never taken for the value that it shows.
"""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import EmailStr, StringConstraints, TypeAdapter, ValidationError

from migrate.errors import MigrationError
from provisioning.manifest import Text
from provisioning.manifest_access import Access
from provisioning.model import Model

COLUMNS = ("user", "name", "email", "role")
MOST_ROWS = 10_000
_EMAIL = TypeAdapter(EmailStr)

UserName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,40}$")]


class Wanted(Model):
    """One user, as the sheet has it."""

    user: UserName
    name: Text
    email: EmailStr
    role: str


def read_sheet(path: Path, access: Access) -> list[Wanted]:
    """
    Return the users of a sheet.

    Raises:
        MigrationError: It cannot be read, or has faults; all of them are told.
    """
    try:
        rows = list(_xlsx(path) if path.suffix.lower() == ".xlsx" else _csv(path))
    except (OSError, ValueError, KeyError) as error:
        raise _refused(path, [f"cannot be read: {error}"]) from None
    head = [str(cell or "").strip().lower() for cell in rows[0]] if rows else []
    if missing := [column for column in COLUMNS if column not in head]:
        raise _refused(path, [f"line 1: the columns {', '.join(missing)} are missing"])
    places = [head.index(column) for column in COLUMNS]
    faults: list[str] = []
    found: list[Wanted] = []
    seen: dict[str, int] = {}
    for number, row in enumerate(rows[1:], 2):
        values = [(row[place] or "").strip() if place < len(row) else "" for place in places]
        if not any(values):
            continue
        wrong = list(_faults(values, access))
        for key in (values[0].lower(), values[2].lower()):
            if key and key in seen:
                wrong.append(f"{key} stands in line {seen[key]} already")
            seen.setdefault(key, number)
        faults += [f"line {number}: {fault}" for fault in wrong]
        if not wrong:
            found.append(Wanted(user=values[0], name=values[1], email=values[2], role=values[3]))
    if faults or not found:
        raise _refused(path, faults or ["nobody stands in it"])
    return found


def _faults(values: list[str], access: Access) -> Iterator[str]:
    user, name, email, role = values
    if any(value.startswith(("=", "+", "@")) for value in values):
        yield "holds a formula; put the value there"
        return
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,40}", user):
        yield f"user {user!a} is not 1 to 40 letters, digits, dots, hyphens"
    if not name or len(name) > 100 or not name.isprintable():
        yield "name is missing, over-long or not one line"
    try:
        _EMAIL.validate_python(email)
    except ValidationError:
        yield f"{email!a} is no e-mail address"
    if access.role(role) is None:
        known = ", ".join(one.name for one in access.roles)
        yield f"there is no role {role!a}; roles are {known}"


def _csv(path: Path) -> Iterator[list[str]]:
    text = path.read_text(encoding="utf-8-sig")
    delimiter = ";" if text.partition("\n")[0].count(";") > text.partition("\n")[0].count(",") else ","
    yield from _bounded(csv.reader(io.StringIO(text), delimiter=delimiter))


def _xlsx(path: Path) -> Iterator[list[str]]:
    from openpyxl import load_workbook  # here: few commands read one
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, read_only=True)  # formulas come as formulas, and are refused
    except (InvalidFileException, EOFError) as error:
        raise ValueError(str(error)) from None
    try:
        rows = book.worksheets[0].iter_rows(values_only=True)
        yield from _bounded(["" if cell is None else str(cell) for cell in row] for row in rows)
    finally:
        book.close()


def _bounded(rows: "Iterator[list[str]]") -> Iterator[list[str]]:
    for number, row in enumerate(rows):
        if number > MOST_ROWS:
            raise ValueError(f"it has more than {MOST_ROWS} lines")
        yield row


def _refused(path: Path, faults: list[str]) -> MigrationError:
    listed = "\n".join(f"  {fault}" for fault in faults)
    return MigrationError(
        f"{path.name}: {len(faults)} faults\n{listed}",
        state="No account was made or changed.",
        next_step=f"correct {path}, then the same command again",
    )
