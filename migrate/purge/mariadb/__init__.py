"""
Purging a MariaDB database.

    catalogue.py  what the server says of its tables
    selection.py  which rows go
    returning.py  rows on their way back

Promise: as `migrate.purge.contract` says. The server's deletions read what is committed and no snapshot, so
rows are held by their locks instead, and chosen again under them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date

from migrate.errors import MigrationError, TransferError
from migrate.mariadb.columns import tables
from migrate.mariadb.session import MariaDatabase, MariaSession, ServerRefused
from migrate.purge.contract import Return
from migrate.purge.mariadb.catalogue import read
from migrate.purge.mariadb.returning import MariadbReturn
from migrate.purge.mariadb.selection import MariadbSelection
from migrate.purge.tables import taking_part
from provisioning.manifest_purge import Purge


@dataclass(frozen=True)
class MariadbPurged:
    """As `migrate.purge.contract.PurgedDatabase`."""

    database: MariaDatabase

    @contextmanager
    def selecting(self, purge: Purge, as_of: date, *, held: bool) -> Iterator[MariadbSelection]:
        with self.database.opened() as session, _transaction(session, state="Nothing was deleted."):
            found = tables(session)
            part = taking_part(read(session, self.database.endpoint.dbname, found), purge)
            selection = MariadbSelection(session, part, found)
            selection.choose(purge, as_of)
            if held:
                selection.hold(purge, as_of)
            yield selection

    @contextmanager
    def returning(self) -> Iterator[Return]:
        with self.database.opened() as session, _transaction(session, state="Nothing was brought back."):
            yield MariadbReturn(session, tables(session))


@contextmanager
def _transaction(session: MariaSession, *, state: str) -> Iterator[None]:
    """All or nothing. Statements that choose rows read what is committed, and lock nothing by reading."""
    if session.value("SELECT @@log_bin AND @@binlog_format = 'STATEMENT'"):
        session.run("SET SESSION binlog_format = 'MIXED'")  # statements cannot tell what was read so
    session.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
    session.run("START TRANSACTION")
    try:
        yield
        session.run("COMMIT")
    except ServerRefused as error:
        raise TransferError(
            error.what, state=state, next_step="see what stands in its way there, then the same command again"
        ) from None
    finally:
        with suppress(MigrationError):  # a connection that is gone is rolled back by its server
            session.run("ROLLBACK")
