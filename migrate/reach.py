"""
Does everybody answer whom a move needs?

Promise: reads only, and tells of all that do not answer at once. Asked before the interfaces are held and
legacy is frozen, so that a password that expired or a site that is down costs nobody a minute of work.
"""

from collections.abc import Callable
from functools import partial

from migrate.connections import Hosts
from migrate.engines import AnyDatabase, legacy_database, site_database
from migrate.errors import ConnectionFailed
from provisioning.errors import BasculeError
from provisioning.manifest import LegacyDatabase


def require_all_answer(hosts: Hosts) -> None:
    """
    Reach every legacy host and database, the prod site's host and its database, as the move will.

    Raises:
        ConnectionFailed: One or more do not answer, or not to Bascule.
    """
    legacy = hosts.manifest.legacy
    # The site first: its stack is read on the way, which also proves the passphrase of its secrets.
    needed: list[Callable[[], object]] = [hosts.target, lambda: _open(site_database(hosts))]
    needed += [partial(hosts.legacy, host.name) for host in legacy.hosts]
    needed += [partial(_open_legacy, hosts, database) for database in legacy.databases]
    failed: list[BasculeError] = []
    for reach in needed:
        try:
            reach()
        except BasculeError as error:
            # What cannot be reached at all is told once, not again for each thing on it.
            if error.what not in [other.what for other in failed]:
                failed.append(error)
    if failed:
        listed = "\n".join(f"  {error.what}" for error in failed)
        raise ConnectionFailed(
            f"not everybody answers whom the move needs:\n{listed}",
            state="The move did not begin: no interface was held, nothing was frozen.",
            next_step=failed[0].next_step,
        )


def _open_legacy(hosts: Hosts, database: LegacyDatabase) -> None:
    _open(legacy_database(hosts, database))


def _open(database: AnyDatabase) -> None:
    with database.opened():
        pass
