"""
What a planted fault is, whichever engine it is planted in: how a verdict names it, and how it is undone.

Promise: a fault's undo holds what was there, so it is for this process only and never shown.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

from migrate.compare.verdict import DatabaseComparison

Kind = Literal[
    "changed character",
    "truncated text",
    "lost row",
    "extra row",
    "sequence behind",
    "missing index",
    "cascade rule changed",
    "lost large object",
]


@dataclass(frozen=True)
class Planted:
    """One fault."""

    kind: Kind
    told: tuple[str, str]
    """Kind and name that a verdict gives it, such as ``missing`` and ``public.film (33)``."""
    undo: tuple[Any, ...] = field(repr=False)
    """Statements of its engine, in order."""

    def found_in(self, comparison: DatabaseComparison) -> bool:
        """Whether a verdict names this very fault."""
        rows = {
            (row.kind, f"{table.name} {row.key}") for table in comparison.tables for row in table.differing
        }
        others = {(difference.kind, difference.name) for difference in comparison.differences}
        return self.told in {*rows, *others}
