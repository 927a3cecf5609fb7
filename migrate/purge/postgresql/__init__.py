"""
Purging a PostgreSQL database.

    catalogue.py  what the server says of its tables
    selection.py  which rows go
    returning.py  rows on their way back

Promise: as `migrate.purge.contract` says; all of a purge sees the database at one moment.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import psycopg

from migrate.databases import Database
from migrate.errors import TransferError
from migrate.purge.contract import Return
from migrate.purge.postgresql.catalogue import read
from migrate.purge.postgresql.returning import PostgresqlReturn
from migrate.purge.postgresql.selection import PostgresqlSelection, snapshot
from migrate.purge.tables import taking_part
from provisioning.manifest_purge import Purge


@dataclass(frozen=True)
class PostgresqlPurged:
    """As `migrate.purge.contract.PurgedDatabase`."""

    database: Database

    @contextmanager
    def selecting(self, purge: Purge, as_of: date, *, held: bool) -> Iterator[PostgresqlSelection]:
        # A row that somebody changes after the snapshot ends the deletion with an error: nothing to hold.
        del held
        with self.database.opened() as session:
            tables = taking_part(read(session), purge)
            with snapshot(session):
                selection = PostgresqlSelection(session, tables)
                selection.choose(purge, as_of)
                yield selection

    @contextmanager
    def returning(self) -> Iterator[Return]:
        with self.database.opened() as session:
            try:
                with session.transaction():
                    yield PostgresqlReturn(session)
            except psycopg.Error as error:
                # Its detail would quote a row.
                raise TransferError(
                    f"{self.database.name} does not take the rows: {error.diag.message_primary or error}",
                    state="Nothing was brought back.",
                    next_step="see what stands in their way there, then the same command again",
                ) from None
