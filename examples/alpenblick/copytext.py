"""
PostgreSQL's COPY text format, written by hand since it is the generator's innermost loop.

Promise: what `field` gives is read by ``COPY … FROM STDIN`` as the same value, whatever it holds.
"""

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

Value = None | bool | int | float | Decimal | str | bytes | date | datetime | UUID | list[str]

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def field(value: Value) -> str:
    """Return one value as COPY's text format has it; None is ``\\N``, a list a text array."""
    match value:
        case None:
            return "\\N"
        case bool():
            return "t" if value else "f"
        case str():
            return value.translate(_ESCAPES)
        case bytes():
            return "\\\\x" + value.hex()
        case list():
            quoted = (item.replace("\\", "\\\\").replace('"', '\\"') for item in value)
            return ("{" + ",".join(f'"{item}"' for item in quoted) + "}").translate(_ESCAPES)
        case _:
            return str(value)


def line(*values: Value) -> str:
    """Return one row, with its line end."""
    return "\t".join(map(field, values)) + "\n"


def blocks(lines: Iterable[str], size: int = 2000) -> Iterable[bytes]:
    """Gather lines into blocks that are worth a call each."""
    waiting: list[str] = []
    for text in lines:
        waiting.append(text)
        if len(waiting) == size:
            yield "".join(waiting).encode()
            waiting.clear()
    yield "".join(waiting).encode()
