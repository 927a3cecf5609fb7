"""
Transfer: moving databases onto a site, by whichever way their engine and mode ask for.

Promise: `contract` is all that the rest of Bascule sees; `way` finds the module that does it.
"""

from migrate.errors import TransferError
from migrate.transfer.contract import Transfer
from migrate.transfer.mariadb_live import MariadbLive
from migrate.transfer.mariadb_postgresql_bulk import MariadbPostgresqlBulk
from migrate.transfer.mariadb_staged import MariadbStagedLive
from migrate.transfer.postgresql_bulk import PostgresqlBulk
from migrate.transfer.postgresql_live import PostgresqlLive
from migrate.transfer.postgresql_staged import PostgresqlStaged
from migrate.transfer.postgresql_staged.joining import PostgresqlStagedLive

WAYS: dict[tuple[str, str, str], Transfer] = {
    ("postgresql", "bulk", "postgresql"): PostgresqlBulk(),
    ("postgresql", "live", "postgresql"): PostgresqlLive(),
    ("postgresql", "staged", "postgresql"): PostgresqlStagedLive(),
    ("postgresql", "staged-bulk", "postgresql"): PostgresqlStaged(),
    ("mariadb", "bulk", "postgresql"): MariadbPostgresqlBulk(),
    ("mariadb", "live", "mariadb"): MariadbLive(),
    ("mariadb", "staged", "mariadb"): MariadbStagedLive(),
}
"""By the source's engine, the mode, and the target's engine."""


def way(engine: str, mode: str, target: str = "postgresql") -> Transfer:
    """
    Return what moves databases of this engine in this mode.

    Args:
        target: The engine that the site's database has.

    Raises:
        TransferError: There is none; names those that are.
    """
    try:
        return WAYS[engine, mode, target]
    except KeyError:
        known = ", ".join(f"{mode} for {one} to {other}" for one, mode, other in sorted(WAYS))
        raise TransferError(
            f"no transfer {mode!r} for {engine} to {target}",
            next_step=f"set the playbook's mode to one of: {known}",
        ) from None
