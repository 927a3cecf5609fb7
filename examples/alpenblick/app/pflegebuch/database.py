"""
The database, as pages and interfaces use it.

Promise: a server that restarts, or ends sessions for a freeze, costs at most a failed request; a
database that takes no writes is told apart from one that is away.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

WAIT_SECONDS = 3.0

# A new site has an empty database until the tenant's is moved.
_NOT_MOVED_YET = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.InvalidSchemaName,
    psycopg.errors.UndefinedFunction,
)


class Unavailable(Exception):  # noqa: N818 - a state, not a fault
    """No connection to the database can be had at the moment, or nothing is in it yet."""


class ReadOnly(Exception):  # noqa: N818 - a state, not a fault
    """The database is up, but takes no writes: it is being moved."""


class Database:
    """A pool of connections as the application role."""

    def __init__(self, conninfo: str, size: int) -> None:
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            conninfo,
            connection_class=psycopg.Connection[DictRow],
            kwargs={"row_factory": dict_row, "application_name": "pflegebuch", "connect_timeout": 3},
            min_size=1,
            max_size=size,
            timeout=WAIT_SECONDS,
            reconnect_timeout=30,
            check=ConnectionPool.check_connection,  # a session ended by the freeze is noticed here
            open=True,
        )

    @contextmanager
    def transaction(self) -> Iterator[psycopg.Connection[DictRow]]:
        """
        Give a connection in a transaction that commits at the end.

        Raises:
            Unavailable: No connection, or it broke.
            ReadOnly: Something was to be written.
        """
        try:
            with self._pool.connection() as connection:
                yield connection
        except psycopg.errors.ReadOnlySqlTransaction as error:
            raise ReadOnly from error
        except (PoolTimeout, psycopg.OperationalError, *_NOT_MOVED_YET) as error:
            raise Unavailable(type(error).__name__) from error

    def rows(
        self, query: LiteralString, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> list[dict[str, Any]]:
        with self.transaction() as connection:
            return connection.execute(query, values or None).fetchall()

    def row(
        self, query: LiteralString, values: Sequence[Any] | Mapping[str, Any] = ()
    ) -> dict[str, Any] | None:
        """Return the first row, or None."""
        found = self.rows(query, values)
        return found[0] if found else None

    def is_read_only(self) -> bool:
        """Tell whether a new transaction may write."""
        row = self.row("SELECT current_setting('transaction_read_only') = 'on' AS frozen")
        return bool(row and row["frozen"])

    def close(self) -> None:
        self._pool.close()
