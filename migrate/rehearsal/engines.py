"""
Which rehearsal fits which two engines.

Promise: every live way has one (a test holds it to that); a move that is not live has no switch to rehearse.
"""

from migrate.errors import TransferError
from migrate.rehearsal.contract import Rehearsing, RehearsingBulk
from migrate.rehearsal.mariadb import MariadbRehearsing
from migrate.rehearsal.postgresql import PostgresqlRehearsing
from provisioning.manifest import Manifest

REHEARSALS: dict[tuple[str, str], Rehearsing] = {
    ("postgresql", "postgresql"): PostgresqlRehearsing(),
    ("mariadb", "mariadb"): MariadbRehearsing(),
}
"""By legacy's engine, and the site's."""


BULK_REHEARSALS: dict[tuple[str, str], RehearsingBulk] = {
    ("postgresql", "postgresql"): PostgresqlRehearsing()
}
"""Likewise, of moves in bulk."""


def can_rehearse_bulk(manifest: Manifest) -> bool:
    """Whether the tenant's move, should it be in bulk, can be rehearsed."""
    return all((one.engine, manifest.site_engine) in BULK_REHEARSALS for one in manifest.legacy.databases)


def rehearsing_bulk(manifest: Manifest) -> RehearsingBulk:
    """Return how the tenant's move in bulk is rehearsed, which `can_rehearse_bulk` has told to be so."""
    return BULK_REHEARSALS[manifest.legacy.databases[0].engine, manifest.site_engine]


def rehearsing(manifest: Manifest) -> Rehearsing:
    """
    Return how the tenant's move is rehearsed.

    Raises:
        TransferError: Nothing rehearses between these engines.
    """
    pairs = {(one.engine, manifest.site_engine) for one in manifest.legacy.databases}
    if len(pairs) == 1 and (found := REHEARSALS.get(pairs.pop())) is not None:
        return found
    known = ", ".join(f"{one} to {other}" for one, other in sorted(REHEARSALS))
    raise TransferError(
        f"nothing rehearses the switch of {manifest.tenant}, only those from {known}",
        next_step="set mode: bulk in the manifest, whose stop is as estimated",
    )
