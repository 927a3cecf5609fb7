"""
Transfer: moving databases onto a site, by whichever way their engine and mode ask for.

Promise: `contract` is all that the rest of Bascule sees; `way` finds the module that does it.
"""

from migrate.errors import TransferError
from migrate.transfer.contract import Transfer
from migrate.transfer.postgresql_bulk import PostgresqlBulk
from migrate.transfer.postgresql_live import PostgresqlLive
from migrate.transfer.postgresql_staged import PostgresqlStaged
from migrate.transfer.postgresql_staged.joining import PostgresqlStagedLive

WAYS: dict[tuple[str, str], Transfer] = {
    ("postgresql", "bulk"): PostgresqlBulk(),
    ("postgresql", "live"): PostgresqlLive(),
    ("postgresql", "staged"): PostgresqlStagedLive(),
    ("postgresql", "staged-bulk"): PostgresqlStaged(),
}
"""By engine and mode."""


def way(engine: str, mode: str) -> Transfer:
    """
    Return what moves databases of this engine in this mode.

    Raises:
        TransferError: There is none; names those that are.
    """
    try:
        return WAYS[engine, mode]
    except KeyError:
        known = ", ".join(f"{mode} for {engine}" for engine, mode in sorted(WAYS))
        raise TransferError(
            f"no transfer {mode!r} for {engine}", next_step=f"set the playbook's mode to one of: {known}"
        ) from None
