"""
What one cell means by the column that it stands in.

Promise: a value comes back ready for the database, or a `ValueError` says in words what is wrong.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from email_validator import EmailNotValidError, validate_email

from migrate.workbook.form import Column

Cell = str | int | float | bool | datetime | date | None
"""As a file holds it."""
Value = str | int | bool | date | Decimal | None

_YES, _NO = {"oui", "yes", "true", "vrai", "1"}, {"non", "no", "false", "faux", "0"}
_DAYS = (r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})", r"(?P<d>\d{1,2})[./](?P<m>\d{1,2})[./](?P<y>\d{4})")


def value_of(column: Column, cell: Cell) -> Value:
    """
    Return what a cell means; None for an empty one.

    Raises:
        ValueError: It may not stand there; says why.
    """
    if isinstance(cell, str):
        cell = cell.strip()
    if cell is None or cell == "":
        if column.is_required:
            raise ValueError("missing")
        return None
    if isinstance(cell, str):
        _refuse_unsafe(cell)
        if len(cell) > column.longest:
            raise ValueError(f"{len(cell)} characters; {column.longest} at most")
    return _READERS[column.type](column, cell)


def _refuse_unsafe(text: str) -> None:
    if text.startswith("="):
        raise ValueError("begins with =, as formulas do; write the value itself")
    if not text.isprintable():
        odd = next(sign for sign in text if not sign.isprintable())
        raise ValueError(f"holds a sign that cannot be seen ({ascii(odd)[1:-1]})")


def _text(column: Column, cell: Cell) -> str:
    if isinstance(cell, bool | datetime | date):
        raise ValueError(f"holds {_kind(cell)}, not text")
    if isinstance(cell, float):
        if not cell.is_integer():
            raise ValueError("holds a number, not text")
        cell = int(cell)
    return str(cell)


def _code(column: Column, cell: Cell) -> str:
    text = _text(column, cell)
    if not re.fullmatch(r"[^\W_]([\w.-]*[^\W_])?", text):
        raise ValueError(f"{text!r} is no code: letters, digits, and . - _ between them")
    return text


def _email(column: Column, cell: Cell) -> str:
    text = _text(column, cell)
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError as error:
        raise ValueError(f"{text!r} is no e-mail address: {error}") from None


def _phone(column: Column, cell: Cell) -> str:
    import phonenumbers  # here, since its tables take long to load

    if not isinstance(cell, str):
        raise ValueError("holds a number, so its + is lost; write it as text, such as +33 1 99 00 12 34")
    try:
        number = phonenumbers.parse(cell, None)
    except phonenumbers.NumberParseException:
        raise ValueError(f"{cell!r} is no phone number such as +33 1 99 00 12 34") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError(f"{cell!r} is too short or too long for a phone number of its country")
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


def _integer(column: Column, cell: Cell) -> int:
    number = _number(cell)
    if number != number.to_integral_value():
        raise ValueError(f"{cell} is no whole number")
    if abs(number) >= 2**63:
        raise ValueError(f"{cell} is too large")
    return int(number)


def _decimal(column: Column, cell: Cell) -> Decimal:
    return _number(cell)


def _number(cell: Cell) -> Decimal:
    if isinstance(cell, bool | datetime | date) or cell is None:
        raise ValueError(f"holds {_kind(cell)}, not a number")
    text = str(cell).replace("\u202f", "").replace("\u00a0", "").replace(",", ".")
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{cell!r} is no number") from None
    if not number.is_finite() or len(number.as_tuple().digits) > 30:
        raise ValueError(f"{cell!r} is no number that can be kept")
    return number


def _date(column: Column, cell: Cell) -> date:
    if isinstance(cell, datetime):
        return cell.date()
    if isinstance(cell, date):
        return cell
    for pattern in _DAYS:
        if found := re.fullmatch(pattern, str(cell)):
            try:
                return date(int(found["y"]), int(found["m"]), int(found["d"]))
            except ValueError:
                break
    raise ValueError(f"{cell!r} is no day such as 2027-03-31 or 31.03.2027")


def _boolean(column: Column, cell: Cell) -> bool:
    if isinstance(cell, bool):
        return cell
    text = str(cell).lower()
    if text in _YES | _NO:
        return text in _YES
    raise ValueError(f"{cell!r} is neither oui / yes nor non / no")


def _choice(column: Column, cell: Cell) -> str:
    text = _text(column, cell)
    if text not in column.choices:
        raise ValueError(f"{text!r} is none of {', '.join(column.choices)}")
    return text


def _kind(cell: Cell) -> str:
    return {bool: "yes or no", datetime: "a day", date: "a day"}.get(type(cell), "something else")


_READERS: dict[str, Callable[[Column, Cell], Value]] = {
    "text": _text,
    "code": _code,
    "email": _email,
    "phone": _phone,
    "integer": _integer,
    "decimal": _decimal,
    "date": _date,
    "boolean": _boolean,
    "choice": _choice,
    "reference": _code,
}
