"""
What a dump of a MariaDB database has beside its rows: all objects, and which file has which table's rows.

Promise: what was dumped by one version of Bascule is told as such by another that reads it otherwise.
"""

from typing import Literal

from migrate.mariadb.definitions import Made
from provisioning.model import Model

FILE = "toc.json"


class Dumped(Model):
    """``toc.json``. Rows of ``tables[n]`` are in ``rows-n.gz``; a table without rows has no file."""

    format: Literal[1] = 1
    objects: tuple[Made, ...]
    """In an order to make them in."""
    tables: tuple[str, ...]
    """Those with transactions; the others are copied in the freeze, as they can be of no one moment."""

    @property
    def by_name(self) -> dict[tuple[str, str], Made]:
        """Objects by kind and name, in their order."""
        return {(one.kind, one.name): one for one in self.objects}
