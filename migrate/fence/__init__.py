"""
Fences: how a database of each engine is kept from being written, and opened again.

Promise: `FENCES` has every engine that a manifest may name.
"""

from migrate.fence.contract import (
    GRACE_SECONDS,
    EndedSession,
    Fence,
    FrozenDatabase,
    Watched,
)
from migrate.fence.mariadb import MariadbFence
from migrate.fence.postgresql import PostgresqlFence

__all__ = ["FENCES", "GRACE_SECONDS", "EndedSession", "Fence", "FrozenDatabase", "Watched"]

FENCES: dict[str, Fence] = {"postgresql": PostgresqlFence(), "mariadb": MariadbFence()}
"""By engine, as ``legacy.databases[].engine`` names it."""
