"""
Whether a network path leads from the site's host to a legacy database.

Promise: one connection is tried, and nothing is sent on it but a question for the server's readiness; where
there is no site yet, or no means to try, nothing is claimed.
"""

from shlex import quote

from migrate import remote
from migrate.connections import Hosts
from migrate.databases import legacy_database
from migrate.errors import TransferError
from provisioning.errors import BasculeError
from provisioning.manifest import LegacyDatabase

TRY_SECONDS = 5
_ACCEPTS, _REJECTS, _SILENT = 0, 1, 2
"""What pg_isready ends with. A server that rejects just now was reached."""


def is_reached_by_site(hosts: Hosts, database: LegacyDatabase) -> bool | None:
    """Return whether the prod site's host reaches a database's port; None where that could not be tried."""
    if database.engine != "postgresql":
        return None
    try:
        end = legacy_database(hosts, database).from_afar
        address = quote(end.hostaddr or end.host)
        script = f"pg_isready -q -h {address} -p {end.port} -t {TRY_SECONDS}; echo $?"
        said = remote.run(hosts.runner("prod"), script, raising=TransferError, doing="pg_isready").text
    except BasculeError:
        return None
    ended = int(said.split()[-1])
    return {_ACCEPTS: True, _REJECTS: True, _SILENT: False}.get(ended)
