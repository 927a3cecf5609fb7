"""
Where a move's databases are, whichever engine they have: the one place that chooses how one is reached.

Promise: steps, fences and probes hold a database without knowing what it is; what a session in it can do
is known to the modules of its engine alone. Another engine is one entry in each of `LEGACY` and `SITE`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from fabric import Connection as SshConnection

from migrate import databases
from migrate.connections import Hosts
from migrate.logins import Expiry
from migrate.mariadb import session as mariadb
from provisioning.manifest import Environment, LegacyDatabase


class AnyDatabase(Protocol):
    """One side of a move. `name` is as messages call it, such as ``besa on server``."""

    @property
    def name(self) -> str: ...

    @property
    def through(self) -> SshConnection:
        """The host that it is reached from."""
        ...

    def opened(self) -> AbstractContextManager[object]:
        """
        Open a session until the end of the block, whose kind is the engine's own.

        Raises:
            ConnectionFailed: The server does not answer, refuses the login, or shows another's certificate.
        """
        ...

    def expiry(self) -> Expiry | None:
        """
        When the password that logs in there ends; None where it never does.

        Raises:
            ConnectionFailed: As `opened`.
        """
        ...


LEGACY: dict[str, Callable[[Hosts, LegacyDatabase, Environment], AnyDatabase]] = {
    "postgresql": databases.legacy_database,
    "mariadb": lambda hosts, database, _: mariadb.mariadb_legacy(hosts, database),
}
"""By engine, as ``legacy.databases[].engine`` names it."""

SITE: dict[str, Callable[[Hosts, Environment, str], AnyDatabase]] = {
    "postgresql": lambda hosts, environment, role: databases.site_database(hosts, environment, role=role),
    "mariadb": mariadb.mariadb_site,
}
"""By engine, as the site contract names it."""


def legacy_database(hosts: Hosts, database: LegacyDatabase, environment: Environment = "prod") -> AnyDatabase:
    """
    One of the databases under ``legacy.databases``, reached through its host.

    Args:
        environment: Of the site that it moves to.

    Raises:
        MigrationError: Its password or CA file is missing, or others may read the password.
    """
    return LEGACY[database.engine](hosts, database, environment)


def site_database(hosts: Hosts, environment: Environment = "prod", *, role: str = "migration") -> AnyDatabase:
    """
    The database of a site, as its migration role (or ``owner``, ``application``, ``mover``).

    Raises:
        EngineError: The site is not stood up.
        MigrationError: It has no such role.
    """
    return SITE[hosts.site(environment).database.engine](hosts, environment, role)
