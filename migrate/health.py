"""
How a PostgreSQL server is, so that a copy and a comparison can yield to its own work.

Promise: reads only, a few milliseconds of work.
"""

import psycopg

from migrate.compare.pacing import Health
from migrate.databases import Database, Session, query, value
from migrate.errors import ConnectionFailed


def sessions_allowed(source: Session) -> int:
    """How many sessions a server allows."""
    return int(value(source, "SELECT pg_catalog.current_setting('max_connections')"))


def health(database: Database) -> Health:
    """
    Raises:
        ConnectionFailed: The server does not answer, or breaks off.
    """
    with database.opened() as session:
        try:
            ((latency, behind, active),) = session.execute(query("live_health")).fetchall()
        except psycopg.Error as error:
            raise ConnectionFailed(f"{database.name}: {error}") from error
    return Health(int(latency), int(behind), int(active))
