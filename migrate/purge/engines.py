"""
Which engine's databases can be purged, and by what.

Promise: the one place that chooses; another engine is one entry.
"""

from collections.abc import Callable
from typing import Any

from migrate.purge.contract import PurgedDatabase
from migrate.purge.mariadb import MariadbPurged
from migrate.purge.postgresql import PostgresqlPurged

PURGED: dict[str, Callable[[Any], PurgedDatabase]] = {
    "postgresql": PostgresqlPurged,
    "mariadb": MariadbPurged,
}
"""By engine, as ``legacy.databases[].engine`` names it; each takes that engine's kind of database."""
