"""
What a generated table is.

Promise: identity columns are left to the database, which numbers the rows 1, 2, 3 as they come.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """Rows for one table, as lines of COPY's text format."""

    name: str
    """Schema and table, quoted where SQL wants it."""
    columns: str
    lines: Iterable[str]
