"""
Which rehearsal fits which two engines.

Promise: every live way has one (a test holds it to that); a move that is not live has no switch to rehearse.
"""

from migrate.errors import TransferError
from migrate.rehearsal.contract import Rehearsing
from migrate.rehearsal.mariadb import MariadbRehearsing
from migrate.rehearsal.postgresql import PostgresqlRehearsing
from provisioning.manifest import Manifest

REHEARSALS: dict[tuple[str, str], Rehearsing] = {
    ("postgresql", "postgresql"): PostgresqlRehearsing(),
    ("mariadb", "mariadb"): MariadbRehearsing(),
}
"""By legacy's engine, and the site's."""


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
