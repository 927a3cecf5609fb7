"""
Does everybody answer whom a move needs?

Promise: reads only, and tells of all that do not answer at once. Asked before the interfaces are held and
legacy is frozen, so that a password that expired, or is about to, or a site that is down costs nobody a
minute of work.
"""

from collections.abc import Callable
from functools import partial

from migrate.connections import Hosts
from migrate.engines import legacy_database, site_database
from migrate.errors import ConnectionFailed
from migrate.logins import Expiry
from provisioning.errors import BasculeError
from provisioning.manifest import LegacyDatabase


def require_all_answer(hosts: Hosts) -> list[Expiry]:
    """
    Reach every legacy host and database, the prod site's host and its database, as the move will.

    Returns:
        Of the passwords that it logged in with, those that end some day.

    Raises:
        ConnectionFailed: One or more do not answer, or not to Bascule.
    """
    legacy = hosts.manifest.legacy
    # The site first: its stack is read on the way, which also proves the passphrase of its secrets.
    needed: list[Callable[[], object]] = [hosts.target, lambda: site_database(hosts).expiry()]
    needed += [partial(hosts.legacy, host.name) for host in legacy.hosts]
    needed += [partial(_log_in, hosts, database) for database in legacy.databases]
    failed: list[BasculeError] = []
    expiring: list[Expiry] = []
    for reach in needed:
        try:
            if isinstance(found := reach(), Expiry):
                expiring.append(found)
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

    return expiring


def _log_in(hosts: Hosts, database: LegacyDatabase) -> Expiry | None:
    return legacy_database(hosts, database).expiry()
