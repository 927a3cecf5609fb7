"""
How a PostgreSQL server is, so that a copy and a comparison can yield to its own work.

Promise: reads only, a few milliseconds of work.
"""

import psycopg

from migrate.compare.pacing import Health
from migrate.databases import Database, Session, query, value
from migrate.errors import ConnectionFailed


def sessions_at_most(source: Session, named: int | None) -> int:
    """How many sessions may be at work on a source: as named, or half of all that it allows."""
    if named is not None:
        return named
    return int(value(source, "SELECT pg_catalog.current_setting('max_connections')")) // 2


def health(database: Database) -> Health:
    """
    Raises:
        ConnectionFailed: The server does not answer.
    """
    with database.opened() as session:
        try:
            ((latency, behind, active),) = session.execute(query("live_health")).fetchall()
        except psycopg.OperationalError as error:
            raise ConnectionFailed(f"{database.name}: {error}") from error
    return Health(int(latency), int(behind), int(active))
