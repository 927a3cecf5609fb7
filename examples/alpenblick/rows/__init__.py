"""
The rows of the legacy database, one module a schema.

Promise: `all_tables` yields every table that has rows, each once, in an order in which it can be
loaded; the same seed and scale yield the same rows.
"""

from collections.abc import Iterator

from ..counts import Counts
from ..people import Pools
from . import abrechnung, epdoc, rai, stamm
from .table import Table


def all_tables(pools: Pools, counts: Counts) -> Iterator[Table]:
    """Yield the tables with their rows, made as they are read."""
    for schema in (stamm, rai, epdoc, abrechnung):
        yield from schema.tables(pools, counts)


__all__ = ["Table", "all_tables"]
