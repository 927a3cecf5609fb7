"""
What a page is made of: sections with facts, tables and pictures.

Promise: plain values only; escaping is the template's, so no section can put markup into the page but
through `Section.picture`, which `timeline` draws.
"""

from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import BaseModel

from migrate.case import Case

Tone = Literal["", "n", "good", "bad", "warn", "digest"]
M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Cell:
    """One cell. `tone` says how it is set: ``n`` a number, ``digest`` in fixed width, else its colour."""

    text: str
    tone: Tone = ""


@dataclass(frozen=True)
class Table:
    """`folded` shows only `caption` until a reader opens it; in print it is always open."""

    caption: str
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    folded: bool = False


@dataclass(frozen=True)
class Section:
    """`anchor` names it in the page's address; `facts` are pairs of a term and what it is."""

    anchor: str
    title: str
    lead: str = ""
    facts: tuple[tuple[str, Cell], ...] = ()
    picture: str = ""
    tables: tuple[Table, ...] = field(default=())


@dataclass(frozen=True)
class Figure:
    """One of the large figures at the top."""

    term: str
    value: str
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Verdict:
    """The one line that a reader wants first."""

    text: str
    tone: Tone


def columns(*heads: str) -> tuple[Cell, ...]:
    """Return column heads; one that begins with # is set to the right, over numbers."""
    return tuple(Cell(head.removeprefix("#"), "n" if head.startswith("#") else "") for head in heads)


def number(value: float | int) -> Cell:
    """Return a number with thin spaces between thousands."""
    return Cell(f"{value:,}".replace(",", "\u202f"), "n")


def shown_bytes(count: float) -> str:
    """Say an amount of data: 512 B, 1.2 kB, 38.2 GB (powers of ten, as disks are sold)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def evidence(case: Case, name: str, kind: type[M]) -> M | None:
    """Return evidence, or None when there is none yet; changed evidence is refused by the case."""
    if case.journal.last("evidence", name) is None:
        return None
    return case.read_evidence(name, kind)
